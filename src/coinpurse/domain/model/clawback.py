"""Taking back the credits of a top-up whose money went back, and what can't be taken (P3)."""

from dataclasses import dataclass

from coinpurse.domain.model.book import act, move
from coinpurse.domain.model.state import Act, GrantState, State


@dataclass(frozen=True)
class Moves:
    """What collecting moves of one grant: taken of frozen and of available credits, given back, then frozen
    or thawed."""

    frozen: int
    available: int
    back: int
    freeze: int
    thaw: int

    def __bool__(self) -> bool:
        return bool(self.frozen or self.available or self.back or self.freeze or self.thaw)


def aim(state: State, grant: GrantState, asked_back: int, disputed: int, policy: str) -> None:
    """Sets what is to be taken of a grant, and held back, in all; and collects it."""
    before = grant.shortfall
    grant.asked_back, grant.disputed, grant.clawback = asked_back, disputed, policy
    moves = _moves(grant)
    after = max(0, grant.shortfall - moves.frozen - moves.available)
    if moves or after != before:
        _collect(state, grant, moves)


def collect_all(state: State, after: Act) -> None:
    """Credits may have come back to grants that owe some: collects again, oldest grant first."""
    for grant in list(state.grants.values()):
        if grant.asked_back is not None and (moves := _moves(grant)):
            _collect(state, grant, moves, after)


def _moves(grant: GrantState) -> Moves:
    """A grant that support has revoked is left alone."""
    if grant.closed or grant.asked_back is None:
        return Moves(0, 0, 0, 0, 0)
    available, frozen = grant.available, grant.places["frozen"]
    missing = grant.asked_back - grant.taken_back - grant.repaid
    of_frozen = max(0, min(missing, frozen))
    of_available = max(0, min(missing - of_frozen, available))
    back = max(0, min(-missing, grant.taken_back))
    available, frozen = available - of_available + back, frozen - of_frozen
    change = min(grant.disputed, available + frozen) - frozen
    return Moves(of_frozen, of_available, back, max(0, change), max(0, -change))


def _collect(state: State, grant: GrantState, moves: Moves, after: Act | None = None) -> None:
    """One act, dated as the one that it follows, or now."""
    at, actor = (after.at, after.actor) if after else (None, None)
    with act(state, "reclaim", at, actor=actor, subject=f"gr_{grant.number}") as written:
        move(state, written, "u", grant, moves.frozen)
        move(state, written, "v", grant, moves.available)
        move(state, written, "y", grant, moves.back)
        move(state, written, "f", grant, moves.freeze)
        move(state, written, "t", grant, moves.thaw)
        grant.taken_back += moves.frozen + moves.available - moves.back


def repay(state: State, paying: GrantState) -> None:
    """A new grant pays what older ones owe, oldest first."""
    for grant in list(state.grants.values()):
        part = min(grant.shortfall, paying.available)
        if grant is paying or grant.clawback != "debt" or not part:
            continue
        with act(state, "repay", subject=f"gr_{grant.number}") as written:
            move(state, written, "v", paying, part)
            grant.repaid += part
            paying.paid_out += part
