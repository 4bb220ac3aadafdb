"""Customers' lives with Coinpurse as real processes that are killed without a warning, at bad moments.

`COINPURSE_TEST_TOWNS=20 COINPURSE_TEST_KILLS=50 make test ARGS=tests/lives/test_killed_lives.py` makes it
worse.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from coinpurse.app import checks
from coinpurse.simulator.deliveries import Faults
from coinpurse.store.db import Database
from lives.acts import live, people_of, rush
from lives.auditor import Auditor
from lives.outside import town_outside
from lives.telling import tell
from lives.town import START, Town

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]
SEEDS = int(os.environ.get("COINPURSE_TEST_TOWNS", "1"))
FIRST = int(os.environ.get("COINPURSE_TEST_TOWN", "1"))
KILLS = int(os.environ.get("COINPURSE_TEST_KILLS", "10"))
PEOPLE = 3
YEAR = START + timedelta(days=365)
BAD = Faults(repeat=0.1, delay=0.1, reorder=0.2, drop=0.05)


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url) as opened:
        yield opened


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
async def test_e1_killed_at_any_instant_nothing_is_lost_or_done_twice(
    db: Database, database_url: str, tmp_path: Path, seed: int
) -> None:
    """A year of customers, with server and worker killed while deliveries come, the provider is asked and
    charges are made: the books are those of the provider's journal, with every acknowledged charge once."""
    policies = {"clawback": "debt", "upgrade": "prorated"} if seed // 2 % 2 else {}
    make = partial(Town, db, seed, faults=BAD, policies=policies)
    async with town_outside(make, seed, database_url, tmp_path, workers=1 + seed % 2) as (town, killer, here):
        people = await people_of(town, PEOPLE)
        dooms = sorted(killer.random.uniform(0, 1) for _ in range(KILLS))
        async for _ in live(town, people, YEAR):
            while dooms and (town.now - START) / (YEAR - START) >= dooms[0]:
                dooms.pop(0)
                if killer.doom() == "charge":
                    await asyncio.gather(*(rush(town, one) for one in people))
        await killer.done()
        await town.settle()
        print(f"seed {seed}: {len(killer.kills)} kills, {here.broken} requests broken off")
        auditor = Auditor(town)
        faults = await auditor.audit()
        print(auditor.summary())
        if faults:
            await tell(town, faults[0].partition(":")[0])
        assert faults == []
        assert await checks.verify(town.ctx) == []
        assert len(killer.kills) == KILLS
