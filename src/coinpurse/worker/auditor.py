"""The auditor goes through the books a slice at a time, and begins again when it is through (L4)."""

import asyncio
import contextlib

import structlog

from coinpurse.app import checks
from coinpurse.app.context import Context

INTERVAL = 2.0  # seconds between two slices: 25 accounts a second, a million in eleven hours
ROUND = 600.0  # seconds from the end of one round to the next
LONGEST_PAUSE = 60.0  # seconds; while the database fails the pause doubles up to this

log = structlog.get_logger("coinpurse.worker")


async def run(ctx: Context, stop: asyncio.Event) -> None:
    """Until `stop` is set. What is wrong is logged as an error, counted in metrics and named by doctor."""
    failing = INTERVAL
    while not stop.is_set():
        try:
            pause = INTERVAL if await checks.watch(ctx) == checks.SLICE else ROUND
            failing = INTERVAL
        except Exception as error:  # whatever it is, the next slice may succeed
            failing = pause = min(failing * 2, LONGEST_PAUSE)
            log.warning("checking the books failed", error=str(error), kind=type(error).__name__)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
