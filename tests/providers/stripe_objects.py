"""Stripe's objects for the tests, as the API gives them today, and as it gave them before 2025 (`old_…`)."""

import json
from datetime import UTC, datetime
from typing import Any

from coinpurse.domain.catalog import Catalog
from coinpurse.domain.facts import Fact
from coinpurse.domain.ports import Notice
from coinpurse.providers.stripe import Stripe
from coinpurse.providers.stripe.signature import read_event

Json = dict[str, Any]

CATALOG = Catalog.parse(
    """
[plans.starter]
name = "Starter"
monthly_credits = 1000
prices.month = { amount = "12.00", currency = "usd", stripe = "price_starter, price_starter_2024" }
prices.year = { amount = "120.00", currency = "usd", stripe = "price_starter_year" }

[plans.studio]
name = "Studio"
monthly_credits = 3000
prices.month = { amount = "30.00", currency = "usd", stripe = "price_studio" }

[plans.free]
name = "Free"
monthly_credits = 50
prices.month = { amount = "0", currency = "usd", stripe = "price_free" }

[packs.small]
name = "500 credits"
credits = 500
price = { amount = "6.00", currency = "usd", stripe = "price_small" }

[packs.large]
name = "5,000 credits"
credits = 5000
price = { amount = "48.00", currency = "usd", stripe = "price_large" }
"""
)

CREATED = 1_764_547_200  # 2025-12-01T00:00:00Z
START, END = CREATED, 1_767_225_600  # December
NOW = datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC)


def instant(stamp: int) -> datetime:
    """Seconds as an aware datetime."""
    return datetime.fromtimestamp(stamp, UTC)


def event(type: str, thing: Json, previous: Json | None = None, **more: Any) -> Json:
    """An event that tells of an object."""
    data = {"object": thing, **({"previous_attributes": previous} if previous else {})}
    return {
        "id": "evt_1",
        "object": "event",
        "type": type,
        "created": CREATED + 5,
        "livemode": False,
        "data": data,
        **more,
    }


async def told(raw: Json, provider: Stripe | None = None) -> list[Fact]:
    """What a provider, by default one that can't ask, makes of an event."""
    provider = provider or Stripe(CATALOG, secrets=["whsec_x"])
    body = json.dumps(raw).encode()
    raw = read_event(body)
    notice = Notice(
        id=raw["id"], type=raw["type"], created_at=instant(raw["created"]), test=not raw["livemode"]
    )
    return await provider.facts(notice, body, NOW)


def subscription(price: str = "price_starter", **more: Any) -> Json:
    """A subscription."""
    item = {
        "id": "si_1",
        "object": "subscription_item",
        "price": {"id": price, "object": "price"},
        "quantity": 1,
        "current_period_start": START,
        "current_period_end": END,
    }
    return {
        "id": "sub_1",
        "object": "subscription",
        "status": "active",
        "customer": "cus_1",
        "created": CREATED,
        "billing_cycle_anchor": START,
        "cancel_at_period_end": False,
        "cancel_at": None,
        "items": {"object": "list", "data": [item], "has_more": False},
        "latest_invoice": "in_1",
        "livemode": False,
        "metadata": {"coinpurse_account": "ada"},
        "pause_collection": None,
        "pending_update": None,
        "trial_start": None,
        "trial_end": None,
        **more,
    }


def old_subscription(price: str = "price_starter", **more: Any) -> Json:
    """The same, with the period where it was and the plan for its price."""
    new = subscription()
    item = {"id": "si_1", "object": "subscription_item", "plan": {"id": price}, "quantity": 1}
    return {
        **new,
        "items": {"object": "list", "data": [item]},
        "current_period_start": START,
        "current_period_end": END,
        **more,
    }


def line(price: str = "price_starter", amount: int = 1200, **more: Any) -> Json:
    """A line for an item of the subscription. `proration` and `invoice_item` go to where they are told."""
    details = {
        "subscription": more.pop("subscription", "sub_1"),
        "subscription_item": "si_1",
        "proration": more.pop("proration", False),
        "invoice_item": more.pop("invoice_item", None),
    }
    return {
        "id": f"il_{price}",
        "object": "line_item",
        "amount": amount,
        "currency": "usd",
        "quantity": 1,
        "period": {"start": START, "end": END},
        "pricing": {"type": "price_details", "price_details": {"price": price}},
        "parent": {"type": "subscription_item_details", "subscription_item_details": details},
        "discount_amounts": [],
        "metadata": {},
        **more,
    }


def invoice(*lines: Json, **more: Any) -> Json:
    """A paid invoice of the subscription's renewal."""
    details = {"subscription": "sub_1", "metadata": {"coinpurse_account": "ada"}}
    payment = {"type": "payment_intent", "payment_intent": "pi_1"}
    return {
        "id": "in_1",
        "object": "invoice",
        "status": "paid",
        "billing_reason": "subscription_cycle",
        "created": CREATED,
        "currency": "usd",
        "customer": "cus_1",
        "amount_paid": 1200,
        "livemode": False,
        "lines": {"object": "list", "data": list(lines or (line(),)), "has_more": False},
        "parent": {"type": "subscription_details", "subscription_details": details},
        "payments": {"data": [{"id": "inpay_1", "status": "paid", "is_default": True, "payment": payment}]},
        "status_transitions": {"paid_at": CREATED + 3600},
        "metadata": {},
        **more,
    }


def old_invoice(**more: Any) -> Json:
    """The same invoice, as it was before 2019-12: its line has another id too."""
    old_line = {
        "id": "sli_0",
        "object": "line_item",
        "type": "subscription",
        "amount": 1200,
        "currency": "usd",
        "quantity": 1,
        "period": {"start": START, "end": END},
        "plan": {"id": "price_starter"},
        "proration": False,
        "subscription": "sub_1",
        "subscription_item": "si_1",
        "metadata": {"coinpurse_account": "ada"},
    }
    return {
        "id": "in_1",
        "object": "invoice",
        "paid": True,
        "status": "paid",
        "billing_reason": "subscription_cycle",
        "created": CREATED,
        "currency": "usd",
        "customer": "cus_1",
        "subscription": "sub_1",
        "payment_intent": "pi_1",
        "charge": "ch_1",
        "lines": {"object": "list", "data": [old_line]},
        **more,
    }


def session(**more: Any) -> Json:
    """A checkout of a pack, paid."""
    return {
        "id": "cs_1",
        "object": "checkout.session",
        "mode": "payment",
        "status": "complete",
        "payment_status": "paid",
        "payment_intent": "pi_1",
        "customer": "cus_1",
        "client_reference_id": "ada",
        "created": CREATED,
        "amount_total": 600,
        "currency": "usd",
        "livemode": False,
        "metadata": {"coinpurse_pack": "small", "coinpurse_checkout": "co_1"},
        **more,
    }


def intent(**more: Any) -> Json:
    """An automatic top-up that succeeded."""
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "status": "succeeded",
        "amount": 600,
        "amount_received": 600,
        "currency": "usd",
        "customer": "cus_1",
        "created": CREATED,
        "livemode": False,
        "metadata": {"coinpurse_account": "ada", "coinpurse_pack": "small"},
        **more,
    }


def dispute(status: str, **more: Any) -> Json:
    """A dispute of that payment."""
    return {
        "id": "dp_1",
        "object": "dispute",
        "status": status,
        "amount": 600,
        "currency": "usd",
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "created": CREATED,
        "livemode": False,
        "balance_transactions": [],
        **more,
    }
