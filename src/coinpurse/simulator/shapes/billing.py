"""Subscriptions and their invoices."""

from typing import Any

from coinpurse.simulator.shapes.catalogue import plan
from coinpurse.simulator.shapes.parts import Obj, address, listed, no_tax, nulls


def subscription(id: str, created: int, customer: str, currency: str, livemode: bool, **known: Any) -> Obj:
    """A subscription; its items are put in by its maker."""
    return {
        "id": id,
        "object": "subscription",
        "automatic_tax": {"enabled": False, "disabled_reason": None, "liability": None},
        "billing_cycle_anchor": created,
        "billing_mode": {"type": "classic", "flexible": None},
        "cancel_at_period_end": False,
        "cancellation_details": nulls("comment feedback reason"),
        "collection_method": "charge_automatically",
        "created": created,
        "currency": currency,
        "customer": customer,
        "default_tax_rates": [],
        "discounts": [],
        "invoice_settings": {
            "issuer": {"type": "self"},
            **nulls("account_tax_ids custom_fields description footer"),
        },
        "items": listed(f"/v1/subscription_items?subscription={id}", []),
        "livemode": livemode,
        "metadata": {},
        "payment_settings": {
            "save_default_payment_method": "off",
            **nulls("payment_method_options payment_method_types"),
        },
        "start_date": created,
        "status": "incomplete",
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        **nulls("application application_fee_percent billing_cycle_anchor_config billing_schedules"),
        **nulls("billing_thresholds cancel_at canceled_at customer_account days_until_due"),
        **nulls("default_payment_method default_source description ended_at latest_invoice"),
        **nulls("next_pending_invoice_item_invoice on_behalf_of pause_collection"),
        **nulls("pending_invoice_item_interval pending_setup_intent pending_update schedule test_clock"),
        **nulls("transfer_data trial_end trial_start"),
        **known,
    }


def item(id: str, created: int, subscription: str, price: Obj, quantity: int, start: int, end: int) -> Obj:
    """One price of a subscription. The period is here, not on the subscription (since Basil)."""
    return {
        "id": id,
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": created,
        "current_period_end": end,
        "current_period_start": start,
        "discounts": [],
        "metadata": {},
        "plan": plan(price),
        "price": dict(price),
        "quantity": quantity,
        "subscription": subscription,
        "tax_rates": [],
    }


def invoice(id: str, created: int, customer: Obj, currency: str, **known: Any) -> Obj:
    """A draft without lines."""
    return {
        "id": id,
        "object": "invoice",
        "account_country": "US",
        "account_name": "Simulated",
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": no_tax(),
        "billing_reason": "manual",
        "collection_method": "charge_automatically",
        "created": created,
        "currency": currency,
        "customer": customer["id"],
        "customer_address": customer["address"] or address(),
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_tax_rates": [],
        "discounts": [],
        "issuer": {"type": "self"},
        "lines": listed(f"/v1/invoices/{id}/lines", []),
        "livemode": customer["livemode"],
        "metadata": {},
        "parent": None,
        "payment_settings": nulls("default_mandate payment_method_options payment_method_types"),
        "period_end": created,
        "period_start": created,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": 0,
        "status": "draft",
        "status_transitions": nulls("finalized_at marked_uncollectible_at paid_at voided_at"),
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "total": 0,
        "total_discount_amounts": [],
        "total_excluding_tax": 0,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": created,
        **nulls("account_tax_ids application automatically_finalizes_at custom_fields customer_account"),
        **nulls("customer_shipping default_payment_method default_source description due_date effective_at"),
        **nulls("ending_balance footer from_invoice hosted_invoice_url invoice_pdf last_finalization_error"),
        **nulls("latest_revision next_payment_attempt number on_behalf_of receipt_number rendering"),
        **nulls("shipping_cost shipping_details statement_descriptor test_clock"),
        **known,
    }


def of_subscription(subscription: Obj) -> Obj:
    """What an invoice says of the subscription that it belongs to."""
    return {
        "type": "subscription_details",
        "quote_details": None,
        "subscription_details": {
            "subscription": subscription["id"],
            "metadata": dict(subscription["metadata"]),
        },
    }


def line(id: str, invoice: str, price: Obj, quantity: int, amount: int, **known: Any) -> Obj:
    """A line of an invoice. `parent`, `period` and `description` are its maker's."""
    return {
        "id": id,
        "object": "line_item",
        "amount": amount,
        "currency": price["currency"],
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice,
        "livemode": price["livemode"],
        "metadata": {},
        "pretax_credit_amounts": [],
        "pricing": priced(price),
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": None,
        "subtotal": amount,
        "taxes": [],
        **known,
    }


def priced(price: Obj) -> Obj:
    """Which price a line is of (since Basil: the id only)."""
    return {
        "type": "price_details",
        "price_details": {"price": price["id"], "product": price["product"]},
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def from_item(item: Obj) -> Obj:
    """A line's parent: a subscription item, billed for a whole period."""
    return {
        "type": "subscription_item_details",
        "invoice_item_details": None,
        "subscription_item_details": {
            "invoice_item": None,
            "proration": False,
            "proration_details": {"credited_items": None},
            "subscription": item["subscription"],
            "subscription_item": item["id"],
        },
    }


def from_invoice_item(invoice_item: Obj, subscription_item: str | None) -> Obj:
    """A line's parent: an invoice item. Stripe has told prorations in both of these ways."""
    parent = invoice_item["parent"]
    details = {
        "invoice_item": invoice_item["id"],
        "proration": invoice_item["proration"],
        "proration_details": {"credited_items": None},
        "subscription": parent["subscription_details"]["subscription"] if parent else None,
    }
    if subscription_item is None:
        return {
            "type": "invoice_item_details",
            "invoice_item_details": details,
            "subscription_item_details": None,
        }
    return {
        "type": "subscription_item_details",
        "invoice_item_details": None,
        "subscription_item_details": {**details, "subscription_item": subscription_item},
    }


def invoice_item(id: str, created: int, customer: str, price: Obj, amount: int, **known: Any) -> Obj:
    """Something that waits for the next invoice."""
    return {
        "id": id,
        "object": "invoiceitem",
        "amount": amount,
        "currency": price["currency"],
        "customer": customer,
        "customer_account": None,
        "date": created,
        "discountable": False,
        "discounts": [],
        "invoice": None,
        "livemode": price["livemode"],
        "metadata": {},
        "net_amount": amount,
        "parent": None,
        "period": {"start": created, "end": created},
        "pricing": priced(price),
        "proration": False,
        "quantity": 1,
        "quantity_decimal": "1",
        "tax_rates": [],
        "test_clock": None,
        **known,
    }


def invoice_payment(id: str, created: int, invoice: Obj, intent: str) -> Obj:
    """Which payment is to pay an invoice (since Basil; an invoice can have several)."""
    return {
        "id": id,
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": invoice["amount_remaining"],
        "created": created,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": invoice["livemode"],
        "payment": {"type": "payment_intent", "payment_intent": intent},
        "status": "open",
        "status_transitions": nulls("canceled_at paid_at"),
    }
