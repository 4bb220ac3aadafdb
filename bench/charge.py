"""Coinpurse's library against the hand-written way, side by side in one run. See README.md."""

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from by_hand import PLENTY, ByHand

from coinpurse.app import accounts, grants, subscriptions, wallets
from coinpurse.app.context import Context, Who
from coinpurse.app.wallets import ChargeRequest
from coinpurse.settings import DEFAULT_CATALOG, Settings
from coinpurse.wiring import open_context

WHO = Who("bench", False)
OPERATION = "image.generate"
BATCH = 1_000
Act = Callable[[str], Awaitable[int]]


async def measure(act: Act, users: list[str], clients: int, seconds: float) -> tuple[float, float, float]:
    """Charges per second, and the latencies' median and 99th percentile in milliseconds."""
    took: list[float] = []
    done = 0
    end = time.perf_counter() + seconds

    async def client() -> None:
        nonlocal done
        while (began := time.perf_counter()) < end:
            made = await act(random.choice(users))
            done += made
            took.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    spent = time.perf_counter() - began
    took.sort()
    return done / spent, took[len(took) // 2] * 1000, took[len(took) * 99 // 100] * 1000


def key() -> str:
    """A key as an app would choose it."""
    return os.urandom(12).hex()


def contestants(ctx: Context, hand: ByHand, users: list[str]) -> dict[str, tuple[Act, int]]:
    """Who is measured, and with how many clients."""

    async def by_hand(user: str) -> int:
        await hand.charge(user, 4, key())
        return 1

    async def single(user: str) -> int:
        await wallets.charge(ctx, WHO, user, operation=OPERATION, key=key())
        return 1

    async def held(user: str) -> int:
        made = await wallets.hold(ctx, WHO, user, operation=OPERATION, key=key())
        await wallets.capture(ctx, WHO, made.id)
        return 1

    async def batch(user: str) -> int:
        names = [user] * BATCH if len(users) == 1 else random.choices(users, k=BATCH)
        asked = [ChargeRequest(name, operation=OPERATION, key=key()) for name in names]
        for answer in await wallets.charge_batch(ctx, WHO, asked):
            if isinstance(answer, Exception):
                raise answer
        return BATCH

    return {
        "by hand, 16 clients": (by_hand, 16),
        "by hand, 64 clients": (by_hand, 64),
        "library, single, 64 callers": (single, 64),
        "library, hold + capture, 64 callers": (held, 64),
        "library, batch of 1,000": (batch, 1),
    }


async def prepare(ctx: Context, hand: ByHand, users: list[str]) -> None:
    """The same wallets on both sides: 1,000 monthly credits, and add-on credits without end."""
    await hand.prepare(users)
    gate = asyncio.Semaphore(16)

    async def make(user: str) -> None:
        async with gate:
            await accounts.put_account(ctx, WHO, user)
            await subscriptions.subscribe(ctx, WHO, user, plan="starter")
            await grants.grant(ctx, WHO, user, kind="addon", amount=PLENTY, reason="bench")

    await asyncio.gather(*(make(user) for user in users))


async def main() -> None:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(os.environ.get("COINPURSE_DATABASE_URL"), Path(home), DEFAULT_CATALOG)
        async with open_context(settings) as ctx:
            hand = ByHand(ctx.db.conninfo, 16)
            users = [f"user_{number}" for number in range(options.accounts)]
            print(f"making {options.accounts:,} accounts …", flush=True)
            await prepare(ctx, hand, users)
            for name, some in ((f"{options.accounts:,} accounts", users), ("one hot account", users[:1])):
                await compare(name, contestants(ctx, hand, some), some, options.seconds, options.rounds)
            await hand.close()


async def compare(
    name: str, who: dict[str, tuple[Act, int]], users: list[str], seconds: float, rounds: int
) -> None:
    """Lets the contestants take turns, and prints medians and ratios."""
    found: dict[str, list[tuple[float, float, float]]] = {label: [] for label in who}
    for _ in range(rounds):
        for label, (act, clients) in who.items():
            found[label].append(await measure(act, users, clients, seconds))
    base = statistics.median(rate for rate, _, _ in found["by hand, 16 clients"])
    print(f"\n{name}")
    print(f"{'':38}{'per second':>12}{'× by hand':>12}{'p50 ms':>10}{'p99 ms':>10}")
    for label, runs in found.items():
        rate, middle, late = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"{label:38}{rate:12,.0f}{rate / base:12.1f}{middle:10.1f}{late:10.1f}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
