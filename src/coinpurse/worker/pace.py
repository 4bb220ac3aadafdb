"""How work that nobody waits for keeps out of the way of requests: it rests far longer than it works."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

SHARE = 0.05  # of the time, at most: on a busy machine each piece takes longer, and so does the rest after it

log = structlog.get_logger("coinpurse.worker")


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: between two pieces at least, from the end of a round to the next, and the longest pause after
    failures, each of which doubles it."""

    between: float
    rounds: float
    longest: float

    async def keep(self, stop: asyncio.Event, what: str, piece: Callable[[], Awaitable[bool]]) -> None:
        """Does a piece at a time until `stop` is set; each says whether its round is complete. A failing
        database never ends this, it only slows it down."""
        failing = self.between
        while not stop.is_set():
            began = time.monotonic()
            try:
                over = await piece()
            except Exception as error:  # whatever it is, the next try may succeed
                failing = pause = min(max(failing * 2, 1.0), self.longest)
                kind = type(error).__name__
                log.warning(f"{what} failed", error=str(error), kind=kind, again_in=pause)
            else:
                failing = self.between
                rest = (time.monotonic() - began) * (1 / SHARE - 1)
                pause = max(rest, self.rounds if over else self.between)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
