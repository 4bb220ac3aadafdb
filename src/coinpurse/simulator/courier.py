"""Carries deliveries to their addresses over HTTP, each at its own instant of the simulator's clock."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import httpx

from coinpurse.simulator.deliveries import Delivery
from coinpurse.simulator.simulator import Simulator

Post = Callable[[Delivery], Awaitable[int]]


class Courier:
    """Posts what is due. Signatures carry the time of the receiver's clock, which is the real one unless
    `clock` says otherwise: a receiver refuses old ones."""

    def __init__(
        self, simulator: Simulator, post: Post | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.simulator = simulator
        self._post = post or self._over_http
        self._clock = clock
        self._client: httpx.AsyncClient | None = None
        self._lock = asyncio.Lock()
        self._advancing = asyncio.Lock()

    async def flush(self) -> int:
        """Delivers all that is due now, in order; answers how many."""
        count = 0
        async with self._lock:
            for delivery in self.simulator.outbox:
                self.simulator.answered(delivery, await self._post(delivery))
                count += 1
        return count

    async def advance(self, to: int) -> None:
        """Runs everything up to an instant, and delivers what that makes before the clock goes on."""
        async with self._advancing:
            await self.flush()
            while (due := self.simulator.world.next_due()) is not None and due <= to:
                self.simulator.advance(due)
                await self.flush()
            self.simulator.advance(to)

    async def step(self, limit: int) -> bool:
        """Runs and delivers only what is due at the next instant, up to a limit. False: nothing was."""
        due = self.simulator.world.next_due()
        await self.advance(limit if due is None else min(due, limit))
        return due is not None and due <= limit

    async def _over_http(self, delivery: Delivery) -> int:
        """The status of the answer, or 0 where there was none."""
        self._client = self._client or httpx.AsyncClient(timeout=10, trust_env=False)
        headers = delivery.headers(int(self._clock()))
        try:
            answer = await self._client.post(delivery.url, content=delivery.body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL):
            return 0
        return answer.status_code

    async def keep_time(self, pause: float = 0.5) -> None:
        """Lets the simulator's clock go on with the real one, for as long as this runs."""
        last = self._clock()
        ahead = 0.0
        while True:
            await asyncio.sleep(pause)
            ahead += self._clock() - last
            last = self._clock()
            whole, ahead = int(ahead), ahead - int(ahead)
            await self.advance(self.simulator.now + whole)

    async def close(self) -> None:
        """Lets go of connections."""
        if self._client is not None:
            await self._client.aclose()
