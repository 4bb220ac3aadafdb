"""From a plan that went wrong to a smaller one that still does."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

from coinpurse.ordeal.ordeal import Plan, Report

#: How often a plan is gone through before it is taken to be all right: what it meets is partly chance.
TRIES = 2
#: How many plans are gone through in all.
MOST = 30
FEWEST = 10

Try = Callable[[Plan], Awaitable[Report]]


async def shrink(plan: Plan, report: Report, attempt: Try, most: int = MOST) -> tuple[Plan, Report]:
    """The smallest plan found that goes wrong, and what it reported. `report` is what `plan` led to;
    `attempt` goes through a plan in a place of its own, `most` times at most."""
    left = most
    smaller = _smaller(plan, report)
    while (tried := next(smaller, None)) and left:
        for _ in range(min(TRIES, left)):
            left -= 1
            again = await attempt(tried)
            if again.faults:
                plan, report = tried, again
                smaller = _smaller(plan, report)
                break
    return plan, report


def _smaller(plan: Plan, report: Report) -> Iterator[Plan]:
    """Plans that ask for less, the ones that leave out most first."""
    plan = replace(plan, operations=min(plan.operations, max(1, report.operations)), minutes=None)
    if plan.kills or plan.disturbed:
        yield replace(plan, kills=0, disturbed=False)
    if plan.kills and plan.disturbed:
        yield replace(plan, disturbed=False)
        yield replace(plan, kills=0)
    for part in (10, 2):
        if plan.accounts > FEWEST:
            yield replace(plan, accounts=max(FEWEST, plan.accounts // part))
        if plan.operations >= part:
            yield replace(plan, operations=plan.operations // part)
        if plan.kills >= part:
            yield replace(plan, kills=plan.kills // part)
