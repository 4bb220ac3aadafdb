"""What a charge, a read and a renewal cost as accounts and history grow. See README.md."""

import argparse
import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import uvloop
from clones import clone
from measure import callers
from ours import NAMED, WHO, Library, opened, renewing
from processes import Meter

from coinpurse.app import ledger, upkeep, wallets
from coinpurse.app.context import Context
from coinpurse.app.wallets import ChargeRequest

SIZE = """
    SELECT pg_database_size(current_database()) AS disk,
           (SELECT count(*) FROM coinpurse.accounts) AS accounts,
           (SELECT sum(reltuples)::bigint FROM pg_class WHERE relname = 'acts') AS acts"""
WAL = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn AS wal"
SERVER = "SELECT current_setting('max_wal_size') || ', shared_buffers ' || current_setting('shared_buffers')"
#: A second template's copies, which all renew at one instant, this many seconds after it was made.
RENEWING, LEAD = 20_000, 45.0


async def main() -> None:
    """Fills a database step by step, and measures at each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", default="10000,100000", help="numbers of accounts to measure at")
    parser.add_argument("--history", type=int, default=10, help="charges of each account by then")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--settle", type=float, default=60, help="seconds of charges after a checkpoint")
    options = parser.parse_args()
    async with opened(NAMED) as ctx:
        print("max_wal_size", *(await ctx.db.tuples(SERVER, []))[0])
        library, there = Library(ctx, ["template"]), 0
        await library.prepare()
        asked = [ChargeRequest("template", 4) for _ in range(options.history)]
        await wallets.charge_batch(ctx, WHO, asked)
        for accounts in map(int, options.steps.split(",")):
            await asyncio.to_thread(clone, ctx.db.conninfo, "template", there, accounts - 1)
            there = accounts
            await _soon_due(ctx, accounts)
            await _Step(ctx, await Meter.on(ctx), accounts).measure(options.seconds, options.settle)


async def _soon_due(ctx: Context, step: int) -> None:
    """Accounts whose month ends in a moment."""
    renews, name = datetime.now(UTC) + timedelta(seconds=LEAD), f"due_{step}"
    await renewing(ctx, name, renews)
    await asyncio.to_thread(clone, ctx.db.conninfo, name, 0, RENEWING - 1, name)
    await asyncio.sleep(max(0.0, (renews - datetime.now(UTC)).total_seconds()))


class _Step:
    """One size of the database."""

    def __init__(self, ctx: Context, meter: Meter, accounts: int) -> None:
        self._ctx, self._meter, self._accounts = ctx, meter, accounts

    async def measure(self, seconds: float, settle: float) -> None:
        """Prints a line for each thing that is done."""
        (size,) = await self._ctx.db.rows(SIZE)
        print(
            f"\n{size['accounts']:,} accounts, {size['acts']:,} acts, {size['disk'] / 1e6:,.0f} MB"
            f"\n{'':32}{'per second':>12}{'p50 ms':>8}{'p99 ms':>8}{'SQL µs':>8}{'WAL B':>8}",
            flush=True,
        )
        await self._say("batch, right after a checkpoint", self._batch, 1, seconds)
        await self._say(f"batch, the {settle:.0f} s after that", self._batch, 1, settle)
        await self._say("batch, from then on", self._batch, 1, seconds)
        await self._say("single, 64 callers", self._single, 64, seconds)
        await self._say("balance, 64 callers", self._balance, 64, seconds)
        await self._say("history's first page, 16 callers", self._history, 16, seconds)
        await self._say("renewals, a sweep", lambda: upkeep.sweep(self._ctx), 1, 3.0)

    async def _say(self, name: str, act: Callable[[], Awaitable[int]], clients: int, seconds: float) -> None:
        (before,), used = await self._ctx.db.tuples(WAL, []), self._meter.read()
        began = time.perf_counter()
        run = await callers(name, lambda hot: act(), clients).run(False, seconds)
        spent = time.perf_counter() - began
        sql = self._meter.read().since(used)[1] / run.made * 1e6
        (after,) = await self._ctx.db.tuples(WAL, [])
        took = sorted(run.took)
        late = "".join(f"{took[int(len(took) * share)] * 1000:8.1f}" for share in (0.5, 0.99))
        wal = int(after[0] - before[0]) / run.made
        print(f"{name:32}{run.made / spent:12,.0f}{late}{sql:8.0f}{wal:8,.0f}", flush=True)

    async def _single(self) -> int:
        await wallets.charge(self._ctx, WHO, self._somebody(), amount=4)
        return 1

    async def _batch(self) -> int:
        asked = [ChargeRequest(self._somebody(), 4) for _ in range(1_000)]
        await wallets.charge_batch(self._ctx, WHO, asked)
        return 1_000

    async def _balance(self) -> int:
        await wallets.balance(self._ctx, WHO, self._somebody())
        return 1

    async def _history(self) -> int:
        await ledger.entries(self._ctx, WHO, self._somebody())
        return 1

    def _somebody(self) -> str:
        return f"clone_{random.randrange(self._accounts)}"


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
