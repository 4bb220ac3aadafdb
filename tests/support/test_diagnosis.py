"""T7, U3: why a renewal has not landed, case by case: each has its words and at most one thing to do."""

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

import pytest

from coinpurse.app.diagnosis import Explained, Seller, diagnose
from coinpurse.app.events import BillingEvent
from coinpurse.app.trail import StaffAct
from coinpurse.domain.credits import Period, Renewal, RenewalEvent
from coinpurse.web.support import saying

NOW = datetime(2026, 3, 1, tzinfo=UTC)
STRIPE = Seller("stripe", "sub_1", "active")


def renewal(state: Any = "late", came: str | None = None) -> Renewal:
    """A renewal, and whether something has come for it."""
    events = [RenewalEvent("invoice.created", came, "applied" if came else None)]
    return Renewal("ann", "su_1", "starter", Period(NOW, NOW), state, "strict", 0, NOW, events)


def event(type: str, status: Literal["waiting", "applied", "ignored", "failed"]) -> BillingEvent:
    """A billing event as it stands."""
    return BillingEvent(
        f"evt_{status}",
        "stripe",
        type,
        True,
        status,
        f"It was {status}.",
        None,
        0,
        [],
        1,
        NOW,
        NOW,
        NOW,
        None,
    )


def looked_up(result: str) -> StaffAct:
    """A look-up that was done."""
    nobody: dict[str, Any] = dict.fromkeys(("account", "digest", "test", "amount", "reason", "decided_by"))
    more: dict[str, Any] = {"decided_at": None, "decision": None, "ended_at": NOW, "asked": {}}
    act: dict[str, Any] = {
        "id": uuid4(),
        "at": NOW,
        "staff": "a@x",
        "act": "looked_up",
        "target": "su_1",
        "state": "done",
    }
    return StaffAct(**act, **nobody, **more, result=result)


PAID, FAILED, DRAFT = "invoice.paid", "invoice.payment_failed", "invoice.created"
CASES: list[tuple[str, str | None, str, Renewal, Seller | None, list[BillingEvent], StaffAct | None]] = [
    ("landed", None, "Paid, and the credits", renewal("granted"), STRIPE, [], None),
    ("skipped", None, "Skipped", renewal("skipped"), STRIPE, [], None),
    ("here", None, "kept here alone", renewal(), None, [], None),
    ("missing", "look_up", "Never delivered", renewal(), STRIPE, [], None),
    ("partly", "look_up", "not that it is paid", renewal(came="evt_1"), STRIPE, [], None),
    ("failed", "retry", "It was failed.", renewal(), STRIPE, [event(PAID, "failed")], None),
    ("failed", "retry", PAID, renewal(), STRIPE, [event(DRAFT, "failed"), event(PAID, "failed")], None),
    ("failed", "retry", PAID, renewal(), STRIPE, [event(FAILED, "applied"), event(PAID, "failed")], None),
    ("working", None, "being worked on", renewal(), STRIPE, [event(PAID, "waiting")], None),
    ("ignored", "retry", "It was ignored.", renewal(), STRIPE, [event(PAID, "ignored")], None),
    ("partly", "look_up", "has told", renewal(came="e"), STRIPE, [event(DRAFT, "ignored")], None),
    ("unpaid", None, "could not collect", renewal("failed"), STRIPE, [event(FAILED, "applied")], None),
    ("unpaid", None, "could not", renewal(), Seller("stripe", "sub_1", "past_due"), [], None),
    ("asked", "look_up", "was asked, and has no payment", renewal(), STRIPE, [], looked_up("Nothing new.")),
    ("failed", "retry", "failed here", renewal(), STRIPE, [event(PAID, "failed")], looked_up("Nothing.")),
]


@pytest.mark.parametrize(("case", "remedy", "said", "one", "seller", "told", "asked"), CASES)
def test_t7_each_case(
    case: str,
    remedy: str | None,
    said: str,
    one: Renewal,
    seller: Seller | None,
    told: list[BillingEvent],
    asked: StaffAct | None,
) -> None:
    """T7: the case, the remedy, and the words for it."""
    why = diagnose(one, seller, told, asked)
    assert (why.case, why.remedy) == (case, remedy)
    assert said in saying.why(Explained(one, seller, why))


def test_every_case_has_words() -> None:
    """No case is without its sentence."""
    assert {case for case, *_ in CASES} == set(saying.CASES)
