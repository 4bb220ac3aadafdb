"""The same deliveries as an endpoint of years ago would get them: an event has the version of its endpoint,
and before 2025 the period, the price and the payment stood elsewhere."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from coinpurse.simulator import Delivery, Simulator

Json = dict[str, Any]
VERSION = "2020-08-27"


def older(deliveries: Iterable[Delivery], simulator: Simulator) -> list[Delivery]:
    """Those that there were then, in the shape of then."""
    return [_older(one, simulator) for one in deliveries if not one.type.startswith("invoice_payment.")]


def _older(delivery: Delivery, simulator: Simulator) -> Delivery:
    event = json.loads(delivery.body) | {"api_version": VERSION}
    thing = event["data"]["object"]
    rewrite = _SHAPES.get(thing["object"])
    if rewrite:
        rewrite(thing, {invoice: intent for intent, invoice in simulator.world.invoice_of.items()})
    return replace(delivery, body=json.dumps(event).encode())


def _subscription(thing: Json, intents: Json) -> None:
    for item in thing["items"]["data"]:
        for name in ("current_period_start", "current_period_end"):
            thing[name] = item.pop(name)


def _invoice(thing: Json, intents: Json) -> None:
    thing["subscription"] = thing.pop("parent")["subscription_details"]["subscription"]
    thing.update(paid=thing["status"] == "paid", payment_intent=intents.get(thing["id"]))
    thing.pop("payments", None)
    for line in thing["lines"]["data"]:
        details = line.pop("parent")["subscription_item_details"]
        price = line.pop("pricing")["price_details"]["price"]
        line.update(type="subscription", proration=details["proration"], subscription=thing["subscription"])
        line.update(price={"id": price, "object": "price"}, plan={"id": price, "object": "plan"})


def _charge(thing: Json, intents: Json) -> None:
    thing["invoice"] = {intent: invoice for invoice, intent in intents.items()}.get(thing["payment_intent"])


_SHAPES: dict[str, Callable[[Json, Json], None]] = {
    "subscription": _subscription, "invoice": _invoice, "charge": _charge,
}  # fmt: skip
