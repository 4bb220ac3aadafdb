"""What people and providers do to subscriptions (B, T6)."""

from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from coinpurse.domain.credits import Period
from coinpurse.domain.errors import Conflict, Invalid
from coinpurse.domain.model.book import act, allot, lapse
from coinpurse.domain.model.lifecycle import end, settle
from coinpurse.domain.model.state import Act, Slice, State, SubscriptionState, Terms

MOST_MONTHS = 1200


def subscribe(state: State, terms: Terms, starts_at: datetime | None, trial_days: int) -> SubscriptionState:
    """Records a subscription; time then does the rest. One that started in the past is dated there."""
    start = starts_at or state.now
    trial = trial_days > 0
    at = min(state.now, state.date(start))
    with act(state, "subscribe", at, subject=f"su_{len(state.acts) + 1}") as written:
        sub = SubscriptionState(
            number=written.number,
            terms=terms,
            anchor=start + timedelta(hours=24) * trial_days,
            starts_at=start,
            created_at=at,
            paid_months=0 if trial else terms.months,
            trial=trial,
        )
        state.subscriptions[sub.number] = sub
    return sub


def refuse_ended(sub: SubscriptionState) -> None:
    """Nothing can be done with what is over."""
    if sub.ended:
        raise Conflict("The subscription has ended. Subscribe again to go on.", state="ended")


def pay(state: State, sub: SubscriptionState, periods: int) -> None:
    """Records a payment: `paid_through` moves, and a running period that waited is granted (T6, B7)."""
    refuse_ended(sub)
    if sub.paid_months + sub.terms.months * periods > MOST_MONTHS:
        raise Invalid.at("/periods", "Nothing can be paid more than a hundred years ahead. Pay for fewer.")
    with _act(state, "pay", sub) as written:
        sub.paid_months += sub.terms.months * periods
        confirm(state, written, sub)


def confirm(state: State, written: Act, sub: SubscriptionState) -> None:
    """What follows from a payment: a running period that it covers is confirmed, and nothing is owed of any
    period that it covers."""
    sub.end_with_payment()
    for piece in sub.slices:
        if piece.period.start < sub.paid_through:
            piece.unpaid = 0
    running = sub.running
    if running and lacks_payment(sub, running) and running.period.start < sub.paid_through:
        settle(state, written, sub, running)


def lacks_payment(sub: SubscriptionState, running: Slice) -> bool:
    """Whether a payment grants the running period. What a pause skipped stays so until it is over."""
    return running.state != "granted" and not (running.state == "skipped" and sub.paused)


def cancel(state: State, sub: SubscriptionState, at: str) -> None:
    """Ends the subscription where its payment ends (B3), or now (B4)."""
    refuse_ended(sub)
    if at == "now" or sub.paid_through <= state.now:
        end(state, sub, state.now)
        return
    with _act(state, "cancel", sub):
        sub.ends_at, sub.ends_fixed = sub.paid_through, False


def resume(state: State, sub: SubscriptionState) -> None:
    """Takes back a cancellation and a pause. Paused months are not owed (B3, B11)."""
    refuse_ended(sub)
    with _act(state, "resume", sub) as written:
        sub.ends_at, sub.ends_fixed = None, False
        go_on(state, written, sub)


def go_on(state: State, written: Act, sub: SubscriptionState) -> None:
    """The end of a pause: what it skipped of the running period is granted if it is paid."""
    running = sub.running
    if sub.paused and running and running.state == "skipped":
        sub.paid_months = max(sub.paid_months, running.number)
        if running.period.start < sub.paid_through:
            settle(state, written, sub, running)
    sub.paused = False


def pause(state: State, sub: SubscriptionState) -> None:
    """No new periods from here on; running credits stay until their period ends (B11)."""
    refuse_ended(sub)
    if sub.past_due:
        raise Conflict("The subscription is past due. Record its payment or cancel it.", state="past_due")
    if sub.running is None or sub.waiting:
        detail = f"Only a paid period can be paused; this one is {sub.standing}. Cancel it instead."
        raise Conflict(detail, state=sub.standing)
    with _act(state, "pause", sub):
        sub.paused = True


def change(state: State, sub: SubscriptionState, terms: Terms, policy: str) -> None:
    """Moves to other terms, now or at the renewal (B5, B9)."""
    refuse_ended(sub)
    if same(terms, sub.terms):
        policy = "none"
    else:
        _refuse_change(sub, terms, policy)
    with _act(state, "change", sub) as written:
        sub.pending = None
        if policy == "at_renewal":
            sub.pending = (_renewal(sub), terms)
        elif policy == "restart":
            _restart(state, written, sub, terms)
        elif policy in ("difference", "prorated"):
            more = _extra(state, sub, terms, policy)
            sub.terms = terms
            allot(state, written, sub, more)


def same(asked: Terms, sold: Terms) -> bool:
    """Whether what is asked for is what was sold. A provider says how many of the plan there are: that counts
    then, and not what the catalog gives for them today (P5)."""
    as_many = asked.quantity == (sold.quantity or 1)
    counts = asked.allocation == sold.allocation if asked.quantity is None else as_many
    return counts and (asked.plan, asked.interval) == (sold.plan, sold.interval)


def _refuse_change(sub: SubscriptionState, terms: Terms, policy: str) -> None:
    if policy == "at_renewal":
        return
    if not sub.confirmed:
        detail = f'The subscription is {sub.standing}: no change can take effect now. Use "at_renewal".'
        raise Conflict(detail, state=sub.standing)
    if terms.allocation < sub.terms.allocation and policy != "restart":
        raise Conflict(f'A downgrade can\'t follow the policy "{policy}". Use "at_renewal" or "restart".')


def _renewal(sub: SubscriptionState) -> int:
    """The number of the period in which a change at renewal takes effect: the first that isn't paid yet."""
    following = sub.running.number + 1 if sub.running else 0
    return max(sub.paid_months, following)


def _extra(state: State, sub: SubscriptionState, terms: Terms, policy: str) -> int:
    """What an upgrade adds to the running period, rounded half up."""
    difference = terms.allocation - sub.terms.allocation
    if policy == "difference":
        return difference
    assert sub.running is not None, "only a running period has a share left"
    period, unit = sub.running.period, timedelta(microseconds=1)
    left, whole = (period.end - state.now) // unit, (period.end - period.start) // unit
    return (2 * difference * left + whole) // (2 * whole)


def _restart(state: State, written: Act, sub: SubscriptionState, terms: Terms) -> None:
    """A new period 0 starts now, paid and in full. One that began at this very instant makes way for it."""
    lapse(state, written, state.owned(sub))
    sub.slices = [piece for piece in sub.slices if piece.period.start < state.now]
    sub.terms, sub.anchor, sub.paid_months = terms, state.now, terms.months
    sub.end_with_payment()
    period = Period(sub.start(0), sub.start(1))
    sub.running = Slice(0, period, terms.plan, terms.policy, "granted", written.at)
    sub.slices.append(sub.running)
    allot(state, written, sub, terms.allocation)


def _act(state: State, kind: str, sub: SubscriptionState) -> AbstractContextManager[Act]:
    return act(state, kind, subject=f"su_{sub.number}")
