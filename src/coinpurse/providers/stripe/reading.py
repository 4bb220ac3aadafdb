"""Stripe's objects, whatever API version they come from, as plain values.

An event has the version that its endpoint was made with, which can be years older than our library. So
everything is read by presence of the field: where it is now, else where it was.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]

#: Fields that name other objects, for search.
_NAMING = ("customer", "subscription", "invoice", "payment_intent", "charge", "latest_invoice")


def ref(value: Any) -> str | None:
    """The identifier of an object that is either named or included."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) and value else None


def at(value: Any) -> datetime | None:
    """An instant."""
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int) else None


def dig(value: Any, *path: str) -> Any:
    """What lies at a path of fields, or None where the path ends early."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def whole(value: Any, default: int = 0) -> int:
    """A whole number, or the default where there is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def listed(value: Any) -> list[Json]:
    """The objects of a list, as far as they are included."""
    found = value.get("data") if isinstance(value, Mapping) else value
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def account_of(*objects: Any) -> str | None:
    """The account that one of these names, in metadata or as client reference, or that its customer names."""
    candidates = [*objects, *(dig(o, "customer") for o in objects)]
    return next(filter(None, map(_account, candidates)), None)


def _account(thing: Any) -> str | None:
    metadata = dig(thing, "metadata")
    for found in (
        dig(metadata, "coinpurse_account"),
        dig(metadata, "account"),
        dig(thing, "client_reference_id"),
    ):
        if isinstance(found, str) and found:
            return found
    return None


def subscription_of(invoice: Json) -> str | None:
    """The subscription that an invoice belongs to."""
    return ref(dig(invoice, "parent", "subscription_details", "subscription")) or ref(
        invoice.get("subscription")
    )


def invoice_account(invoice: Json) -> str | None:
    """The account that an invoice names: by what it copied from its subscription, itself, or its customer."""
    copied = (dig(invoice, "parent", "subscription_details"), invoice.get("subscription_details"))
    lines = (line for line in listed(invoice.get("lines")) if is_item_line(line))
    return account_of(*copied, *lines, invoice)


def price_of(thing: Json) -> str | None:
    """The price of an invoice's line or a subscription's item (older: its plan)."""
    return (
        ref(dig(thing, "pricing", "price_details", "price"))
        or ref(thing.get("price"))
        or ref(thing.get("plan"))
    )


def is_item_line(line: Json) -> bool:
    """Whether a line is for an item of a subscription, rather than something added to the invoice."""
    parent = line.get("parent")
    if isinstance(parent, Mapping):
        return parent.get("type") == "subscription_item_details" and not ref(
            dig(parent, "subscription_item_details", "invoice_item")
        )
    return line.get("type") == "subscription" and not ref(line.get("invoice_item"))


def is_proration(line: Json) -> bool:
    """Whether a line settles the part of a period (B6)."""
    details = ("subscription_item_details", "invoice_item_details")
    return bool(line.get("proration")) or any(dig(line, "parent", name, "proration") for name in details)


def line_amount(line: Json) -> int:
    """What was asked for a line, after its discounts."""
    discounts = line.get("discount_amounts")
    return whole(line.get("amount")) - sum(whole(dig(d, "amount")) for d in discounts or ())


def payment_of(invoice: Json) -> str | None:
    """What paid an invoice, as a refund will name it: the payment intent, else the charge."""
    paid = [p for p in listed(invoice.get("payments")) if p.get("status") == "paid"]
    paid.sort(key=lambda p: not p.get("is_default"))
    told = (invoice_payment(p) for p in paid)
    return next(filter(None, told), None) or ref(invoice.get("payment_intent")) or ref(invoice.get("charge"))


def invoice_payment(payment: Json) -> str | None:
    """The payment intent, else the charge, of the link between an invoice and a payment."""
    return ref(dig(payment, "payment", "payment_intent")) or ref(dig(payment, "payment", "charge"))


def period_end(subscription: Json, items: Iterable[Json]) -> datetime | None:
    """When the running period of these items ends."""
    ends = [item["current_period_end"] for item in items if item.get("current_period_end")]
    return at(max(ends)) if ends else at(subscription.get("current_period_end"))


def named(thing: Json) -> Iterator[str]:
    """The identifiers of an object and of everything that it is about."""
    fields = [thing.get(name) for name in ("id", *_NAMING)]
    fields += [
        subscription_of(thing),
        payment_of(thing),
        dig(thing, "payment", "payment_intent"),
        dig(thing, "payment", "charge"),
        dig(thing, "payment_details", "order_reference"),
    ]
    yield from dict.fromkeys(filter(None, map(ref, fields)))
