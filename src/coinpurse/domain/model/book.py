"""Writing acts and their entries."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from coinpurse.domain.credits import Kind
from coinpurse.domain.model.state import MOVEMENTS, Act, GrantState, Line, State, SubscriptionState
from coinpurse.domain.model.views import balance

TIME = "time"


@contextmanager
def act(
    state: State,
    kind: str,
    at: datetime | None = None,
    *,
    actor: str | None = None,
    reason: str | None = None,
    subject: str | None = None,
) -> Iterator[Act]:
    """Opens the next act, dated now unless told otherwise. What is refused must be refused before this."""
    written = Act(len(state.acts) + 1, kind, at or state.now, actor or state.actor, reason, subject)
    state.acts.append(written)
    yield written
    written.balance = balance(state, written.at)


def move(state: State, written: Act, code: str, grant: GrantState, amount: int) -> None:
    """One entry: `amount` credits of a grant go from one place to another. Nothing to move: no entry."""
    if not amount:
        return
    movement = MOVEMENTS[code]
    grant.places[movement.source] -= amount
    grant.places[movement.target] += amount
    sign = (movement.target == "available") - (movement.source == "available")
    state.sequence += 1
    written.lines.append(Line(state.sequence, code, grant, amount, sign * amount, state.total("available")))


def give(
    state: State,
    written: Act,
    kind: Kind,
    amount: int,
    expires_at: datetime | None,
    source: dict[str, Any],
    **details: Any,
) -> GrantState | None:
    """Makes a grant. An amount of 0 makes none."""
    if not amount:
        return None
    details.setdefault("reason", written.reason)
    grant = GrantState(written.number, kind, amount, written.at, expires_at, source, **details)
    state.grants[grant.number] = grant
    move(state, written, "g", grant, amount)
    return grant


def allot(
    state: State, written: Act, subscription: SubscriptionState, amount: int, *, provisional: bool = False
) -> None:
    """Gives credits of the running period; they expire with it."""
    running = subscription.running
    assert running is not None, "only a running period gives credits"
    source = {
        "type": "subscription",
        "subscription": f"su_{subscription.number}",
        "plan": subscription.terms.plan,
        "period": running.number,
    }
    end = running.period.end
    details = {"subscription": subscription.number, "provisional": provisional, "reason": None}
    give(state, written, "monthly", amount, end, source, **details)
    running.given += amount


def lapse(state: State, written: Act, grants: Iterable[GrantState]) -> None:
    """The grants expire: what is available and what is frozen goes, what is held stays with its hold (H4)."""
    for grant in grants:
        move(state, written, "x", grant, grant.places["available"])
        move(state, written, "z", grant, grant.places["frozen"])
        grant.closed = "expired"
        grant.provisional = False


def put_back(grant: GrantState, *, spent: bool) -> str:
    """The code of the entry by which held or spent credits return to a grant, as the grant stands now."""
    if grant.closed == "expired":
        return "n" if spent else "l"
    if grant.closed == "revoked":
        return "o" if spent else "w"
    if grant.frozen or grant.disputed:
        return "e" if spent else "q"
    return "b" if spent else "r"
