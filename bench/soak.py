"""Hours at four fifths of what a server can do: does anything grow that shouldn't? See README.md."""

import argparse
import asyncio
import random
import sys
import time
from dataclasses import dataclass
from statistics import median

import psutil
import uvloop
from http_load import Connection, Server, load
from ours import Library, api_key, opened, serving
from processes import family, used

from coinpurse.app.checks import verify
from coinpurse.app.context import Context

CONNECTIONS = 64
SHARE = 0.8
LIMIT_SECONDS = 60.0
TICK = 0.005
BACKENDS = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend'"
#: What may be more at the end than in the beginning: half of the latency, a tenth of the memory.
MORE_LATENCY, MORE_MEMORY = 1.5, 1.1


@dataclass
class Minute:
    """What one minute was like: latencies in milliseconds, from when a request was due; microseconds of the
    server's processor time for each; memory in MB."""

    answered: int
    p50: float
    p99: float
    cost: float
    memory: float
    backends: int


async def main() -> int:
    """Finds the limit, soaks, and says what has grown. 1 if something has, or the books are wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--accounts", type=int, default=2_000)
    options = parser.parse_args()
    users = [f"user_{number}" for number in range(options.accounts)]
    async with opened() as ctx:
        await Library(ctx, users).prepare()
        with serving(ctx.db.conninfo, await api_key(ctx), users) as server:
            minutes = await _soak(ctx, server, options.minutes)
        problems = await verify(ctx)
        print(f"the books: {problems or 'right'}")
    return _verdict(minutes) or bool(problems)


async def _soak(ctx: Context, server: Server, minutes: float) -> list[Minute]:
    limit = await _limit(server)
    print(f"the limit is {limit:,.0f} a second; soaking at {SHARE * limit:,.0f}", flush=True)
    print("minute  answered   p50 ms   p99 ms  µs each  memory MB  connections", flush=True)
    found = []
    for number in range(max(1, round(minutes))):
        before = _used(server)
        took = sorted(await _at_a_rate(server, SHARE * limit, min(60.0, minutes * 60)))
        one = Minute(
            answered=len(took),
            p50=took[len(took) // 2] * 1e3,
            p99=took[len(took) * 99 // 100] * 1e3,
            cost=(_used(server) - before) / len(took) * 1e6,
            memory=_memory(server),
            backends=(await ctx.db.rows(BACKENDS))[0]["n"],
        )
        found.append(one)
        latency = f"{one.p50:8.1f} {one.p99:8.1f} {one.cost:8.0f}"
        print(f"{number + 1:6} {one.answered:9,} {latency} {one.memory:10.1f} {one.backends:12}", flush=True)
    print(f"the limit afterwards is {await _limit(server):,.0f} a second", flush=True)
    return found


async def _limit(server: Server) -> float:
    answered, spent, _ = await load(server.port, lambda: _some(server), CONNECTIONS, LIMIT_SECONDS)
    return answered / spent


def _some(server: Server) -> bytes:
    """Three charges for each look at a balance."""
    return server.charge(False) if random.random() < 0.75 else server.balance(False)


async def _at_a_rate(server: Server, per_second: float, seconds: float) -> list[float]:
    """So many requests a second, and how long after it was due each was answered."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await Connection.open(server.port))
    took: list[float] = []

    async def one(due: float) -> None:
        connection = await free.get()
        status, body = await connection.ask(_some(server))
        assert status in (200, 201), body
        took.append(time.perf_counter() - due)
        free.put_nowait(connection)

    began, asked = time.perf_counter(), 0
    async with asyncio.TaskGroup() as group:
        while (now := time.perf_counter() - began) < seconds:
            for number in range(asked, int(now * per_second)):
                group.create_task(one(began + number / per_second))
            asked = max(asked, int(now * per_second))
            await asyncio.sleep(TICK)
    while not free.empty():
        free.get_nowait().close()
    return took


def _memory(server: Server) -> float:
    return sum(each.memory_info().rss for each in family(psutil.Process(server.pid))) / 1e6


def _used(server: Server) -> float:
    return sum(map(used, family(psutil.Process(server.pid))))


def _verdict(minutes: list[Minute]) -> bool:
    """Whether the last quarter was worse than the second; the first is for warming up."""
    quarter = max(1, len(minutes) // 4)
    early, late = minutes[quarter : 2 * quarter] or minutes[:1], minutes[-quarter:]
    grown = False
    for what, more in (
        ("p50", MORE_LATENCY),
        ("p99", MORE_LATENCY),
        ("cost", MORE_LATENCY),
        ("memory", MORE_MEMORY),
        ("backends", 1.0),
    ):
        before, after = (median(getattr(one, what) for one in some) for some in (early, late))
        worse = after > before * more
        grown |= worse
        words = f"{before:,.1f} in the second quarter, {after:,.1f} in the last"
        print(f"{what}: {words}{': GROWN' if worse else ''}")
    return grown


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(main()))
