"""What chance seldom finds at a payment provider, on both engines: each once went wrong, or nearly."""

from datetime import timedelta
from typing import Any

import pytest

from agreement.live import live
from agreement.lives import PLANS, Step
from stories.purse import Engine

PLAN = {plan.plan: plan for plan in PLANS}
STARTER, STUDIO, PATIENT = PLAN["starter"], PLAN["studio"], PLAN["patient"]


def pays(kind: str, plan: str = "starter", sub: str = "s0") -> Step:
    """A line is paid."""
    return ("pays", sub, kind, PLAN[plan], 1, True)


def stands(plan: str = "starter", state: str = "active", **details: Any) -> Step:
    """The subscription stands so now."""
    return ("stands", "s0", state, PLAN[plan], 1, details, 0, 0, "difference")


def to(boundary: str, off: int = 0) -> Step:
    """Time passes until a boundary, or so many microseconds after it."""
    return ("wait_for", boundary, off)


DISPUTED: Step = ("goes_back", 0, None, (0, 1000, 0), 0, "debt")
LOST: Step = ("goes_back", 0, None, (0, 0, 1000), 0, "debt")
SECOND: Step = ("wait", timedelta(seconds=1))
RARE: dict[str, list[Step]] = {
    "an unpaid invoice before the start": [pays("ahead"), ("owes", "s0", 0), to("period", 1)],
    "a fixed end before the start": [pays("ahead", "yearly"), stands("yearly", end="soon"), to("end")],
    "a line for now after one for later": [pays("ahead"), pays("odd"), to("period", 1), to("period", 1)],
    "an upgrade while the payment is awaited": [
        pays("now"),
        to("period"),
        ("charge", 200, None),
        stands("studio"),
        pays("running"),
        to("period"),
    ],
    "a line that knows better than an older standing": [
        pays("now", "studio"),
        stands("studio"),
        to("period"),
        pays("running"),
        ("retell", 1),
        to("period"),
    ],
    "months reckoned anew while the old credits are kept": [
        pays("now", "patient"),
        to("period"),
        pays("now", "patient", "s1"),
        stands("patient", anchor="month before"),
        pays("running", "patient"),
        to("period"),
    ],
    "a trial moved, and moved again by its first line": [
        stands("studio", "trialing", trial=5),
        SECOND,
        stands("studio", "trialing", trial=14),
        pays("ahead", "studio"),
        SECOND,
        stands("studio", "trialing", trial=14),
        to("period"),
    ],
    "what an unpaid period gave counts against a new anchor": [
        pays("now"),
        to("period"),
        ("charge", 160, None),
        ("hold", 40, 604_800, None),
        to("grace", 1),
        pays("odd"),
        ("release", 0, None),
        to("period"),
    ],
    "all spent, then disputed, given back and lost": [
        ("buys", 0, "paid", 300, 1),
        ("charge", 300, None),
        DISPUTED,
        ("reverse", 0, 100, False, None),
        LOST,
        ("reverse", 0, 50, False, None),
        ("buys", 1, "paid", 300, 1),
        ("goes_back", 1, 0, (0, 0, 0), 0, "debt"),
    ],
    "a refund that failed after support had revoked the rest": [
        ("buys", 0, "paid", 1000, 1),
        ("charge", 10, None),
        ("reverse", 0, None, False, None),
        ("goes_back", 0, 333, None, 0, "debt"),
        ("revoke", 0, None, None),
        ("goes_back", 0, 0, None, 0, "debt"),
        ("charge", 100, None),
    ],
    "an older line's money goes back after the year began anew": [
        pays("now", "yearly"),
        ("wait", timedelta(days=3)),
        pays("now"),
        ("goes_back", 0, 1000, None, 0, "forgive"),
        ("charge", 100, None),
        ("goes_back", 1, 1000, None, 0, "forgive"),
    ],
    "a debt that support's gift pays": [
        ("buys", 0, "paid", 300, 1),
        ("charge", 300, None),
        ("goes_back", 0, 1000, None, 0, "debt"),
        ("grant", "promo", 100, None, 0, None),
        ("grant", "addon", 100, None, 0, None),
        ("topup", 0, 250),
    ],
}


@pytest.mark.parametrize("name", RARE)
def test_rare_life_at_a_provider(engine: Engine, name: str) -> None:
    """Both engines agree on what happened to be hard."""
    live(engine, RARE[name])
