"""Natural batching: what waits while a call is under way goes together in the next, and nobody is harmed by a
neighbour."""

import asyncio
from collections.abc import Sequence

import pytest

from coinpurse.domain.errors import Unavailable
from coinpurse.store.coalesce import Coalescer


class Calls:
    """A far side that notes its groups, and answers each request with its double when it is let."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.under_way = 0

    async def send(self, group: Sequence[int]) -> list[int]:
        self.groups.append(list(group))
        self.under_way += 1
        assert self.under_way == 1, "one call at a time"
        await self.open.wait()
        self.under_way -= 1
        if 13 in group:
            raise ValueError("thirteen")
        return [2 * one for one in group]


async def test_what_waits_goes_together() -> None:
    """The first group leaves at once; all that comes while it is under way shares the second, in its
    order."""
    calls = Calls()
    calls.open.clear()
    coalescer = Coalescer(calls.send)
    first = asyncio.create_task(coalescer.submit(0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = [asyncio.create_task(coalescer.submit(n)) for n in range(1, 6)]
    await asyncio.sleep(0)
    calls.open.set()
    assert await asyncio.gather(first, *rest) == [0, 2, 4, 6, 8, 10]
    assert calls.groups == [[0], [1, 2, 3, 4, 5]]


async def test_a_group_is_bounded() -> None:
    """No call carries more than `most`."""
    calls = Calls()
    coalescer = Coalescer(calls.send, most=3)
    assert await asyncio.gather(*(coalescer.submit(n) for n in range(8))) == [2 * n for n in range(8)]
    assert [len(group) for group in calls.groups] == [3, 3, 2]


async def test_the_queue_is_bounded() -> None:
    """One more than may wait is refused, kindly; the others are served."""
    calls = Calls()
    coalescer = Coalescer(calls.send, queue=2)
    outcomes = await asyncio.gather(*(coalescer.submit(n) for n in range(3)), return_exceptions=True)
    assert outcomes[:2] == [0, 2]
    assert isinstance(outcomes[2], Unavailable)
    assert outcomes[2].retry_after == 1


async def test_nobody_joins_a_queue_that_stands_still() -> None:
    """When somebody has waited for too long, the next one is refused at once instead of waiting longer; those
    who wait are served, and then the queue is open again."""
    calls = Calls()
    calls.open.clear()
    coalescer = Coalescer(calls.send, longest=0.05)
    early = [asyncio.create_task(coalescer.submit(n)) for n in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    early.append(asyncio.create_task(coalescer.submit(2)))
    await asyncio.sleep(0.1)
    with pytest.raises(Unavailable):
        await coalescer.submit(3)
    calls.open.set()
    assert await asyncio.gather(*early) == [0, 2, 4]
    assert await coalescer.submit(3) == 6


async def test_who_gives_up_while_waiting_takes_the_request_along() -> None:
    """A caller that is cancelled before its group leaves is not sent; one that is cancelled later is, and
    harms nobody."""
    calls = Calls()
    calls.open.clear()
    coalescer = Coalescer(calls.send)
    under_way = asyncio.create_task(coalescer.submit(0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(coalescer.submit(n)) for n in (1, 2)]
    await asyncio.sleep(0)
    under_way.cancel()
    waiting[0].cancel()
    await asyncio.sleep(0)
    calls.open.set()
    assert await waiting[1] == 4
    assert calls.groups == [[0], [2]]


async def test_a_failure_is_told_to_its_group_only() -> None:
    """When a call fails, those in it learn why; the next group is served."""
    calls = Calls()
    coalescer = Coalescer(calls.send, most=2)
    outcomes = await asyncio.gather(*(coalescer.submit(n) for n in (12, 13, 14)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ValueError, ValueError, int]
    assert await coalescer.submit(1) == 2


async def test_an_idle_coalescer_begins_again() -> None:
    """After everything was served, the next request leaves at once."""
    calls = Calls()
    coalescer = Coalescer(calls.send)
    for n in range(3):
        assert await coalescer.submit(n) == 2 * n
    assert calls.groups == [[0], [1], [2]]


@pytest.mark.parametrize("callers", [1, 64, 1000])
async def test_everybody_is_answered(callers: int) -> None:
    """However many call at once, each gets its own answer, and all were sent once."""
    calls = Calls()
    coalescer = Coalescer(calls.send, most=100)
    numbers = [n + 100 for n in range(callers)]
    assert await asyncio.gather(*map(coalescer.submit, numbers)) == [2 * n for n in numbers]
    assert sorted(n for group in calls.groups for n in group) == numbers
