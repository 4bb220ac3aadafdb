"""What is so at Stripe, and decides whether a subscription's credits are right: periods, invoices, trials,
pauses."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from coinpurse.providers.stripe import Stripe
from field_cases.conftest import MODES, Opens
from field_cases.older import older
from field_cases.scene import DAY, content, of_type, shuffled
from lives.town import SECRET
from rules.life import when

pytestmark = pytest.mark.asyncio(loop_scope="module")
END = "2026-02-28T10:00:00"
NEXT_END = "2026-03-31T10:00:00"


@pytest.mark.parametrize("age", ["today's", "older"])
async def test_fact_fields_of_two_ages(opens: Opens, age: str) -> None:
    """The period is at the items, the invoice's subscription at its parent, the price at `pricing`, and
    neither charge nor payment names the invoice; years ago it was all elsewhere. Read by presence, both make
    the same books: bought, renewed, and ended by the refund of the payment that was kept with the month
    (B4)."""
    scene = await opens(asks=False)

    def seen(told: list[Any]) -> list[Any]:
        return older(told, scene.simulator) if age == "older" else told

    await scene.hears(seen(await scene.buys(plan="starter")))
    assert await scene.life.buckets() == (1000, 0)
    renewal = await scene.until("2026-02-28T12:00:00")
    [paid] = of_type(seen(renewal), "invoice.paid")
    invoice = content(paid)["data"]["object"]
    assert ("subscription" in invoice, "parent" in invoice) == (age == "older", age != "older")
    await scene.hears(seen(renewal))
    [sub] = await scene.subscriptions()
    assert sub.paid_through == when(NEXT_END)
    scene.does("refund", charge=scene.charge["id"])
    await scene.hears(seen(scene.told()))
    assert await scene.life.buckets() == (0, 0)
    assert [one.status for one in await scene.subscriptions()] == ["ended"]


@MODES
async def test_fact_the_line_has_the_new_period(opens: Opens, asks: bool) -> None:
    """A renewal invoice's own period is the one that just ended. The lines say what is new: those of a
    subscription item that are no prorations and have a known price, times quantity; never simply the
    first."""
    scene = await opens(asks=asks)
    await scene.bought(plan="starter", quantity=2)
    assert await scene.life.buckets() == (2000, 0)
    drafts = await scene.until(END)
    invoice = scene.simulator.world.tables.invoices.get(scene.sub["latest_invoice"])
    assert (invoice["period_start"], invoice["period_end"]) == (scene.sub["created"], scene.simulator.now)
    lines = invoice["lines"]["data"]
    lines[:0] = [
        _foreign(lines[0]),
        _proration(lines[0], scene.town.prices["studio month"]),
        _extra(lines[0]),
    ]
    await scene.hears([*drafts, *await scene.until("2026-02-28T12:00:00")])
    assert await scene.life.buckets() == (2000, 0)
    [sub] = await scene.subscriptions()
    assert (sub.plan, sub.paid_through) == ("starter", when(NEXT_END))


def _foreign(line: Any) -> Any:
    """A line of a subscription item, for something that isn't ours."""
    price = {"price": "price_of_support", "product": "prod_of_support"}
    return {**line, "id": "il_foreign", "pricing": {**line["pricing"], "price_details": price}}


def _proration(line: Any, price: str) -> Any:
    details = {**line["parent"]["subscription_item_details"], "proration": True}
    pricing = {**line["pricing"], "price_details": {"price": price, "product": "prod_1"}}
    parent = {**line["parent"], "subscription_item_details": details}
    return {**line, "id": "il_part", "parent": parent, "pricing": pricing, "quantity": 9}


def _extra(line: Any) -> Any:
    """Added to the invoice by hand, with our own price."""
    details = {"invoice_item": "ii_1", "proration": False, "subscription": None}
    parent = {"type": "invoice_item_details", "invoice_item_details": details}
    return {**line, "id": "il_extra", "parent": parent, "quantity": 9}


@pytest.mark.parametrize("finalize", [True, False])
async def test_fact_a_draft_waits_an_hour(opens: Opens, finalize: bool) -> None:
    """Stripe drafts a renewal at its instant and charges an hour later. The credits are there at the instant;
    where we finalise the draft ourselves they are confirmed within the same minute (T7)."""
    scene = await opens()
    await scene.bought(plan="starter")
    stripe = Stripe(scene.ctx.catalog, secrets=[SECRET], api_key="sk_test_town", finalize=finalize)
    stripe._api = scene.town.stripe._api
    scene.moves_to(replace(scene.ctx, providers={"stripe": stripe}))
    await scene.lives_until(END)
    await scene.hears(scene.told())
    assert await scene.life.buckets() == (1000, 0)
    assert await scene.life.states() == ["granted", "granted" if finalize else "provisional"]
    await scene.lives_until("2026-02-28T11:00:00")
    assert await scene.life.states() == ["granted", "granted"]


@MODES
async def test_fact_an_unanswered_draft_waits_three_days(opens: Opens, asks: bool) -> None:
    """Where `invoice.created` goes unanswered the charge comes up to 72 hours late: the renewal is listed as
    late, what is unspent freezes after the grace, and the payment thaws it (T7)."""
    scene = await opens(asks=asks)
    await scene.bought(plan="starter")
    world = scene.simulator.world
    world.terms = replace(world.terms, finalize_after=3 * DAY)
    await scene.lives_until("2026-02-28T10:10:00")
    assert await scene.life.states() == ["granted", "late"]
    assert await scene.life.buckets() == (1000, 0)
    await scene.lives_until("2026-03-01T10:00:00")
    assert await scene.life.states() == ["granted", "failed"]
    assert (await scene.life.balance()).monthly.frozen == 1000
    await scene.lives_until("2026-03-03T10:00:00")
    assert await scene.life.states() == ["granted", "granted"]
    assert await scene.life.buckets() == (1000, 0)


@MODES
@pytest.mark.parametrize("first", ["invoice.paid", "invoice.payment_succeeded"])
async def test_fact_two_events_for_one_payment(opens: Opens, asks: bool, first: str) -> None:
    """`invoice.paid` and `invoice.payment_succeeded` come both: either is enough, both are one (P2)."""
    scene = await opens(asks=asks)
    told = await scene.buys(plan="starter")
    both = of_type(told, "invoice.paid", "invoice.payment_succeeded")
    assert len(both) == 2
    await scene.hears(of_type(both, first))
    assert await scene.life.buckets() == (1000, 0)
    acts = await scene.life.acts()
    await scene.hears(both)
    assert await scene.life.acts() == acts


@MODES
async def test_fact_a_trial_makes_an_invoice_of_nothing(opens: Opens, asks: bool) -> None:
    """A trial's first invoice is paid, and of nothing: it grants nothing beside the trial. The first paid
    month starts at the trial's end (B8)."""
    scene = await opens(asks=asks)
    scene.does("new_card", customer=scene.customer.buyer.customer)
    items = [{"price": scene.town.prices["starter month"]}]
    customer = scene.customer.buyer.customer
    scene.asks("POST", "/v1/subscriptions", customer=customer, items=items, trial_period_days=14)
    told = scene.told()
    invoices = [content(one)["data"]["object"] for one in of_type(told, "invoice.paid")]
    assert [one["amount_paid"] for one in invoices] == [0]
    await scene.hears(shuffled(told, 8))
    assert await scene.life.buckets() == (1000, 0)
    [sub] = await scene.subscriptions()
    assert (sub.status, sub.paid_through) == ("trialing", when("2026-02-14T10:00:00"))
    await scene.life.charge(300)
    await scene.lives_until("2026-02-14T12:00:00")
    assert await scene.life.buckets() == (1000, 0)
    [sub] = await scene.subscriptions()
    assert (sub.status, sub.paid_through) == ("active", when("2026-03-14T10:00:00"))


@MODES
async def test_fact_an_update_invoice_is_no_renewal(opens: Opens, asks: bool) -> None:
    """A change of plan makes a paid invoice of its own: it moves no date and gives only the difference
    (B6)."""
    scene = await opens(asks=asks)
    await scene.bought(plan="starter")
    await scene.until(scene.simulator.now + 10 * DAY)
    told = scene.changes("studio")
    [paid] = of_type(told, "invoice.paid")
    assert content(paid)["data"]["object"]["billing_reason"] == "subscription_update"
    await scene.hears(shuffled(told, 6))
    [sub] = await scene.subscriptions()
    assert (sub.plan, sub.paid_through) == ("studio", when(END))
    assert await scene.life.buckets() == (3000, 0)
    assert await scene.life.states() == ["granted"]


@MODES
async def test_fact_a_recovered_invoice_keeps_its_period(opens: Opens, asks: bool) -> None:
    """An invoice that is paid five days late is for the month that began then, not for one from the day of
    payment (B7)."""
    scene = await opens(asks=asks)
    await scene.bought(plan="strict")
    scene.does("card", customer=scene.customer.buyer.customer, behaviour="declines")
    await scene.lives_until("2026-03-05T10:00:00")
    assert await scene.life.buckets() == (0, 0)
    scene.does("new_card", customer=scene.customer.buyer.customer)
    scene.does("pay_invoice", invoice=scene.sub["latest_invoice"])
    await scene.hears(shuffled(scene.told(), 9))
    [_, running] = await scene.life.renewals()
    assert (running.state, running.period.start, running.period.end) == ("granted", when(END), when(NEXT_END))
    assert await scene.life.buckets() == (2000, 0)


@MODES
async def test_fact_a_pause_leaves_it_active(opens: Opens, asks: bool) -> None:
    """`pause_collection` leaves the status active: the next month isn't given, what was bought stays, and
    going on gives the next month again (B11)."""
    scene = await opens(asks=asks)
    await scene.bought(plan="starter")
    await scene.bought(pack="small")
    await scene.hears(scene.updates(pause_collection={"behavior": "void"}))
    assert scene.sub["status"] == "active"
    assert [one.status for one in await scene.subscriptions()] == ["paused"]
    assert await scene.life.buckets() == (1000, 500)
    await scene.lives_until("2026-02-28T12:00:00")
    assert await scene.life.buckets() == (0, 500)
    await scene.hears(scene.updates(pause_collection=""))
    await scene.lives_until(when(NEXT_END) + timedelta(hours=2))
    assert await scene.life.buckets() == (1000, 500)
    assert await scene.life.states() == ["granted", "skipped", "granted"]
