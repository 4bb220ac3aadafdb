"""Behind pgbouncer in transaction mode, where no two statements need come by the same connection."""

import asyncio
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from coinpurse.app import wallets
from coinpurse.app.context import Who
from coinpurse.domain.errors import InsufficientCredits
from coinpurse.settings import DEFAULT_CATALOG, Settings
from coinpurse.store.migrate import migrate, pending
from coinpurse.wiring import open_context
from pool.conftest import through
from stories.purse import Engine, Purse
from stories.runner import STORIES, instant, play

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_every_story_comes_true(path: Path, engine: Engine) -> None:
    """Whole lives of accounts, line by line."""
    play(path.read_text("utf-8"), lambda now: Purse(engine, now))


def test_the_books_are_right_after_all_stories(engine: Engine) -> None:
    """`verify` runs through the pool too."""
    assert engine.verify() == []


def test_migrations_run_through_it(bouncer: Path, blank_database_url: str) -> None:
    """In one transaction, and ten at once do no harm."""
    url = through(bouncer, blank_database_url)
    assert migrate(url)
    assert pending(url) == []


def test_s7_rivals_through_it(pooled: str, engine: Engine) -> None:
    """Twenty charges of 75 on 500 by four processes' worth of pools: six are made."""
    life = Purse(engine, instant("2026-01-31T10:00"))
    who = Who("tests", test=True)
    life.topup("p", 500)

    async def spend(n: int) -> list[str]:
        settings = Settings(pooled, Path("/nonexistent"), DEFAULT_CATALOG)
        async with open_context(settings) as ctx:
            calls = (wallets.charge(ctx, who, life.name, amount=75, key=f"{n}-{i}") for i in range(5))
            made = await asyncio.gather(*calls, return_exceptions=True)
        return ["refused" if isinstance(one, InsufficientCredits) else type(one).__name__ for one in made]

    async def rivals() -> list[list[str]]:
        return await asyncio.gather(*(spend(n) for n in range(4)))

    told = asyncio.run(rivals())
    assert Counter(word for words in told for word in words) == {"Charge": 6, "refused": 14}


def test_it_is_in_transaction_mode(pooled: str) -> None:
    """What is set for a session doesn't stay with it: the tests above would notice if it were needed."""
    with psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as one:
        one.execute("SET application_name = 'mine'")
        with psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as other:
            backends = {conn.execute("SELECT pg_backend_pid()").fetchone() for conn in (one, other)}
    assert len(backends) == 1
