"""What went wrong elsewhere with payments: cases 1 to 5, 14 and 19. One payment, one grant, and what is
refunded goes once."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from coinpurse.app import auto_topup, billing, inbox
from coinpurse.app.context import Context
from coinpurse.domain.errors import Unavailable
from coinpurse.domain.facts import Purchase
from coinpurse.domain.ports import Item
from coinpurse.providers.stripe import Stripe
from coinpurse.store.db import Database
from field_cases.conftest import MODES, Opens
from field_cases.scene import Scene, of_type, rewritten, shuffled, stuck_on, waits_for
from lives.inside import WHO
from lives.town import SECRET
from rules.life import run
from simulator.conftest import served
from simulator.shop import Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")
HALF_AN_HOUR = 1800


@MODES
async def test_case_01_one_top_up_posted_twice(opens: Opens, asks: bool) -> None:
    """Elsewhere a payment that was posted twice gave its credits twice (S8, P2)."""
    scene = await opens(asks=asks)
    told = await scene.buys(pack="small")
    await scene.hears(told)
    assert await scene.life.buckets() == (0, 500)
    acts = await scene.life.acts()
    assert [await scene.receives(one) for one in told] == [False] * len(told)
    await scene.hears(rewritten(one, id=f"{one.event}_again") for one in told)
    await scene.tells_all_again()
    assert (await scene.life.buckets(), await scene.life.acts()) == ((0, 500), acts)


@MODES
async def test_case_02_two_workers_take_one_delivery(opens: Opens, asks: bool) -> None:
    """Elsewhere two workers had one delivery at the same time, and the sum was one top-up too high (E2,
    P2)."""
    scene = await opens(asks=asks)
    await scene.life.give("addon", 160)
    told = await scene.buys(pack="small")
    both = (scene.ctx, scene.second)
    news = await asyncio.gather(*(scene.receives(one, ctx) for one in told for ctx in both))
    assert sum(news) == len(told)
    mine = await inbox.claim(scene.ctx, 100)
    await scene.lease_ends()
    theirs = await inbox.claim(scene.second, 100)
    assert len(mine) == len(theirs) == len(told)
    held = [(ctx, event) for ctx, events in zip(both, (mine, theirs), strict=True) for event in events]
    await asyncio.gather(*(inbox.handle(ctx, event) for ctx, event in held))
    await asyncio.gather(*map(scene.works, both))
    await scene.tries_again()
    assert await scene.life.buckets() == (0, 660)


@MODES
@pytest.mark.parametrize("seed", [1, 2])
async def test_case_03_checkout_and_invoice_are_one_purchase(opens: Opens, asks: bool, seed: int) -> None:
    """Elsewhere the completed checkout and its paid invoice each granted a month (P2, B1)."""
    scene = await opens(asks=asks)
    told = [*await scene.buys(plan="starter"), *await scene.buys(pack="small")]
    types = {one.type for one in told}
    assert {"checkout.session.completed", "invoice.paid", "invoice.payment_succeeded"} <= types
    await scene.hears(shuffled(told, seed))
    assert await scene.life.buckets() == (1000, 500)
    assert [grant.kind for grant in await scene.life.grants()] == ["monthly", "addon"]


@MODES
async def test_case_04_the_worker_dies_in_the_act(opens: Opens, asks: bool) -> None:
    """Elsewhere the payment was noted, then the process died, and the retry believed that all was done
    (E1, L1)."""
    scene = await opens(asks=asks)
    told = [*await scene.buys(plan="starter"), *await scene.buys(pack="small")]
    for one in told:
        await scene.receives(one)
    async with stuck_on(scene.ctx, "entries"):
        working = asyncio.create_task(scene.works(scene.second))
        pid = await waits_for(scene.ctx, "apply_event")
        await run(scene.ctx, "SELECT pg_terminate_backend(%s)", pid)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    await asyncio.sleep(0.1)  # what was cancelled is undone by the server
    await scene.lease_ends()
    await scene.works()
    await scene.tries_again()
    assert await scene.life.buckets() == (1000, 500)


@MODES
async def test_case_04_dead_after_each_step(opens: Opens, asks: bool) -> None:
    """The process dies after storing, after claiming, after asking, and before the answer of the database is
    heard: each time the next worker ends the work, once (E1)."""
    scene = await opens(asks=asks)
    [paid] = of_type(await scene.buys(pack="small"), "checkout.session.completed")
    await scene.receives(paid)
    await inbox.claim(scene.second, 8)
    assert await inbox.claim(scene.ctx, 8) == []
    await scene.lease_ends()
    [event] = await inbox.claim(scene.second, 8)
    facts = await scene.town.stripe.facts(event.notice, event.body, scene.town.now)
    await scene.lease_ends()
    [event] = await inbox.claim(scene.second, 8)
    await billing.apply(scene.second, "stripe", facts, test=True, event=event.notice.id)
    await scene.lease_ends()
    await scene.works()
    assert await scene.life.buckets() == (0, 500)
    assert {one.status for one in await scene.events()} == {"applied"}


async def test_case_05_nothing_is_answered_that_is_not_kept(opens: Opens) -> None:
    """Elsewhere deliveries were answered with success for half an hour while none was kept: here no answer
    comes before the row is there, so the provider tries again (E1)."""
    scene = await opens()
    told = await scene.buys(pack="small")
    nowhere = Database("postgresql://postgres@/nowhere?host=/nonexistent")
    with pytest.raises(Unavailable):
        await scene.receives(told[0], replace(scene.ctx, db=nowhere))
    assert await scene.life.buckets() == (0, 0)
    await scene.hears(told)
    assert await scene.life.buckets() == (0, 500)


async def test_case_05_what_was_lost_is_found_by_looking(opens: Opens) -> None:
    """Half an hour of deliveries is lost for good; the provider's own lists say what was missed, and what
    then comes after all adds nothing (E4, E2)."""
    scene = await opens()
    since = scene.town.now
    lost = [*await scene.buys(plan="starter"), *await scene.buys(pack="small")]
    lost += await scene.until(scene.simulator.now + HALF_AN_HOUR)
    assert await scene.life.buckets() == (0, 0)
    async for found in scene.town.stripe.changes(since, scene.town.now + timedelta(seconds=1)):
        applied = await billing.apply(scene.ctx, "stripe", found.facts, test=found.test)
        assert applied.status == "applied", (found.summary, applied.outcome)
    assert await scene.life.buckets() == (1000, 500)
    acts = await scene.life.acts()
    await scene.hears(shuffled(lost, 5))
    assert (await scene.life.buckets(), await scene.life.acts()) == ((1000, 500), acts)


@MODES
async def test_case_14_partial_refunds_tell_their_sum(opens: Opens, asks: bool) -> None:
    """Elsewhere each partial refund took the sum of all so far (P3)."""
    scene = await opens(asks=asks)
    await scene.bought(pack="small")
    charge = scene.charge["id"]
    scene.does("refund", charge=charge, amount=200)
    first = scene.told()
    await scene.until(scene.simulator.now + 3600)
    scene.does("refund", charge=charge, amount=200)
    second = scene.told()
    await scene.hears(second)
    assert await scene.life.buckets() == (0, 167)
    await scene.hears([*first, *second, *first])
    await scene.tells_all_again()
    assert await scene.life.buckets() == (0, 167)
    revoked = [e.moved for e in await scene.life.entries() if e.kind == "revocation"]
    assert revoked == [333]


@MODES
@pytest.mark.parametrize(("outcome", "left"), [("won", 500), ("lost", 0)])
async def test_case_14_a_won_dispute_thaws(opens: Opens, asks: bool, outcome: str, left: int) -> None:
    """Elsewhere what a dispute froze stayed frozen after it was won (P3)."""
    scene = await opens(asks=asks)
    await scene.bought(pack="small")
    dispute = scene.does("dispute", charge=scene.charge["id"])["id"]
    await scene.hears(opening := scene.told())
    assert (await scene.life.balance()).addon.frozen == 500
    assert await scene.life.buckets() == (0, 0)
    await scene.until(scene.simulator.now + 3600)
    scene.does("close_dispute", dispute=dispute, outcome=outcome)
    await scene.hears(shuffled([*opening, *scene.told()], 14))
    assert await scene.life.buckets() == (0, left)
    assert (await scene.life.balance()).addon.frozen == 0


async def test_case_19_one_automatic_purchase_however_often_asked(opens: Opens) -> None:
    """Elsewhere an automatic top-up made hundreds of invoices for one card (P4): twenty processes that buy
    for one dip at the same time charge the card once, and the credits come once."""
    scene = await opens()
    scene.does("new_card", customer=scene.customer.buyer.customer)
    bought = await _buy(scene, 20)
    assert {(one.state, one.purchase) for one in bought} == {("paid", bought[0].purchase)}
    assert len(_charges(scene)) == 1
    await asyncio.gather(*(billing.apply(scene.ctx, "stripe", [one], test=True) for one in bought))
    await scene.hears(shuffled(scene.told(), 19))
    assert await scene.life.buckets() == (0, 500)


async def test_case_19_one_dip_one_purchase(opens: Opens) -> None:
    """Sixty charges race through one dip while two workers look after it again and again: the card is charged
    once, over HTTP, and the deliveries of that purchase add nothing (P4, P2)."""
    scene = await opens()
    scene.does("new_card", customer=scene.customer.buyer.customer)
    await scene.hears(scene.told())
    await scene.life.give("addon", 300)
    with served(_shop(scene)) as address:
        stripe = Stripe(scene.ctx.catalog, secrets=[SECRET], api_key="sk_test_1", api_base=address)
        both = [replace(ctx, providers={"stripe": stripe}) for ctx in (scene.ctx, scene.second)]
        await auto_topup.put_auto_topup(
            both[0], WHO, scene.life.name, pack="small", below=200, most_per_month=9
        )
        lives = [scene.life.through(ctx) for ctx in both]
        charges = [lives[n % 2].charge(3) for n in range(60)]
        await asyncio.gather(*charges, *(_looks_after(ctx) for ctx in both * 3))
        await asyncio.gather(*map(_looks_after, both))
        await stripe.close()
    assert [one["status"] for one in _charges(scene)] == ["succeeded"]
    assert await scene.life.buckets() == (0, 620)
    await scene.hears(shuffled(scene.told(), 21))
    await scene.tells_all_again()
    assert await scene.life.buckets() == (0, 620)


async def _looks_after(ctx: Context) -> None:
    """What the worker does: buys for whoever is due."""
    for _ in range(5):
        for account in await auto_topup.due(ctx):
            await auto_topup.top_up(ctx, account)


@MODES
async def test_case_19_a_declined_card_buys_nothing(opens: Opens, asks: bool) -> None:
    """A card that is refused makes one failed purchase and no credits, however often it is told (P1, P4)."""
    scene = await opens(asks=asks)
    scene.does("new_card", customer=scene.customer.buyer.customer, token="pm_card_chargeCustomerFail")
    assert [one.state for one in await _buy(scene, 3)] == ["failed"] * 3
    assert [one["status"] for one in _charges(scene)] == ["failed"]
    await scene.hears(shuffled(scene.told(), 20))
    await scene.tells_all_again()
    assert await scene.life.buckets() == (0, 0)


async def _buy(scene: Scene, processes: int) -> list[Purchase]:
    """The pack is bought off-session for one dip, by several processes at once, over HTTP."""
    buyer, item = scene.customer.buyer, Item(price=scene.town.prices["small"], pack="small")
    with served(_shop(scene)) as address:
        apps = [Stripe(scene.ctx.catalog, api_key="sk_test_1", api_base=address) for _ in range(processes)]
        asked = (one.buy(buyer, item, amount=600, currency="usd", reference="dip") for one in apps)
        bought = await asyncio.gather(*asked)
        await asyncio.gather(*(one.close() for one in apps))
    return bought


def _shop(scene: Scene) -> Shop:
    shop = Shop()
    shop.sim = scene.simulator
    return shop


def _charges(scene: Scene) -> list[Any]:
    found: list[Any] = scene.simulator.world.tables.charges.find(customer=scene.customer.buyer.customer)
    return found
