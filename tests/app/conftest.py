"""What the tests of buying share: a database, and a payment provider at which things are sold."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio

from coinpurse.app import accounts, checkouts, checks, wallets
from coinpurse.app.checkouts import Checkout
from coinpurse.app.context import Context, Who
from coinpurse.domain.credits import Balance, Subscription
from coinpurse.wiring import open_context
from shop import START, Shop, open_shop

WHO = Who("tests", test=True)
_numbers = itertools.count(1)


@dataclass
class Customer:
    """Somebody who buys at the shop."""

    ctx: Context
    shop: Shop
    id: str

    async def start(self, **what: Any) -> Checkout:
        """Opens a checkout."""
        return await checkouts.start_checkout(self.ctx, WHO, self.id, **what)

    async def state(self, opened: Checkout) -> str:
        """How a checkout stands."""
        return (await checkouts.find_checkout(self.ctx, WHO, opened.id)).status

    async def buy(self, **what: Any) -> Checkout:
        """Goes through a checkout; all that is told of it arrives."""
        opened = await self.start(**what)
        await self.shop.press(opened.url, "pay")
        await self.shop.deliver(self.ctx)
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


@pytest_asyncio.fixture
async def ctx(module_database_url: str, tmp_path: Path, shop: Shop) -> AsyncIterator[Context]:
    """The app, with the shop as its payment provider; in the end the books must be right."""
    async with open_context(shop.settings(module_database_url, tmp_path)) as opened:
        yield opened
        assert await checks.verify(opened) == []


@pytest_asyncio.fixture
async def customer(ctx: Context, shop: Shop) -> Customer:
    """A new test account, whose clock is the shop's."""
    id = f"buyer-{next(_numbers)}"
    await accounts.put_account(ctx, WHO, id, email=f"{id}@example.com", clock=START)
    return Customer(ctx, shop, id)
