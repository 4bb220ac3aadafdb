"""Natural batching: while one call is under way, what arrives waits, and goes together in the next.

No timer and no delay when idle: the first request goes at once. The round trip and the commit are what
costs, so sixty-four
callers who wait together are served about as fast as one.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from coinpurse.domain.errors import Unavailable

Q = TypeVar("Q")
A = TypeVar("A")


class Coalescer(Generic[Q, A]):
    """Sends requests in groups of at most `most`, one group at a time, in the order of their arrival.

    `send` answers a group in its order. At most `queue` requests wait, and new ones only while none has
    waited for `longest` seconds: one more is refused with Unavailable, before it has cost anything. A caller
    who gives up while waiting takes its request along; one who gives up later doesn't stop it.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Q]], Awaitable[Sequence[A]]],
        *,
        most: int = 500,
        queue: int = 20_000,
        longest: float = 5.0,
    ) -> None:
        self._send = send
        self._most = most
        self._queue = queue
        self._longest = longest
        self._waiting: deque[tuple[Q, asyncio.Future[A], float]] = deque()
        self._sender: asyncio.Task[None] | None = None

    async def submit(self, request: Q) -> A:
        """The answer to one request."""
        now = time.monotonic()
        if len(self._waiting) >= self._queue or (self._waiting and now - self._waiting[0][2] > self._longest):
            raise Unavailable(
                f"{len(self._waiting):,} requests are waiting. Nothing was done: try again in a moment.",
                retry_after=1,
            )
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answer, now))
        if self._sender is None:
            self._sender = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        try:
            while self._waiting:
                group = self._take()
                if group:
                    await self._deliver(group)
        finally:
            self._sender = None

    def _take(self) -> list[tuple[Q, asyncio.Future[A]]]:
        group: list[tuple[Q, asyncio.Future[A]]] = []
        while self._waiting and len(group) < self._most:
            request, answer, _ = self._waiting.popleft()
            if not answer.cancelled():
                group.append((request, answer))
        return group

    async def _deliver(self, group: list[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._send([request for request, _ in group])
        except Exception as error:
            for _, waiting in group:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for (_, waiting), answer in zip(group, answers, strict=True):
            if not waiting.done():
                waiting.set_result(answer)
