"""The clerk works on billing events as they come: several at a time, none waiting for another (E1)."""

import asyncio
import contextlib

import structlog

from coinpurse.app import inbox
from coinpurse.app.context import Context

INTERVAL = 0.2  # seconds between two looks into the inbox
LONGEST_PAUSE = 30.0  # seconds; while the database fails the pause doubles up to this
LAST_EVENTS = 8.0  # seconds that running events get to finish; what doesn't is claimed again after its lease

log = structlog.get_logger("coinpurse.worker")


async def run(ctx: Context, stop: asyncio.Event) -> None:
    """Works until `stop` is set, for each configured provider on its own: one that doesn't answer holds up
    nobody else's events."""
    await asyncio.gather(*(_serve(ctx, provider, stop) for provider in ctx.providers))


async def _serve(ctx: Context, provider: str, stop: asyncio.Event) -> None:
    running: set[asyncio.Task[None]] = set()
    pause = INTERVAL
    while not stop.is_set():
        try:
            for event in await inbox.claim(ctx, inbox.AT_ONCE - len(running), provider):
                task = asyncio.create_task(inbox.handle(ctx, event), name=f"event {event.notice.id}")
                running.add(task)
                task.add_done_callback(running.discard)
            pause = INTERVAL
        except Exception as error:  # whatever it is, the next look may succeed
            pause = min(pause * 2, LONGEST_PAUSE)
            log.warning("inbox failed", error=str(error), kind=type(error).__name__, again_in=pause)
        await _wait(stop, running, pause)
    await _finish(running)


async def _wait(stop: asyncio.Event, running: set[asyncio.Task[None]], pause: float) -> None:
    """Until there may be something to do: a place is free while others wait, or the pause is over."""
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({stopped, *running}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await stopped


async def _finish(running: set[asyncio.Task[None]]) -> None:
    """Ends what is under way: nothing may go on when the database is let go of."""
    if not running:
        return
    _, late = await asyncio.wait(running, timeout=LAST_EVENTS)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
