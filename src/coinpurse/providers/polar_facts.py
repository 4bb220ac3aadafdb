"""What Polar's objects mean, in our facts. Pure.

An order carries no period of its own: it pays for the period of its subscription in which it was made.
Amounts of money are without tax, as Polar counts refunds.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from coinpurse.domain.credits import Interval
from coinpurse.domain.facts import (
    ChangePaid,
    Fact,
    Paid,
    Purchase,
    PurchaseState,
    Returned,
    Standing,
    StandingState,
    Unpaid,
)
from coinpurse.domain.periods import month_start
from coinpurse.domain.ports import NotOurs, NotYet
from coinpurse.providers.reading import Reader, Unreadable
from coinpurse.providers.shelf import Offer, Shelf, account_of, unknown_price

STATES: dict[str, StandingState] = {
    "incomplete": "incomplete",
    "incomplete_expired": "ended",
    "trialing": "trialing",
    "active": "active",
    "past_due": "past_due",
    "canceled": "ended",
    "unpaid": "ended",
    "paused": "active",
}
RANKS = {"subscription.created": 0, "subscription.revoked": 2}
PURCHASES: dict[str, PurchaseState] = {
    "pending": "pending",
    "paid": "paid",
    "partially_refunded": "paid",
    "refunded": "paid",
    "void": "failed",
}
CHECKOUTS: dict[str, PurchaseState] = {"confirmed": "pending", "failed": "failed", "expired": "expired"}
OPEN_DISPUTES = {"needs_response", "under_review"}
#: A change that resets the period is billed a moment after the new period's start, or before.
SOON = timedelta(minutes=10)
#: The farthest that an order is traced back through the periods of its subscription.
_PERIODS_BACK = 120

Period = tuple[datetime, datetime]


def standing(subscription: Reader, shelf: Shelf, as_of: datetime, rank: int = 1) -> Standing:
    """How a subscription stands. Raises NotOurs, NotYet, Unreadable."""
    offer = _plan(subscription, shelf)
    if offer is None:
        what = f"Subscription {subscription.text('id')}"
        raise unknown_price(what, _products(subscription), subscription.maybe_object("metadata"))
    status = subscription.choice("status", STATES)
    ends_at = _ends_at(subscription)
    if status == "trialing":
        subscription.need("trial_end")
    return Standing(
        subscription=subscription.text("id"),
        as_of=as_of,
        rank=rank,
        state=STATES[status],
        plan=offer.plan,
        interval=offer.interval,
        quantity=_quantity(subscription),
        customer=subscription.maybe_text("customer_id"),
        account=account(subscription),
        trial_start=subscription.maybe_when("trial_start"),
        trial_end=subscription.maybe_when("trial_end"),
        ends_at=ends_at,
        ends_with_period=ends_at is not None and ends_at == subscription.maybe_when("current_period_end"),
        paused=status == "paused",
    )


def account(thing: Reader) -> str | None:
    """The account that a thing names: in its metadata, or as the customer's external id."""
    customer = thing.maybe_object("customer")
    named = account_of(thing.maybe_object("metadata"))
    return named or (customer.maybe_text("external_id") if customer else None)


def _ends_at(subscription: Reader) -> datetime | None:
    """When it will end. A pause that is to come ends it here as well: nothing beyond it is going to be
    paid, so nothing may be given on credit; the payment that resumes it begins it anew."""
    if subscription.flag("cancel_at_period_end"):
        return subscription.maybe_when("ends_at") or subscription.when("current_period_end")
    return subscription.when("current_period_end") if subscription.flag("pause_at_period_end") else None


def _products(thing: Reader) -> list[str]:
    """The ids by which the catalog may know a thing: the product's, else those of its prices."""
    prices = [*thing.objects("prices"), *thing.objects("items")]
    return [
        *thing.identifiers("product_id"),
        *(x for p in prices for x in p.identifiers("product_price_id", "id")),
    ]


def _plan(thing: Reader, shelf: Shelf) -> Offer | None:
    return next((shelf.plans[name] for name in _products(thing) if name in shelf.plans), None)


def _pack(thing: Reader, shelf: Shelf) -> str | None:
    return next((shelf.packs[name] for name in _products(thing) if name in shelf.packs), None)


def _quantity(thing: Reader) -> int:
    return thing.quantity("units") if thing.has("units") else thing.quantity("seats")


def checkout(entity: Reader, shelf: Shelf) -> list[Fact]:
    """What a checkout of a pack says; its payment is told by the order."""
    pack = _pack(entity, shelf)
    status = entity.text("status")
    if pack is None or status not in CHECKOUTS:
        raise NotOurs(f"Checkout {entity.text('id')} is {status}; the order tells of what is paid.")
    return [
        Purchase(
            purchase=entity.text("id"),
            state=CHECKOUTS[status],
            pack=pack,
            quantity=_quantity(entity),
            customer=entity.maybe_text("customer_id"),
            account=account(entity),
        )
    ]


def order(entity: Reader, shelf: Shelf) -> list[Fact]:
    """What an order moves, by its status. Raises NotOurs, NotYet, Unreadable."""
    if (pack := _pack(entity, shelf)) is not None:
        return [_purchase(entity, pack)] if entity.text("status") != "draft" else _nothing(entity)
    offer = _plan(entity, shelf)
    if offer is None:
        what = f"Order {entity.text('id')}"
        raise unknown_price(what, _products(entity), entity.maybe_object("metadata"))
    if not entity.has("subscription_id"):
        return _nothing(entity)
    status = entity.text("status")
    if PURCHASES.get(status) == "paid":
        return _paid(entity, offer) or _nothing(entity)
    return _unpaid(entity, offer) if status == "pending" else _nothing(entity)


def purchase(entity: Reader, shelf: Shelf) -> Purchase:
    """An order of a pack. Raises NotOurs for any other."""
    pack = _pack(entity, shelf)
    if pack is None:
        raise NotOurs(f"Order {entity.text('id')} is for no pack of the catalog.")
    return _purchase(entity, pack)


def _nothing(entity: Reader) -> list[Fact]:
    reason = entity.maybe_text("billing_reason")
    raise NotOurs(f"Order {entity.text('id')} ({reason}, {entity.text('status')}) moves no credits.")


def _purchase(entity: Reader, pack: str) -> Purchase:
    return Purchase(
        # The key of the money is the checkout, or the order itself where there was none.
        purchase=entity.maybe_text("checkout_id") or entity.text("id"),
        state=PURCHASES[entity.choice("status", PURCHASES)],
        pack=pack,
        quantity=_quantity(entity),
        amount=entity.whole("net_amount"),
        currency=entity.text("currency").lower(),
        payment=entity.text("id"),
        customer=entity.maybe_text("customer_id"),
        account=account(entity),
    )


def _paid(entity: Reader, offer: Offer) -> list[Fact]:
    reason, subscription = entity.text("billing_reason"), entity.text("subscription_id")
    named = {"customer": entity.maybe_text("customer_id"), "account": account(entity)}
    facts: list[Fact] = []
    if (period := _covered(entity, offer, reason)) is not None:
        facts.append(_line(entity, offer, subscription, period))
    if reason == "subscription_update":
        facts.append(ChangePaid(subscription=subscription, invoice=entity.text("id"), **named))
    return facts


def _line(entity: Reader, offer: Offer, subscription: str, period: Period) -> Paid:
    about = entity.maybe_object("subscription") or entity
    return Paid(
        subscription=subscription,
        line=entity.text("id"),
        plan=offer.plan,
        interval=offer.interval,
        start=period[0],
        end=period[1],
        quantity=_quantity(entity) if entity.has("seats") or entity.has("units") else _quantity(about),
        amount=entity.whole("net_amount"),
        currency=entity.text("currency").lower(),
        invoice=entity.text("id"),
        payment=entity.text("id"),
        customer=entity.maybe_text("customer_id"),
        account=account(entity),
    )


def _covered(entity: Reader, offer: Offer, reason: str) -> Period | None:
    """The period that an order pays for: none for a trial's, for usage, for the difference of a change."""
    if reason not in {"subscription_create", "subscription_cycle", "subscription_update"}:
        return None
    subscription, made = _subscription(entity), entity.when("created_at")
    trial_end, ended_at = subscription.maybe_when("trial_end"), subscription.maybe_when("ended_at")
    if trial_end is not None and made < trial_end:
        return None
    if ended_at is not None and made >= ended_at:
        # The last bill of a subscription that ended, for what was used: Polar calls it a cycle too.
        return None
    if reason == "subscription_update":
        start = subscription.when("current_period_start")
        if abs(made - start) > SOON:
            return None
    return _period_at(subscription, offer, made)


def _subscription(entity: Reader) -> Reader:
    found = entity.maybe_object("subscription")
    if found is None:
        raise NotYet(f"Order {entity.text('id')} comes without its subscription, which has the period.")
    return found


def _period_at(subscription: Reader, offer: Offer, instant: datetime) -> Period:
    """The period in which an order was made: the current one, or as many before as it takes."""
    start, end = subscription.when("current_period_start"), subscription.when("current_period_end")
    if start >= end:
        raise Unreadable(f"{subscription.name('current_period_end')} must be after its start")
    months = _months(offer.interval)
    for back in range(1, _PERIODS_BACK):
        if start <= instant + SOON:
            break
        start, end = month_start(subscription.when("current_period_start"), -back * months), start
    return start, end


def _months(interval: Interval) -> int:
    return 12 if interval == "year" else 1


def _unpaid(entity: Reader, offer: Offer) -> list[Fact]:
    """A renewal that couldn't be paid, and will be tried again."""
    if entity.text("billing_reason") != "subscription_cycle" or not entity.has("next_payment_attempt_at"):
        return _nothing(entity)
    start, _ = _period_at(_subscription(entity), offer, entity.when("created_at"))
    return [
        Unpaid(
            subscription=entity.text("subscription_id"),
            invoice=entity.text("id"),
            start=start,
            customer=entity.maybe_text("customer_id"),
            account=account(entity),
        )
    ]


def returned(entity: Reader, disputes: Sequence[Reader], as_of: datetime) -> list[Fact]:
    """What has gone back of an order, and what disputes hold back or have taken."""
    payment, total = entity.text("id"), entity.whole("net_amount")
    refunded = entity.whole("refunded_amount") if entity.has("refunded_amount") else 0
    facts: list[Fact] = []
    if refunded or entity.text("status") in {"refunded", "partially_refunded"}:
        facts.append(Returned(payment=payment, total=total, refunded=refunded, as_of=as_of))
    for dispute in disputes:
        status, amount = dispute.text("status"), dispute.whole("amount")
        facts.append(
            Returned(
                payment=payment,
                total=total,
                disputed=amount if status in OPEN_DISPUTES else 0,
                lost=amount if status == "lost" else 0,
                dispute=dispute.text("id"),
                as_of=as_of,
            )
        )
    return facts
