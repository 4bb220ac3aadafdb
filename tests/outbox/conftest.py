"""The engine with an endpoint and a real receiver behind it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from coinpurse.app import endpoints
from coinpurse.app.context import Context
from coinpurse.settings import Settings
from coinpurse.wiring import open_context
from outbox.helpers import CATALOG, WHO
from outbox.receiver import Receiver, receiving


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """This test's own database, and a catalog with a low balance."""
    catalog = tmp_path / "coinpurse.toml"
    catalog.write_text(CATALOG, "utf-8")
    base = replace(Settings.from_env({}), database_url=database_url, catalog=catalog)
    return replace(base, allow_private_webhooks=True)


@pytest.fixture
async def ctx(settings: Settings) -> AsyncIterator[Context]:
    """An open context."""
    async with open_context(settings) as ctx:
        yield ctx


@pytest.fixture
async def receiver(ctx: Context) -> AsyncIterator[Receiver]:
    """A receiver to which an endpoint for all events of test accounts leads."""
    async with receiving() as it:
        it.secret = (await endpoints.create_endpoint(ctx, WHO, url=it.url)).secret
        yield it
