"""Work that nobody waits for keeps out of the way."""

import asyncio
import time

from coinpurse.worker.pace import Pace


async def test_it_rests_far_longer_than_it_works() -> None:
    """A piece of 20 ms is followed by a rest of 380 ms at least: a twentieth of the time is worked."""
    stop, done = asyncio.Event(), 0

    async def piece() -> bool:
        nonlocal done
        done += 1
        await asyncio.sleep(0.02)
        return False

    began = time.monotonic()
    working = asyncio.create_task(Pace(between=0.0, rounds=0.0, longest=1.0).keep(stop, "testing", piece))
    await asyncio.sleep(1.0)
    stop.set()
    await asyncio.wait_for(working, 1)
    assert 1 <= done <= 1 + (time.monotonic() - began) / 0.4


async def test_a_failure_does_not_end_it() -> None:
    """What fails is tried again, after a pause; after a whole round it rests as long as it was told to."""
    stop, tried = asyncio.Event(), 0

    async def piece() -> bool:
        nonlocal tried
        tried += 1
        if tried < 3:
            raise OSError("the database is away")
        asyncio.get_running_loop().call_soon(stop.set)
        return True

    await asyncio.wait_for(Pace(between=0.0, rounds=60.0, longest=0.01).keep(stop, "testing", piece), 5)
    assert tried == 3
