"""Whole lives of customers over three years, with deliveries that are repeated, late, out of order and
lost, end with the ledger that the provider's journal alone implies."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from coinpurse.app import checks
from coinpurse.simulator.deliveries import Faults
from coinpurse.store.db import Database
from coinpurse.store.migrate import migrate
from lives.acts import ACTS, subscribe
from lives.auditor import Auditor
from lives.telling import tell
from lives.town import START, Town

pytestmark = pytest.mark.asyncio(loop_scope="module")
SEEDS = int(os.environ.get("COINPURSE_TEST_TOWNS", "3"))
FIRST = int(os.environ.get("COINPURSE_TEST_TOWN", "1"))
PEOPLE = 4
YEARS = 3
BAD = Faults(repeat=0.1, delay=0.1, reorder=0.2, drop=0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def db(module_database_url: str) -> AsyncIterator[Database]:
    migrate(module_database_url)
    async with Database(module_database_url) as opened:
        yield opened


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
async def test_e2_three_years_end_as_the_journal_says(db: Database, seed: int) -> None:
    """All situations of a billing life, in a random order, through a bad wire."""
    town = Town(db, seed, faults=BAD)
    people = [await town.born(n) for n in range(PEOPLE)]
    for one in people:
        await subscribe(town, one)
    weights, acts = zip(*ACTS, strict=True)
    end = START + timedelta(days=365 * YEARS)
    while town.now < end:
        await town.go(town.now + timedelta(hours=town.random.uniform(1, 90)))
        [act] = town.random.choices(acts, weights)
        await act(town, town.random.choice(people))
    await town.go(end + timedelta(days=4))
    await town.settle()
    faults = await Auditor(town).audit()
    if faults:
        await tell(town, faults[0].partition(":")[0])
    assert faults == []
    assert await checks.verify(town.ctx) == []
