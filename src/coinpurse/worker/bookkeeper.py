"""The bookkeeper sums up the ledger by day for the operator's overview: in rounds through all accounts, some
at a time, each act once. No answer to a customer depends on it."""

import asyncio
import contextlib

import structlog

from coinpurse.app import overview
from coinpurse.app.context import Context

ROUND = 10.0  # seconds between two rounds
BETWEEN = 0.05  # seconds between two batches of a round, which leaves the database to others
LONGEST_PAUSE = 120.0  # seconds; after failures the pause doubles up to this

log = structlog.get_logger("coinpurse.worker")


async def run(ctx: Context, stop: asyncio.Event) -> None:
    """Rounds until `stop` is set. A failing database never ends the loop, it only slows it down."""
    failures = 0
    while not stop.is_set():
        try:
            pause = ROUND if await overview.sum_up(ctx) else BETWEEN
            failures = 0
        except Exception as error:  # whatever it is, the next try may succeed
            failures += 1
            pause = min(ROUND * 2**failures, LONGEST_PAUSE)
            log.warning("summing up failed", error=str(error), kind=type(error).__name__, again_in=pause)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
