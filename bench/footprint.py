"""How big it is: the wheel, a server's memory and start, and what a charge writes. See README.md."""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median

import psutil
import uvloop
from http_load import load
from ours import NAMED, Library, api_key, opened, serving

from coinpurse.app.context import Context

ROOT = Path(__file__).parent.parent
BATCHES = 100
SIZES = """
    SELECT pg_current_wal_lsn() - '0/0'::pg_lsn AS log, pg_database_size(current_database()) AS disk,
           n_tup_upd AS updated, n_tup_hot_upd AS in_place
      FROM pg_stat_user_tables WHERE relid = 'coinpurse.wallets'::regclass"""


async def main() -> None:
    """Measures and prints one figure after another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=20, help="of charges over HTTP")
    options = parser.parse_args()
    users = [f"user_{number}" for number in range(options.accounts)]
    print(f"the wheel: {_wheel() / 1e6:.2f} MB")
    print(f"`coinpurse --version`: {median(_timed('--version') for _ in range(5)):.2f} s")
    async with opened(NAMED) as ctx:
        library, key = Library(ctx, users), await api_key(ctx)
        await library.prepare()
        await _server(ctx, key, users, options.seconds)
        await _writes(ctx, library)


def _wheel() -> int:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        return next(Path(folder).glob("*.whl")).stat().st_size


def _timed(*arguments: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "coinpurse", *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


async def _server(ctx: Context, key: str, users: list[str], seconds: float) -> None:
    starts = []
    for _ in range(3):
        began = time.perf_counter()
        with serving(ctx.db.conninfo, key, users) as server:
            await asyncio.to_thread(_ready, server.port)
            starts.append(time.perf_counter() - began)
    print(f"a server, from its start to its first answer: {median(starts):.2f} s")
    with serving(ctx.db.conninfo, key, users) as server:
        await asyncio.to_thread(_ready, server.port)
        before = psutil.Process(server.pid).memory_full_info().uss
        answered, _, _ = await load(server.port, lambda: server.charge(False), 64, seconds)
        after = psutil.Process(server.pid).memory_full_info().uss
    print(f"a server's own memory: {before / 1e6:.0f} MB; after {answered:,} charges {after / 1e6:.0f} MB")


def _ready(port: int) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready") as answer:
        answer.read()


async def _writes(ctx: Context, library: Library) -> None:
    for _ in range(BATCHES):  # what is written once after a checkpoint, is written by these
        await library.batch(False, 1_000)
    await asyncio.sleep(2)  # PostgreSQL counts a second late
    (before,) = await ctx.db.rows(SIZES)
    for _ in range(BATCHES):
        await library.batch(False, 1_000)
    await asyncio.sleep(2)
    (after,) = await ctx.db.rows(SIZES)
    made, more = BATCHES * 1_000, {name: float(after[name] - before[name]) for name in after}
    in_place = more["in_place"] / more["updated"]
    print(f"a charge in a batch: {more['log'] / made:,.0f} bytes of log, {more['disk'] / made:,.0f} of disk")
    print(f"wallets updated in place, without touching an index: {in_place:.1%}")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
