"""One database for the tests of a file, one account for each life in them, and an audit of each at its
end."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from coinpurse.app import accounts, checks
from coinpurse.app.context import Context, Who
from coinpurse.settings import Settings
from coinpurse.wiring import open_context
from rules.life import Life, audit, when

CATALOG = Path(__file__).with_name("catalog.toml")
NewLife = Callable[..., Awaitable[Life]]
_names = itertools.count(1)


def settings(url: str, catalog: Path = CATALOG) -> Settings:
    """Settings for a test's database."""
    return Settings(url, Path("/nonexistent"), catalog)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def purse(module_database_url: str) -> AsyncIterator[Context]:
    """The engine, on the file's own database; in the end its books must be right."""
    async with open_context(settings(module_database_url)) as ctx:
        yield ctx
        assert await checks.verify(ctx) == []


@pytest_asyncio.fixture(loop_scope="module")
async def born(purse: Context) -> AsyncIterator[NewLife]:
    """Makes accounts: on a test clock that starts at an instant, or (None) live ones. Each is audited at the
    test's end."""
    lives: list[Life] = []

    async def make(clock: str | None = "2026-01-15T10:00") -> Life:
        life = Life(purse, f"account-{next(_names)}", Who("tests", clock is not None))
        await accounts.put_account(purse, life.who, life.name, clock=None if clock is None else when(clock))
        lives.append(life)
        return life

    yield make
    for life in lives:
        await audit(life)


@pytest.fixture
def nobody(purse: Context) -> Life:
    """An account that does not exist."""
    return Life(purse, "nobody", Who("tests", True))
