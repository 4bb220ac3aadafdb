"""S7: no interleaving of concurrent requests, retries, crashes or clock changes spends a credit twice,
takes a bucket below zero, or loses a charge that was acknowledged."""

import asyncio
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from coinpurse.app import wallets
from coinpurse.app.context import Context, fingerprint
from coinpurse.domain.credits import Charge
from coinpurse.domain.errors import CoinpurseError, InsufficientCredits
from coinpurse.store import db
from coinpurse.store.checks import go_through
from rules import rivals
from rules.conftest import NewLife
from rules.life import Life

pytestmark = pytest.mark.asyncio(loop_scope="module")


def apart(ctx: Context, count: int) -> list[Context]:
    """Contexts that share no queue: their charges meet only in the database, as those of several processes
    do."""
    return [replace(ctx) for _ in range(count)]


def tally(outcomes: list[Any]) -> Counter[str]:
    """How many of each outcome: done, or a refusal's code. Anything else is an error."""
    return Counter("done" if isinstance(o, Charge) else code_of(o) for o in outcomes)


def code_of(outcome: Any) -> str:
    """The code of a refusal; other exceptions are raised."""
    if not isinstance(outcome, CoinpurseError):
        raise outcome
    return outcome.code


@pytest.mark.parametrize("contexts", [1, 4, 20])
async def test_s7_twenty_charges_of_75_on_500(born: NewLife, contexts: int) -> None:
    """Exactly six are granted, through one queue or through many, and 50 credits are left."""
    life = await born()
    await life.topup(500)
    through = [life.through(ctx) for ctx in apart(life.ctx, contexts)]
    outcomes = await asyncio.gather(
        *(through[n % contexts].charge(75) for n in range(20)), return_exceptions=True
    )
    assert tally(outcomes) == {"done": 6, "insufficient_credits": 14}
    assert (await life.balance()).available == 50
    assert (await life.charge(50)).balance.available == 0


async def test_s7_twenty_charges_of_75_on_500_from_four_processes(
    born: NewLife, module_database_url: str
) -> None:
    """Four operating system processes together are granted exactly six."""
    life = await born()
    await life.topup(500)
    jobs = [{"account": life.name, "amount": 75, "keys": [None] * 5} for _ in range(4)]
    answers = [one for answer in await rivals.race(module_database_url, jobs) for one in answer]
    assert Counter(type(one).__name__ for one in answers) == {"list": 6, "str": 14}
    assert {one for one in answers if isinstance(one, str)} == {"insufficient_credits"}
    assert len({one[0] for one in answers if isinstance(one, list)}) == 6
    assert (await life.balance()).available == 50
    assert (await life.charge(50)).balance.available == 0


async def test_s7_a_killed_process_loses_no_acknowledged_charge(
    born: NewLife, module_database_url: str
) -> None:
    """A process is killed while it charges. What it had acknowledged is there; the charge in flight happened
    once or not at all, and its retry settles which."""
    life = await born()
    await life.topup(10_000)
    job = {"account": life.name, "amount": 1, "endless": "crash"}
    process = await rivals.start(module_database_url, job)
    rivals.go(process)
    for _ in range(25):
        await rivals.told(process)
    process.kill()
    assert process.stdout
    rest = (await process.stdout.read()).splitlines()
    await process.wait()
    acknowledged = 25 + sum(line.endswith(b'"') for line in rest)
    retried = [await life.charge(1, key=f"crash-{n}") for n in range(acknowledged + 1)]
    assert all(made.replayed for made in retried[:-1])
    assert len({made.id for made in retried}) == acknowledged + 1
    assert (await life.balance()).available == 10_000 - acknowledged - 1


async def test_s7_overlapping_batches_in_opposite_orders(
    born: NewLife, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches that name the same accounts forwards and backwards never wait for each other in a ring: with
    repetition switched off, no deadlock surfaces, and every charge is made once."""
    monkeypatch.setattr(db, "TRANSIENT", set())
    lives = [await born() for _ in range(12)]
    for life in lives:
        await life.topup(1000)
    ctx, who = lives[0].ctx, lives[0].who
    forwards = [wallets.ChargeRequest(life.name, 1) for life in lives for _ in range(3)]

    async def batches(context: Context, seed: int) -> None:
        order = forwards[::-1] if seed % 2 else forwards[:]
        if seed > 3:
            random.Random(seed).shuffle(order)
        for _ in range(8):
            answers = await wallets.charge_batch(context, who, order)
            assert tally(list(answers)) == {"done": len(order)}

    await asyncio.gather(*(batches(context, seed) for seed, context in enumerate(apart(ctx, 6))))
    assert [(await life.balance()).available for life in lives] == [1000 - 6 * 8 * 3] * len(lives)


async def test_s7_a_batch_waits_for_a_rival_and_then_sees_its_work(born: NewLife) -> None:
    """A charge that is really blocked behind a rival's uncommitted one decides by what the rival left."""
    life = await born()
    await life.topup(100)
    digest = await life.ctx.directory.account(life.name, True)
    async with life.ctx.db._pool.connection() as rival, rival.transaction():
        await rival.execute(
            "SELECT coinpurse.charge(%s, gen_random_uuid(), %s, 70, NULL, NULL, NULL, 'rival')",
            [digest, fingerprint("charge", 70, None, None, None)],
        )
        waiting = [
            asyncio.create_task(life.through(ctx).charge(amount))
            for ctx, amount in zip(apart(life.ctx, 2), (40, 30), strict=True)
        ]
        await blocked(life.ctx, 2)
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(o).__name__ for o in outcomes] == ["InsufficientCredits", "Charge"]
    assert (await life.balance()).available == 0


async def blocked(ctx: Context, count: int) -> None:
    """Waits until so many connections of this database wait for a lock."""
    for _ in range(500):
        found = await ctx.db.rows(
            "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        if len(found) == count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{count} connections were to be blocked, and {len(found)} are")


async def test_s7_everything_at_once(born: NewLife) -> None:
    """Charges, holds, captures, releases, reversals and top-ups from four sides at once: whatever the
    order, the books add up (the audit at the test's end) and nothing that was acknowledged is missing."""
    life = await born()
    await life.subscribe("starter")
    await life.topup(300)
    sides = [life.through(ctx) for ctx in apart(life.ctx, 4)]
    spent = sum(await asyncio.gather(*(_work(side, seed) for seed, side in enumerate(sides))))
    now = await life.balance()
    assert now.held == 0
    assert now.available == 1300 + 4 * 50 - spent


async def _work(life: Life, seed: int) -> int:
    """A side's random doings; how many credits it has spent for good."""
    chance = random.Random(seed)
    spent = 0
    await life.topup(50)
    for _ in range(12):
        amount = chance.randint(0, 40)
        try:
            match chance.choice(["charge", "reverse", "capture", "release"]):
                case "charge":
                    spent += (await life.charge(amount)).amount
                case "reverse":
                    made = await life.charge(amount + 1)
                    back = await life.reverse(made, chance.randint(1, made.amount))
                    spent += made.amount - back.amount
                case "capture":
                    hold = await life.hold(amount + 1)
                    part = chance.randint(0, hold.amount)
                    await life.capture(hold, part)
                    spent += part
                case "release":
                    await life.release(await life.hold(amount + 1))
        except InsufficientCredits:
            pass
    return spent


async def test_s7_one_hold_has_one_end(born: NewLife) -> None:
    """Eight captures and eight releases of one hold race: one end wins, those who asked for it agree, the
    others are refused."""
    life = await born()
    await life.topup(100)
    hold = await life.hold(60)
    sides = [life.through(ctx) for ctx in apart(life.ctx, 8)]
    outcomes = await asyncio.gather(
        *(end for side in sides for end in (side.capture(hold, 25), side.release(hold))),
        return_exceptions=True,
    )
    captured = [o for o in outcomes[::2] if not isinstance(o, BaseException)]
    released = [o for o in outcomes[1::2] if not isinstance(o, BaseException)]
    assert (len(captured), len(released)) in [(8, 0), (0, 8)]
    assert {code_of(o) for o in outcomes if isinstance(o, BaseException)} == {"hold_closed"}
    winners: list[Any] = captured or released
    assert sum(not winner.replayed for winner in winners) == 1
    assert (await life.balance()).available == (75 if captured else 100)


async def test_s7_a_clock_that_was_ahead_never_turns_the_ledger_back(born: NewLife) -> None:
    """The database's clock was an hour ahead and was set right: charges go on, and none is dated before the
    latest act."""
    life = await born(None)
    await life.topup(100)
    await life.ctx.db.rows(
        "UPDATE coinpurse.wallets w SET at = clock_timestamp() + interval '1 hour' FROM coinpurse.accounts a "
        "WHERE a.account = w.account AND a.id = %s RETURNING w.act",
        [life.name],
    )
    first, held, second = await life.charge(1), await life.hold(1, expires_in=60), await life.charge(1)
    assert first.created_at <= held.created_at <= second.created_at
    assert held.expires_at == held.created_at + timedelta(seconds=60)
    assert (await life.look_at(held)).status == "held"
    assert (await life.balance()).as_of >= second.created_at


@pytest.mark.slow
async def test_s7_something_falls_due_in_the_middle_of_a_batch(
    born: NewLife, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A promotion expires between the first and the last of a thousand charges of one call (aimed at, a few
    times): each charge that was answered is in the wallet and in the ledger."""
    monkeypatch.setattr(db, "TRANSIENT", set())
    life = await born(None)
    await life.topup(1_000_000)
    asked = [wallets.ChargeRequest(life.name, 1) for _ in range(1000)]
    middle = timedelta()
    for attempt in range(6):
        if middle:
            promo = await life.give("promo", 1, datetime.now(UTC) + timedelta(seconds=0.3))
            assert promo.expires_at
            await until(promo.expires_at - middle)
        begun = datetime.now(UTC)
        answers = await wallets.charge_batch(life.ctx, life.who, asked)
        made = [answer.created_at for answer in answers if isinstance(answer, Charge)]
        assert len(made) == 1000
        if attempt == 0:
            middle = made[500] - begun
    assert 0 <= (await life.balance()).available - (1_000_000 - 6000) <= 5
    assert (await go_through(life.ctx.db)).problems == []


async def until(at: datetime) -> None:
    """Really waits, to within a fraction of a millisecond."""
    await asyncio.sleep((at - datetime.now(UTC)).total_seconds() - 0.002)
    while datetime.now(UTC) < at:
        pass
