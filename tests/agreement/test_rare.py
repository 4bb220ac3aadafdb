"""Lives that chance seldom finds, on both engines: rare kinds of entries, and what once went wrong."""

from datetime import timedelta

import pytest

from agreement.books import faults
from agreement.live import live
from agreement.lives import PLANS, START, Step
from coinpurse.domain.credits import MAX_AMOUNT, Hold
from coinpurse.domain.errors import IdempotencyConflict
from stories.purse import Engine, Purse

PLAN = {plan.plan: plan for plan in PLANS}


def begin(plan: str = "starter") -> list[Step]:
    """A subscription that begins now, paid for its first month."""
    return [("subscribe", PLAN[plan], None, 0, None)]


def to(boundary: str, off: int = 0) -> Step:
    """Time passes until a boundary, or so many microseconds after it."""
    return ("wait_for", boundary, off)


FAILED: list[Step] = [
    *begin(),
    to("period"),
    ("charge", 100, None),
    ("hold", 50, 604_800, None),
    to("grace"),
]
RARE: dict[str, tuple[str, list[Step]]] = {
    "reversed to a frozen grant": ("e", [*FAILED, ("reverse", 0, 40, False, None), ("pay", 0, 1, None)]),
    "released to a frozen grant": ("q", [*FAILED, ("release", 0, None), ("pay", 0, 1, None)]),
    "timed out into a frozen grant": ("q", [*FAILED, to("hold"), ("pay", 0, 1, None)]),
    "a part captured of a frozen grant": ("q", [*FAILED, ("capture", 0, 20, False, None), to("period")]),
    "frozen credits revoked": ("u", [*FAILED, ("revoke", 0, None, None), ("reverse", 0, None, True, None)]),
    "no part of frozen credits can be revoked": ("f", [*FAILED, ("revoke", 0, 1, None)]),
    "frozen credits lapse with their period": ("z", [*FAILED, to("period")]),
    "frozen credits lapse with the subscription": ("z", [*FAILED, ("cancel", 0, "now", None)]),
    "thawed, and what a pause skipped later": (
        "t",
        [
            *FAILED,
            ("pay", 0, 1, None),
            ("pause", 0, None),
            to("period"),
            ("pay", 0, 1, None),
            ("resume", 0, None),
        ],
    ),
    "released to a revoked grant": (
        "w",
        [("topup", 0, 9), ("hold", 5, 60, None), ("revoke", 0, None, None), ("release", 0, None)],
    ),
    "reversed to a revoked grant": (
        "o",
        [("topup", 0, 9), ("charge", 5, None), ("revoke", 0, None, None), ("reverse", 0, 3, True, None)],
    ),
    "captured of a grant that expired": (
        "l",
        [
            *begin(),
            ("hold", 9, 604800, None),
            to("period", -1),
            ("hold", 9, 604800, None),
            to("period"),
            ("capture", 0, 4, False, None),
            ("reverse", 0, None, True, None),
            to("period"),
            ("charge", 0, None),
        ],
    ),
    "a grant that ends while some of it is held": (
        "x",
        [("grant", "promo", 9, 1, -1, None), ("hold", 5, 604_800, None), to("grant"), ("release", 0, None)],
    ),
    "a grant that ends all spent leaves no act": (
        "c",
        [("grant", "promo", 9, 1, 0, None), ("charge", 9, None), to("grant"), ("charge", 0, None)],
    ),
    "what support took back is not unpaid": (
        "f",
        [*begin(), to("period"), ("charge", 100, None), ("revoke", 0, 50, None), to("grace"), to("period")],
    ),
    "a payment for two months clears both": ("z", [*FAILED, to("period"), ("pay", 0, 2, None)]),
    "started over on the last day of a short month": (
        "g",
        [
            *begin("rushed"),
            ("pay", 0, 1, None),
            to("period"),
            ("change", 0, PLAN["patient"], "restart", None),
            to("period"),
            to("late"),
            ("pay", 0, 1, None),
            ("charge", 1, None),
        ],
    ),
    "started over in the microsecond in which it began": (
        "x",
        [*begin(), ("change", 0, PLAN["studio"], "restart", None), to("period")],
    ),
    "a change that waits when the subscription ends": (
        "x",
        [*begin(), ("change", 0, PLAN["nothing"], "at_renewal", None), ("cancel", 0, "now", None)],
    ),
    "one grant taken twice by a capture": (
        "c",
        [
            ("topup", 0, 100),
            ("hold", 10, 60, None),
            *begin(),
            ("topup", 1, 60),
            ("capture", 0, 1130, True, None),
            ("reverse", 0, 40, False, None),
            ("reverse", 0, 1050, False, None),
            ("reverse", 0, None, False, None),
        ],
    ),
    "a key used up by what had been done before": (
        "k",
        [
            ("topup", 0, 9),
            ("hold", 9, 60, None),
            ("capture", 0, None, False, None),
            ("capture", 0, None, False, "p"),
            ("charge", 0, "p"),
            ("capture", 0, 9, False, "p"),
        ],
    ),
    "nothing takes effect before the beginning": (
        "g",
        [
            ("subscribe", PLAN["starter"], 10, 14, None),
            ("subscribe", PLAN["starter"], 10, 0, None),
            *[("pause", which, None) for which in (0, 1)],
            *[("change", which, PLAN["studio"], "difference", None) for which in (0, 1)],
            *[("change", which, PLAN["studio"], "at_renewal", None) for which in (0, 1)],
            ("pay", 1, 1, None),
            ("cancel", 0, "period_end", None),
            ("wait", timedelta(days=50)),
        ],
    ),
    "many holds time out in one instant, in order": (
        "r",
        [
            *begin(),
            ("together", [(5, 60, None), (6, 60, None), (7, None, None)]),
            to("hold", 1),
            to("period", 1),
        ],
    ),
}


@pytest.mark.parametrize("name", RARE)
def test_rare_life(engine: Engine, name: str) -> None:
    """Both engines agree on a life that chance seldom finds, and it has the entry that it is about."""
    code, life = RARE[name]
    purse = live(engine, life)
    moves = engine.rows("SELECT moves FROM coinpurse.acts WHERE account = %s", purse.digest)
    assert code in "".join(row["moves"] for row in moves)


def test_no_limit_stops_time(engine: Engine) -> None:
    """The limit of 10^15 refuses grants, but never a renewal, a payment, a release or a reversal."""
    purse = live(
        engine,
        [
            *begin(),
            ("charge", 1000, None),
            ("grant", "addon", MAX_AMOUNT, None, 0, None),
            ("grant", "addon", 1, None, 0, None),
            ("topup", 0, 1),
            ("reverse", 0, None, False, None),
            ("hold", MAX_AMOUNT, 60, None),
            ("topup", 1, MAX_AMOUNT - 1000),
            ("release", 0, None),
            to("period"),
            ("pay", 0, 1, None),
            to("period", -1),
        ],
    )
    assert purse.balance().available > 2 * MAX_AMOUNT - 1


def test_s8_captures_of_one_key_at_the_same_time(engine: Engine) -> None:
    """S8: of two captures that travel together under one key, one is done and the other is refused."""
    purse = Purse(engine, START)
    purse.topup("pay", 100)
    holds = [purse.hold(amount).id for amount in (10, 20, 30)]
    first, second, other = purse.capture_together(holds, ["key", "key", None])
    assert isinstance(first, Hold)
    assert isinstance(other, Hold)
    assert isinstance(second, IdempotencyConflict)
    assert (purse.balance().available, purse.balance().held) == (40, 20)
    assert faults(purse) == []
