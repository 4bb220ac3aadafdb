"""What charges cost, as ratios that a busy machine leaves alone: processor time against processor time, in
one run. The bounds have twice the room of what was measured; what fails here has become dear."""

import asyncio
import hashlib
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

import msgspec
import pytest

from coinpurse.app import wallets
from coinpurse.app.context import Context
from coinpurse.app.wallets import ChargeRequest
from load.conftest import NAMES, WHO

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads the scheduler's figures in /proc"),
]
BACKENDS = (
    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database()"
)
Act = Callable[[], Awaitable[int]]


async def database_time(ctx: Context) -> dict[int, float]:
    """Seconds of the processor's time that each connection's process has used."""
    pids = [row["pid"] for row in await ctx.db.rows(BACKENDS)]
    return {pid: used(pid) for pid in pids}


def used(pid: int) -> float:
    """Seconds of the processor's time that a process has used."""
    return int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[0]) / 1e9


async def costs(ctx: Context, act: Act, times: int = 5) -> tuple[float, float]:
    """Python's and PostgreSQL's processor time for one charge, in seconds: medians."""
    await act()
    python, database = [], []
    for _ in range(times):
        before, began = await database_time(ctx), time.process_time()
        made = await act()
        python.append((time.process_time() - began) / made)
        after = await database_time(ctx)
        database.append(sum(now - before.get(pid, 0.0) for pid, now in after.items()) / made)
    return median(python), median(database)


def unit(times: int = 20_000) -> float:
    """The processor's time for a bit of ordinary Python: a hash, an identifier, and a line of JSON."""
    encode = msgspec.json.Encoder().encode
    began = time.process_time()
    for number in range(times):
        digest = hashlib.sha256(b"user_%d" % number).digest()
        encode({"id": uuid.UUID(bytes=digest[:16]).hex, "amount": number, "kind": "monthly"})
    return (time.process_time() - began) / times


async def test_a_batch_is_cheap_in_python(ctx: Context) -> None:
    """A charge in a batch takes no more of Python's time than sixteen hashes with their identifiers and JSON
    (it was four to eight, from machine to machine)."""

    async def batch() -> int:
        asked = [ChargeRequest(NAMES[n % 300], 1, key=str(uuid.uuid4())) for n in range(1_000)]
        return len(await wallets.charge_batch(ctx, WHO, asked))

    python, _ = await costs(ctx, batch)
    assert python / unit() < 16


async def test_a_hot_account_is_as_cheap_as_many(ctx: Context) -> None:
    """A batch on one account costs the database no more than one on many; and no more where four batches
    want it at once, than where one does (it was five times as much)."""

    def batches(names: list[str], at_once: int) -> Act:
        async def act() -> int:
            asked = [ChargeRequest(names[n % len(names)], 1) for n in range(1_000)]
            made = await asyncio.gather(*(wallets.charge_batch(ctx, WHO, asked) for _ in range(at_once)))
            return sum(len(one) for one in made)

        return act

    _, many = await costs(ctx, batches(NAMES, 1))
    _, hot = await costs(ctx, batches(NAMES[:1], 1))
    _, crowded = await costs(ctx, batches(NAMES[:1], 4))
    assert hot < 1.3 * many
    assert crowded < 2 * hot


async def test_those_who_come_together_share_the_call(ctx: Context) -> None:
    """Sixty-four callers at once cost the database for each charge a fifth of what one alone costs at most
    (it was a fifteenth)."""

    async def alone() -> int:
        for name in NAMES[:20]:
            await wallets.charge(ctx, WHO, name, amount=1)
        return 20

    async def together() -> int:
        await asyncio.gather(*(wallets.charge(ctx, WHO, NAMES[n % 300], amount=1) for n in range(64 * 5)))
        return 64 * 5

    _, one = await costs(ctx, alone)
    _, each = await costs(ctx, together)
    assert each < one / 5
