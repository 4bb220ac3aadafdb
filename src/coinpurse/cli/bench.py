"""`coinpurse bench`: what this machine can do."""

import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from coinpurse.app import accounts, grants, wallets
from coinpurse.app.context import Context, Who
from coinpurse.app.wallets import ChargeRequest
from coinpurse.cli.running import as_json, kind_errors, settings
from coinpurse.cli.saying import Said, say, table
from coinpurse.domain.errors import CoinpurseError

WHO = Who("bench", False)
BATCH = 1_000
PLENTY = 10**12


@click.command()
@click.option("--accounts", "count", type=click.IntRange(1, 100_000), default=1_000, show_default=True)
@click.option("--seconds", type=click.FloatRange(0.1, 60), default=2.0, show_default=True, help="A turn.")
@as_json
def bench(count: int, seconds: float, as_json: bool) -> None:
    """Measure charging on this machine, in a database of its own that is removed afterwards.

    Durability is on, and the callers share the machine with the database. `make bench` in the repository
    compares with other ways to charge.
    """
    with kind_errors(as_json), tempfile.TemporaryDirectory(prefix="coinpurse-bench-") as home:
        found = asyncio.run(_measured(Path(home), count, seconds))
    rows = [[one["what"], f"{one['per_second']:,}", f"{one['hot_per_second']:,}"] for one in found]
    say(Said(found, table([["per second", f"{count:,} accounts", "one hot account"], *rows])), as_json)


async def _measured(home: Path, count: int, seconds: float) -> list[dict[str, Any]]:
    from coinpurse.wiring import open_context  # wiring knows everything; at the top it would be a circle

    async with open_context(replace(settings(), database_url=None, home=home)) as ctx:
        names = [f"user_{number}" for number in range(count)]
        for name in names:
            await accounts.put_account(ctx, WHO, name)
            await grants.grant(ctx, WHO, name, kind="addon", amount=PLENTY, reason="bench")
        return [
            {
                "what": what,
                "per_second": await _rate(act, names, callers, seconds),
                "hot_per_second": await _rate(act, names[:1], callers, seconds),
            }
            for what, callers, act in _acts(ctx)
        ]


def _acts(ctx: Context) -> Iterator[tuple[str, int, Callable[[list[str]], Awaitable[int]]]]:
    async def charge(names: list[str]) -> int:
        await wallets.charge(ctx, WHO, random.choice(names), amount=4)
        return 1

    async def hold(names: list[str]) -> int:
        made = await wallets.hold(ctx, WHO, random.choice(names), amount=4)
        await wallets.capture(ctx, WHO, made.id)
        return 1

    async def batch(names: list[str]) -> int:
        asked = [ChargeRequest(random.choice(names), 4) for _ in range(BATCH)]
        for answer in await wallets.charge_batch(ctx, WHO, asked):
            if isinstance(answer, CoinpurseError):
                raise answer
        return BATCH

    async def balance(names: list[str]) -> int:
        await wallets.balance(ctx, WHO, random.choice(names))
        return 1

    yield "charges, one caller", 1, charge
    yield "charges, 64 callers", 64, charge
    yield "holds and captures, 64 callers", 64, hold
    yield "charges, batches of 1,000", 4, batch
    yield "balances, 64 callers", 64, balance


async def _rate(
    act: Callable[[list[str]], Awaitable[int]], names: list[str], callers: int, seconds: float
) -> int:
    done: list[int] = []
    began = time.perf_counter()

    async def caller() -> None:
        while time.perf_counter() - began < seconds:
            done.append(await act(names))

    await asyncio.gather(*(caller() for _ in range(callers)))
    return round(sum(done) / (time.perf_counter() - began))
