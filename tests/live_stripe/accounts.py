"""Where the scenarios are lived: at the simulator, or in a real test account at Stripe with a test clock."""

import asyncio
import time
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Any

from coinpurse.providers.stripe.asking import Api
from coinpurse.simulator import Simulator

START = datetime(2026, 1, 31, 10, 0, tzinfo=UTC)


class StripeAccount(ABC):
    """An account at Stripe, or in its place, whose time can be moved."""

    def __init__(self, key: str, base: str | None) -> None:
        self.key, self.base = key, base
        self.api = Api(key, base)
        self.began = 0

    @abstractmethod
    async def open(self) -> dict[str, Any]:
        """Begins, and says what a new customer needs so that its time can be moved."""

    @abstractmethod
    async def advance(self, to: datetime) -> None:
        """Moves the time, and waits until all that is due has happened."""

    async def close(self) -> None:
        """Leaves nothing behind that matters."""
        await self.api.close()


class Simulated(StripeAccount):
    """At the simulator, by the same library and over the same HTTP."""

    def __init__(self, simulator: Simulator, base: str) -> None:
        super().__init__("sk_test_simulated", base)
        self._simulator = simulator

    async def open(self) -> dict[str, Any]:
        return {}

    async def advance(self, to: datetime) -> None:
        self._simulator.advance(to)


class Real(StripeAccount):
    """A real test account. Everything hangs on one test clock, and goes with it."""

    def __init__(self, key: str) -> None:
        super().__init__(key, None)
        self._clock = ""

    async def open(self) -> dict[str, Any]:
        self.began = int(time.time()) - 60
        clock = await self.api.post(
            "/v1/test_helpers/test_clocks", frozen_time=int(START.timestamp()), name="Coinpurse"
        )
        self._clock = str(clock["id"])
        return {"test_clock": self._clock}

    async def advance(self, to: datetime) -> None:
        path = f"/v1/test_helpers/test_clocks/{self._clock}"
        await self.api.post(f"{path}/advance", frozen_time=int(to.timestamp()))
        for _ in range(120):
            if (await self.api.get(path))["status"] == "ready":
                return
            await asyncio.sleep(1)
        raise AssertionError("the test clock did not get there within two minutes")

    async def close(self) -> None:
        await self.api.delete(f"/v1/test_helpers/test_clocks/{self._clock}")
        await super().close()
