"""Automatic top-up (P4): looks every second at accounts that fell below their threshold, and buys."""

import asyncio
import contextlib
from uuid import UUID

import structlog

from coinpurse.app import auto_topup
from coinpurse.app.context import Context

INTERVAL = 1.0  # seconds between two looks
LONGEST_PAUSE = 30.0  # seconds; after failures the pause doubles up to this
LAST_PURCHASES = 5.0  # seconds that purchases get to end when the worker is stopped

log = structlog.get_logger("coinpurse.topping_up")


async def run(ctx: Context, stop: asyncio.Event) -> None:
    """Top up until `stop` is set. A failing database never ends the loop, it only slows it down."""
    under_way: dict[UUID, asyncio.Task[None]] = {}
    failures = 0
    while not stop.is_set():
        under_way = {account: task for account, task in under_way.items() if not task.done()}
        try:
            for account in await auto_topup.due(ctx):
                if account not in under_way and len(under_way) < auto_topup.AT_ONCE:
                    under_way[account] = asyncio.create_task(_top_up(ctx, account), name="top-up")
            failures = 0
        except Exception as error:  # whatever it is, the next look may succeed
            failures += 1
            log.warning("no look at automatic top-ups", error=str(error), kind=type(error).__name__)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), min(INTERVAL * 2**failures, LONGEST_PAUSE))
    await _end(list(under_way.values()))


async def _top_up(ctx: Context, account: UUID) -> None:
    try:
        outcome = await auto_topup.top_up(ctx, account)
    except Exception as error:  # the attempt is kept, and asked for again when its lease is over
        log.warning("an automatic top-up broke", error=str(error), kind=type(error).__name__)
    else:
        if outcome:
            log.info("automatic top-up", outcome=outcome)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """What doesn't end in time is given up: its attempt is asked for again by another worker."""
    if tasks:
        await asyncio.wait(tasks, timeout=LAST_PURCHASES)
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
