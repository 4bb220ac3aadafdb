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
from coinpurse.settings import Settings
from coinpurse.wiring import open_context

WHO = Who("test")
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
