"""An inbox that is told things by a simulated Stripe and by a sender of Standard Webhooks, over HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from coinpurse.api import create_api
from coinpurse.app import accounts, checks, keys
from coinpurse.app.context import Context, Who
from coinpurse.app.live import Hub
from coinpurse.settings import ProviderSettings, Settings
from coinpurse.wiring import open_context
from inbox import place as at_stripe
from inbox.place import Place, placed
from inbox.post import Post
from providers.test_standard import SECRET as STANDARD_SECRET

#: Makes a client whose key has the scopes that are named.
Clients = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
def place() -> Iterator[Place]:
    """Stripe's place."""
    with placed() as place:
        yield place


@pytest.fixture
def settings(database_url: str, tmp_path: Path, place: Place) -> Settings:
    """Two providers: Stripe, which can be asked, and a sender of Standard Webhooks, which can't."""
    (tmp_path / "catalog.toml").write_text(at_stripe.CATALOG, "utf-8")
    return replace(
        Settings.from_env({}),
        database_url=database_url,
        catalog=tmp_path / "catalog.toml",
        stripe=ProviderSettings("sk_test_1", (at_stripe.SECRET,), place.url),
        standard=ProviderSettings(webhook_secrets=(STANDARD_SECRET,)),
    )


@pytest_asyncio.fixture
async def ctx(settings: Settings) -> AsyncIterator[Context]:
    """A context with a test account, `ann`; in the end the books must be right."""
    async with open_context(settings) as ctx:
        await accounts.put_account(ctx, Who("test", True), "ann")
        yield ctx
        assert await checks.verify(ctx) == []


@pytest_asyncio.fixture
async def rival(ctx: Context, settings: Settings) -> AsyncIterator[Context]:
    """Another process, as far as the database can tell."""
    async with open_context(settings) as rival:
        yield rival


@pytest_asyncio.fixture
async def api(ctx: Context) -> AsyncIterator[FastAPI]:
    """The application."""
    async with Hub(ctx) as hub:
        yield create_api(ctx, hub)


@pytest_asyncio.fixture
async def client_with(ctx: Context, api: FastAPI) -> AsyncIterator[Clients]:
    """Makes clients, each with a key of the scopes that it asks for."""
    async with AsyncExitStack() as stack:

        async def make(*scopes: str, test: bool = True) -> httpx.AsyncClient:
            made = await keys.create_key(ctx, scopes=list(scopes), test=test)
            client = httpx.AsyncClient(
                transport=httpx.ASGITransport(api),
                base_url="http://credits.test",
                headers={"Authorization": f"Bearer {made.key}"},
            )
            return await stack.enter_async_context(client)

        yield make


@pytest_asyncio.fixture
async def post(ctx: Context, api: FastAPI, place: Place) -> AsyncIterator[Post]:
    """Delivers to the webhooks' addresses, without a key."""
    transport = httpx.ASGITransport(api)
    async with httpx.AsyncClient(transport=transport, base_url="http://credits.test") as client:
        yield Post(ctx, client, place)
