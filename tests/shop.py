"""Stripe for tests of buying: the simulator behind real HTTP. What it tells waits until a test lets it
arrive."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from coinpurse.app import inbox
from coinpurse.app.context import Context
from coinpurse.settings import ProviderSettings, Settings
from coinpurse.simulator import Delivery, Simulator
from coinpurse.simulator.courier import Courier
from coinpurse.simulator.server import create_app

START = datetime(2026, 1, 31, 10, 0, tzinfo=UTC)
CATALOG = """
[plans.starter]
name = "Starter"
monthly_credits = 1000
prices.month = {{ amount = "12.00", currency = "usd", stripe = "{0}" }}
prices.year = {{ amount = "120.00", currency = "usd" }}
[plans.studio]
name = "Studio"
monthly_credits = 3000
prices.month = {{ amount = "30.00", currency = "usd", stripe = "{1}" }}
[plans.mini]
name = "Mini"
monthly_credits = 200
prices.month = {{ amount = "3.00", currency = "usd", stripe = "{3}" }}
[packs.small]
name = "500 credits"
credits = 500
price = {{ amount = "6.00", currency = "usd", stripe = "{2}" }}
[packs.unsold]
name = "Unsold"
credits = 5
price = {{ amount = "1.00", currency = "usd", paddle = "pri_1" }}
[policies]
clawback = "debt"
"""
_seeds = itertools.count(1)  # one seed is one history: several shops sell into one database


class Shop:
    """The simulator and its side door. Its clock starts where those of the tests' accounts do."""

    def __init__(self) -> None:
        self.sim = Simulator(seed=next(_seeds), start=START)
        self.secret = self.sim.listen("https://credits.example/v1/webhooks/stripe")
        self.told: list[Delivery] = []
        self.asked: list[str] = []
        self.down = False
        self.url = ""
        self._app = create_app(self.sim, courier=Courier(self.sim, self._hold))
        prices = ((1200, "month"), (3000, "month"), (600, None), (300, "month"))
        self.catalog = CATALOG.format(*(self._price(*price) for price in prices))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.asked.append(f"{scope['method']} {scope['path']}")
            if self.down:
                return await Response("out of order", 503)(scope, receive, send)
        await self._app(scope, receive, send)

    async def _hold(self, delivery: Delivery) -> int:
        self.told.append(delivery)
        return 200

    def _price(self, amount: int, interval: str | None) -> str:
        product = self.sim.call("POST", "/v1/products", {"name": "Credits"})
        params = {"unit_amount": amount, "currency": "usd", "product": product["id"]}
        recurring = {"recurring": {"interval": interval}} if interval else {}
        made: str = self.sim.call("POST", "/v1/prices", {**params, **recurring})["id"]
        return made

    def settings(self, database_url: str, folder: Path) -> Settings:
        """Those of a deployment that sells here."""
        catalog = folder / "coinpurse.toml"
        catalog.write_text(self.catalog, "utf-8")
        stripe = ProviderSettings(api_key="sk_test_1", webhook_secrets=(self.secret,), api_base=self.url)
        return replace(
            Settings.from_env({}),
            database_url=database_url,
            catalog=catalog,
            home=folder,
            public_url="http://purse.test",
            stripe=stripe,
        )

    @property
    def sessions(self) -> list[dict[str, Any]]:
        """All checkouts that were opened here, oldest first."""
        return list(self.sim.world.tables.sessions)

    @property
    def subscription(self) -> dict[str, Any]:
        """The latest subscription that was sold here."""
        found: dict[str, Any] = list(self.sim.world.tables.subscriptions)[-1]
        return found

    @property
    def paid(self) -> list[int]:
        """What was paid for each invoice, in cents, oldest first."""
        return [invoice["amount_paid"] for invoice in self.sim.world.tables.invoices]

    def changes(self) -> int:
        """How often anything of a subscription was asked to be changed."""
        return sum(not one.startswith("GET") and "/subscriptions/" in one for one in self.asked)

    async def press(self, url: str, act: str) -> str:
        """Presses a button on a page here, and answers where that leads."""
        async with httpx.AsyncClient() as browser:
            answer = await browser.post(url, data={"act": act})
        return str(answer.headers.get("location", ""))

    async def deliver(self, ctx: Context) -> None:
        """Lets everything arrive that was told so far, and has it acted on, as a server and its worker do."""
        while self.told:
            delivery = self.told.pop(0)
            await inbox.receive(ctx, "stripe", delivery.body, delivery.headers(int(time.time())))
        while await inbox.work(ctx):
            pass

    def post(self, url: str) -> None:
        """Posts what was told so far to a server, which acts on it when it comes to it."""
        while self.told:
            delivery = self.told.pop(0)
            headers = delivery.headers(int(time.time()))
            httpx.post(f"{url}/v1/webhooks/stripe", content=delivery.body, headers=headers).raise_for_status()


@asynccontextmanager
async def open_shop() -> AsyncIterator[Shop]:
    """A shop while it is open, on a port of its own, in this event loop."""
    shop = Shop()
    server = uvicorn.Server(uvicorn.Config(shop, port=0, log_level="warning", access_log=False))
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    shop.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    shop.sim.world.base_url = shop.url
    yield shop
    server.should_exit = True
    await running
