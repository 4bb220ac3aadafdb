"""Taking back the credits of a top-up whose money went back, and what can't be taken (P3)."""

from dataclasses import dataclass
from datetime import datetime

from coinpurse.domain.model.book import TIME, act, move
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
    grant.asked_back = min(asked_back, grant.amount - grant.by_hand)
    grant.disputed, grant.clawback = disputed, policy
    moves = _moves(grant)
    after = max(0, grant.shortfall - moves.frozen - moves.available)
    if moves or after != before:
        _collect(state, grant, moves)


def collect_all(state: State, after: Act) -> None:
    """Credits may have come back to grants that owe some: collects again, oldest grant first."""
    for grant in list(state.grants.values()):
        if grant.asked_back is not None and (moves := _moves(grant)):
            _collect(state, grant, moves, after.at, TIME)


def _moves(grant: GrantState) -> Moves:
    """In which order: what is missing is taken, or what was taken too much given back; then frozen."""
    assert grant.asked_back is not None, "only a grant with targets is collected"
    available, frozen = grant.available, grant.places["frozen"]
    missing = grant.asked_back - grant.taken_back - grant.repaid
    of_frozen = max(0, min(missing, frozen))
    of_available = max(0, min(missing - of_frozen, available))
    back = max(0, min(-missing, grant.taken_back))
    available, frozen = available - of_available + back, frozen - of_frozen
    change = min(grant.disputed, available + frozen) - frozen
    return Moves(of_frozen, of_available, back, max(0, change), max(0, -change))


def _collect(
    state: State, grant: GrantState, moves: Moves, at: datetime | None = None, actor: str | None = None
) -> None:
    """One act. What is given back opens a grant again that support has revoked."""
    if moves.back:
        grant.closed = None
    with act(state, "reclaim", at, actor=actor, subject=f"gr_{grant.number}") as written:
        move(state, written, "u", grant, moves.frozen)
        move(state, written, "v", grant, moves.available)
        move(state, written, "y", grant, moves.back)
        move(state, written, "f", grant, moves.freeze)
        move(state, written, "t", grant, moves.thaw)
        grant.taken_back += moves.frozen + moves.available - moves.back


def repay(state: State, paying: GrantState) -> None:
    """A new add-on grant pays what older ones owe, oldest first."""
    if paying.kind != "addon":
        return
    for grant in list(state.grants.values()):
        part = min(grant.shortfall, paying.available)
        if grant is paying or grant.clawback != "debt" or not part:
            continue
        with act(state, "repay", actor=TIME, subject=f"gr_{grant.number}") as written:
            move(state, written, "v", paying, part)
            grant.repaid += part
