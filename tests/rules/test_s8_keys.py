"""S8: an idempotency key makes a retry safe."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, LiteralString
from uuid import UUID

import pytest

from coinpurse.app import accounts, subscriptions, upkeep, wallets
from coinpurse.app.context import Context, Who
from coinpurse.domain.credits import Charge
from coinpurse.domain.errors import IdempotencyConflict, InsufficientCredits, Invalid
from coinpurse.domain.ids import key_digest
from coinpurse.store.db import Database
from coinpurse.wiring import open_context
from rules import rivals
from rules.conftest import NewLife, settings
from rules.life import Life, instant, run
from rules.test_s7_concurrency import apart, blocked

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_s8_a_retry_gives_the_first_answer_again(born: NewLife) -> None:
    """Same key and same request: the same charge with the same balance, marked as a replay; nothing is spent,
    even after other things have happened."""
    life = await born()
    await life.subscribe("starter")
    await life.topup(500)
    first = await life.charge(1200, key="job-1", member="ann", metadata={"n": 1})
    await life.charge(100)
    acts = await life.acts()
    again = await life.charge(1200, key="job-1", member="ann", metadata={"n": 1})
    assert (first.replayed, again.replayed) == (False, True)
    assert replace(again, replayed=False) == first
    assert await life.acts() == acts
    assert await life.buckets() == (0, 200)


async def test_s8_the_same_key_for_another_request_is_a_conflict(born: NewLife) -> None:
    """Another amount, operation, quantity, member or metadata, or another kind of act, is another request;
    it is refused and nothing happens."""
    life = await born()
    await life.topup(500)
    made = await life.charge(operation="image.generate", quantity=2, key="k")
    acts = await life.acts()
    others: list[Callable[[], Awaitable[Any]]] = [
        lambda: life.charge(8, key="k"),
        lambda: life.charge(operation="image.generate", quantity=3, key="k"),
        lambda: life.charge(operation="video.second", key="k"),
        lambda: life.charge(operation="image.generate", quantity=2, member="ann", key="k"),
        lambda: life.charge(operation="image.generate", quantity=2, metadata={"a": 1}, key="k"),
        lambda: life.hold(operation="image.generate", quantity=2, key="k"),
        lambda: life.give("addon", 8, key="k"),
        lambda: life.reverse(made, 8, key="k"),
        lambda: life.revoke(made.taken[0].grant, 8, key="k"),
        lambda: life.subscribe("starter", key="k"),
    ]
    for other in others:
        with pytest.raises(IdempotencyConflict):
            await other()
    assert await life.acts() == acts


async def test_s8_a_refused_charge_does_not_use_up_its_key(born: NewLife) -> None:
    """Refused for want of credits; after a top-up the same key succeeds, once."""
    life = await born()
    await life.topup(10)
    for _ in range(2):
        with pytest.raises(InsufficientCredits):
            await life.charge(30, key="job")
    await life.topup(30)
    assert (await life.charge(30, key="job")).replayed is False
    assert (await life.charge(30, key="job")).replayed is True
    assert (await life.balance()).available == 10


async def test_s8_a_refused_request_leaves_no_trace_of_its_key(born: NewLife) -> None:
    """After a refusal even another request may use the key."""
    life = await born()
    await life.topup(10)
    with pytest.raises(InsufficientCredits):
        await life.charge(30, key="job")
    with pytest.raises(InsufficientCredits):
        await life.hold(30, key="job")
    assert (await life.charge(10, key="job")).replayed is False


async def test_s8_a_key_belongs_to_its_account(born: NewLife) -> None:
    """Two accounts may use one key."""
    one, other = await born(), await born()
    for life in (one, other):
        await life.topup(10)
        assert (await life.charge(3, key="shared")).replayed is False
        assert (await life.balance()).available == 7


async def test_s8_every_act_can_be_repeated(born: NewLife) -> None:
    """Holds, captures, releases, reversals, grants, revocations and all acts on subscriptions answer a
    retry with the first answer."""
    life = await born()
    given = await life.give("promo", 100, "2026-06-01", key="give")
    await life.subscribe("starter", key="subscribe")
    hold, other = await life.hold(50, expires_in=60, key="hold"), await life.hold(20)
    made = await life.charge(100, key="charge")
    acts: dict[str, Callable[[], Awaitable[Any]]] = {
        "give": lambda: life.give("promo", 100, "2026-06-01", key="give"),
        "hold": lambda: life.hold(50, expires_in=60, key="hold"),
        "capture": lambda: life.capture(hold, 30, key="capture"),
        "release": lambda: life.release(other, key="release"),
        "reverse": lambda: life.reverse(made, 40, reason="bad", key="reverse"),
        "revoke": lambda: life.revoke(given.id, 5, key="revoke"),
        "subscribe": lambda: life.subscribe("starter", key="subscribe"),
    }
    first = {name: await act() for name, act in acts.items()}
    sub = first["subscribe"].subscription.id
    more: dict[str, Callable[[], Awaitable[Any]]] = {
        "pay": lambda: _on(life, "pay", sub),
        "change": lambda: _on(life, "change", sub, plan="studio"),
        "pause": lambda: _on(life, "pause", sub),
        "resume": lambda: _on(life, "resume", sub),
        "cancel": lambda: _on(life, "cancel", sub),
    }
    first |= {name: await act() for name, act in more.items()}
    count = await life.acts()
    for name, act in {**acts, **more}.items():
        again = await act()
        assert again.replayed, name
        assert replace(again, replayed=False) == replace(first[name], replayed=False), name
    assert await life.acts() == count


async def _on(life: Life, verb: str, sub: str, **more: Any) -> Any:
    return await getattr(subscriptions, verb)(life.ctx, life.who, sub, key=verb, **more)


async def test_s8_keys_have_a_length(born: NewLife) -> None:
    """A key has 1 to 255 characters."""
    life = await born()
    await life.topup(10)
    for key in ("", "k" * 256):
        with pytest.raises(Invalid):
            await life.charge(1, key=key)
    assert (await life.charge(1, key="ü" * 255)).replayed is False
    assert (await life.charge(1, key="ü" * 255)).replayed is True


@pytest.mark.parametrize("contexts", [1, 8])
async def test_s8_the_same_key_from_eight_tasks_at_once(born: NewLife, contexts: int) -> None:
    """One of them charges, the others are told the same."""
    life = await born()
    await life.topup(100)
    sides = [life.through(ctx) for ctx in apart(life.ctx, contexts)] * (8 // contexts)
    made = await asyncio.gather(*(side.charge(30, key="once") for side in sides))
    assert len({one.id for one in made}) == 1
    assert sum(not one.replayed for one in made) == 1
    assert (await life.balance()).available == 70


async def test_s8_the_same_key_from_two_processes(born: NewLife, module_database_url: str) -> None:
    """Two processes race with the same ten keys: each key is charged once, and both know it as the same
    charge."""
    life = await born()
    await life.topup(100)
    keys = [f"race-{n}" for n in range(10)]
    jobs = [{"account": life.name, "amount": 7, "keys": order} for order in (keys, keys[::-1])]
    one, other = await rivals.race(module_database_url, jobs)
    for mine, yours in zip(one, other[::-1], strict=True):
        assert mine[0] == yours[0]
        assert sorted([mine[1], yours[1]]) == [False, True]
    assert (await life.balance()).available == 30


async def test_s8_one_key_for_two_requests_at_once(born: NewLife) -> None:
    """Two different requests race with one key: one is charged, the other is a conflict."""
    life = await born()
    await life.topup(100)
    sides = [life.through(ctx) for ctx in apart(life.ctx, 2)]
    outcomes = await asyncio.gather(
        *(side.charge(amount, key="one") for side, amount in zip(sides, (10, 20), strict=True)),
        return_exceptions=True,
    )
    assert sorted(type(o).__name__ for o in outcomes) == ["Charge", "IdempotencyConflict"]
    assert (await life.balance()).available in (80, 90)


async def test_s8_in_a_batch_a_key_counts_once(born: NewLife) -> None:
    """Of two charges with one key in one batch the second is a replay, or a conflict if it asks for something
    else."""
    life = await born()
    await life.topup(100)
    asked = [wallets.ChargeRequest(life.name, amount, key="k") for amount in (10, 10, 11)]
    first, again, other = await wallets.charge_batch(life.ctx, life.who, asked)
    assert (getattr(first, "replayed", None), getattr(again, "replayed", None)) == (False, True)
    assert isinstance(other, IdempotencyConflict)
    assert (await life.balance()).available == 90


async def test_s8_a_repeated_batch_asks_the_database_twice(
    born: NewLife, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch whose answer was lost is repeated just when the database has enough to do: all its first
    answers are read in one call, not each in one of its own."""
    life = await born()
    await life.topup(500)
    asked = [wallets.ChargeRequest(life.name, amount=n % 10, key=f"again-{n}") for n in range(40)]
    first = await wallets.charge_batch(life.ctx, life.who, asked)
    calls: list[str] = []
    for name in ("call", "tuples", "rows"):
        usual = getattr(life.ctx.db, name)
        monkeypatch.setattr(life.ctx.db, name, _counted(usual, calls))
    again = await wallets.charge_batch(life.ctx, life.who, asked)
    assert len(calls) <= 3
    assert all(isinstance(one, Charge) and one.replayed for one in again)
    assert [one.id for one in first if isinstance(one, Charge)] == [
        one.id for one in again if isinstance(one, Charge)
    ]


def _counted(usual: Any, calls: list[str]) -> Any:
    async def call(what: str, *rest: Any, **more: Any) -> Any:
        calls.append(what)
        return await usual(what, *rest, **more)

    return call


async def test_s8_in_a_batch_a_refused_charge_does_not_use_up_its_key(born: NewLife) -> None:
    """The first of two charges with one key can't be paid, so the second, a different one that can be paid,
    is made: the same as if they had come one after the other."""
    life = await born()
    await life.topup(100)
    asked = [wallets.ChargeRequest(life.name, amount, key="k") for amount in (200, 10)]
    answers = await wallets.charge_batch(life.ctx, life.who, asked)
    assert [getattr(answer, "code", "done") for answer in answers] == ["insufficient_credits", "done"]
    assert (await life.balance()).available == 90


async def test_s8_one_key_for_two_captures_at_once(born: NewLife) -> None:
    """Two holds are captured at the same time with one key: one capture is made, the other is a conflict,
    and a third, with a key of its own, is not disturbed."""
    life = await born()
    await life.topup(100)
    holds = [await life.hold(10) for _ in range(3)]
    assert (
        await life.look_at(holds[0])
    ).status == "held"  # the account is known now: the captures travel together
    outcomes = await asyncio.gather(
        *(life.capture(hold, key=key) for hold, key in zip(holds, ("k", "k", "own"), strict=True)),
        return_exceptions=True,
    )
    assert sorted(type(o).__name__ for o in outcomes[:2]) == ["Hold", "IdempotencyConflict"]
    assert getattr(outcomes[2], "status", outcomes[2]) == "captured"
    assert (await life.balance()).held == 10


async def test_s8_one_key_for_a_charge_and_a_hold_at_once(born: NewLife) -> None:
    """The one that comes first is made, the other is a conflict."""
    life = await born()
    await life.topup(100)
    outcomes = await asyncio.gather(life.charge(10, key="k"), life.hold(10, key="k"), return_exceptions=True)
    assert sorted(type(o).__name__ for o in outcomes) in (
        ["Charge", "IdempotencyConflict"],
        ["Hold", "IdempotencyConflict"],
    )
    assert (await life.balance()).available == 90


#: The keys' tables turn when a connection's setting says so.
TURNS_AS_TOLD: LiteralString = """
    CREATE OR REPLACE FUNCTION coinpurse.key_slot(p_now timestamptz) RETURNS int LANGUAGE sql STABLE AS $$
      SELECT (extract(epoch FROM p_now) >= current_setting('test.turn')::numeric)::int $$"""


async def slot_now(life: Life) -> int:
    rows = await life.ctx.db.rows("SELECT coinpurse.key_slot(clock_timestamp()) AS slot")
    return int(rows[0]["slot"])


async def age(life: Life, slots: int) -> None:
    """Makes the account's keys look as if they had been used so many turns of 35 days ago."""
    await life.ctx.db.rows(
        "UPDATE coinpurse.keys k SET slot = (coinpurse.key_slot(clock_timestamp()) - %s + 6) %% 3 "
        "FROM coinpurse.accounts a WHERE a.account = k.account AND a.id = %s RETURNING 1",
        [slots, life.name],
    )


async def test_s8_the_turns_of_the_keys_tables(purse: Context) -> None:
    """The tables turn every 35 days, to the microsecond: from any instant the next turn is running 35 days
    later, and the next but one not before."""
    rows = await purse.db.rows(
        "SELECT coinpurse.key_slot(at) AS used, coinpurse.key_slot(at + interval '35 days') AS later, "
        "coinpurse.key_slot(at + interval '35 days' - interval '1 microsecond') AS just_before "
        "FROM generate_series(20300, 20510) AS day, "
        "(VALUES (-500001), (-500000), (-1), (0), (1), (499999)) AS v(us), "
        "LATERAL (SELECT to_timestamp(day * 86400) + us * interval '1 microsecond' AS at) AS t"
    )
    assert {(row["later"] - row["used"]) % 3 for row in rows} == {1}
    assert {(row["just_before"] - row["used"]) % 3 for row in rows} == {0, 1}


@pytest.mark.parametrize("turns", [0, 1])
async def test_s8_a_key_is_remembered_in_its_turn_and_the_next(born: NewLife, turns: int) -> None:
    """For at least 35 days: a key of this turn or of the last one is a replay for a charge and a hold, and a
    conflict for another request, also after the upkeep."""
    life = await born()
    await life.topup(100)
    made, hold = await life.charge(10, key="charge"), await life.hold(10, key="hold")
    back = await life.reverse(made, 5, key="back")
    await age(life, turns)
    await upkeep.forget_keys(life.ctx)
    assert (await life.reverse(made, 5, key="back")).id == back.id
    assert (await life.charge(10, key="charge")).id == made.id
    assert (await life.hold(10, key="hold")).id == hold.id
    with pytest.raises(IdempotencyConflict):
        await life.charge(11, key="charge")
    with pytest.raises(IdempotencyConflict):
        await life.hold(11, key="hold")


async def test_s8_older_keys_may_be_forgotten(born: NewLife) -> None:
    """A key of the turn before the last is a new one, and the upkeep empties exactly that table."""
    life = await born()
    await life.topup(100)
    await life.charge(10, key="old")
    await age(life, 2)
    assert (await life.charge(10, key="old")).replayed is False
    kept = await life.charge(5, key="new")
    await upkeep.forget_keys(life.ctx)
    assert (await life.charge(5, key="new")).id == kept.id
    following = (await slot_now(life) + 1) % 3
    assert await life.ctx.db.rows("SELECT FROM coinpurse.keys WHERE slot = %s", [following]) == []


async def test_s8_keys_that_no_upkeep_has_cleared_do_no_harm(born: NewLife) -> None:
    """Where no worker runs, a key of 105 days ago lies in the table whose turn it is again. Used once more
    in the last turn (70 days later it was forgotten, so that charged anew), it is still a replay of that
    use."""
    life = await born()
    await life.topup(100)
    first = await life.charge(10, key="often")
    latest = await life.charge(10)
    await run(
        life.ctx,
        "INSERT INTO coinpurse.keys (account, slot, key, fingerprint, act) "
        "SELECT k.account, (k.slot + 2) %% 3, k.key, k.fingerprint, k.act + 1 FROM coinpurse.keys k "
        "JOIN coinpurse.accounts a USING (account) WHERE a.id = %s AND k.key = %s",
        life.name,
        UUID(bytes=key_digest("often")),
    )
    again = await life.charge(10, key="often")
    assert again.id == latest.id != first.id
    assert (await life.balance()).available == 80


async def test_s8_the_same_key_on_both_sides_of_a_turn(database_url: str) -> None:
    """Two requests with one key, one just before a turn of the tables and one just after, wait for the same
    account at the same time: the second sees what the first did, and is a replay."""
    async with open_context(settings(database_url)) as ctx:
        life = Life(ctx, "turning", Who("tests", True))
        await accounts.put_account(ctx, life.who, life.name, clock=instant("2026-01-15"))
        await life.topup(100)
        digest = await ctx.directory.account(life.name, True)
        await run(ctx, TURNS_AS_TOLD)
        now = datetime.now(UTC).timestamp()
        async with turning(ctx, now + 3600) as before, turning(ctx, now) as after:
            async with ctx.db._pool.connection() as rival, rival.transaction():
                await rival.execute("SELECT FROM coinpurse.wallets WHERE account = %s FOR UPDATE", [digest])
                first = asyncio.create_task(life.through(before).charge(30, key="once"))
                await blocked(ctx, 1)
                second = asyncio.create_task(life.through(after).charge(30, key="once"))
                await blocked(ctx, 2)
            made, again = await asyncio.gather(first, second)
        assert made.id == again.id
        assert (made.replayed, again.replayed) == (False, True)


@asynccontextmanager
async def turning(ctx: Context, at: float) -> AsyncIterator[Context]:
    """A context whose connections believe that the keys' tables turn at an instant (in seconds of the
    epoch)."""
    url = f"{ctx.db.conninfo}&options=-ctest.turn%3D{at}"
    async with Database(url, size=1) as own:
        yield replace(ctx, db=own)
