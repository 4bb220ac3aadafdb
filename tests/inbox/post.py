"""What the tests of the inbox do again and again: deliver, work, look."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from coinpurse.app import events, inbox, wallets
from coinpurse.app.context import Context, Who
from coinpurse.app.events import BillingEvent
from coinpurse.simulator import Delivery
from inbox.place import Place, signed
from providers.pretending import standard_headers
from providers.test_standard import KEY

WHO = Who("test", True)
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'coinpurse' ORDER BY tablename"


async def soon(happened: Callable[[], Awaitable[bool]], within: float = 10.0) -> float:
    """Waits until something has happened; how many seconds that took."""
    started = time.perf_counter()
    while not await happened():
        assert time.perf_counter() - started < within, "it didn't happen"
        await asyncio.sleep(0.02)
    return time.perf_counter() - started


@dataclass(frozen=True)
class Post:
    """The postman, with a view of what became of it."""

    ctx: Context
    client: httpx.AsyncClient
    place: Place

    async def bring(self, delivery: Delivery) -> dict[str, Any]:
        """Delivers one of the simulator's events; it must be taken."""
        url = "/v1/webhooks/stripe"
        answer = await self.client.post(url, content=delivery.body, headers=signed(delivery))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def bring_all(self, *types: str) -> list[str]:
        """Delivers what the simulator has to say, or only some types of it; the ids of the events."""
        return [(await self.bring(delivery))["received"] for delivery in self.place.deliveries(*types)]

    async def tell(self, id: str, type: str, test: bool = True, **data: Any) -> httpx.Response:
        """Delivers a standard webhook that is signed by hand."""
        now = datetime.now(UTC)
        content = {"type": type, "timestamp": now.isoformat(), "test": test, "data": data}
        body = json.dumps(content).encode()
        headers = standard_headers(KEY, body, now, id)
        return await self.client.post("/v1/webhooks/standard", content=body, headers=headers)

    async def work(self) -> int:
        """Works until nothing is due; how many events that were."""
        count = 0
        while done := await inbox.work(self.ctx):
            count += done
        return count

    async def event(self, id: str, provider: str | None = None) -> BillingEvent:
        """How an event stands."""
        return await events.get_event(self.ctx, Who("test"), id, provider=provider)

    async def is_applied(self, id: str) -> bool:
        """Whether an event was applied."""
        return (await self.event(id)).status == "applied"

    async def statuses(self, *ids: str) -> list[str]:
        """The statuses of some events."""
        return [(await self.event(id)).status for id in ids]

    async def credits(self, account: str = "ann") -> tuple[int, int]:
        """What is there by the month, and what was bought."""
        found = await wallets.balance(self.ctx, WHO, account)
        return found.monthly.available, found.addon.available

    async def everything(self) -> dict[str, list[Any]]:
        """Every row of every table."""
        names = [row["tablename"] for row in await self.ctx.db.rows(TABLES)]
        query = "SELECT t::text AS row FROM coinpurse.{} t ORDER BY 1"
        return {
            name: [row["row"] for row in await self.ctx.db.rows(query.format(f'"{name}"'))] for name in names
        }

    async def due_now(self) -> None:
        """Lets the pauses and leases of all events be over."""
        await self.ctx.db.rows(
            "UPDATE coinpurse.events SET next_at = least(next_at, clock_timestamp()), claimed_until = NULL "
            "WHERE next_at < 'infinity' RETURNING 1"
        )
