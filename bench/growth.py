"""What a charge and a read cost as accounts and history grow. See README.md."""

import argparse
import asyncio
import random
import tempfile
import time
from pathlib import Path

import uvloop
from clones import clone
from measure import callers
from ours import WHO, Library
from processes import Meter

from coinpurse.app import wallets
from coinpurse.app.context import Context
from coinpurse.app.wallets import ChargeRequest
from coinpurse.settings import DEFAULT_CATALOG, Settings
from coinpurse.wiring import open_context

SIZE = """
    SELECT pg_database_size(current_database()) AS disk, pg_current_wal_lsn() - '0/0'::pg_lsn AS wal,
           (SELECT count(*) FROM coinpurse.accounts) AS accounts,
           (SELECT sum(reltuples)::bigint FROM pg_class WHERE relname = 'acts') AS acts"""


async def main() -> None:
    """Fills a database step by step, and measures at each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", default="10000,100000", help="numbers of accounts to measure at")
    parser.add_argument("--history", type=int, default=10, help="charges of each account by then")
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    sizes = f"{'accounts':>10}{'acts':>12}{'disk':>9}{'what':>26}"
    print(f"{sizes}{'per second':>12}{'p50 ms':>8}{'p99 ms':>8}{'SQL µs':>8}{'WAL B':>8}")
    with tempfile.TemporaryDirectory() as home:
        async with open_context(Settings(None, Path(home), DEFAULT_CATALOG)) as ctx:
            library = Library(ctx, ["template"])
            await library.prepare()
            asked = [ChargeRequest("template", 4) for _ in range(options.history)]
            await wallets.charge_batch(ctx, WHO, asked)
            meter, there = await Meter.on(ctx), 0
            for accounts in map(int, options.steps.split(",")):
                await asyncio.to_thread(clone, ctx.db.conninfo, "template", there, accounts - 1)
                there = accounts
                await _measure(ctx, meter, accounts, options.seconds)


async def _measure(ctx: Context, meter: Meter, accounts: int, seconds: float) -> None:
    async def single(hot: bool) -> int:
        await wallets.charge(ctx, WHO, _one_of(accounts), amount=4)
        return 1

    async def batch(hot: bool) -> int:
        await wallets.charge_batch(ctx, WHO, [ChargeRequest(_one_of(accounts), 4) for _ in range(1_000)])
        return 1_000

    async def balance(hot: bool) -> int:
        await wallets.balance(ctx, WHO, _one_of(accounts))
        return 1

    whos = callers("single, 64 callers", single, 64), callers("batch of 1,000", batch, 1)
    for who in (*whos, callers("balance, 64 callers", balance, 64)):
        (before,), used = await ctx.db.rows(SIZE), meter.read()
        began = time.perf_counter()
        run = await who.run(False, seconds)
        spent = time.perf_counter() - began
        sql = meter.read().since(used)[1] / run.made * 1e6
        (after,) = await ctx.db.rows(SIZE)
        took = sorted(run.took)
        row = f"{after['accounts']:10,}{after['acts']:12,}{after['disk'] / 1e6:7,.0f}MB{who.name:>26}"
        late = "".join(f"{took[int(len(took) * share)] * 1000:8.1f}" for share in (0.5, 0.99))
        wal = int(after["wal"] - before["wal"]) / run.made
        print(f"{row}{run.made / spent:12,.0f}{late}{sql:8.0f}{wal:8,.0f}", flush=True)


def _one_of(accounts: int) -> str:
    return f"clone_{random.randrange(accounts)}"


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
