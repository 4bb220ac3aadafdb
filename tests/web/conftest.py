"""The pages as they are served, on a real database: no part of them is replaced."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from coinpurse.app.context import Context
from coinpurse.settings import Settings
from coinpurse.web import Brand, create_web
from coinpurse.wiring import open_context
from web.helpers import Browser, Open

CATALOG = """
[plans.starter]
name = "Starter"
monthly_credits = 1000
prices.month = { amount = "12.00", currency = "usd" }
prices.year = { amount = "120.00", currency = "usd" }
[plans.studio]
name = "Studio"
monthly_credits = 3000
prices.month = { amount = "30.00", currency = "usd" }
[plans.strict]
name = "Strict"
monthly_credits = 100
renewal = "strict"
prices.month = { amount = "5.00", currency = "eur" }
[plans.patient]
name = "Patient"
monthly_credits = 100
renewal = "paid_with_grace"
prices.month = { amount = "5.00", currency = "eur" }
[packs.small]
name = "500 <credits>"
credits = 500
price = { amount = "6.00", currency = "usd" }
[operations]
"image.generate" = 4
"image.upscale" = 2
"image.experimental" = 6
"video.second" = 8
"""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog with a plan of each renewal policy."""
    path = tmp_path_factory.mktemp("catalog") / "coinpurse.toml"
    path.write_text(CATALOG, "utf-8")
    return path


@pytest_asyncio.fixture
async def ctx(module_database_url: str, catalog: Path, tmp_path: Path) -> AsyncIterator[Context]:
    """What every app function needs, opened as a server opens it."""
    settings = replace(
        Settings.from_env({}),
        database_url=module_database_url,
        catalog=catalog,
        home=tmp_path,
        public_url="http://purse.test",
    )
    async with open_context(settings) as opened:
        yield opened


@pytest_asyncio.fixture
async def open_browser(ctx: Context) -> AsyncIterator[Open]:
    """Makes browsers, each signed in as one account."""
    web = create_web(ctx, Brand(name="Kreator", home="/app", support="write to help@kreator.test"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(web), base_url="http://purse.test") as client:

        async def make(account: str) -> Browser:
            browser = Browser(ctx, client, account)
            await browser.sign_in()
            return browser

        yield make
