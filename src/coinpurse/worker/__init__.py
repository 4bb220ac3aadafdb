"""The worker: loops that run beside the server, or in a process of their own.

The sweep makes durable what time has made true (T4). No answer waits for it: whoever reads or touches an
account sees it as of now. It is there so that renewals and expiries of accounts that nobody touches are
written down (and shown, and announced) soon. The clerk works on billing events (E1), the courier delivers
what is announced (E5), automatic top-ups are bought (P4), the bookkeeper sums the ledger up by day, and the
auditor goes through the books (L4).
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import structlog

from coinpurse.app import outbox, upkeep
from coinpurse.app.context import Context
from coinpurse.worker import auditor, bookkeeper, clerk, courier, topping_up

INTERVAL = 1.0  # seconds between two sweeps when there is little to do
BATCH = upkeep.BATCH  # accounts in one sweep; a full batch is followed by the next one at once
FORGET_EVERY = 3600.0  # seconds between two looks for what is old enough to go
LONGEST_PAUSE = 30.0  # seconds; after failures the pause doubles up to this
LAST_SWEEP = 10.0  # seconds that a running sweep gets to finish when the worker is stopped

log = structlog.get_logger("coinpurse.worker")


async def run(ctx: Context, stop: asyncio.Event) -> None:
    """Every loop of the worker, until `stop` is set."""
    await asyncio.gather(
        *(
            loop(ctx, stop)
            for loop in (sweep, clerk.run, courier.run, topping_up.run, bookkeeper.run, auditor.run)
        )
    )


async def sweep(ctx: Context, stop: asyncio.Event) -> None:
    """Sweep until `stop` is set. A failing database never ends the loop, it only slows it down."""
    failures = 0
    forget_at = time.monotonic()
    while not stop.is_set():
        try:
            done = await upkeep.sweep(ctx, limit=BATCH)
            if time.monotonic() >= forget_at:
                await upkeep.forget_keys(ctx)
                await outbox.forget(ctx)
                forget_at = time.monotonic() + FORGET_EVERY
        except Exception as error:  # whatever it is, the next sweep may succeed
            failures += 1
            pause = min(INTERVAL * 2**failures, LONGEST_PAUSE)
            log.warning("sweep failed", error=str(error), kind=type(error).__name__, again_in=pause)
        else:
            failures = 0
            pause = 0.0 if done >= BATCH else INTERVAL
            if done:
                log.info("made durable", accounts=done)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)


@contextlib.asynccontextmanager
async def running(ctx: Context) -> AsyncIterator[None]:
    """A worker beside other work, stopped cleanly at the end."""
    stop = asyncio.Event()
    task = asyncio.create_task(run(ctx, stop), name="worker")
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait([task], timeout=LAST_SWEEP)
        task.cancel()  # no effect on one that is done; a sweep that hangs is the database's to undo
        with contextlib.suppress(asyncio.CancelledError):
            await task
