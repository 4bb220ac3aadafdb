"""Whole lives of customers over three years, with deliveries that are repeated, late, out of order and
lost, end with the ledger that the provider's journal alone implies."""

import os
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from functools import partial

import pytest
import pytest_asyncio

from coinpurse.app import checks
from coinpurse.simulator.deliveries import Faults
from coinpurse.store.db import Database
from coinpurse.store.migrate import migrate
from lives.acts import live, people_of
from lives.auditor import Auditor
from lives.inside import Inside
from lives.telling import tell
from lives.town import START, Town

pytestmark = pytest.mark.asyncio(loop_scope="module")
SEEDS = int(os.environ.get("COINPURSE_TEST_TOWNS", "1"))
FIRST = int(os.environ.get("COINPURSE_TEST_TOWN", "1"))
PEOPLE = 4
YEARS = 3
BAD = Faults(repeat=0.1, delay=0.1, reorder=0.2, drop=0.05)
SORTS: list[tuple[Mapping[str, str], bool]] = [
    ({}, True),
    ({"clawback": "debt", "upgrade": "prorated"}, True),
    ({"upgrade": "restart"}, True),
    ({}, False),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def db(module_database_url: str) -> AsyncIterator[Database]:
    migrate(module_database_url)
    async with Database(module_database_url) as opened:
        yield opened


@pytest.mark.parametrize("sort", range(len(SORTS)))
@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
async def test_e2_three_years_end_as_the_journal_says(db: Database, seed: int, sort: int) -> None:
    """All situations of a billing life, in a random order, through a bad wire; the catalog's policies
    differ, and in the last sort of town the provider can't be asked."""
    policies, asks = SORTS[sort]
    number = seed * len(SORTS) + sort
    town = Town(db, number, partial(Inside, asks=asks), faults=BAD, policies=policies)
    people = await people_of(town, PEOPLE)
    async for _ in live(town, people, START + timedelta(days=365 * YEARS)):
        pass
    await town.settle()
    auditor = Auditor(town)
    faults = await auditor.audit()
    print(auditor.summary())
    if faults:
        await tell(town, faults[0].partition(":")[0])
    assert faults == []
    assert await checks.verify(town.ctx) == []
