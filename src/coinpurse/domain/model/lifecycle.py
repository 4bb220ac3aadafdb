"""What falls due by itself: holds that time out, subscriptions that go on, grants that expire (T3-T7)."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial

from coinpurse.domain.credits import Period
from coinpurse.domain.model.book import TIME, act, allot, lapse, move
from coinpurse.domain.model.holds import time_out
from coinpurse.domain.model.state import Act, GrantState, RenewalState, Slice, State, SubscriptionState

#: When; at one instant, in which group, whose, and in which order of its own; and what is to be done.
Due = tuple[datetime, int, int, int, Callable[[], None]]


def advance(state: State) -> None:
    """Brings the account up to its now: everything due is done in the order in which it fell due (T4, T5)."""
    while True:
        due = min((d for d in _all_due(state) if d[0] <= state.now), key=lambda d: d[:4], default=None)
        if due is None:
            return
        due[4]()


def _all_due(state: State) -> Iterator[Due]:
    for hold in state.holds.values():
        if hold.status == "held":
            yield hold.expires_at, 0, hold.number, 0, partial(time_out, state, hold)
    for subscription in state.subscriptions.values():
        if not subscription.ended:
            for at, step, do in _steps(state, subscription):
                yield at, 1, subscription.number, step, do
    for grant in state.grants.values():
        if grant.expires_at and grant.subscription is None and not grant.closed:
            yield grant.expires_at, 2, grant.number, 0, partial(expire, state, grant)


def _steps(state: State, sub: SubscriptionState) -> Iterator[tuple[datetime, int, Callable[[], None]]]:
    running = sub.running
    if sub.ends_at is not None:
        yield sub.ends_at, -1, partial(end, state, sub, state.date(sub.ends_at), TIME)
    if running is None:
        yield sub.starts_at, 0, partial(begin, state, sub)
        return
    if sub.waiting:
        if running.state != "late":
            yield running.period.start + sub.terms.late_after, 0, partial(late, state, sub, running)
        yield running.period.start + sub.terms.grace, 1, partial(fail, state, sub, running)
    yield running.period.end, 2, partial(renew, state, sub, running.number + 1)


def expire(state: State, grant: GrantState) -> None:
    """A grant that no subscription owns reaches its end. Nothing left: no act."""
    assert grant.expires_at is not None, "only a grant with an expiry falls due"
    if not grant.available and not grant.places["frozen"]:
        grant.closed = "expired"
        return
    with act(state, "expire", state.date(grant.expires_at), actor=TIME) as written:
        lapse(state, written, [grant])


def begin(state: State, sub: SubscriptionState) -> None:
    """The first instant of a subscription: its trial, or its period 0."""
    if not sub.trial:
        renew(state, sub, 0)
        return
    with _by_time(state, "trial", sub, sub.starts_at) as written:
        _open(sub, -1, Period(sub.starts_at, sub.anchor), "granted", written)
        allot(state, written, sub, sub.terms.on_trial)


def renew(state: State, sub: SubscriptionState, n: int) -> None:
    """s(n): the old period's credits go and the new one's stand in their place, in one act (T3), or what the
    subscription's state and its renewal policy say instead (T7)."""
    start = sub.start(n)
    if sub.pending and sub.pending[0] <= n:
        sub.terms, sub.pending = sub.pending[1], None
    if sub.running and sub.running.state == "skipped" and not sub.paused and not sub.past_due:
        # A month that a pause skipped is not owed: the next payment is for the month that starts now.
        sub.paid_months = max(sub.paid_months, n)
    with _by_time(state, "renew", sub, start) as written:
        decided = _decide(sub, n)
        if decided != "expected" or sub.terms.policy == "strict" or _ending(sub, n):
            lapse(state, written, state.owned(sub))
        _open(sub, n, Period(start, sub.start(n + 1)), decided, written)
        if decided == "granted":
            allot(state, written, sub, sub.terms.allocation)
        elif decided == "provisional":
            allot(state, written, sub, sub.terms.unconfirmed, provisional=True)


def _decide(sub: SubscriptionState, n: int) -> RenewalState:
    if sub.paused or sub.past_due:
        return "skipped"
    if sub.start(n) < sub.paid_through:
        return "granted"
    return "provisional" if sub.terms.policy == "provisional" and not _ending(sub, n) else "expected"


def _ending(sub: SubscriptionState, n: int) -> bool:
    """Period n is the last one: nothing is given in advance for it, and no grace."""
    return sub.ends_at is not None and sub.ends_at <= sub.start(n + 1)


def _open(sub: SubscriptionState, n: int, period: Period, decided: RenewalState, written: Act) -> None:
    sub.running = Slice(n, period, sub.terms.plan, sub.terms.policy, decided, written.at)
    sub.slices.append(sub.running)


def late(state: State, sub: SubscriptionState, running: Slice) -> None:
    """The payment should have come by now: listed for support, nothing moves."""
    with _by_time(state, "late", sub, running.period.start + sub.terms.late_after) as written:
        running.state, running.changed_at = "late", written.at


def fail(state: State, sub: SubscriptionState, running: Slice) -> None:
    """The grace is over: the subscription is past due."""
    with _by_time(state, "fail", sub, running.period.start + sub.terms.grace) as written:
        give_up(state, written, sub, running)


def give_up(state: State, written: Act, sub: SubscriptionState, running: Slice) -> None:
    """The running period's payment has failed, or its grace is over: past due (T7)."""
    running.state, running.changed_at = "failed", written.at
    sub.past_due = True
    if running.policy == "paid_with_grace":
        lapse(state, written, state.owned(sub))
    for grant in _provisional(state, sub):
        move(state, written, "f", grant, grant.available)
        grant.frozen = True
        running.unpaid += grant.places["spent"]


def settle(state: State, written: Act, sub: SubscriptionState, running: Slice) -> None:
    """The running period is paid after all: what was provisional stays, what is missing is granted."""
    given = running.given
    if given:
        for grant in _provisional(state, sub):
            move(state, written, "t", grant, grant.places["frozen"])
            grant.frozen = grant.provisional = False
    else:
        lapse(state, written, state.owned(sub))
    _trim(state, written, sub, given - sub.terms.allocation)
    allot(state, written, sub, max(0, sub.terms.allocation - given))
    running.state, running.changed_at, running.unpaid = "granted", written.at, 0
    sub.past_due = False


def _trim(state: State, written: Act, sub: SubscriptionState, surplus: int) -> None:
    """Less is due than was given in advance: the rest is taken back as far as it is unspent, last-given
    first."""
    for grant in sorted(state.owned(sub), key=lambda grant: -grant.number):
        part = max(0, min(surplus, grant.available))
        move(state, written, "v", grant, part)
        surplus -= part


def end(
    state: State,
    sub: SubscriptionState,
    at: datetime,
    actor: str | None = None,
    reason: str | None = None,
) -> None:
    """The subscription is over: its credits go, add-on stays (B3, B4). A running period that was never paid
    is put on record, with what was spent of it."""
    with act(state, "end", at, actor=actor, reason=reason, subject=f"su_{sub.number}") as written:
        running = sub.running
        if running and running.state in ("expected", "provisional", "late"):
            running.unpaid = sum(g.places["spent"] for g in _provisional(state, sub))
            running.state, running.changed_at = "failed", written.at
        lapse(state, written, state.owned(sub))
        sub.running, sub.ended, sub.ends_at, sub.pending = None, True, at, None
        sub.paused = sub.past_due = sub.ends_fixed = False


def _provisional(state: State, sub: SubscriptionState) -> list[GrantState]:
    return [grant for grant in state.owned(sub) if grant.provisional]


def _by_time(state: State, kind: str, sub: SubscriptionState, due: datetime) -> AbstractContextManager[Act]:
    return act(state, kind, state.date(due), actor=TIME, subject=f"su_{sub.number}")
