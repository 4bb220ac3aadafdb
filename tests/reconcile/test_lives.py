"""Random lives at the provider whose events are often lost for good, with reconciling every other day in
their stead."""

import os
from datetime import timedelta

import pytest

from coinpurse.app import checks
from coinpurse.app.reconcile import reconcile
from coinpurse.simulator.deliveries import Faults
from coinpurse.store.db import Database
from lives.acts import ACTS, subscribe
from lives.auditor import Auditor
from lives.inside import WHO
from lives.telling import tell
from lives.town import START, Town

SEEDS = int(os.environ.get("COINPURSE_TEST_TOWNS", "1"))
FIRST = int(os.environ.get("COINPURSE_TEST_TOWN", "1"))
LOSING = Faults(drop=0.8, lost_are_found=False, reorder=0.2)


async def heal(town: Town) -> int:
    """What support does every other day, or the day after."""
    for one in town.customers.values():
        await town.wake(one)
    report = await reconcile(town.ctx, WHO, since=town.now - timedelta(hours=100), heal=True)
    assert not [d for d in report.differences if d.kind == "untold"]
    return report.healed


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
async def test_e4_reconciling_makes_up_for_what_is_lost(database_url: str, seed: int) -> None:
    """E4: half a year in which four of five events are lost ends as the provider's journal says."""
    async with Database(database_url) as db:
        town = Town(db, seed, faults=LOSING)
        people = [await town.born(n) for n in range(3)]
        for one in people:
            await subscribe(town, one)
        weights, acts = zip(*ACTS, strict=True)
        healed, next_look = 0, START
        while town.now < START + timedelta(days=180):
            await town.go(town.now + timedelta(hours=town.random.uniform(1, 48)))
            if town.now >= next_look:
                healed += await heal(town)
                next_look = town.now + timedelta(hours=40)
            [act] = town.random.choices(acts, weights)
            await act(town, town.random.choice(people))
        await town.go(town.now + timedelta(days=1))
        await heal(town)
        assert healed > 10
        assert await heal(town) == 0
        faults = await Auditor(town).audit()
        if faults:
            await tell(town, faults[0].partition(":")[0])
        assert faults == []
        assert await checks.verify(town.ctx) == []
