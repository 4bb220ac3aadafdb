"""What each duty of a ledger costs PostgreSQL, one after another on top of bare arrays. See README.md."""

import argparse
import asyncio
import random
import re
from pathlib import Path
from statistics import median

import uvloop
from ours import NAMED, WHO, Library, opened
from processes import Meter

from coinpurse.app.context import Context, packed_key
from coinpurse.domain.ids import account_digest
from coinpurse.store.spending import SPEND_MANY, Request, columns

SQL = Path(__file__).with_name("duties.sql")
SIZE, BATCHES = 1_000, 3
LEVELS = {
    1: "bare arrays, answered as rows",
    2: "+ keys of their own, of which old ones are forgotten by turns",
    3: "+ ledger lines that say everything, and what is left of grants",
    4: "+ a chain of hashes",
}
OURS = "ours: + holds, several grants, time, limits, who listens"


async def main() -> None:
    """Measures the levels and the real statement in turns, on the same arrays."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    users = [f"user_{number}" for number in range(options.accounts)]
    async with opened(NAMED) as ctx:
        await Library(ctx, users).prepare(plan=False)
        await _run(ctx, "CREATE SCHEMA duties")
        for level in LEVELS:
            await _run(ctx, _sql(level))
        await _run(ctx, "ANALYZE")
        for hot in (False, True):
            await _compare(ctx, users[:1] if hot else users, options.rounds)


async def _run(ctx: Context, text: str) -> None:
    await ctx.db.work(lambda conn: conn.execute(text))


def _sql(level: int) -> str:
    """The text of a level: without what is for later levels, or for earlier ones only."""
    lines = []
    for line in SQL.read_text("utf-8").splitlines():
        mark = re.search(r"--(\d)?\s?(?:<(\d))?$", line)
        since, until = mark.groups() if mark else (None, None)
        if int(since or 0) <= level < int(until or 9):
            lines.append(line)
    return "\n".join(lines).replace("{level}", str(level))


async def _compare(ctx: Context, users: list[str], rounds: int) -> None:
    meter, found = await Meter.on(ctx), dict[str, list[float]]()
    statements = {
        name: SPEND_MANY.replace("coinpurse.spend_many", f"duties.spend_{level}")
        for level, name in LEVELS.items()
    }
    for number in range(rounds + 1):
        for name, statement in {**statements, OURS: SPEND_MANY}.items():
            used = await _charge(ctx, users, statement, meter)
            if number:  # the first round plans and warms up
                found.setdefault(name, []).append(used)
    title = "one hot account" if len(users) == 1 else f"{len(users):,} accounts"
    print(f"\n{title:66}{'SQL µs':>8}{'more':>8}")
    last = 0.0
    for name, each in found.items():
        print(f"{name:66}{median(each):8.1f}{median(each) - last:8.1f}", flush=True)
        last = median(each)


async def _charge(ctx: Context, users: list[str], statement: str, meter: Meter) -> float:
    """Microseconds of PostgreSQL's processor time for each charge of some batches."""
    used = 0.0
    for _ in range(BATCHES):
        arrays, before = columns(_requests(users)), meter.read()
        rows = await ctx.db.tuples(statement, arrays)
        used += meter.read().since(before)[1]
        assert len(rows) == SIZE
    return used / BATCHES / SIZE * 1e6


def _requests(users: list[str]) -> list[Request]:
    chosen = sorted((account_digest(name, False), name) for name in random.choices(users, k=SIZE))
    return [
        Request(name, digest, _key(), 7, 4, "image.generate", 1, None, WHO.actor) for digest, name in chosen
    ]


def _key() -> bytes:
    return packed_key(f"{random.getrandbits(96):x}")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
