"""What the provider's word does to subscriptions: their standing, and the steps that conform them to it."""

from datetime import datetime

from coinpurse.domain.credits import Period
from coinpurse.domain.facts import ChangePaid, Standing, Unpaid
from coinpurse.domain.model.book import act
from coinpurse.domain.model.lifecycle import advance, end, give_up
from coinpurse.domain.model.state import Known, Payment, Slice, State, SubscriptionState, Terms
from coinpurse.domain.model.subscriptions import change, go_on, pause, same
from coinpurse.domain.periods import month_start, period_number
from coinpurse.domain.ports import NotYet


def standing(state: State, provider: str, fact: Standing, terms: Terms, upgrade: str) -> str:
    """Keeps the latest standing, and conforms the subscription to it. Says in words what came of it."""
    known = state.standings.get(fact.subscription, Known())
    if known.latest and (fact.as_of, fact.rank) < (known.latest.as_of, known.latest.rank):
        return "A newer standing is known."
    if fact == known.latest:
        return "The standing is known."
    state.standings[fact.subscription] = known
    known.latest, known.terms = fact, terms
    if known.subscription is None:
        return _unknown(state, provider, fact, known, upgrade)
    sub = state.subscriptions[known.subscription]
    if sub.ended:
        return "The subscription has ended here."
    conform(state, sub, known, upgrade)
    return "The subscription stands as the provider has it."


def _unknown(state: State, provider: str, fact: Standing, known: Known, upgrade: str) -> str:
    """Only a trial begins without a payment (B8)."""
    if fact.state != "trialing":
        return "It waits for its first paid line." if fact.state != "ended" else "It ended without a payment."
    if fact.trial_end is None or fact.trial_end <= state.now:
        return "The trial is over. It waits for its first paid line."
    assert known.terms is not None, "a standing comes with its terms"
    with act(state, "subscribe", subject=f"su_{len(state.acts) + 1}") as written:
        sub = SubscriptionState(
            number=written.number,
            terms=known.terms,
            anchor=fact.trial_end,
            starts_at=state.now,
            created_at=state.now,
            paid_months=0,
            trial=True,
            provider=provider,
        )
        state.subscriptions[sub.number] = sub
    known.subscription = sub.number
    advance(state)
    conform(state, sub, known, upgrade)
    return "The trial begins."


def change_paid(state: State, fact: ChangePaid, upgrade: str) -> str:
    """An upgrade that waited for its payment takes effect."""
    if fact.invoice in state.payments:
        return "The invoice is known."
    state.payments[fact.invoice] = Payment(None, fact.invoice)
    known = state.standings.get(fact.subscription)
    if known is None or known.subscription is None:
        return "Kept until the change itself is told."
    conform(state, state.subscriptions[known.subscription], known, upgrade)
    return "The change is paid."


def unpaid(state: State, fact: Unpaid) -> str:
    """A failed payment of the running period makes the subscription past due at once (T7)."""
    known = state.standings.get(fact.subscription)
    sub = state.subscriptions[known.subscription] if known and known.subscription else None
    if sub is None or sub.ended:
        return "No such subscription runs here."
    if fact.start > state.now:
        raise NotYet("The period that was not paid has not begun here.")
    if sub.running is None or not sub.running.period.start <= fact.start < sub.running.period.end:
        return "It is about another period."
    if not _may_fail(sub):
        return "The period is paid, has failed already, or its grace runs."
    _fail(state, sub)
    return "The payment failed."


def conform(state: State, sub: SubscriptionState, known: Known, upgrade: str) -> None:
    """Makes the subscription what its latest standing says, step by step. What is so already writes no
    act."""
    latest = known.latest
    if latest is None or sub.ended or latest.state == "incomplete":
        return
    if latest.state == "ended":
        end(state, sub, state.now)
        return
    _move_trial(state, sub, latest)
    _renumber(state, sub, latest.anchor)
    _pause_or_go_on(state, sub, latest)
    if known.terms and not _terms_wait(state, sub, latest):
        _change_terms(state, sub, latest, known.terms, upgrade)
        if not _upgrade_waits(sub, latest, known.terms):
            # A line that is paid from now on knows better what was bought.
            known.terms = None
    _set_end(state, sub, latest)
    if latest.state == "past_due" and not sub.ended and _may_fail(sub):
        _fail(state, sub)


def _move_trial(state: State, sub: SubscriptionState, latest: Standing) -> None:
    running = sub.running
    if running is None or running.number >= 0 or latest.trial_end in (None, sub.anchor) or sub.paid_months:
        return
    assert latest.trial_end is not None, "just looked at"
    if latest.trial_end > state.now:
        with act(state, "change", subject=f"su_{sub.number}"):
            move_anchor(state, sub, latest.trial_end)


def _renumber(state: State, sub: SubscriptionState, anchor: datetime | None) -> None:
    """The provider reckons the running period, which starts when ours does, from another month (T1, T8)."""
    running = sub.running
    if anchor is None or anchor == sub.anchor or running is None or running.number < 0:
        return
    number = period_number(anchor, running.period.start)
    if number < 0 or month_start(anchor, number) != running.period.start:
        return
    with act(state, "change", subject=f"su_{sub.number}"):
        shift = number - running.number
        sub.anchor, running.number, sub.paid_months = anchor, number, sub.paid_months + shift
        if sub.pending:
            sub.pending = (sub.pending[0] + shift, sub.pending[1])
        _end_period(state, sub, running, sub.start(number + 1))
        sub.end_with_payment()


def move_anchor(state: State, sub: SubscriptionState, anchor: datetime) -> None:
    """A first paid period that lies ahead starts at another instant; a trial runs until then."""
    sub.anchor = anchor
    if sub.running is None:
        sub.starts_at = anchor
        return
    _end_period(state, sub, sub.running, anchor)


def _end_period(state: State, sub: SubscriptionState, running: Slice, end: datetime) -> None:
    """The running period and its open grants end elsewhere. What `paid_with_grace` left of the period before
    is no part of it."""
    for grant in state.owned(sub):
        if grant.expires_at == running.period.end:
            grant.expires_at = end
    running.period = Period(running.period.start, end)


def _terms_wait(state: State, sub: SubscriptionState, latest: Standing) -> bool:
    """The change is not paid: its own invoice is open, or the provider's months have begun anew within the
    running period, and the line that says so is still to come."""
    anew = (
        sub.running is not None
        and latest.anchor is not None
        and sub.running.period.start < latest.anchor <= state.now
    )
    return anew or (latest.payment_pending and latest.pending_invoice not in state.payments)


def _change_terms(state: State, sub: SubscriptionState, latest: Standing, terms: Terms, upgrade: str) -> None:
    """B5, B9. The provider's anchor decides, so that nothing starts over here by itself."""
    if _is_upgrade(sub, latest, terms) and sub.confirmed and upgrade != "at_renewal":
        change(state, sub, terms, "difference" if upgrade == "restart" else upgrade)
    elif not same(terms, sub.pending[1] if sub.pending else sub.terms):
        change(state, sub, terms, "at_renewal")


def _is_upgrade(sub: SubscriptionState, latest: Standing, terms: Terms) -> bool:
    more = terms.months == sub.terms.months and terms.allocation > sub.terms.allocation
    return more and latest.state == "active" and not same(terms, sub.terms)


def _upgrade_waits(sub: SubscriptionState, latest: Standing, terms: Terms) -> bool:
    """An upgrade could only be kept for later, because the running period is not confirmed: it takes effect
    when that is."""
    running = sub.running
    unconfirmed = running is not None and running.number >= 0 and running.state != "granted"
    return _is_upgrade(sub, latest, terms) and unconfirmed


def _pause_or_go_on(state: State, sub: SubscriptionState, latest: Standing) -> None:
    """B11."""
    running = sub.running
    if latest.paused and not sub.paused and running and running.state == "granted":
        pause(state, sub)
    elif not latest.paused and sub.paused:
        with act(state, "resume", subject=f"su_{sub.number}") as written:
            go_on(state, written, sub)


def _set_end(state: State, sub: SubscriptionState, latest: Standing) -> None:
    """B3, B4."""
    ends_at = latest.ends_at
    if latest.ends_with_period:
        ends_at = max(ends_at or sub.paid_through, sub.paid_through)
    fixed = ends_at is not None and not latest.ends_with_period
    if (ends_at, fixed) == (sub.ends_at, sub.ends_fixed):
        return
    if ends_at is not None and ends_at <= state.now:
        end(state, sub, state.now)
        return
    with act(state, "cancel" if ends_at else "resume", subject=f"su_{sub.number}"):
        sub.ends_at, sub.ends_fixed = ends_at, fixed


def _may_fail(sub: SubscriptionState) -> bool:
    """An unconfirmed period runs, and its grace is not a promise."""
    return sub.waiting and sub.terms.policy != "paid_with_grace"


def _fail(state: State, sub: SubscriptionState) -> None:
    assert sub.running is not None, "a period that waits runs"
    with act(state, "fail", subject=f"su_{sub.number}") as written:
        give_up(state, written, sub, sub.running)
