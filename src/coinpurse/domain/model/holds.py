"""Setting credits aside, and what becomes of them (H1-H4)."""

from datetime import timedelta

from coinpurse.domain.burndown import split, take
from coinpurse.domain.errors import CaptureExceedsHold, HoldClosed
from coinpurse.domain.model.book import TIME, act, move, put_back
from coinpurse.domain.model.clawback import collect_all
from coinpurse.domain.model.spending import refuse_unless_affordable
from coinpurse.domain.model.state import Act, ChargeState, HoldState, Parts, State


def place(state: State, amount: int, expires_in: int) -> HoldState:
    """Sets credits aside in burn order (H1)."""
    refuse_unless_affordable(state, amount, state.total("held"))
    parts = take(state.spendable(), amount)
    expires_at = state.now + timedelta(seconds=expires_in)
    hold = HoldState(len(state.acts) + 1, amount, parts, state.now, expires_at)
    with act(state, "hold", subject=f"ho_{hold.number}") as written:
        for grant, part in parts:
            move(state, written, "h", grant, part)
        state.holds[hold.number] = hold
    return hold


def refuse_other_end(hold: HoldState, end: tuple[str, int]) -> bool:
    """False if the hold is open, True if it was closed by this very end; refused if by another (H3)."""
    if hold.status == "held":
        return False
    if hold.end == end:
        return True
    raise HoldClosed(f"The hold is closed: it was {hold.status}. Place a new hold.", state=hold.status)


def capture(state: State, hold: HoldState, amount: int, *, exceed: bool) -> ChargeState:
    """Spends the first-taken `amount`, gives the rest back; with `exceed`, charges what goes beyond (H2)."""
    rest = max(0, amount - hold.amount)
    if rest and not exceed:
        detail = (
            f"The hold has {hold.amount} credits, fewer than {amount}. Capture less, or ask to exceed it."
        )
        raise CaptureExceedsHold(detail, held=hold.amount, asked=amount)
    refuse_unless_affordable(state, rest, state.total("held") - hold.amount)
    spent, returned = split(hold.parts, amount)
    charge = ChargeState(len(state.acts) + 1, amount, spent, [])
    with act(state, "capture", subject=f"ho_{hold.number}") as written:
        for grant, part in spent:
            move(state, written, "k", grant, part)
        _return(state, written, returned)
        for grant, part in take(state.spendable(), rest):
            move(state, written, "c", grant, part)
            charge.parts.append((grant, part))
        charge.left = list(charge.parts)
        state.charges[charge.number] = charge
        hold.status, hold.end = "captured", ("capture", amount)
    collect_all(state, written)
    return charge


def release(state: State, hold: HoldState) -> int:
    """Gives everything back (H3). Says by which act."""
    with act(state, "release", subject=f"ho_{hold.number}") as written:
        _return(state, written, hold.parts[::-1])
        hold.status, hold.end = "released", ("release", 0)
    collect_all(state, written)
    return written.number


def time_out(state: State, hold: HoldState) -> None:
    """A hold left alone is released by itself (H3)."""
    with act(
        state, "timeout", state.date(hold.expires_at), actor=TIME, subject=f"ho_{hold.number}"
    ) as written:
        _return(state, written, hold.parts[::-1])
        hold.status = "expired"
    collect_all(state, written)


def _return(state: State, written: Act, parts: Parts) -> None:
    for grant, part in parts:
        move(state, written, put_back(grant, spent=False), grant, part)
