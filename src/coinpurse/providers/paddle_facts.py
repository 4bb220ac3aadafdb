"""What Paddle Billing's objects mean, in our facts. Pure.

Paddle's words differ from Stripe's in ways that matter: a renewal's lines carry a `proration` too, with
rate 1; a subscription has no id yet when its first transaction is paid; refunds and disputes are
adjustments, told by line (`paddle_returns`). A line is therefore our payment, its transaction our invoice.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from coinpurse.domain.facts import (
    ChangePaid,
    Fact,
    Linked,
    Paid,
    Purchase,
    PurchaseState,
    Standing,
    StandingState,
    Unpaid,
)
from coinpurse.domain.periods import month_start
from coinpurse.domain.ports import NotOurs, NotYet
from coinpurse.providers.reading import Reader, Unreadable
from coinpurse.providers.shelf import Offer, Shelf, account_of, unknown_price

STATES: dict[str, StandingState] = {
    "trialing": "trialing",
    "active": "active",
    "past_due": "past_due",
    "paused": "active",
    "canceled": "ended",
}
RANKS = {"subscription.created": 0, "subscription.canceled": 2}
PAID = {"paid", "completed"}

Period = tuple[datetime, datetime]


def linked(customer: Reader) -> list[Fact]:
    """Whose a customer is, where it says so."""
    account = account_of(customer.maybe_object("custom_data"))
    if account is None:
        raise NotOurs("The customer names no account.")
    return [Linked(customer=customer.text("id"), account=account)]


def standing(subscription: Reader, shelf: Shelf, as_of: datetime, rank: int = 1) -> Standing:
    """How a subscription stands. Raises NotOurs, NotYet, Unreadable."""
    item, offer = _plan_item(subscription, shelf)
    status = subscription.choice("status", STATES)
    ends_at, with_period = _end(subscription)
    trial = item.maybe_object("trial_dates")
    if status == "trialing":
        trial = trial or subscription.object("current_billing_period")
        trial.need("ends_at")
    return Standing(
        subscription=subscription.text("id"),
        as_of=as_of,
        rank=rank,
        state=STATES[status],
        plan=offer.plan,
        interval=offer.interval,
        quantity=item.quantity(),
        customer=subscription.maybe_text("customer_id"),
        account=account_of(subscription.maybe_object("custom_data")),
        trial_start=trial.maybe_when("starts_at") if trial else None,
        trial_end=trial.maybe_when("ends_at") if trial else None,
        ends_at=ends_at,
        ends_with_period=with_period,
        paused=status == "paused",
    )


def _plan_item(subscription: Reader, shelf: Shelf) -> tuple[Reader, Offer]:
    items = [item for item in subscription.objects("items") if item.data.get("status") != "inactive"]
    prices = [item.object("price").text("id") for item in items]
    for item, price in zip(items, prices, strict=True):
        if price in shelf.plans:
            return item, shelf.plans[price]
    what = f"Subscription {subscription.text('id')}"
    raise unknown_price(what, prices, subscription.maybe_object("custom_data"))


def items_with(subscription: Reader, shelf: Shelf, price: str) -> list[dict[str, object]]:
    """The items of a subscription as they shall be: the plan at another price, all else as it is."""
    plan, _ = _plan_item(subscription, shelf)
    return [
        {
            "price_id": price if item.path == plan.path else item.object("price").text("id"),
            "quantity": item.quantity(),
        }
        for item in subscription.objects("items")
        if item.data.get("status") != "inactive"
    ]


def _end(subscription: Reader) -> tuple[datetime | None, bool]:
    """When it will end, and whether that is with the period. A pause that is to come ends it here as well:
    nothing beyond it is going to be paid, so nothing may be given on credit. Resuming it is paid for, and
    that payment begins it anew."""
    change = subscription.maybe_object("scheduled_change")
    if change is None or change.text("action") not in {"cancel", "pause"}:
        return None, False
    at, period = change.when("effective_at"), subscription.maybe_object("current_billing_period")
    return at, period is not None and period.maybe_when("ends_at") == at


def transaction(entity: Reader, shelf: Shelf) -> list[Fact]:
    """What a transaction moves, by its status and what it is for. Raises NotOurs, NotYet, Unreadable."""
    sale = _sale(entity, shelf)
    if sale.origin == "subscription_payment_method_change":
        raise NotOurs("The customer changed the payment method; nothing was bought.")
    if sale.status in {"draft", "ready"}:
        return _nothing(sale)
    if not sale.lines:
        raise unknown_price(f"Transaction {sale.id}", sale.prices, entity.maybe_object("custom_data"))
    if sale.status in PAID:
        return _paid(sale, shelf)
    if sale.status == "canceled":
        return _purchases(sale, shelf, "expired") or _nothing(sale)
    return _unpaid(sale) or _nothing(sale)


def paid_lines(entity: Reader, shelf: Shelf) -> list[Reader]:
    """The lines of a transaction that are in the catalog."""
    return _sale(entity, shelf).lines


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sale:
    """A transaction. `lines` are those whose price is in the catalog."""

    entity: Reader
    id: str
    status: str
    origin: str
    subscription: str | None
    customer: str | None
    account: str | None
    currency: str
    period: Period | None
    prices: list[str]
    lines: list[Reader]
    trials: set[str]


def _sale(entity: Reader, shelf: Shelf) -> _Sale:
    details = entity.maybe_object("details")
    lines = details.objects("line_items") if details else []
    prices = [line.text("price_id") for line in lines]
    return _Sale(
        entity=entity,
        id=entity.text("id"),
        status=entity.text("status"),
        origin=entity.text("origin"),
        subscription=entity.maybe_text("subscription_id"),
        customer=entity.maybe_text("customer_id"),
        account=account_of(entity.maybe_object("custom_data")),
        currency=entity.text("currency_code").lower(),
        period=_period(entity.maybe_object("billing_period")),
        prices=prices,
        lines=[x for x, p in zip(lines, prices, strict=True) if p in shelf.plans or p in shelf.packs],
        trials=_trials(entity),
    )


def _trials(entity: Reader) -> set[str]:
    """The prices that begin with a trial."""
    prices = [item.maybe_object("price") for item in entity.objects("items")]
    return {price.text("id") for price in prices if price is not None and price.has("trial_period")}


def _period(period: Reader | None) -> Period | None:
    return (period.when("starts_at"), period.when("ends_at")) if period else None


def _paid(sale: _Sale, shelf: Shelf) -> list[Fact]:
    facts = _purchases(sale, shelf, "paid")
    waiting = sale.subscription is None and any(x.text("price_id") in shelf.plans for x in sale.lines)
    if sale.subscription is not None:
        facts += [fact for line in sale.lines for fact in _paid_line(sale, sale.subscription, line, shelf)]
        if sale.origin == "subscription_update":
            facts.append(
                ChangePaid(
                    subscription=sale.subscription,
                    invoice=sale.id,
                    customer=sale.customer,
                    account=sale.account,
                )
            )
    if not facts and waiting:
        # Paddle makes the subscription after `transaction.paid`; `transaction.completed` names it.
        if sale.status == "paid":
            raise NotOurs("The subscription is not made yet; transaction.completed will name it.")
        raise NotYet(f"Transaction {sale.id} is completed, but names no subscription yet.")
    return facts or _nothing(sale)


def _nothing(sale: _Sale) -> list[Fact]:
    raise NotOurs(f"Transaction {sale.id} ({sale.origin}, {sale.status}) moves no credits.")


def _purchases(sale: _Sale, shelf: Shelf, state: PurchaseState) -> list[Fact]:
    """The packs of a transaction. One alone goes by the transaction's id, which is the checkout's too."""
    packs = [line for line in sale.lines if line.text("price_id") in shelf.packs]
    return [
        Purchase(
            purchase=sale.id if len(packs) == 1 else f"{sale.id}/{line.text('price_id')}",
            state=state,
            pack=shelf.packs[line.text("price_id")],
            quantity=line.quantity(),
            amount=amount(line),
            currency=sale.currency,
            payment=line.text("id"),
            customer=sale.customer,
            account=sale.account,
        )
        for line in packs
    ]


def _paid_line(sale: _Sale, subscription: str, line: Reader, shelf: Shelf) -> list[Fact]:
    offer = shelf.plans.get(line.text("price_id"))
    if offer is None or not (covered := _covered(sale, line, offer)):
        return []
    return [
        Paid(
            subscription=subscription,
            line=line.text("id"),
            plan=offer.plan,
            interval=offer.interval,
            start=covered[0],
            end=covered[1],
            quantity=line.quantity(),
            amount=amount(line),
            currency=sale.currency,
            invoice=sale.id,
            payment=line.text("id"),
            customer=sale.customer,
            account=sale.account,
        )
    ]


def _covered(sale: _Sale, line: Reader, offer: Offer) -> Period | None:
    """The period that a line of a plan pays for; None for a trial's and for a proration (B6, B8).

    Lines of a renewal carry `proration` with rate 1. Those of a change do too where they pay in full: only
    one that covers a whole interval from its start is taken for a paid period."""
    proration = line.maybe_object("proration")
    whole = proration is None or _rate(proration) == 1
    period = (_period(proration.maybe_object("billing_period")) if proration else None) or sale.period
    if not whole or sale.origin == "subscription_charge":
        return None
    if sale.origin in {"web", "api"} and line.text("price_id") in sale.trials:
        return None
    if period is None or period[0] >= period[1]:
        raise Unreadable(f"{sale.entity.name('billing_period')} is missing or empty")
    if sale.origin == "subscription_update" and not _interval_long(period, offer):
        return None
    return period


def _interval_long(period: Period, offer: Offer) -> bool:
    return month_start(period[0], 12 if offer.interval == "year" else 1) == period[1]


def _rate(proration: Reader) -> Decimal:
    try:
        return Decimal(proration.text("rate"))
    except InvalidOperation:
        raise Unreadable(f"{proration.name('rate')} must be a number") from None


def amount(line: Reader) -> int:
    """What was paid for a line, tax included, in the currency's smallest unit."""
    return max(0, line.object("totals").digits("total"))


def _unpaid(sale: _Sale) -> list[Fact]:
    """A renewal whose payment failed, and which is still open."""
    if sale.subscription is None or sale.origin != "subscription_recurring" or sale.period is None:
        return []
    failed = any(payment.data.get("status") == "error" for payment in sale.entity.objects("payments"))
    if sale.status != "past_due" and not (sale.status == "billed" and failed):
        return []
    return [
        Unpaid(
            subscription=sale.subscription,
            invoice=sale.id,
            start=sale.period[0],
            customer=sale.customer,
            account=sale.account,
        )
    ]
