"""Requests that travel together, where some must be looked at by themselves."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coinpurse.app import accounts, grants, wallets
from coinpurse.app.context import Context, Who
from coinpurse.app.wallets import ChargeRequest
from coinpurse.domain.credits import Charge
from coinpurse.domain.errors import InsufficientCredits
from coinpurse.settings import DEFAULT_CATALOG, Settings
from coinpurse.wiring import open_context

WHO = Who("tests", False)
POOR = [f"poor_{number}" for number in range(12)]


@pytest.fixture
async def ctx(database_url: str, tmp_path: Path) -> AsyncIterator[Context]:
    """Twelve accounts with 10 credits each, and one with plenty."""
    async with open_context(Settings(database_url, tmp_path, DEFAULT_CATALOG)) as ctx:
        for name, credits in (*((name, 10) for name in POOR), ("rich", 1_000)):
            await accounts.put_account(ctx, WHO, name)
            await grants.grant(ctx, WHO, name, kind="addon", amount=credits, reason="to spend")
        yield ctx


async def test_s8_a_batch_looks_at_each_account_in_its_order(ctx: Context) -> None:
    """Where an account can't pay for all, its earlier requests come first, and a key's second use last."""
    items = [
        ChargeRequest(name, amount, key=key)
        for name in POOR
        for amount, key in ((6, f"{name}:a"), (6, f"{name}:b"), (4, f"{name}:c"), (6, f"{name}:a"))
    ]
    answers = await wallets.charge_batch(ctx, WHO, items)
    for first in range(0, len(answers), 4):
        one, refused, rest, again = answers[first : first + 4]
        assert isinstance(refused, InsufficientCredits)
        assert isinstance(one, Charge)
        assert isinstance(rest, Charge)
        assert isinstance(again, Charge)
        assert (one.balance.available, rest.balance.available) == (4, 0)
        assert (again.id, again.replayed) == (one.id, True)
