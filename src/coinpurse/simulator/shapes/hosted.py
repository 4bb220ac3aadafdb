"""Pages to which customers are sent."""

from typing import Any

from coinpurse.simulator.shapes.parts import Obj, address, no_tax, nulls


def session(id: str, created: int, mode: str, url: str, livemode: bool, **known: Any) -> Obj:
    """A checkout."""
    text = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
    return {
        "id": id,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "automatic_tax": {k: v for k, v in no_tax().items() if k != "disabled_reason"},
        "created": created,
        "custom_fields": [],
        "custom_text": dict.fromkeys(text),
        "discounts": [],
        "expires_at": created + 86_400,
        "invoice_creation": None,
        "livemode": livemode,
        "metadata": {},
        "mode": mode,
        "payment_method_collection": "always" if mode == "subscription" else "if_required",
        "payment_method_options": {},
        "payment_method_types": ["card", "us_bank_account"],
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "saved_payment_method_options": None,
        "shipping_options": [],
        "status": "open",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": url,
        **nulls("after_expiration allow_promotion_codes amount_subtotal amount_total"),
        **nulls("billing_address_collection cancel_url client_reference_id client_secret consent"),
        **nulls("collected_information consent_collection currency currency_conversion customer"),
        **nulls("customer_account customer_creation customer_details customer_email"),
        **nulls("integration_identifier invoice locale origin_context payment_intent payment_link"),
        **nulls("payment_method_configuration_details permissions recovered_from setup_intent"),
        **nulls("shipping_address_collection shipping_cost submit_type subscription success_url"),
        **nulls("wallet_options"),
        **known,
    }


def customer_details(email: str | None, name: str | None) -> Obj:
    """What the customer typed into the page."""
    return {
        "address": address(),
        "email": email,
        "name": name,
        "tax_exempt": "none",
        "tax_ids": [],
        **nulls("business_name individual_name phone"),
    }


def bought(id: str, price: Obj, quantity: int, description: str) -> Obj:
    """One line of a checkout."""
    amount = price["unit_amount"] * quantity
    return {
        "id": id,
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": description,
        "metadata": {},
        "price": dict(price),
        "quantity": quantity,
    }


def portal(id: str, created: int, customer: str, url: str, return_url: str | None, livemode: bool) -> Obj:
    """A visit to the customer portal."""
    return {
        "id": id,
        "object": "billing_portal.session",
        "configuration": "bpc_simulated",
        "created": created,
        "customer": customer,
        "customer_account": None,
        "flow": None,
        "livemode": livemode,
        "locale": None,
        "on_behalf_of": None,
        "return_url": return_url,
        "url": url,
    }
