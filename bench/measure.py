"""Measuring contestants in turns, and what is made of the figures."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from statistics import median

from processes import Meter


@dataclass
class Run:
    """One turn: charges (or reads) made, in how many seconds, and how long each call took."""

    made: int
    spent: float
    took: list[float]
    #: Seconds of the processor's time: Python's, PostgreSQL's.
    used: tuple[float, float] = (0.0, 0.0)


@dataclass
class Contestant:
    """Who is measured. `run` takes its turn for so many seconds, on one hot account or on all."""

    name: str
    run: Callable[[bool, float], Awaitable[Run]]
    found: dict[bool, list[Run]] = field(default_factory=lambda: {False: [], True: []})

    def rate(self, hot: bool) -> float:
        """The median rate."""
        return median(run.made / run.spent for run in self.found[hot])

    def used(self, hot: bool, part: int) -> float:
        """Microseconds of the processor's time for each, by Python (0) or PostgreSQL (1)."""
        return median(run.used[part] / run.made for run in self.found[hot]) * 1e6

    def latency(self, hot: bool, share: float) -> float:
        """A quantile of the latencies in milliseconds; of several turns, the median."""
        return median(sorted(run.took)[int(len(run.took) * share)] for run in self.found[hot]) * 1000


def callers(name: str, act: Callable[[bool], Awaitable[int]], clients: int) -> Contestant:
    """So many tasks of this process, each calling `act` again and again."""

    async def run(hot: bool, seconds: float) -> Run:
        took: list[float] = []
        done = 0
        end = time.perf_counter() + seconds

        async def client() -> None:
            nonlocal done
            while (began := time.perf_counter()) < end:
                made = await act(hot)
                done += made  # not in one statement: that would read `done` before it waits
                took.append(time.perf_counter() - began)

        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(clients)))
        return Run(done, time.perf_counter() - began, took)

    return Contestant(name, run)


async def take_turns(contestants: list[Contestant], rounds: int, seconds: float, meter: Meter) -> None:
    """Round by round, so that a change of the machine's mood meets all alike."""
    for _ in range(rounds):
        for hot in (False, True):
            for contestant in contestants:
                before = meter.read()
                run = await contestant.run(hot, seconds)
                run.used = meter.read().since(before)
                contestant.found[hot].append(run)
                print(".", end="", flush=True)
    print()
