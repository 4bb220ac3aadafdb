"""A database for the cases of a file, two workers on it, and an audit of the books at the end."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

import pytest
import pytest_asyncio

from coinpurse.app import checks
from coinpurse.store.db import Database
from field_cases.scene import Scene, opened
from lives.town import START
from rules.life import audit, run

#: With an API key Stripe is asked for what is current; without one its payloads are all there is.
MODES = pytest.mark.parametrize("asks", [True, False], ids=["asking", "told"])
Opens = Callable[..., Awaitable[Scene]]
Pools = tuple[Database, Database]
PARK = "UPDATE coinpurse.events SET next_at = 'infinity' WHERE status IN ('waiting', 'failed')"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pools(module_database_url: str) -> AsyncIterator[Pools]:
    """Two workers' connections."""
    async with Database(module_database_url) as first, Database(module_database_url) as second:
        yield first, second


@pytest_asyncio.fixture(loop_scope="module")
async def opens(pools: Pools) -> AsyncIterator[Opens]:
    """Opens scenes. In the end the books are right, whatever happened, and every event has an outcome."""
    scenes: list[Scene] = []

    async def make(*, asks: bool = True, start: datetime = START) -> Scene:
        scenes.append(await opened(*pools, asks=asks, start=start))
        return scenes[-1]

    yield make
    unfinished = [await scene.unfinished() for scene in scenes]
    if scenes:
        await run(scenes[0].ctx, PARK)  # so that no other case works on what this one has left
        assert await checks.verify(scenes[0].ctx) == []
    for scene in scenes:
        await audit(scene.life)
    assert not any(unfinished), unfinished
