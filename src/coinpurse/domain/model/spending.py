"""Charging, giving back, granting and revoking (S, F, P)."""

from datetime import datetime
from typing import Any

from coinpurse.domain.burndown import give_back, take
from coinpurse.domain.credits import MAX_AMOUNT, Kind
from coinpurse.domain.errors import Conflict, CreditsHeld, InsufficientCredits, ReversalExceedsCharge
from coinpurse.domain.model.book import act, give, move, put_back
from coinpurse.domain.model.clawback import collect_all, repay
from coinpurse.domain.model.state import ChargeState, GrantState, Parts, Returned, State


def refuse_unless_affordable(state: State, amount: int, held: int) -> None:
    """S4: all or nothing. `held` is what other work holds."""
    available = state.total("available")
    if amount <= available:
        return
    refusal = CreditsHeld if available + held >= amount else InsufficientCredits
    detail = f"{amount} credits are needed and {available} are available. Top up, or wait for running work."
    raise refusal(detail, needed=amount, available=available, held=held, shortfall=amount - available)


def charge(state: State, amount: int) -> ChargeState:
    """Takes an amount in burn order (S1-S3)."""
    refuse_unless_affordable(state, amount, state.total("held"))
    parts = take(state.spendable(), amount)
    made = ChargeState(len(state.acts) + 1, amount, parts, list(parts))
    with act(state, "charge", subject=f"ch_{made.number}") as written:
        for grant, part in parts:
            move(state, written, "c", grant, part)
        state.charges[made.number] = made
    return made


def reverse(
    state: State, charged: ChargeState, amount: int | None, *, compensate: bool, reason: str | None
) -> Returned:
    """Gives credits back to the grants they came from, last-taken first (F1, F2)."""
    left = sum(part for _, part in charged.left)
    asked = left if amount is None else amount
    if asked > left or not left:
        asked = charged.amount if amount is None else amount
        detail = f"{asked} credits can't be given back: {left} of {charged.amount} are left to reverse."
        raise ReversalExceedsCharge(detail, charged=charged.amount, reversible=left, asked=asked)
    back = give_back(charged.left, asked)
    returned = [(grant, part) for grant, part in back if put_back(grant, spent=True) in "be"]
    lapsed = asked - sum(part for _, part in returned)
    made = None
    with act(state, "reverse", reason=reason, subject=f"ch_{charged.number}") as written:
        for grant, part in back:
            move(state, written, put_back(grant, spent=True), grant, part)
        charged.left = _without(charged.left, asked)
        if compensate:
            source = {"type": "reversal", "charge": f"ch_{charged.number}"}
            made = give(state, written, "compensation", lapsed, first_end(state), source)
    collect_all(state, written)
    return Returned(written.number, returned, lapsed, made, reason)


def _without(parts: Parts, amount: int) -> Parts:
    """The parts without their last-taken `amount`."""
    left = list(parts)
    while amount:
        grant, part = left.pop()
        if part > amount:
            left.append((grant, part - amount))
        amount -= min(part, amount)
    return left


def first_end(state: State) -> datetime | None:
    """When the first of the running periods ends; None if none runs."""
    ends = [s.running.period.end for s in state.subscriptions.values() if s.running]
    return min(ends, default=None)


def grant(
    state: State,
    act_kind: str,
    kind: Kind,
    amount: int,
    expires_at: datetime | None,
    source: dict[str, Any],
    *,
    priority: int = 0,
    reason: str | None = None,
) -> GrantState:
    """Credits from support, from the API or from a paid top-up."""
    if state.total("available") + amount > MAX_AMOUNT:
        raise Conflict(f"No account may hold more than {MAX_AMOUNT:,} credits. Grant fewer.")
    with act(state, act_kind, reason=reason, subject=f"gr_{len(state.acts) + 1}") as written:
        made = give(state, written, kind, amount, expires_at, source, priority=priority)
    assert made is not None, "the amount of a grant is positive"
    repay(state, made)
    return made


def revoke(state: State, revoked: GrantState, amount: int | None, reason: str | None) -> int:
    """Takes back `amount` of what is available of a grant, or all of it and what is frozen, which closes it.
    Says how much that was."""
    if revoked.closed:
        detail = f"The grant has {revoked.closed} already. There is nothing left to take back."
        raise Conflict(detail, state=revoked.closed)
    part = revoked.available if amount is None else amount
    if part > revoked.available:
        detail = f"{part} credits can't be taken back: {revoked.available} are unspent. Take back fewer."
        raise Conflict(detail, remaining=revoked.available, asked=part)
    before = revoked.places["revoked"]
    with act(state, "revoke", reason=reason, subject=f"gr_{revoked.number}") as written:
        move(state, written, "v", revoked, part)
        if amount is None:
            move(state, written, "u", revoked, revoked.places["frozen"])
            revoked.closed = "revoked"
            revoked.provisional = False
    gone = revoked.places["revoked"] - before
    revoked.by_hand += gone
    return gone
