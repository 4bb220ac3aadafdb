"""P4: below a threshold a pack is bought: at most one at a time, at most so many a month, never two for one
dip."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auto_topup.conftest import WHO, Customer, look
from auto_topup.till import Till
from coinpurse.app import accounts, auto_topup, billing, checks, endpoints, grants, wallets
from coinpurse.app.context import Context
from coinpurse.domain.auto_topup import AutoTopup
from coinpurse.domain.errors import Conflict, Invalid, NotFound
from coinpurse.domain.facts import Purchase
from coinpurse.store.db import Connection
from coinpurse.worker import topping_up


async def spend(ctx: Context, name: str, amount: int) -> int:
    """Spends, and says what is left."""
    return (await wallets.charge(ctx, WHO, name, amount=amount)).balance.available


async def available(ctx: Context, name: str) -> int:
    """What can be spent now."""
    return (await wallets.balance(ctx, WHO, name)).available


async def state(ctx: Context, name: str) -> AutoTopup:
    """How it stands."""
    return await auto_topup.get_auto_topup(ctx, WHO, name)


async def later(ctx: Context, **more: Any) -> None:
    """Every pause is over; more columns may be set back."""

    async def once(conn: Connection) -> None:
        await conn.execute(
            "UPDATE coinpurse.auto_topups SET due_at = clock_timestamp(), started_at = started_at - %s "
            "WHERE due_at < 'infinity'",
            [more.get("started", timedelta(0))],
        )

    await ctx.db.work(once)


async def told(ctx: Context) -> list[str]:
    """What apps were told of automatic top-ups."""
    rows = await ctx.db.rows("SELECT type FROM coinpurse.outbox WHERE type LIKE 'auto%%' ORDER BY written_at")
    return [row["type"] for row in rows]


async def test_p4_below_the_threshold_a_pack_is_bought(ctx: Context, till: Till, customer: Customer) -> None:
    """P4: at the threshold nothing happens; below it the pack is bought with what the provider has on
    file."""
    ann = await customer()
    assert await spend(ctx, ann, 200) == 100
    assert await look(ctx) == []
    await spend(ctx, ann, 1)
    assert await look(ctx) == ["bought"]
    assert await available(ctx, ann) == 599
    assert till.offers == [(ann, f"cus_{ann}", "price_small", "small", 600, "usd")]
    now = await state(ctx, ann)
    assert (now.state, now.bought_this_month, now.reason) == ("idle", 1, None)
    assert await look(ctx) == []
    assert await checks.verify(ctx) == []


@pytest.mark.parametrize("way", ["charge", "batch", "hold", "revoke"])
async def test_p4_every_way_down_is_seen(ctx: Context, customer: Customer, way: str) -> None:
    """P4: charges, batches, holds and revocations bring an account to the worker's notice."""
    ann = await customer(0, set_it=False)
    grant = await grants.grant(ctx, WHO, ann, kind="addon", amount=120, reason="hello")
    await auto_topup.put_auto_topup(ctx, WHO, ann, pack="small", below=100, most_per_month=5)
    if way == "charge":
        await spend(ctx, ann, 30)
    elif way == "batch":
        request = wallets.ChargeRequest(account=ann, amount=15)
        await wallets.charge_batch(ctx, WHO, [request] * 2)
    elif way == "hold":
        await wallets.hold(ctx, WHO, ann, amount=30)
    else:
        await grants.revoke(ctx, WHO, grant.id, amount=30, reason="slip")
    assert await look(ctx) == ["bought"]


async def test_p4_never_two_for_one_dip(contexts: list[Context], till: Till, customer: Customer) -> None:
    """P4: a hundred charges race on four processes while four workers look and the provider is slow."""
    ann = await customer(300, below=200)
    till.pause = 0.3

    async def look_on(stop: asyncio.Event) -> None:
        while not stop.is_set():
            await look(*contexts)
            await asyncio.sleep(0.01)

    stop = asyncio.Event()
    looking = asyncio.create_task(look_on(stop))
    await asyncio.gather(*(spend(contexts[n % 4], ann, 3) for n in range(100)))
    await asyncio.sleep(0.6)
    stop.set()
    await looking
    assert len(till.taken) == len(set(till.calls)) == 1
    assert await available(contexts[0], ann) == 500
    assert till.most_at_once == 1


async def test_p4_one_purchase_for_each_dip(contexts: list[Context], till: Till, customer: Customer) -> None:
    """P4: however often it dips, each has its purchase, and the books are right."""
    ann = await customer(100, most=100)
    for _ in range(8):
        left = await available(contexts[0], ann)
        amount = left // 20
        await asyncio.gather(*(spend(contexts[n % 4], ann, amount) for n in range(20)))
        await look(*contexts)
        await look(*contexts)
    assert len(till.taken) == 8
    assert await checks.verify(contexts[0]) == []


async def test_p4_workers_in_earnest(contexts: list[Context], till: Till, customer: Customer) -> None:
    """P4: the loop itself buys within seconds of a dip, on several workers at once, and stops well."""
    names = [await customer(150) for _ in range(5)]
    stop = asyncio.Event()
    loops = [asyncio.create_task(topping_up.run(ctx, stop)) for ctx in contexts]
    await asyncio.gather(*(spend(contexts[0], name, 100) for name in names))
    async with asyncio.timeout(15):
        while len(till.taken) < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*loops)
    assert [await available(contexts[0], name) for name in names] == [550] * 5


async def test_p4_an_unknown_outcome_is_asked_for_again(ctx: Context, till: Till, customer: Customer) -> None:
    """P4: the money was taken and the answer lost: the same reference again, one payment, one grant."""
    ann = await customer(100)
    till.mood = lambda call: "lost" if call <= 2 else "paid"
    await spend(ctx, ann, 50)
    assert await look(ctx) == ["unknown"]
    assert (await state(ctx, ann)).state == "buying"
    assert await look(ctx) == []
    await spend(ctx, ann, 50)
    await later(ctx)
    assert await look(ctx) == ["unknown"]
    await later(ctx)
    assert await look(ctx) == ["bought"]
    assert (len(till.calls), len(set(till.calls)), await available(ctx, ann)) == (3, 1, 500)
    assert (await state(ctx, ann)).bought_this_month == 1


async def test_p4_a_crash_at_any_step_buys_once(
    ctx: Context, till: Till, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P4: a worker that dies after asking, or after giving the credits, is followed by one with the same
    reference; the credits are given once."""
    ann = await customer(100)
    await spend(ctx, ann, 50)
    applied = billing.apply

    async def die_before(*args: Any, **more: Any) -> Any:
        raise KeyError("killed")

    async def die_after(*args: Any, **more: Any) -> Any:
        await applied(*args, **more)
        raise KeyError("killed")

    for death in (die_before, die_after):
        monkeypatch.setattr(billing, "apply", death)
        with pytest.raises(KeyError):
            await look(ctx)
        assert await look(ctx) == []
        await later(ctx)
    monkeypatch.setattr(billing, "apply", applied)
    assert await available(ctx, ann) == 550
    assert await look(ctx) == ["bought"]
    assert (len(till.calls), len(set(till.calls)), await available(ctx, ann)) == (3, 1, 550)


async def test_p4_a_provider_that_never_answers(
    ctx: Context, till: Till, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P4: patience ends, the outcome is unknown; after most of a day it stops, because the provider would
    take an older reference for a new one."""
    ann = await customer(50)
    monkeypatch.setattr(auto_topup, "PATIENCE", 0.1)
    till.pause = 5
    assert await look(ctx) == ["unknown"]
    await later(ctx, started=timedelta(hours=21))
    assert await look(ctx) == []
    now = await state(ctx, ann)
    assert now.state == "stopped"
    assert "not known" in str(now.reason)
    assert len(set(till.calls)) == 1


async def test_p4_a_failed_card_stops_it_and_tells(ctx: Context, till: Till, customer: Customer) -> None:
    """P4: a card that is refused stops it, the app is told, and nothing is bought until it is set again."""
    await endpoints.create_endpoint(ctx, WHO, url="https://app.example/hook")
    ann = await customer(100)
    till.mood = lambda call: "failed"
    await spend(ctx, ann, 50)
    assert await look(ctx) == ["stopped"]
    await spend(ctx, ann, 10)
    await later(ctx)
    assert await look(ctx) == []
    now = await state(ctx, ann)
    assert (now.state, now.bought_this_month) == ("stopped", 0)
    assert await told(ctx) == ["auto_topup.stopped"]
    till.mood = lambda call: "paid"
    await auto_topup.put_auto_topup(ctx, WHO, ann, pack="small", below=100, most_per_month=5)
    assert await look(ctx) == ["bought"]
    assert len(set(till.calls)) == 2
    till.mood = lambda call: "refused"
    await spend(ctx, ann, 500)
    assert await look(ctx) == ["stopped"]
    assert (await state(ctx, ann)).reason == "the key is wrong"
    assert await told(ctx) == ["auto_topup.stopped"] * 2


@pytest.mark.parametrize(("becomes", "expected"), [("paid", "idle"), ("failed", "stopped")])
async def test_p4_pending_is_not_paid(
    ctx: Context, till: Till, customer: Customer, becomes: Any, expected: str
) -> None:
    """P1, P4: a bank that takes days gives nothing until it says paid, and nothing else is bought
    meanwhile."""
    ann = await customer(50)
    till.mood = lambda call: "pending"
    assert await look(ctx) == ["pending"]
    assert await available(ctx, ann) == 50
    await later(ctx, started=timedelta(days=2))
    assert await look(ctx) == []
    assert (await state(ctx, ann)).state == "buying"
    (reference,) = till.taken
    fact = Purchase(purchase=f"pi_{reference}", state=becomes, pack="small", account=ann)
    await billing.apply(ctx, "stripe", [fact], test=True)
    await later(ctx)
    assert await look(ctx) == []
    assert (await state(ctx, ann)).state == expected
    assert len(till.calls) == 1


async def test_p4_the_provider_may_tell_first(ctx: Context, till: Till, customer: Customer) -> None:
    """P2, P4: the webhook of the purchase overtakes the answer; the credits are given once."""
    ann = await customer(50)
    till.mood = lambda call: "lost" if call == 1 else "paid"
    assert await look(ctx) == ["unknown"]
    await billing.apply(ctx, "stripe", list(till.taken.values()), test=True)
    await later(ctx)
    assert await look(ctx) == ["bought"]
    assert await available(ctx, ann) == 550


async def test_p4_so_many_a_month(ctx: Context, till: Till, customer: Customer) -> None:
    """P4: the cap is per calendar month in UTC, by the account's clock; the app is told once a month."""
    await endpoints.create_endpoint(ctx, WHO, url="https://app.example/hook")
    name = await customer(0, set_it=False)
    await accounts.put_account(ctx, WHO, name, clock=datetime(2099, 1, 31, 23, 59, tzinfo=UTC))
    await auto_topup.put_auto_topup(ctx, WHO, name, pack="small", below=500, most_per_month=2)
    for _ in range(2):
        assert await look(ctx) == ["bought"]
        await spend(ctx, name, 500)
    for _ in range(2):
        await later(ctx)
        assert await look(ctx) == []
        await wallets.charge(ctx, WHO, name, amount=0)
    assert await told(ctx) == ["auto_topup.capped"]
    await accounts.move_clock(ctx, WHO, name, datetime(2099, 2, 1, tzinfo=UTC))
    await wallets.charge(ctx, WHO, name, amount=0)
    assert await look(ctx) == ["bought"]
    assert ((await state(ctx, name)).bought_this_month, len(till.taken)) == (1, 3)


async def test_p4_ended_while_buying(ctx: Context, till: Till, customer: Customer) -> None:
    """P4: what is under way is seen through when it is ended, and then it is gone; set again meanwhile, no
    second purchase is begun beside the first."""
    ann, bob = await customer(50), await customer(50)
    till.mood = lambda call: "lost" if call <= 2 else "paid"
    assert await look(ctx) == ["unknown"] * 2
    for name in (ann, bob):
        await auto_topup.remove_auto_topup(ctx, WHO, name)
        with pytest.raises(NotFound):
            await state(ctx, name)
    await auto_topup.put_auto_topup(ctx, WHO, bob, pack="small", below=90, most_per_month=5)
    await later(ctx)
    assert await look(ctx) == ["bought"] * 2
    assert len(till.taken) == 2
    with pytest.raises(NotFound):
        await state(ctx, ann)
    assert (await state(ctx, bob)).below == 90
    await spend(ctx, ann, 540)
    assert await look(ctx) == []


async def test_what_makes_no_sense_is_refused(ctx: Context, customer: Customer) -> None:
    """A pack that isn't there or too small, numbers out of range, no card on file."""
    ann = await customer(set_it=False)
    for pack, below, most, pointer in [
        ("huge", 10, 1, "/pack"),
        ("small", 501, 1, "/below"),
        ("small", 0, 1, "/below"),
        ("small", 10, 0, "/most_per_month"),
        ("small", 10, 1001, "/most_per_month"),
    ]:
        with pytest.raises(Invalid) as refused:
            await auto_topup.put_auto_topup(ctx, WHO, ann, pack=pack, below=below, most_per_month=most)
        assert refused.value.fields["errors"][0]["pointer"] == pointer
    with pytest.raises(Conflict, match="no card on file"):
        await auto_topup.put_auto_topup(ctx, WHO, ann, pack="elsewhere", below=10, most_per_month=1)
    await accounts.put_account(ctx, WHO, "stranger")
    with pytest.raises(Conflict, match="no card on file"):
        await auto_topup.put_auto_topup(ctx, WHO, "stranger", pack="small", below=10, most_per_month=1)
    for call in (auto_topup.get_auto_topup, auto_topup.remove_auto_topup):
        with pytest.raises(NotFound):
            await call(ctx, WHO, "stranger")
