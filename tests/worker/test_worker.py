"""The worker: what fell due is written down without anybody looking."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from coinpurse import worker
from coinpurse.app import accounts, subscriptions, upkeep
from coinpurse.app.context import Context, Who
from coinpurse.domain.errors import Unavailable
from coinpurse.domain.ids import account_digest
from coinpurse.settings import Settings
from coinpurse.wiring import open_context

WHO = Who("test")
DUE = "SELECT account FROM coinpurse.wallets WHERE due_at <= clock_timestamp()"
SPOILT = f"""
    CREATE FUNCTION coinpurse.refuse() RETURNS trigger LANGUAGE plpgsql AS
      $$BEGIN RAISE EXCEPTION 'spoilt'; END$$;
    CREATE TRIGGER spoilt BEFORE INSERT ON coinpurse.grants FOR EACH ROW
      WHEN (NEW.account = '{account_digest("broken", False)}') EXECUTE FUNCTION coinpurse.refuse()"""
ACTS = "SELECT count(*) AS n FROM coinpurse.acts WHERE kind = 'renew'"


@pytest.fixture
async def ctx(database_url: str) -> AsyncIterator[Context]:
    """An open context."""
    async with open_context(replace(Settings.from_env({}), database_url=database_url)) as ctx:
        yield ctx


async def test_writes_down_what_fell_due(ctx: Context) -> None:
    """T4: a period that ends while nobody looks is in the ledger a moment later."""
    await accounts.put_account(ctx, WHO, "ann")
    soon = datetime.now(UTC) + timedelta(seconds=0.5)
    await subscriptions.subscribe(ctx, WHO, "ann", plan="starter", starts_at=soon)
    async with worker.running(ctx), asyncio.timeout(10):
        while (await ctx.db.rows(ACTS))[0]["n"] == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_t4_an_account_with_a_fault_stops_no_other(ctx: Context) -> None:
    """What falls due longest ago, and can't be carried out, is left for somebody to look at."""
    soon = datetime.now(UTC) + timedelta(seconds=1)
    for late, name in enumerate(("broken", "ann", "ben")):
        await accounts.put_account(ctx, WHO, name)
        starts = soon + timedelta(microseconds=late)
        await subscriptions.subscribe(ctx, WHO, name, plan="starter", starts_at=starts)
    await ctx.db.work(lambda conn: conn.execute(SPOILT))
    await asyncio.sleep((soon - datetime.now(UTC)).total_seconds() + 0.1)
    assert await upkeep.sweep(ctx) == 2
    assert [row["account"] for row in await ctx.db.rows(DUE)] == [account_digest("broken", False)]


async def test_survives_failures(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that fails for a while slows the worker down and doesn't end it."""
    calls: list[float] = []

    async def sweep(ctx: Context, limit: int) -> int:
        calls.append(asyncio.get_running_loop().time())
        raise Unavailable("away")

    monkeypatch.setattr(upkeep, "sweep", sweep)
    monkeypatch.setattr(worker, "INTERVAL", 0.01)
    async with worker.running(ctx):
        await asyncio.sleep(0.3)
    pauses = [after - before for before, after in pairwise(calls)]
    assert len(pauses) >= 3
    assert pauses == sorted(pauses)


async def test_a_full_batch_is_followed_at_once(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a full batch there is more to do, so the worker doesn't wait."""
    batches = [worker.BATCH] * 5 + [0]

    async def sweep(ctx: Context, limit: int) -> int:
        return batches.pop(0) if batches else 0

    monkeypatch.setattr(upkeep, "sweep", sweep)
    async with worker.running(ctx):
        await asyncio.sleep(0.2)
    assert batches == []


async def test_stops_at_once(ctx: Context) -> None:
    """A worker that waits is stopped without waiting for its interval to end."""
    started = asyncio.get_running_loop().time()
    async with worker.running(ctx):
        await asyncio.sleep(0.1)
    assert asyncio.get_running_loop().time() - started < 0.9
