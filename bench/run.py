"""Coinpurse against other ways to charge, in turns. See README.md."""

import argparse
import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop
from by_hand import ByHand
from http_load import Server, load
from measure import Contestant, Run, callers, take_turns
from others import CreditLedger, Yardsticks
from ours import NAMED, Library, api_key, bare, opened, serving
from processes import Meter
from report import report

GROUPS = ("hand", "package", "double", "functions", "library", "http")


async def main() -> None:
    """Runs the comparison and prints it."""
    options = _options()
    async with opened(NAMED) as ctx, AsyncExitStack() as stack:
        users = [f"user_{number}" for number in range(options.accounts)]
        library = Library(ctx, users)
        print(f"making {options.accounts:,} accounts, several times over …", flush=True)
        await library.prepare()
        meter = await Meter.on(ctx)
        contestants: list[Contestant] = []
        if "hand" in options.only:
            contestants += await _by_hand(stack, ctx.db.conninfo, users)
        if {"double", "functions"} & set(options.only):
            contestants += await _functions(stack, ctx.db.conninfo, options)
        if "package" in options.only:
            package = CreditLedger(ctx.db.conninfo, options.accounts, 16)
            stack.callback(package.close)
            contestants.append(callers("credit-ledger, 16 threads", package.charge, 16))
        if "library" in options.only:
            contestants += _library(library)
        if "http" in options.only:
            key = await api_key(ctx)
            server = stack.enter_context(serving(ctx.db.conninfo, key, users, options.workers))
            least = stack.enter_context(bare())
            meter.also(server.pid)
            meter.also(least.pid)
            contestants += _http(server)
            contestants.append(_asked("HTTP, a bare application, 64", least, least.nothing, 64))
        await ctx.db.work(lambda conn: conn.execute("ANALYZE"))
        await take_turns(contestants, options.rounds, options.seconds, meter)
        report(contestants, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=2, help="of each turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1, help="processes of the HTTP server")
    parser.add_argument("--only", type=lambda text: text.split(","), default=GROUPS, help=",".join(GROUPS))
    parser.add_argument("--plot", type=Path, help="an SVG file to write")
    return parser.parse_args()


async def _by_hand(stack: AsyncExitStack, url: str, users: list[str]) -> list[Contestant]:
    hand = ByHand(url, 64)
    stack.push_async_callback(hand.close)
    await hand.prepare(users)
    return [callers(f"by hand, {clients}", hand.charge, clients) for clients in (1, 16, 64)]


async def _functions(stack: AsyncExitStack, url: str, options: argparse.Namespace) -> list[Contestant]:
    bare = await Yardsticks.make(url, options.accounts)
    stack.push_async_callback(bare.close)
    found = []
    if "double" in options.only:
        found.append(callers("double entry in SQL, 16", bare.transfer, 16))
    if "functions" in options.only:
        found += [
            callers("a function a charge, 16", bare.one, 16),
            callers("bare arrays of 100", lambda hot: bare.many(hot, 100), 1),
            callers("bare arrays of 1,000", lambda hot: bare.many(hot, 1_000), 1),
            callers("bare arrays of 1,000, 4", lambda hot: bare.many(hot, 1_000), 4),
        ]
    return found


def _library(library: Library) -> list[Contestant]:
    return [
        *(callers(f"library, {clients}", library.single, clients) for clients in (1, 16, 64)),
        callers("library, hold + capture, 64", library.held, 64),
        callers("library, batch of 100", lambda hot: library.batch(hot, 100), 1),
        callers("library, batch of 1,000", lambda hot: library.batch(hot, 1_000), 1),
        callers("library, batch of 1,000, 4", lambda hot: library.batch(hot, 1_000), 4),
        callers("library, balance, 64", library.balance, 64),
    ]


def _http(server: Server) -> list[Contestant]:
    return [
        _asked("HTTP, 64", server, server.charge, 64),
        _asked("HTTP, batch of 1,000, 4", server, server.batch, 4, 1_000),
        _asked("HTTP, balance, 64", server, server.balance, 64),
        _asked("HTTP, an empty answer, 64", server, server.nothing, 64),
    ]


def _asked(
    name: str, server: Server, make: Callable[[bool], bytes], connections: int, each: int = 1
) -> Contestant:
    async def run(hot: bool, seconds: float) -> Run:
        answered, spent, took = await load(server.port, lambda: make(hot), connections, seconds)
        return Run(answered * each, spent, took)

    return Contestant(name, run)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
