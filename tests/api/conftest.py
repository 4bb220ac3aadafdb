"""The API as it is served, on a real database: no part of it is replaced."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from api.helpers import Clients, open_account, plain_client
from coinpurse.api import create_api
from coinpurse.app import keys
from coinpurse.app.context import Context
from coinpurse.app.live import Hub
from coinpurse.settings import Settings
from coinpurse.wiring import open_context


@pytest.fixture
def settings(module_database_url: str) -> Settings:
    """The settings of this module's server; a test may replace some."""
    return replace(Settings.from_env({}), database_url=module_database_url)


@pytest_asyncio.fixture
async def ctx(settings: Settings) -> AsyncIterator[Context]:
    """What every app function needs, opened as a server opens it."""
    async with open_context(settings) as opened:
        yield opened


@pytest_asyncio.fixture
async def hub(ctx: Context) -> AsyncIterator[Hub]:
    """The listener behind live balances."""
    async with Hub(ctx) as opened:
        yield opened


@pytest.fixture
def api(ctx: Context, hub: Hub) -> FastAPI:
    """The application."""
    return create_api(ctx, hub)


@pytest_asyncio.fixture
async def client_with(ctx: Context, api: FastAPI) -> AsyncIterator[Clients]:
    """Makes clients, each with a key of the scopes that it asks for."""
    async with AsyncExitStack() as stack:

        async def make(*scopes: str, test: bool = True) -> httpx.AsyncClient:
            made = await keys.create_key(ctx, scopes=list(scopes), test=test)
            headers = {"Authorization": f"Bearer {made.key}"}
            return await stack.enter_async_context(plain_client(api, headers))

        yield make


@pytest_asyncio.fixture
async def client(client_with: Clients) -> httpx.AsyncClient:
    """A client that may do everything, on the test side."""
    return await client_with("admin")


@pytest_asyncio.fixture
async def anyone(api: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key."""
    async with plain_client(api, {}) as client:
        yield client


@pytest_asyncio.fixture
async def account(client: httpx.AsyncClient) -> str:
    """An account with a standing clock and 100 add-on credits."""
    return await open_account(client, addon=100)
