"""What paid lines do to subscriptions (T6, T8, B7, B8): the line decides which periods are paid."""

from dataclasses import dataclass, replace
from datetime import datetime

from coinpurse.domain.credits import Period
from coinpurse.domain.facts import Paid
from coinpurse.domain.model.book import act, allot, lapse
from coinpurse.domain.model.lifecycle import advance
from coinpurse.domain.model.provided import conform, move_anchor
from coinpurse.domain.model.state import Act, Known, Payment, Slice, State, SubscriptionState, Terms
from coinpurse.domain.model.subscriptions import confirm, lacks_payment, same
from coinpurse.domain.periods import month_start, period_number


@dataclass(frozen=True)
class Line:
    """A paid stretch `[start, end)`, with what it says was bought."""

    start: datetime
    end: datetime
    terms: Terms

    @property
    def months(self) -> int:
        """How many months it is, reckoned as periods are (T1); odd stretches count as one interval."""
        whole = period_number(self.start, self.end)
        return whole if whole and month_start(self.start, whole) == self.end else self.terms.months


def paid(state: State, provider: str, fact: Paid, terms: Terms, upgrade: str) -> str:
    """Records a paid line, once, and what follows from it. Says in words what came of it."""
    if fact.line in state.payments:
        note(state.payments[fact.line], fact.payment)
        return "The line is known."
    known = state.standings.setdefault(fact.subscription, Known())
    sub = state.subscriptions[known.subscription] if known.subscription else None
    covers = Period(fact.start, fact.end)
    record = Payment(fact.payment, fact.invoice, covers, known.subscription, amount=fact.amount)
    state.payments[fact.line] = record
    line = Line(fact.start, fact.end, terms)
    if sub is None or sub.ended:
        ended_there = known.latest is not None and known.latest.state == "ended"
        if sub and (fact.end <= state.now or ended_there):
            return "The payment is recorded; what it paid for is over."
        sub = _begin(state, provider, line)
        known.subscription = record.subscription = sub.number
    else:
        if not same(terms, sub.terms):
            known.terms = None
        _pay(state, sub, line)
    conform(state, sub, known, upgrade)
    return "The payment is recorded."


def note(record: Payment, payment: str | None) -> bool:
    """Which payment it was, where that was not known. Says whether this is news."""
    news = record.payment is None and payment is not None
    record.payment = record.payment or payment
    return news


def _begin(state: State, provider: str, line: Line) -> SubscriptionState:
    """A subscription that begins with its first paid line; what began before now begins at once."""
    with act(state, "subscribe", subject=f"su_{len(state.acts) + 1}") as written:
        sub = SubscriptionState(
            number=written.number,
            terms=line.terms,
            anchor=line.start,
            starts_at=line.start,
            created_at=state.now,
            paid_months=line.months,
            trial=False,
            provider=provider,
        )
        state.subscriptions[sub.number] = sub
    advance(state)
    return sub


def _pay(state: State, sub: SubscriptionState, line: Line) -> None:
    """One act: the line's months are paid, what it says was bought holds, the running period is confirmed."""
    matching = _matches(sub, line)
    reason = None if matching else f"The line is for {line.start} to {line.end}, not for periods as reckoned."
    with act(state, "pay", reason=reason, subject=f"su_{sub.number}") as written:
        if not matching and line.start <= state.now < line.end:
            _start_over(state, written, sub, line)
        elif not matching and line.start > state.now and not _begun(sub):
            move_anchor(state, sub, line.start)
            sub.paid_months = line.months
            # What the trial gives was sold with it.
            sub.terms, sub.pending = replace(_bought(sub, line), trial_allocation=sub.terms.on_trial), None
        else:
            sub.paid_months = max(sub.paid_months, _months_until(sub, line.end))
            _take_terms(sub, line)
        confirm(state, written, sub)


def _begun(sub: SubscriptionState) -> bool:
    """Whether a paid period has begun: not before the start, nor in the trial."""
    return sub.running is not None and sub.running.number >= 0


def _matches(sub: SubscriptionState, line: Line) -> bool:
    """Whether the line is for whole periods as they are reckoned here (T8)."""
    first, after = period_number(sub.anchor, line.start), period_number(sub.anchor, line.end)
    edges = (sub.start(first), sub.start(after)) == (line.start, line.end)
    return edges and after > first and (first >= 0 or _begun(sub))


def _months_until(sub: SubscriptionState, instant: datetime) -> int:
    """The smallest m with s(m) at or after an instant."""
    number = period_number(sub.anchor, instant)
    return number if sub.start(number) == instant else number + 1


def _start_over(state: State, written: Act, sub: SubscriptionState, line: Line) -> None:
    """The line is for now and differs from what was reckoned: its start is the anchor, and the slice of it
    that holds now is granted, less what of the running period was taken in advance (T8, B9)."""
    taken = _taken_in_advance(state, written, sub)
    lapse(state, written, state.owned(sub))
    paid_before = None if _begun(sub) or not sub.paid_months else sub.paid_through
    sub.anchor, sub.terms, sub.pending = line.start, _bought(sub, line), None
    n = period_number(line.start, state.now)
    sub.paid_months = max(line.months, n + 1, _months_until(sub, paid_before) if paid_before else 0)
    period = Period(sub.start(n), sub.start(n + 1))
    sub.slices = [piece for piece in sub.slices if piece.period.start != period.start]
    sub.running = Slice(n, period, sub.terms.plan, sub.terms.policy, "granted", written.at)
    sub.slices.append(sub.running)
    sub.past_due = False
    allot(state, written, sub, max(0, sub.terms.allocation - taken))


def _bought(sub: SubscriptionState, line: Line) -> Terms:
    """The line's terms, or those under which the same was sold before (P5)."""
    return sub.terms if same(line.terms, sub.terms) else line.terms


def _taken_in_advance(state: State, written: Act, sub: SubscriptionState) -> int:
    """What was spent and is held of a running period that is not paid; this one is not granted twice."""
    running = sub.running
    if running is None or running.state not in ("expected", "provisional", "late", "failed"):
        return 0
    running.state, running.changed_at = "skipped", written.at
    given = [grant for grant in state.owned(sub) if grant.expires_at == running.period.end]
    return sum(grant.places["spent"] + grant.places["held"] for grant in given)


def _take_terms(sub: SubscriptionState, line: Line) -> None:
    """What the line says was bought holds from its first period, unless that is over or paid already."""
    first, running = period_number(sub.anchor, line.start), sub.running
    ahead = first > (running.number if running else -1)
    pending = sub.pending
    holds = pending[1] if pending and pending[0] <= first else sub.terms
    if same(line.terms, holds):
        return
    if ahead:
        sub.pending = None if same(line.terms, sub.terms) else (first, line.terms)
    elif running and first == running.number and lacks_payment(sub, running):
        sub.terms, sub.pending = line.terms, None
