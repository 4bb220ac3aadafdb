"""Objects that others recorded, of several API ages: each is read, or left alone with a reason."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coinpurse.domain.catalog import Catalog
from coinpurse.domain.facts import Fact, Paid, PaidWith, Returned, Standing, Unpaid
from coinpurse.domain.ports import NotOurs
from coinpurse.providers.stripe import Stripe
from coinpurse.providers.stripe.reading import named
from providers.stripe_objects import Json, event, instant, told

FIXTURES = Path(os.environ.get("COINPURSE_FIXTURES", Path(__file__).parents[3] / "shared" / "fixtures"))
pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason="no fixtures beside this checkout")

CATALOG = Catalog.parse(
    """
[plans.basic]
name = "Basic"
monthly_credits = 1000
[plans.basic.prices.month]
amount = "20.00"
currency = "usd"
stripe = "m2 gold21323 silver41294 FFBEGINNER_00000000000000"
[plans.basic.prices.year]
amount = "249.00"
currency = "usd"
stripe = "price_1234"
"""
)
OBJECTS = {
    "charge": "charge.refunded",
    "dispute": "charge.dispute.created",
    "invoice": "invoice.paid",
    "subscription": "customer.subscription.updated",
    "checkout.session": "checkout.session.completed",
    "refund": "refund.created",
    "customer": "customer.updated",
    "payment_intent": "payment_intent.succeeded",
    "invoice_payment": "invoice_payment.paid",
}


def read(path: str) -> Any:
    """A fixture."""
    return json.loads((FIXTURES / path).read_text("utf-8"))


async def facts(type: str, thing: Json, previous: Json | None = None) -> list[Fact]:
    """What it says, without asking."""
    return await told(event(type, thing, previous), Stripe(CATALOG, secrets=["whsec_x"]))


def everything() -> Iterator[tuple[str, Json]]:
    """Every object with an event that could carry it."""
    for path in sorted(FIXTURES.glob("pay-rails/stripe__*.json")) + sorted(FIXTURES.glob("dj-stripe/*.json")):
        data = json.loads(path.read_text("utf-8"))
        thing = data["object"] if isinstance(data.get("object"), dict) else data
        yield OBJECTS.get(thing.get("object"), path.stem.removeprefix("stripe__")), thing
    subset = FIXTURES / "stripe_openapi_fixtures3_subset.json"
    for kind, thing in json.loads(subset.read_text("utf-8")).items():
        yield OBJECTS.get(kind, f"{kind}.updated"), thing
    for row in (FIXTURES / "localstripe" / "events_1.15.10.jsonl").read_text("utf-8").splitlines():
        raw = json.loads(row)
        yield raw["type"], raw["obj"]


async def test_every_object_is_read_or_left_alone() -> None:
    """No object of theirs breaks us, whatever its age."""
    count, reasons = 0, list[str]()
    for type, thing in everything():
        list(named(thing))
        try:
            assert await facts(type, thing)
        except NotOurs as reason:
            reasons.append(str(reason))
        count += 1
    assert count > 50
    assert all(reason.endswith(".") for reason in reasons)


async def test_a_yearly_renewal_that_failed_in_2025() -> None:
    """The period is the line's: a year from April 2025."""
    [found] = await facts(
        "invoice.payment_failed", read("pay-rails/stripe__invoice.payment_failed.json")["object"]
    )
    assert isinstance(found, Unpaid)
    assert (found.subscription, found.start) == ("sub_1234", instant(1_745_433_906))


async def test_an_invoice_of_2020() -> None:
    """With its payment, which later versions no longer name there."""
    [found] = await facts("invoice.paid", read("dj-stripe/invoice_in_fakefakefakefakefake0004.json"))
    assert isinstance(found, Paid)
    assert (found.subscription, found.payment) == (
        "sub_fakefakefakefakefake0002",
        "pi_1GyU3gCOCguPTL2BVH2OIzjf",
    )
    assert (found.start, found.end) == (instant(1_593_225_984), instant(1_595_817_984))


async def test_an_invoice_of_shirts() -> None:
    """Items that were added to an invoice by hand pay for no subscription."""
    with pytest.raises(NotOurs, match="no subscription"):
        await facts("invoice.paid", read("pay-rails/stripe__invoice.json"))


async def test_an_invoices_payment_of_2026() -> None:
    """Told on its own."""
    [found] = await facts("invoice_payment.paid", read("pay-rails/stripe__invoice.updated.json")["object"])
    assert isinstance(found, PaidWith)
    assert found.payment == "pi_3T4AIlGWAy8Dppqh3Vsl9Pya"


async def test_subscriptions_of_both_ages() -> None:
    """The older has its period at the top, and a plan for its price."""
    for path in (
        "pay-rails/stripe__subscription.created.json",
        "dj-stripe/subscription_sub_fakefakefakefakefake0001.json",
    ):
        data = read(path)
        thing = data["object"] if isinstance(data.get("object"), dict) else data
        [found] = await facts("customer.subscription.created", thing)
        assert isinstance(found, Standing)
        assert (found.state, found.plan, found.interval) == ("active", "basic", "month")


async def test_a_dispute_whose_money_came_back() -> None:
    """First the money is held back, then it isn't, though the status still says that it is under review."""
    for name, held in (("fakefakefakefake01", 1000), ("funds_reinstated_full", 0)):
        [found] = await facts("charge.dispute.updated", read(f"dj-stripe/dispute_dp_{name}.json"))
        assert isinstance(found, Returned)
        assert (found.disputed, found.lost) == (held, 0)


async def test_half_a_refund() -> None:
    """The charge's sum counts."""
    [found] = await facts("charge.refunded", read("pay-rails/stripe__charge.refunded.json")["object"])
    assert isinstance(found, Returned)
    assert (found.total, found.refunded) == (1500, 500)


async def test_a_foreign_servers_events() -> None:
    """localstripe: an invoice that is paid by its old event's name only, with both shapes in one object."""
    rows = (FIXTURES / "localstripe" / "events_1.15.10.jsonl").read_text("utf-8").splitlines()
    events = [json.loads(row) for row in rows]
    paid = [e["obj"] for e in events if e["type"] == "invoice.payment_succeeded"]
    found = [fact for thing in paid for fact in await facts("invoice.payment_succeeded", thing)]
    assert len({fact.line for fact in found if isinstance(fact, Paid)}) == len(paid) > 1
