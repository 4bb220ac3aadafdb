"""Every refusal of the SQL functions has its words."""

import re
from pathlib import Path

import pytest

from coinpurse.app.support import REFUSED  # what acts of staff are refused with
from coinpurse.domain.errors import CoinpurseError
from coinpurse.store import refusals

FUNCTIONS = Path(refusals.__file__).parent / "sql" / "functions"
ANSWERS = {"done", "created", "replayed", "applied", "failed", "refused"}  # of events and rows, too
#: What the words may need to know.
FACTS = {
    "needed": 10, "available": 4, "held": 1, "asked": 5, "charged": 9, "reversible": 2, "remaining": 3,
    "amount": 7,
    "ended": "capture", "closed": "revoked", "state": "paused", "now": "2026-01-01T00:00:00+00:00",
    "ended_at": "2026-01-01T00:00:00+00:00", "paid_through": "2026-01-01T00:00:00+00:00",
}  # fmt: skip


def statuses() -> set[str]:
    """Every status that an SQL function answers with."""
    text = "\n".join(path.read_text("utf-8") for path in sorted(FUNCTIONS.glob("*.sql")))
    found = set(re.findall(r"jsonb_build_object\(\s*'status', '([a-z_]+)'", text))
    for one, other in re.findall(r"'status', CASE WHEN \w+ THEN '([a-z_]+)' ELSE '([a-z_]+)' END", text):
        found |= {one, other}
    return found


def test_statuses_are_found() -> None:
    """The search finds what is known to be there."""
    assert {*ANSWERS, "insufficient", "no_account", "hold_closed", "future"} <= statuses()


@pytest.mark.parametrize("status", sorted(statuses() - ANSWERS - REFUSED.keys()))
def test_a_refusal_has_words(status: str) -> None:
    """Each refused status becomes an exception with a stable code and a sentence that says what to do or that
    nothing was done."""
    refused = refusals.refusal({**FACTS, "status": status}, "ann")
    assert isinstance(refused, CoinpurseError)
    assert refused.code != "error"
    assert not refused.detail[0].islower()
    assert refused.detail.endswith(".")


@pytest.mark.parametrize("status", sorted(ANSWERS))
def test_an_answer_is_no_refusal(status: str) -> None:
    """What was done is not raised."""
    assert refusals.refusal({"status": status}, "ann") is None
