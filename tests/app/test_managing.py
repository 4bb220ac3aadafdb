"""Acts on subscriptions that a payment provider has sold: done there, followed here."""

import asyncio
from dataclasses import replace

import pytest

from app.conftest import WHO, Customer
from coinpurse.app import subscriptions
from coinpurse.domain.errors import Conflict, IdempotencyConflict, Invalid, Unavailable


async def test_b3_cancel_and_undo(customer: Customer) -> None:
    """The provider ends it with what is paid, and takes that back; nothing else changes."""
    one = await customer.subscribed()
    made = await subscriptions.cancel(customer.ctx, WHO, one.id, reason="too dear")
    assert made.subscription.ends_at == one.paid_through
    assert made.balance.monthly.available == 1000
    assert customer.shop.subscription["cancel_at_period_end"]


async def test_b3_undo(customer: Customer) -> None:
    """Undone there, undone here."""
    one = await customer.subscribed()
    await subscriptions.cancel(customer.ctx, WHO, one.id)
    made = await subscriptions.resume(customer.ctx, WHO, one.id)
    assert (made.subscription.ends_at, made.replayed) == (None, False)


async def test_b4_cancel_now(customer: Customer) -> None:
    """The monthly bucket ends now; another act on it is refused before the provider is asked."""
    one = await customer.subscribed()
    made = await subscriptions.cancel(customer.ctx, WHO, one.id, at="now")
    assert (made.subscription.status, made.balance.monthly.available) == ("ended", 0)
    asked = list(customer.shop.asked)
    with pytest.raises(Conflict, match="has ended"):
        await subscriptions.cancel(customer.ctx, WHO, one.id)
    assert customer.shop.asked == asked


async def test_b11_pause_and_resume(customer: Customer) -> None:
    """Paused there and here, and taken up again."""
    one = await customer.subscribed()
    assert (await subscriptions.pause(customer.ctx, WHO, one.id)).subscription.status == "paused"
    assert (await subscriptions.resume(customer.ctx, WHO, one.id)).subscription.status == "active"


async def test_b5_change(customer: Customer) -> None:
    """An upgrade brings the difference, going back waits for the renewal; the provider decides that."""
    one = await customer.subscribed()
    with pytest.raises(Invalid, match="leave the policy out"):
        await subscriptions.change(customer.ctx, WHO, one.id, plan="studio", policy="restart")
    preview = await subscriptions.preview(customer.ctx, WHO, one.id, plan="studio")
    made = await subscriptions.change(customer.ctx, WHO, one.id, plan="studio")
    assert made.balance.available == preview.available_after == 3000
    back = await subscriptions.change(customer.ctx, WHO, one.id, plan="starter")
    assert back.balance.available == 3000
    assert back.subscription.pending_change
    assert back.subscription.pending_change.at == one.paid_through


async def test_b5_change_of_several(customer: Customer) -> None:
    """Who has a plan twice is shown, and gets, twice the other plan."""
    one = await customer.subscribed()
    there = customer.shop.subscription
    twice = {"id": there["items"]["data"][0]["id"], "quantity": 2}
    api = customer.ctx.providers["stripe"]._api  # type: ignore[attr-defined]
    await api.post(f"/v1/subscriptions/{there['id']}", items=[twice], proration_behavior="always_invoice")
    await customer.shop.deliver(customer.ctx)
    assert (await customer.balance()).available == 2000
    preview = await subscriptions.preview(customer.ctx, WHO, one.id, plan="studio")
    made = await subscriptions.change(customer.ctx, WHO, one.id, plan="studio")
    assert made.balance.available == preview.available_after == 6000
    less = await subscriptions.preview(customer.ctx, WHO, one.id, plan="mini")
    assert (less.policy, less.available_after) == ("at_renewal", 6000)


async def test_b5_there_and_back_costs_nothing(customer: Customer) -> None:
    """A downgrade that waits for the renewal is dropped again: what was paid is not paid twice."""
    one = await customer.subscribed()
    await subscriptions.change(customer.ctx, WHO, one.id, plan="studio")
    await customer.shop.deliver(customer.ctx)
    paid = customer.shop.paid
    assert paid == [1200, 1800]
    customer.shop.sim.advance(customer.shop.sim.now + 5 * 86_400)
    for plan in ("starter", "studio", "mini", "starter", "studio"):
        made = await subscriptions.change(customer.ctx, WHO, one.id, plan=plan)
        await customer.shop.deliver(customer.ctx)
        assert (made.balance.available, bool(made.subscription.pending_change)) == (3000, plan != "studio")
    assert customer.shop.paid == paid


async def test_b5_up_from_a_change_that_waits(customer: Customer) -> None:
    """To more than is paid for, while less was coming: that costs the difference to what is paid for."""
    one = await customer.subscribed()
    await subscriptions.change(customer.ctx, WHO, one.id, plan="mini")
    made = await subscriptions.change(customer.ctx, WHO, one.id, plan="studio")
    assert (customer.shop.paid, made.balance.available) == ([1200, 1800], 3000)


async def test_b5_a_plan_without_a_price_there(customer: Customer) -> None:
    """The refusal names the line of the catalog; the provider isn't asked."""
    one = await customer.subscribed()
    with pytest.raises(Invalid, match=r"plans\.starter\.prices\.year"):
        await subscriptions.change(customer.ctx, WHO, one.id, plan="starter", interval="year")
    assert customer.shop.changes() == 0


async def test_s8_a_repeated_key_asks_once(customer: Customer) -> None:
    """A late retry doesn't do again what was undone since; it answers how the subscription stands, as a
    replay. The key for something else is a conflict."""
    one = await customer.subscribed()
    first = await subscriptions.cancel(customer.ctx, WHO, one.id, key="c")
    await subscriptions.resume(customer.ctx, WHO, one.id, key="r")
    again = await subscriptions.cancel(customer.ctx, WHO, one.id, key="c")
    assert (first.replayed, again.replayed, again.subscription.ends_at) == (False, True, None)
    assert customer.shop.changes() == 2
    with pytest.raises(IdempotencyConflict):
        await subscriptions.pause(customer.ctx, WHO, one.id, key="c")


async def test_s8_at_once(customer: Customer) -> None:
    """The same request several times at once ends as one cancellation."""
    one = await customer.subscribed()
    made = await asyncio.gather(*(subscriptions.cancel(customer.ctx, WHO, one.id, key="c") for _ in range(4)))
    assert {each.subscription.ends_at for each in made} == {one.paid_through}


async def test_a_provider_that_is_down(customer: Customer) -> None:
    """Nothing is changed, the key is not used up, and the refusal says what to do."""
    one = await customer.subscribed()
    customer.shop.down = True
    with pytest.raises(Unavailable, match="Nothing was changed"):
        await subscriptions.cancel(customer.ctx, WHO, one.id, key="c")
    assert (await subscriptions.get_subscription(customer.ctx, WHO, one.id)).ends_at is None
    customer.shop.down = False
    assert (await subscriptions.cancel(customer.ctx, WHO, one.id, key="c")).subscription.ends_at


async def test_a_provider_that_is_not_configured(customer: Customer) -> None:
    """A process without it says which setting is missing, and changes nothing."""
    one = await customer.subscribed()
    bare = replace(customer.ctx, providers={})
    with pytest.raises(Conflict, match="COINPURSE_STRIPE_API_KEY"):
        await subscriptions.pause(bare, WHO, one.id)
    assert (await subscriptions.get_subscription(customer.ctx, WHO, one.id)).status == "active"


async def test_payments_come_from_the_provider(customer: Customer) -> None:
    """Recording one by hand is refused: it would be counted twice."""
    one = await customer.subscribed()
    with pytest.raises(Conflict, match="collects"):
        await subscriptions.pay(customer.ctx, WHO, one.id)
