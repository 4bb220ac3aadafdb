"""Accounts that can be charged without end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coinpurse.app import accounts, grants
from coinpurse.app.context import Context, Who
from coinpurse.settings import DEFAULT_CATALOG, Settings
from coinpurse.wiring import open_context

WHO = Who("tests", False)
NAMES = [f"user_{number}" for number in range(300)]


@pytest.fixture
async def ctx(database_url: str, tmp_path: Path) -> AsyncIterator[Context]:
    """Three hundred accounts with plenty."""
    async with open_context(Settings(database_url, tmp_path, DEFAULT_CATALOG)) as ctx:
        for name in NAMES:
            await accounts.put_account(ctx, WHO, name)
            await grants.grant(ctx, WHO, name, kind="addon", amount=10**9, reason="to spend")
        yield ctx
