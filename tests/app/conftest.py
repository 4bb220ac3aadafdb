"""What the tests of buying share: a database, and a payment provider at which things are sold."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from coinpurse.app import accounts, billing, checkouts, checks, wallets
from coinpurse.app.context import Context, Who
from coinpurse.domain.credits import Balance, Subscription
from coinpurse.settings import Settings
from coinpurse.wiring import open_context
from shop import Shop, open_shop

WHO = Who("tests", test=True)
CATALOG = """
[plans.starter]
name = "Starter"
monthly_credits = 1000
prices.month = { amount = "12.00", currency = "usd", stripe = "price_starter_month" }
prices.year = { amount = "120.00", currency = "usd" }
[plans.studio]
name = "Studio"
monthly_credits = 3000
prices.month = { amount = "30.00", currency = "usd", stripe = "price_studio_month" }
[packs.small]
name = "500 credits"
credits = 500
price = { amount = "6.00", currency = "usd", stripe = "price_small" }
[packs.unsold]
name = "Unsold"
credits = 5
price = { amount = "1.00", currency = "usd", paddle = "pri_1" }
"""
_numbers = itertools.count(1)


@dataclass
class Customer:
    """Somebody who buys at the shop."""

    ctx: Context
    shop: Shop
    id: str

    async def tell(self, checkout: str) -> billing.Applied:
        """The shop's event arrives."""
        facts = self.shop.told(checkout)
        return await billing.apply(self.ctx, "stripe", facts, test=True)

    async def buy(self, **what: str) -> checkouts.Checkout:
        """Goes through a checkout; the event arrives."""
        opened = await checkouts.start_checkout(self.ctx, WHO, self.id, **what)  # type: ignore[arg-type]
        await self.shop.http.post(opened.url, data={"way": "card"})
        await self.tell(opened.url.rpartition("/")[2])
        return opened

    async def balance(self) -> Balance:
        """What there is."""
        return await wallets.balance(self.ctx, WHO, self.id)

    async def subscribed(self) -> Subscription:
        """With a plan of the shop's."""
        await self.buy(plan="starter", interval="month")
        found = (await self.balance()).subscription
        assert found
        return found


@pytest_asyncio.fixture
async def shop() -> AsyncIterator[Shop]:
    """A payment provider over real HTTP."""
    async with open_shop() as opened:
        yield opened


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the shop sells, and two things that it doesn't."""
    path = tmp_path_factory.mktemp("catalog") / "coinpurse.toml"
    path.write_text(CATALOG, "utf-8")
    return path


@pytest_asyncio.fixture
async def ctx(module_database_url: str, catalog: Path, tmp_path: Path, shop: Shop) -> AsyncIterator[Context]:
    """The app, with the shop as its payment provider; in the end the books must be right."""
    settings = replace(
        Settings.from_env({}),
        database_url=module_database_url,
        catalog=catalog,
        home=tmp_path,
        public_url="http://purse.test",
    )
    async with open_context(settings) as opened:
        yield replace(opened, providers={"stripe": shop})
        assert await checks.verify(opened) == []


@pytest_asyncio.fixture
async def customer(ctx: Context, shop: Shop) -> Customer:
    """A new test account, on real time."""
    id = f"buyer-{next(_numbers)}"
    await accounts.put_account(ctx, WHO, id, email=f"{id}@example.com")
    return Customer(ctx, shop, id)
