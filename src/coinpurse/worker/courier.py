"""The courier: delivers what waits in the outbox (E5), several at a time, and goes on at once while there is
more."""

import asyncio
import contextlib
from collections import Counter
from typing import Any

import structlog

from coinpurse.app import outbox
from coinpurse.app.context import Context
from coinpurse.app.sending import Sender

INTERVAL = 1.0  # seconds between two looks when nothing is under way
LONGEST_PAUSE = 30.0  # seconds; after failures the pause doubles up to this
LAST_DELIVERIES = 5.0  # seconds that deliveries get to end when the courier is stopped

log = structlog.get_logger("coinpurse.courier")


async def run(ctx: Context, stop: asyncio.Event) -> None:
    """Deliver until `stop` is set. A failing database never ends the loop, it only slows it down."""
    async with Sender(inward=ctx.settings.allow_private_webhooks) as sender:
        courier = Courier(ctx, sender)
        failures = 0
        while not stop.is_set():
            try:
                await courier.set_out()
                failures = 0
            except Exception as error:  # whatever it is, the next look may succeed
                failures += 1
                log.warning("no look into the outbox", error=str(error), kind=type(error).__name__)
            pause = min(INTERVAL * 2**failures, LONGEST_PAUSE) if failures else INTERVAL
            await _either(stop, courier.room_again, pause)
        await courier.come_home()


async def _either(stop: asyncio.Event, room: asyncio.Event, seconds: float) -> None:
    """Until one of the two is set, or the time is over."""
    waits = [asyncio.create_task(event.wait()) for event in (stop, room)]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    room.clear()


class Courier:
    """Knows what is under way from this process, and how much of it at which endpoint."""

    def __init__(self, ctx: Context, sender: Sender) -> None:
        self._ctx = ctx
        self._sender = sender
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy: Counter[str] = Counter()
        self.room_again = asyncio.Event()

    async def set_out(self) -> None:
        """Claims what there is room for, and delivers it beside this."""
        room = {endpoint: outbox.AT_ONCE - busy for endpoint, busy in self._busy.items() if busy}
        for claimed in await outbox.claim(self._ctx, room):
            self._busy[claimed["endpoint"]] += 1
            task = asyncio.create_task(self._carry(claimed), name="delivery")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, claimed: dict[str, Any]) -> None:
        try:
            error = await outbox.deliver(self._ctx, self._sender, claimed)
            if error:
                log.warning("not delivered", endpoint=claimed["endpoint"], type=claimed["type"], error=error)
        except Exception as error:  # the claim ends by itself, and the delivery is made again
            log.warning("a delivery broke", error=str(error), kind=type(error).__name__)
        finally:
            self._busy[claimed["endpoint"]] -= 1
            self.room_again.set()

    async def come_home(self) -> None:
        """Waits for what is under way; what takes too long is given up, to be sent again by another."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LAST_DELIVERIES)
        for task in list(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
