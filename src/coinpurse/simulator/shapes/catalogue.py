"""What is sold, and to whom."""

from typing import Any

from coinpurse.simulator.shapes.parts import Obj, billing_details, nulls


def customer(id: str, created: int, prefix: str, livemode: bool, **known: Any) -> Obj:
    """A customer."""
    return {
        "id": id,
        "object": "customer",
        "created": created,
        "livemode": livemode,
        "balance": 0,
        "delinquent": False,
        "invoice_prefix": prefix,
        "invoice_settings": nulls("custom_fields default_payment_method footer rendering_options"),
        "metadata": {},
        "next_invoice_sequence": 1,
        "preferred_locales": [],
        "tax_exempt": "none",
        **nulls("address currency default_source description discount email name phone shipping test_clock"),
        **known,
    }


def product(id: str, created: int, name: str, livemode: bool, **known: Any) -> Obj:
    """A product."""
    return {
        "id": id,
        "object": "product",
        "active": True,
        "created": created,
        "images": [],
        "livemode": livemode,
        "marketing_features": [],
        "metadata": {},
        "name": name,
        "type": "service",
        "updated": created,
        **nulls("default_price description package_dimensions shippable statement_descriptor"),
        **nulls("tax_code unit_label url"),
        **known,
    }


def price(
    id: str, created: int, product: str, amount: int, currency: str, livemode: bool, **known: Any
) -> Obj:
    """A price; `recurring` among `known` makes it a subscription's."""
    return {
        "id": id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": created,
        "currency": currency,
        "livemode": livemode,
        "metadata": {},
        "product": product,
        "recurring": None,
        "tax_behavior": "unspecified",
        "type": "recurring" if known.get("recurring") else "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
        **nulls("custom_unit_amount lookup_key nickname tiers_mode transform_quantity"),
        **known,
    }


def recurring(interval: str, count: int) -> Obj:
    """How often a price is paid."""
    return {
        "interval": interval,
        "interval_count": count,
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def plan(price: Obj) -> Obj:
    """The old name of a recurring price, which subscription items still carry."""
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": "per_unit",
        "created": price["created"],
        "currency": price["currency"],
        "interval": price["recurring"]["interval"],
        "interval_count": price["recurring"]["interval_count"],
        "livemode": price["livemode"],
        "metadata": price["metadata"],
        "product": price["product"],
        "usage_type": "licensed",
        **nulls("meter nickname tiers_mode transform_usage trial_period_days"),
    }


def card(brand: str, last4: str) -> Obj:
    """A card on a payment method."""
    return {
        "brand": brand,
        "checks": {**nulls("address_line1_check address_postal_code_check"), "cvc_check": "pass"},
        "country": "US",
        "display_brand": brand,
        "exp_month": 8,
        "exp_year": 2042,
        "fingerprint": f"sim{brand[:4]}{last4}",
        "funding": "credit",
        "last4": last4,
        "networks": {"available": [brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        **nulls("generated_from wallet"),
    }


def bank_account(last4: str) -> Obj:
    """A bank account on a payment method."""
    return {
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": "SIMULATED BANK",
        "fingerprint": f"simbank{last4}",
        "last4": last4,
        "networks": {"preferred": "ach", "supported": ["ach"]},
        "routing_number": "110000000",
        "status_details": {},
        **nulls("financial_connections_account"),
    }


def payment_method(id: str, created: int, kind: str, details: Obj, owner: Obj | None, livemode: bool) -> Obj:
    """A payment method, of a customer or of nobody."""
    return {
        "id": id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing_details(owner),
        "created": created,
        "customer": owner["id"] if owner else None,
        "customer_account": None,
        "livemode": livemode,
        "metadata": {},
        "type": kind,
        kind: details,
    }


def webhook_endpoint(id: str, created: int, url: str, events: list[str], livemode: bool) -> Obj:
    """Where events are delivered to."""
    return {
        "id": id,
        "object": "webhook_endpoint",
        "api_version": None,
        "application": None,
        "created": created,
        "description": None,
        "enabled_events": events,
        "livemode": livemode,
        "metadata": {},
        "status": "enabled",
        "url": url,
    }


def credit_grant(id: str, created: int, customer: str, value: int, currency: str, **known: Any) -> Obj:
    """Billing credits: money that a customer has in advance."""
    return {
        "id": id,
        "object": "billing.credit_grant",
        "amount": {"type": "monetary", "monetary": {"currency": currency, "value": value}},
        "applicability_config": {"scope": {"price_type": "metered"}},
        "category": "paid",
        "created": created,
        "customer": customer,
        "effective_at": created,
        "livemode": False,
        "metadata": {},
        "priority": 50,
        "updated": created,
        **nulls("customer_account expires_at name test_clock voided_at"),
        **known,
    }
