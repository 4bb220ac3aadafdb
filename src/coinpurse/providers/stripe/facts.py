"""What Stripe's objects say about credits. Pure: an object in, facts out. See `docs/providers.md`."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from coinpurse.domain.facts import (
    ChangePaid,
    Paid,
    Purchase,
    PurchaseState,
    Returned,
    Standing,
    StandingState,
    Unpaid,
)
from coinpurse.domain.ports import NotOurs, NotYet
from coinpurse.providers.shelf import Offer, Shelf
from coinpurse.providers.stripe.reading import (
    Json,
    account_of,
    at,
    dig,
    invoice_account,
    is_item_line,
    is_proration,
    line_amount,
    listed,
    payment_of,
    period_end,
    price_of,
    ref,
    subscription_of,
    whole,
)

#: `unpaid`: the retries are over. `paused`: the trial ended without a card.
_STATES: Mapping[str, StandingState] = {
    "incomplete": "incomplete",
    "incomplete_expired": "ended",
    "trialing": "trialing",
    "active": "active",
    "past_due": "past_due",
    "unpaid": "past_due",
    "paused": "active",
    "canceled": "ended",
}
_OPEN_DISPUTES = {"needs_response", "under_review"}
_FAILED_INTENTS = {"requires_payment_method", "canceled"}
_GONE_REFUNDS = {"failed", "canceled"}


def standing(
    shelf: Shelf,
    subscription: Json,
    *,
    as_of: datetime,
    rank: int = 0,
    account: str | None = None,
    pending: bool = False,
) -> Standing:
    """A subscription as it stands. `account` is who it belongs to by another's word, `pending` says that what
    changed is not paid. Raises NotOurs where no price is in the catalog, NotYet where two plans are."""
    state = _STATES.get(str(subscription.get("status")))
    if state is None:
        raise NotYet(
            f"Stripe calls the subscription {subscription.get('status')!r}, which is not known here."
        )
    account = account_of(subscription) or account
    meant, quantity, items = _terms(shelf, subscription, state, account)
    ends_at, with_period = _end(subscription, period_end(subscription, items))
    pending = pending or _waits_for_payment(subscription)
    return Standing(
        subscription=_id(subscription),
        as_of=as_of,
        rank=rank,
        state=state,
        plan=meant.plan,
        interval=meant.interval,
        quantity=quantity,
        customer=ref(subscription.get("customer")),
        account=account,
        anchor=at(subscription.get("billing_cycle_anchor")),
        trial_start=at(subscription.get("trial_start")),
        trial_end=at(subscription.get("trial_end")),
        ends_at=ends_at,
        ends_with_period=with_period,
        paused=bool(subscription.get("pause_collection")) or subscription.get("status") == "paused",
        payment_pending=pending,
        pending_invoice=ref(subscription.get("latest_invoice")) if pending else None,
    )


def paid(shelf: Shelf, invoice: Json) -> list[Paid]:
    """What an invoice's payment covers: one fact for each price and period of a subscription's items.

    The key of the money is made of the invoice, the price and the period's start. The line's own id would not
    do: events of older API versions name lines otherwise than the API does (`sub_…`, `sli_…` before 2019-12),
    and one item can be spread over several lines (tiers).
    """
    first = invoice.get("billing_reason") == "subscription_create"
    found = [line for line in listed(invoice.get("lines")) if _counts(shelf, line, first)]
    found.sort(key=_line_key)
    groups = [list(lines) for _, lines in groupby(found, _line_key)]
    groups = [lines for lines in groups if _costs(shelf, lines)]
    _one_plan(shelf, (_price(lines[0]) for lines in groups))
    amounts = _amounts(invoice, groups)
    return [_paid(shelf, invoice, lines, amount) for lines, amount in zip(groups, amounts, strict=True)]


def change_paid(shelf: Shelf, invoice: Json) -> list[ChangePaid]:
    """That the invoice of a change was paid, where the change is to or from one of our prices."""
    known = any(price_of(line) in shelf.plans for line in listed(invoice.get("lines")))
    subscription = subscription_of(invoice)
    if invoice.get("billing_reason") != "subscription_update" or not known or subscription is None:
        return []
    return [
        ChangePaid(
            subscription=subscription,
            invoice=_id(invoice),
            customer=ref(invoice.get("customer")),
            account=invoice_account(invoice),
        )
    ]


def unpaid(shelf: Shelf, invoice: Json) -> list[Unpaid]:
    """The periods that an open invoice would have paid."""
    return [
        Unpaid(
            subscription=line.subscription,
            invoice=_id(invoice),
            start=line.start,
            customer=line.customer,
            account=line.account,
        )
        for line in paid(shelf, invoice)
    ]


def purchases(shelf: Shelf, session: Json, state: PurchaseState) -> list[Purchase]:
    """What was bought at a checkout. The packs are those of its lines, or the one that its metadata names.
    Raises NotOurs, and NotYet for a pack that we named and that the catalog has lost."""
    packs = _packs(shelf, session)
    if not packs:
        raise NotOurs("The checkout names no pack of the catalog: it sold something else.")
    alone = len(packs) == 1
    return [
        Purchase(
            purchase=_id(session) if alone else f"{_id(session)}/{pack}",
            state=state,
            pack=pack,
            quantity=quantity,
            amount=whole(session.get("amount_total")) if alone else amount,
            currency=session.get("currency") or "usd",
            payment=ref(session.get("payment_intent")),
            customer=ref(session.get("customer")),
            account=account_of(session, session.get("payment_intent")),
        )
        for pack, (quantity, amount) in packs.items()
    ]


def session_state(session: Json) -> PurchaseState:
    """How a checkout stands. One that costs nothing is paid; one completed unpaid waits for a bank (P1)."""
    if session.get("payment_status") in ("paid", "no_payment_required"):
        return "paid"
    if session.get("status") == "expired":
        return "expired"
    refused = dig(session, "payment_intent", "status") in _FAILED_INTENTS
    return "failed" if refused and session.get("status") == "complete" else "pending"


def is_top_up(intent: Json) -> bool:
    """Whether a payment is an automatic top-up: it names a pack, and belongs to no checkout or invoice, which
    would tell of it themselves (P2)."""
    metadata, order = intent.get("metadata") or {}, dig(intent, "payment_details", "order_reference")
    by_checkout = metadata.get("coinpurse_checkout") or str(order).startswith("cs_")
    return bool(metadata.get("coinpurse_pack")) and not by_checkout and not ref(intent.get("invoice"))


def is_ours(intent: Json) -> bool:
    """Whether we asked for a payment ourselves, off-session: no checkout was there."""
    return bool(dig(intent, "metadata", "coinpurse_purchase"))


def top_up(shelf: Shelf, intent: Json) -> Purchase:
    """An automatic top-up. The customer is not there: what wants its owner has failed (P4)."""
    state: PurchaseState = "failed"
    if intent.get("status") in ("succeeded", "processing"):
        state = "paid" if intent["status"] == "succeeded" else "pending"
    metadata = intent.get("metadata") or {}
    return Purchase(
        purchase=_id(intent),
        state=state,
        pack=_known_pack(shelf, metadata),
        quantity=_quantity(metadata),
        amount=whole(intent.get("amount_received")) or whole(intent.get("amount")),
        currency=intent.get("currency") or "usd",
        payment=_id(intent),
        customer=ref(intent.get("customer")),
        account=account_of(intent),
    )


def refunded(payment: str, total: int, amount: int, as_of: datetime) -> Returned:
    """How much of a payment was refunded, in all. Raises NotOurs for a payment of nothing."""
    if total <= 0:
        raise NotOurs("The payment was of nothing.")
    return Returned(payment=payment, total=total, refunded=amount, as_of=as_of)


def sum_of_refunds(refunds: Iterable[Json]) -> int:
    """What refunds come to, without those that failed."""
    return sum(whole(r.get("amount")) for r in refunds if r.get("status") not in _GONE_REFUNDS)


def disputed(dispute: Json, payment: str, total: int | None, as_of: datetime) -> Returned:
    """What a dispute holds back or has taken (P3). Raises NotOurs for an inquiry, or a payment of nothing."""
    status, amount = str(dispute.get("status")), whole(dispute.get("amount"))
    if status.startswith("warning_"):
        raise NotOurs("An inquiry moves no money.")
    if total is not None and total <= 0:
        raise NotOurs("The payment was of nothing.")
    moved = [whole(b.get("amount")) for b in listed(dispute.get("balance_transactions"))]
    back = bool(moved) and sum(moved) >= 0
    return Returned(
        payment=payment,
        total=total,
        disputed=amount if status in _OPEN_DISPUTES and not back else 0,
        lost=amount if status == "lost" else 0,
        dispute=_id(dispute),
        as_of=as_of,
    )


def _terms(
    shelf: Shelf, subscription: Json, state: StandingState, account: str | None
) -> tuple[Offer, int, list[Json]]:
    """The plan, the quantity, and the items that say so."""
    all_items = listed(subscription.get("items")) or [subscription]
    items = [item for item in all_items if price_of(item) in shelf.plans]
    _one_plan(shelf, map(_price, items))
    if items:
        return shelf.plans[_price(items[0])], sum(whole(item.get("quantity"), 1) for item in items), items
    if state == "ended" and account is not None and shelf.known_plans:
        # One of ours that was moved to a price unknown to us, and ended: that must end it here too.
        plan = dig(subscription, "metadata", "coinpurse_plan")
        known = plan if plan in shelf.known_plans else shelf.known_plans[0]
        return Offer(known, "month", 0, False), 1, []
    raise NotOurs(f"The catalog has none of the subscription's prices ({_names(all_items)}).")


def _one_plan(shelf: Shelf, found: Iterable[str]) -> None:
    meant = {(known.plan, known.interval) for known in map(shelf.plans.__getitem__, found)}
    if len(meant) > 1:
        plans = ", ".join(sorted(f"{plan} by the {interval}" for plan, interval in meant))
        raise NotYet(
            f"The subscription has prices of several plans at once ({plans}). "
            "Sell each as a subscription of its own."
        )


def _end(subscription: Json, period_ends: datetime | None) -> tuple[datetime | None, bool]:
    """The end that was asked for, by the flag or by an instant: Stripe's own portal sets either (B3)."""
    cancel_at = at(subscription.get("cancel_at"))
    if subscription.get("cancel_at_period_end"):
        return cancel_at or period_ends or at(subscription.get("trial_end")), True
    return cancel_at, cancel_at is not None and cancel_at == period_ends


def _waits_for_payment(subscription: Json) -> bool:
    """Whether a change was made whose own invoice is not paid (B5, B6)."""
    invoice = subscription.get("latest_invoice")
    unpaid_change = (
        dig(invoice, "billing_reason") == "subscription_update" and dig(invoice, "status") != "paid"
    )
    return bool(subscription.get("pending_update")) or unpaid_change


def _counts(shelf: Shelf, line: Json, first: bool) -> bool:
    """Whether a line is for a period of one of our plans.

    A proration isn't (B6), except on a subscription's very first invoice, where nothing came before that
    could be settled: there it is the stretch up to the billing day.
    """
    return _price(line) in shelf.plans and is_item_line(line) and (first or not is_proration(line))


def _costs(shelf: Shelf, lines: list[Json]) -> bool:
    """Whether a period was sold, rather than given as a trial, whose line is of nothing (B8). With a coupon
    of 100 % a line keeps its amount; a free plan's price is nothing."""
    amount = sum(whole(line.get("amount")) for line in lines)
    return amount > 0 or (amount == 0 and shelf.plans[_price(lines[0])].free)


def _line_key(line: Json) -> tuple[str, int, int]:
    return _price(line), whole(dig(line, "period", "start")), whole(dig(line, "period", "end"))


def _amounts(invoice: Json, groups: list[list[Json]]) -> list[int]:
    """What was paid for each group. Together they are what the invoice's payment came to: credit for unused
    time, or a balance, makes that less than the lines, and a refund or dispute is measured by it."""
    amounts = [sum(map(line_amount, lines)) for lines in groups]
    if amounts and (came := invoice.get("amount_paid")) is not None:
        amounts[0] = max(whole(came) - sum(amounts[1:]), 0)
    return amounts


def _paid(shelf: Shelf, invoice: Json, lines: list[Json], amount: int) -> Paid:
    price, start, end = _line_key(lines[0])
    meant = shelf.plans[price]
    item = dig(lines[0], "parent", "subscription_item_details", "subscription")
    subscription = ref(item) or ref(lines[0].get("subscription")) or subscription_of(invoice)
    begins, ends = at(start), at(end)
    if subscription is None or begins is None or ends is None:
        raise NotOurs("The invoice's lines name no subscription.")
    return Paid(
        subscription=subscription,
        line=f"{_id(invoice)}/{price}/{start}",
        plan=meant.plan,
        interval=meant.interval,
        start=begins,
        end=ends,
        quantity=sum(whole(line.get("quantity"), 1) for line in lines),
        amount=amount,
        currency=invoice.get("currency") or "usd",
        invoice=_id(invoice),
        payment=payment_of(invoice),
        customer=ref(invoice.get("customer")),
        account=invoice_account(invoice),
    )


def _packs(shelf: Shelf, session: Json) -> dict[str, tuple[int, int]]:
    """Pack -> quantity and money, of a checkout's lines; without lines, what its metadata names."""
    lines = sorted(_pack_lines(shelf, session), key=itemgetter(0))
    packs = {
        pack: (sum(quantity for _, quantity, _ in group), sum(amount for *_, amount in group))
        for pack, group in ((pack, list(group)) for pack, group in groupby(lines, itemgetter(0)))
    }
    metadata = session.get("metadata") or {}
    if packs or not metadata.get("coinpurse_pack"):
        return packs
    return {_known_pack(shelf, metadata): (_quantity(metadata), whole(session.get("amount_total")))}


def _pack_lines(shelf: Shelf, session: Json) -> Iterator[tuple[str, int, int]]:
    for line in listed(session.get("line_items")):
        if pack := shelf.packs.get(price_of(line) or ""):
            yield pack, whole(line.get("quantity"), 1), whole(line.get("amount_total"))


def _known_pack(shelf: Shelf, metadata: Mapping[str, Any]) -> str:
    pack = str(metadata["coinpurse_pack"])
    if pack not in shelf.known_packs:
        raise NotYet(f"The catalog has no pack {pack!r}, which was sold: put it back, and try again.")
    return pack


def _quantity(metadata: Mapping[str, Any]) -> int:
    text = str(metadata.get("coinpurse_quantity") or "1")
    return int(text) if text.isascii() and text.isdigit() else 1


def _price(thing: Json) -> str:
    return price_of(thing) or ""


def _names(items: Iterable[Json]) -> str:
    return ", ".join(filter(None, map(price_of, items))) or "it has none"


def _id(thing: Json) -> str:
    """An object's own id. Raises NotOurs where it has none: nothing could be kept about it."""
    if found := ref(thing):
        return found
    raise NotOurs("The object has no id.")
