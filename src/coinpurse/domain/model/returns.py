"""Top-ups that are bought, and money that goes back (P1-P3, B4)."""

from datetime import datetime

from coinpurse.domain.facts import PaidWith, Purchase, Returned
from coinpurse.domain.model.book import act, give
from coinpurse.domain.model.clawback import aim, repay
from coinpurse.domain.model.lifecycle import end
from coinpurse.domain.model.paying import note
from coinpurse.domain.model.state import Backflow, Payment, State
from coinpurse.domain.ports import NotYet


def purchase(state: State, provider: str, fact: Purchase, credits: int) -> str:
    """A paid purchase makes one add-on grant (P1, P2), which pays debts first (P3)."""
    if fact.purchase in state.payments:
        note(state.payments[fact.purchase], fact.payment)
        return "The purchase is known."
    credits = state.offered.setdefault((fact.purchase, fact.pack), credits)
    if fact.state != "paid":
        if state.purchases.get(fact.purchase) not in ("failed", "expired"):
            state.purchases[fact.purchase] = fact.state
        return f"The purchase is {fact.state}; only a paid one grants."
    state.purchases[fact.purchase] = "paid"
    source = {"type": "topup", "provider": provider, "reference": fact.purchase, "pack": fact.pack}
    with act(state, "topup", subject=f"gr_{len(state.acts) + 1}") as written:
        made = give(state, written, "addon", credits, None, source)
    assert made is not None, "a pack has credits"
    state.payments[fact.purchase] = Payment(fact.payment, grant=made.number, amount=fact.amount)
    repay(state, made)
    return "The top-up is granted."


def paid_with(state: State, fact: PaidWith) -> str:
    """Which payment paid an invoice."""
    state.paid_with.add((fact.invoice, fact.payment))
    return "The payment of the invoice is known."


def returned(state: State, fact: Returned, clawback: str) -> str:
    """Takes back what the money that went back had bought (P3), as far as it can be taken."""
    records = [record for record in state.payments.values() if _is_of(state, record, fact.payment)]
    if not records:
        raise NotYet("The payment is not known.")
    flow = state.returns.setdefault(fact.payment, Backflow())
    flow.total = sum(record.amount for record in records) if fact.total is None else fact.total
    _take(flow, fact)
    for record in records:
        if record.grant:
            _claw_back(state, record.grant, flow, clawback)
        elif record.subscription and flow.gone >= flow.total > 0:
            _end_paid(state, record, "refunded" if flow.refunded >= flow.total else "disputed and lost")
    return "What the money had bought is taken back."


def _is_of(state: State, record: Payment, payment: str) -> bool:
    """Whether a payment paid for this, by its own word or through its invoice."""
    through = record.invoice is not None and (record.invoice, payment) in state.paid_with
    return record.payment == payment or through


def _take(flow: Backflow, fact: Returned) -> None:
    """Keeps the latest word on the refunds, and on each dispute."""
    if fact.refunded is not None and _not_older(fact, flow.as_of):
        flow.refunded, flow.as_of = fact.refunded, fact.as_of
    if fact.dispute is not None and _not_older(fact, flow.disputes.get(fact.dispute, (0, 0, None))[2]):
        flow.disputes[fact.dispute] = fact.disputed or 0, fact.lost or 0, fact.as_of


def _not_older(fact: Returned, as_of: datetime | None) -> bool:
    """What isn't dated counts as the latest."""
    return as_of is None or fact.as_of is None or fact.as_of >= as_of


def _claw_back(state: State, number: int, flow: Backflow, policy: str) -> None:
    grant = state.grants[number]
    gone, held_back = (_share(grant.amount, money, flow.total) for money in (flow.gone, flow.open))
    aim(state, grant, gone, held_back, policy)


def _share(credits: int, money: int, total: int) -> int:
    """Credits for a part of the money, rounded half up."""
    return (2 * credits * money + total) // (2 * total) if total else 0


def _end_paid(state: State, record: Payment, why: str) -> None:
    """A subscription whose running stretch was paid back ends (B4); older ones are of no matter (B10)."""
    assert record.subscription is not None, "just looked at"
    sub = state.subscriptions[record.subscription]
    lines = [other.covers for other in state.payments.values() if other.subscription == record.subscription]
    running = [covers for covers in lines if covers and covers.start <= state.now < covers.end]
    newest = max((covers.start for covers in running), default=None)
    if not sub.ended and record.covers in running and record.covers.start == newest:
        end(state, sub, state.now, reason=f"The payment was {why}.")
