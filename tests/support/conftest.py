"""The support console as it is served, on a real database, beside a simulated Stripe; no part is replaced."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from starlette.types import ASGIApp

from coinpurse.api import create_api
from coinpurse.app import accounts, staff
from coinpurse.app.context import Context
from coinpurse.app.live import Hub
from coinpurse.web import create_web
from inbox.conftest import ctx, place, settings
from inbox.place import Place
from inbox.post import Post
from simulator.shop import HOUR, period
from support.desk import Agent, Hire
from web.helpers import TESTER

__all__ = ["ctx", "place", "settings"]


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 as it is, but with the least work: these tests sign in hundreds of times."""
    monkeypatch.setattr(staff, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest_asyncio.fixture
async def app(ctx: Context) -> AsyncIterator[ASGIApp]:
    """The API with the pages."""
    async with Hub(ctx) as hub:
        yield create_api(ctx, hub, create_web(ctx))


@pytest_asyncio.fixture
async def post(ctx: Context, app: ASGIApp, place: Place) -> AsyncIterator[Post]:
    """Delivers to the webhooks' addresses."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://purse.test") as client:
        yield Post(ctx, client, place)


@pytest_asyncio.fixture
async def hire(ctx: Context, app: ASGIApp) -> AsyncIterator[Hire]:
    """Makes members of staff, each in a browser of their own."""
    async with AsyncExitStack() as stack:

        async def make(role: str, email: str | None = None, *, sign_in: bool = True) -> Agent:
            email = email or f"{role}@staff.test"
            _, password = await staff.add(ctx, "test", email, role=role)
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://purse.test")
            agent = Agent(await stack.enter_async_context(client), email, password)
            if sign_in:
                await agent.sign_in()
            return agent

        yield make


@dataclass
class Scene:
    """A customer of Stripe on a test clock, `eve`, with a paid month."""

    ctx: Context
    post: Post
    place: Place
    subscription: Any = None

    async def begins(self, **more: Any) -> None:
        """She subscribes and pays, and it is told."""
        start = datetime.fromtimestamp(self.place.shop.sim.now, UTC)
        await accounts.put_account(self.ctx, TESTER, "eve", name="Eve Adams", email="eve@x.test", clock=start)
        self.subscription = self.place.subscribes("eve", **more)
        await self.tell()

    async def tell(self, *types: str) -> None:
        """What the simulator has to say arrives, and is worked on."""
        await self.post.bring_all(*types)
        await self.post.work()

    async def month_over(self) -> None:
        """Two hours into the next month, at Stripe and here."""
        self.place.shop.sim.advance(period(self.subscription)[1] + 2 * HOUR)
        await accounts.move_clock(
            self.ctx, TESTER, "eve", datetime.fromtimestamp(self.place.shop.sim.now, UTC)
        )


@pytest.fixture
def scene(ctx: Context, post: Post, place: Place) -> Scene:
    """The stage for a renewal."""
    return Scene(ctx, post, place)
