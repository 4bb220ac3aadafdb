"""Checkouts at a payment provider: opened once, kept, paid once, and said as they stand."""

import asyncio
from dataclasses import replace

import pytest

from app.conftest import WHO, Customer
from coinpurse.app import checkouts, portal
from coinpurse.app.checkouts import Checkout, find_checkout, start_checkout
from coinpurse.app.context import Who
from coinpurse.domain.errors import Conflict, IdempotencyConflict, Invalid, NotFound, Unavailable


async def state(customer: Customer, opened: Checkout) -> str:
    """How a checkout stands."""
    return (await find_checkout(customer.ctx, WHO, opened.id)).status


async def test_a_pack_is_bought_at_the_provider(customer: Customer) -> None:
    """The address is the provider's; nothing is given until it says paid, and then once (P1, P2)."""
    opened = await start_checkout(customer.ctx, WHO, customer.id, pack="small")
    assert opened.url.startswith(customer.shop.till.url)
    assert (opened.provider, opened.status, opened.credits) == ("stripe", "open", 500)
    (there,) = customer.shop.till.checkouts.values()
    assert (there["reference"], there["price"], there["account"]) == (opened.id, "price_small", customer.id)
    back = f"http://purse.test/subscriptions?checkout={opened.id}&outcome="
    assert (there["success_url"], there["cancel_url"]) == (back + "done", back + "left")
    await customer.shop.http.post(opened.url, data={"way": "bank"})
    await customer.tell(there["id"])
    assert (await state(customer, opened), (await customer.balance()).available) == ("pending", 0)
    await customer.shop.http.post(opened.url, data={"way": "card"})
    for _ in range(2):
        await customer.tell(there["id"])
    assert (await state(customer, opened), (await customer.balance()).available) == ("paid", 500)


async def test_the_way_back_is_the_apps_own(customer: Customer) -> None:
    """The query of the return address stays, and says which checkout it was."""
    url = "https://app.example/done?x=1#here"
    opened = await start_checkout(customer.ctx, WHO, customer.id, pack="small", return_url=url)
    (there,) = customer.shop.till.checkouts.values()
    assert there["success_url"] == f"https://app.example/done?x=1&checkout={opened.id}&outcome=done#here"


async def test_s8_a_key_opens_one_checkout(customer: Customer) -> None:
    """The same key at once and again: one checkout here and there; for something else it is a conflict."""

    async def start(**what: str) -> Checkout:
        return await start_checkout(customer.ctx, WHO, customer.id, key="k", **what)  # type: ignore[arg-type]

    every = [*await asyncio.gather(*(start(pack="small") for _ in range(4))), await start(pack="small")]
    assert len({(one.id, one.url) for one in every}) == 1
    assert len(customer.shop.till.checkouts) == 1
    with pytest.raises(IdempotencyConflict):
        await start(plan="starter")


async def test_a_provider_that_is_down_leaves_nothing_half_done(customer: Customer) -> None:
    """It is said; the same key later opens the checkout that was begun."""
    customer.shop.till.down = True
    with pytest.raises(Unavailable, match="same idempotency key") as refused:
        await start_checkout(customer.ctx, WHO, customer.id, pack="small", key="k")
    assert refused.value.retry_after
    customer.shop.till.down = False
    opened = await start_checkout(customer.ctx, WHO, customer.id, pack="small", key="k")
    (there,) = customer.shop.till.checkouts.values()
    assert there["reference"] == opened.id


async def test_a_crash_before_the_address_is_kept(customer: Customer) -> None:
    """The provider has opened it and told that it was paid: a retry finds both, and nothing is doubled."""
    opened = await start_checkout(customer.ctx, WHO, customer.id, pack="small", key="k")
    lost = (
        "UPDATE coinpurse.checkouts SET reference = NULL, url = NULL WHERE checkout = %s RETURNING checkout"
    )
    await customer.ctx.db.rows(lost, [opened.id])
    await customer.shop.http.post(opened.url, data={"way": "card"})
    await customer.tell(opened.url.rpartition("/")[2])
    again = await start_checkout(customer.ctx, WHO, customer.id, pack="small", key="k")
    assert (again.url, again.status) == (opened.url, "paid")
    assert (await customer.balance()).available == 500


async def test_what_has_no_price_there_names_the_line(customer: Customer) -> None:
    """The refusal says what to write where in the catalog."""
    for what, line in (
        (
            {"pack": "unsold"},
            'packs.unsold.price = { amount = "1.00", currency = "usd", paddle = "pri_1", stripe',
        ),
        ({"plan": "starter", "interval": "year"}, "plans.starter.prices.year"),
    ):
        with pytest.raises(Invalid) as refused:
            await start_checkout(customer.ctx, WHO, customer.id, **what)  # type: ignore[arg-type]
        assert line in refused.value.detail
    assert customer.shop.till.asked == []


async def test_a_plan_is_bought_at_the_provider(customer: Customer) -> None:
    """Open until the provider tells of the subscription, then paid."""
    opened = await start_checkout(customer.ctx, WHO, customer.id, plan="starter", interval="month")
    assert await state(customer, opened) == "open"
    await customer.tell(opened.url.rpartition("/")[2])
    assert await state(customer, opened) == "paid"
    assert (await customer.balance()).monthly.available == 1000


async def test_a_second_plan_is_a_change_unless_additional(customer: Customer) -> None:
    """B12: by mistake it is refused, and told what to do; as a further seat it is sold."""
    one = await customer.subscribed()
    with pytest.raises(Conflict, match=f"/v1/subscriptions/{one.id}/change") as refused:
        await start_checkout(customer.ctx, WHO, customer.id, plan="studio", interval="month")
    assert refused.value.subscription == one.id
    more = await start_checkout(customer.ctx, WHO, customer.id, plan="starter", additional=True)
    assert await state(customer, more) == "open"
    assert customer.shop.till.checkouts[more.url.rpartition("/")[2]]["customer"] == f"cus_{customer.id}"
    await customer.tell(more.url.rpartition("/")[2])
    assert await state(customer, more) == "paid"
    assert (await customer.balance()).monthly.available == 2000


async def test_nobody_says_paid_but_the_provider(customer: Customer) -> None:
    """The test checkout's button doesn't pay what is sold elsewhere."""
    opened = await start_checkout(customer.ctx, WHO, customer.id, pack="small")
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
    opened = await start_checkout(customer.ctx, WHO, customer.id, pack="small")
    with pytest.raises(NotFound):
        await find_checkout(customer.ctx, Who("key:live", test=False), opened.id)


async def test_the_portal_is_for_customers(customer: Customer) -> None:
    """Before anything was bought there is none; afterwards it is the provider's page for that customer."""
    with pytest.raises(Conflict, match="bought nothing"):
        await portal.open_portal(customer.ctx, WHO, customer.id)
    await customer.buy(pack="small")
    found = await portal.open_portal(customer.ctx, WHO, customer.id, return_url="https://app.example/")
    assert found.url == f"{customer.shop.till.url}/portal/cus_{customer.id}?back=https://app.example/"
    assert (found.account, found.provider) == (customer.id, "stripe")
