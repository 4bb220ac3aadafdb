"""An account with a card on file, at a provider of the tests' own."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from auto_topup.till import Till
from coinpurse.app import accounts, auto_topup, billing, grants
from coinpurse.app.context import Context, Who
from coinpurse.domain.facts import Linked
from coinpurse.settings import Settings
from coinpurse.wiring import open_context

WHO = Who("tests", test=True)
CATALOG = """
[plans.starter]
name = "Starter"
monthly_credits = 1000
[packs.small]
name = "500 credits"
credits = 500
price = { amount = "6.00", currency = "usd", stripe = "price_small" }
[packs.elsewhere]
name = "500 credits"
credits = 500
price = { amount = "6.00", currency = "usd", paddle = "pri_small" }
"""
Customer = Callable[..., Awaitable[str]]
_numbers = itertools.count(1)


@pytest.fixture
def till() -> Till:
    """The provider."""
    return Till()


@pytest.fixture
async def contexts(database_url: str, tmp_path: Path, till: Till) -> AsyncIterator[list[Context]]:
    """Four processes' worth of contexts on one database, all with the same provider."""
    catalog = tmp_path / "coinpurse.toml"
    catalog.write_text(CATALOG, "utf-8")
    settings = replace(Settings.from_env({}), database_url=database_url, catalog=catalog)
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(open_context(settings, size=4)) for _ in range(4)]
        yield [replace(ctx, providers={"stripe": till}) for ctx in opened]  # type: ignore[dict-item]


@pytest.fixture
def ctx(contexts: list[Context]) -> Context:
    """One of them."""
    return contexts[0]


@pytest.fixture
def customer(ctx: Context) -> Customer:
    """Makes an account with a card on file, some credits, and an automatic top-up."""

    async def make(credits: int = 300, *, below: int = 100, most: int = 5, set_it: bool = True) -> str:
        name = f"user_{next(_numbers)}"
        await accounts.put_account(ctx, WHO, name, email=f"{name}@example.com")
        await billing.apply(ctx, "stripe", [Linked(customer=f"cus_{name}", account=name)], test=True)
        if credits:
            await grants.grant(ctx, WHO, name, kind="addon", amount=credits, reason="hello")
        if set_it:
            await auto_topup.put_auto_topup(ctx, WHO, name, pack="small", below=below, most_per_month=most)
        return name

    return make


async def look(*contexts: Context) -> list[str]:
    """What each worker does at one look, all at the same time; what came of it."""
    found = await asyncio.gather(*(_look(ctx) for ctx in contexts))
    return [outcome for outcomes in found for outcome in outcomes]


async def _look(ctx: Context) -> list[str]:
    outcomes = [await auto_topup.top_up(ctx, account) for account in await auto_topup.due(ctx)]
    return [outcome for outcome in outcomes if outcome]
