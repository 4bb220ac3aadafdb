"""Checkouts at a payment provider: opened once, kept, paid once, and said as they stand."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from app.conftest import WHO, Customer
from coinpurse.app import accounts, checkouts, portal
from coinpurse.app.checkouts import find_checkout, start_checkout
from coinpurse.app.context import Who
from coinpurse.domain.errors import Conflict, IdempotencyConflict, Invalid, NotFound, Unavailable


async def test_a_pack_is_bought_at_the_provider(customer: Customer) -> None:
    """The address is the provider's; nothing is given until it says paid, and then once (P1, P2)."""
    opened = await customer.start(pack="small")
    assert (opened.provider, opened.status, opened.credits) == ("stripe", "open", 500)
    (there,) = customer.shop.sessions
    assert (opened.url, there["metadata"]["coinpurse_checkout"]) == (there["url"], opened.id)
    assert there["cancel_url"] == f"http://purse.test/subscriptions?checkout={opened.id}&outcome=left"
    back = await customer.shop.press(opened.url, "pay")
    assert back == f"http://purse.test/subscriptions?checkout={opened.id}&outcome=done"
    assert (await customer.state(opened), (await customer.balance()).available) == ("open", 0)
    customer.shop.told *= 2
    await customer.shop.deliver(customer.ctx)
    assert (await customer.state(opened), (await customer.balance()).available) == ("paid", 500)


async def test_p1_by_bank(customer: Customer) -> None:
    """Pending, with nothing given, until the money arrives days later."""
    opened = await customer.start(pack="small")
    await customer.shop.press(opened.url, "debit")
    await customer.shop.deliver(customer.ctx)
    assert (await customer.state(opened), (await customer.balance()).available) == ("pending", 0)
    customer.shop.sim.advance(customer.shop.sim.now + 5 * 86_400)
    customer.shop.told += customer.shop.sim.outbox
    await customer.shop.deliver(customer.ctx)
    assert (await customer.state(opened), (await customer.balance()).available) == ("paid", 500)


async def test_nobody_comes(customer: Customer) -> None:
    """A checkout that nobody pays expires by the provider's word, or by its date if that is not told."""
    pack, plan = await customer.start(pack="small"), await customer.start(plan="starter")
    customer.shop.sim.advance(customer.shop.sim.now + 2 * 86_400)
    customer.shop.told += customer.shop.sim.outbox
    await customer.shop.deliver(customer.ctx)
    assert (await customer.state(pack), await customer.state(plan)) == ("expired", "open")
    assert plan.expires_at
    await accounts.move_clock(customer.ctx, WHO, customer.id, plan.expires_at + timedelta(seconds=1))
    assert await customer.state(plan) == "expired"


async def test_the_way_back_is_the_apps_own(customer: Customer) -> None:
    """The query of the return address stays, and says which checkout it was."""
    opened = await customer.start(pack="small", return_url="https://app.example/done?x=1#here")
    (there,) = customer.shop.sessions
    assert there["success_url"] == f"https://app.example/done?x=1&checkout={opened.id}&outcome=done#here"


async def test_s8_a_key_opens_one_checkout(customer: Customer) -> None:
    """The same key at once and again: one checkout here and there; for something else it is a conflict."""
    every = await asyncio.gather(*(customer.start(pack="small", key="k") for _ in range(4)))
    every.append(await customer.start(pack="small", key="k"))
    assert len({(one.id, one.url) for one in every}) == 1
    assert len(customer.shop.sessions) == 1
    with pytest.raises(IdempotencyConflict):
        await customer.start(plan="starter", key="k")


async def test_a_provider_that_is_down_leaves_nothing_half_done(customer: Customer) -> None:
    """It is said; the same key later opens the checkout that was begun."""
    customer.shop.down = True
    with pytest.raises(Unavailable, match="same idempotency key") as refused:
        await customer.start(pack="small", key="k")
    assert refused.value.retry_after
    customer.shop.down = False
    opened = await customer.start(pack="small", key="k")
    (there,) = customer.shop.sessions
    assert there["metadata"]["coinpurse_checkout"] == opened.id


async def test_a_crash_before_the_address_is_kept(customer: Customer) -> None:
    """The provider has opened it and told that it was paid: a retry finds both, and nothing is doubled."""
    opened = await customer.start(pack="small", key="k")
    lost = (
        "UPDATE coinpurse.checkouts SET reference = NULL, url = NULL WHERE checkout = %s RETURNING checkout"
    )
    await customer.ctx.db.rows(lost, [opened.id])
    await customer.shop.press(opened.url, "pay")
    await customer.shop.deliver(customer.ctx)
    assert await customer.state(opened) == "open"
    again = await customer.start(pack="small", key="k")
    assert (again.url, again.status) == (opened.url, "paid")
    assert (await customer.balance()).available == 500


async def test_what_has_no_price_there_names_the_line(customer: Customer) -> None:
    """The refusal says what to write where in the catalog; nobody was asked."""
    written = 'packs.unsold.price = { amount = "1.00", currency = "usd", paddle = "pri_1", stripe = "…" }'
    with pytest.raises(Invalid) as refused:
        await customer.start(pack="unsold")
    assert written in refused.value.detail
    with pytest.raises(Invalid, match=r"plans\.starter\.prices\.year"):
        await customer.start(plan="starter", interval="year")
    assert customer.shop.asked == []


async def test_a_plan_is_bought_at_the_provider(customer: Customer) -> None:
    """Open until the provider tells of the subscription, then paid."""
    opened = await customer.start(plan="starter", interval="month")
    await customer.shop.press(opened.url, "pay")
    assert await customer.state(opened) == "open"
    await customer.shop.deliver(customer.ctx)
    assert await customer.state(opened) == "paid"
    assert (await customer.balance()).monthly.available == 1000


async def test_a_second_plan_is_a_change_unless_additional(customer: Customer) -> None:
    """B12: by mistake it is refused, with what to do; as a further seat it is sold, to the same customer."""
    one = await customer.subscribed()
    with pytest.raises(Conflict, match=f"/v1/subscriptions/{one.id}/change") as refused:
        await customer.start(plan="studio", interval="month")
    assert refused.value.subscription == one.id
    more = await customer.start(plan="starter", additional=True)
    assert await customer.state(more) == "open"
    assert len({there["customer"] for there in customer.shop.sessions}) == 1
    await customer.shop.press(more.url, "pay")
    await customer.shop.deliver(customer.ctx)
    assert await customer.state(more) == "paid"
    assert (await customer.balance()).monthly.available == 2000


async def test_nobody_says_paid_but_the_provider(customer: Customer) -> None:
    """The test checkout's button doesn't pay what is sold elsewhere."""
    opened = await customer.start(pack="small")
    with pytest.raises(Conflict, match="stripe"):
        await checkouts.pay_checkout(customer.ctx, opened.id)
    assert (await customer.balance()).available == 0


async def test_without_a_provider_that_sells(customer: Customer) -> None:
    """The built-in test checkout, as ever."""
    bare = replace(customer.ctx, providers={})
    opened = await start_checkout(bare, WHO, customer.id, pack="unsold")
    assert (opened.provider, opened.url) == ("manual", f"http://purse.test/checkout/{opened.id}")


async def test_a_live_key_does_not_see_a_test_checkout(customer: Customer) -> None:
    """To the other side it doesn't exist."""
    opened = await customer.start(pack="small")
    with pytest.raises(NotFound):
        await find_checkout(customer.ctx, Who("key:live", test=False), opened.id)


async def test_the_portal_is_for_customers(customer: Customer) -> None:
    """Before anything was bought there is none; afterwards it is the provider's page for that customer."""
    with pytest.raises(Conflict, match="bought nothing"):
        await portal.open_portal(customer.ctx, WHO, customer.id)
    await customer.buy(pack="small")
    found = await portal.open_portal(customer.ctx, WHO, customer.id, return_url="https://app.example/")
    assert found.url.startswith(f"{customer.shop.url}/portal/")
    assert (found.account, found.provider) == (customer.id, "stripe")
