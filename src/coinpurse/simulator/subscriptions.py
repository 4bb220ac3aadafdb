"""Subscriptions: begun, renewed from their anchor, ended; and what their invoices do to them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from coinpurse.simulator import cards, invoices
from coinpurse.simulator.calendar import DAY, next_boundary
from coinpurse.simulator.invoices import Happened
from coinpurse.simulator.payments import Presence
from coinpurse.simulator.shapes import billing as shapes
from coinpurse.simulator.tables import Obj
from coinpurse.simulator.world import World

ENDED = ("canceled", "incomplete_expired")
#: What an update that waits for its payment changes, once paid.
UPDATED = ("items", "billing_cycle_anchor", "status", "trial_start", "trial_end")


@dataclass(slots=True, kw_only=True)
class Start:
    """What a subscription begins with. Instants are in seconds."""

    customer: Obj
    prices: Sequence[tuple[Obj, int]]
    presence: Presence = "api"
    metadata: dict[str, str] = field(default_factory=dict)
    default_payment_method: str | None = None
    trial_end: int | None = None
    anchor: int | None = None
    cancel_at: int | None = None
    cancel_at_period_end: bool = False
    without_method: str = "create_invoice"
    collect: bool = True
    description: str | None = None


def start(w: World, wish: Start) -> Obj:
    """A new subscription, with its first invoice, paid if it can be."""
    subscription = _made(w, wish)
    invoice = invoices.draft(
        w, wish.customer, subscription["currency"], subscription, billing_reason="subscription_create"
    )
    invoices.take_waiting(w, invoice, subscription)
    bill_period(w, subscription, invoice, partial=wish.anchor is not None and not wish.trial_end)
    subscription["latest_invoice"] = invoice["id"]
    w.emit("customer.subscription.created", subscription)
    note(w, subscription)
    invoices.announce(w, invoice)
    invoices.finalise(w, invoice)
    if wish.collect and invoices.collect(w, invoice, wish.presence) == "processing":
        _activate(w, subscription)
    if subscription["status"] == "incomplete":
        w.later(w.now + w.terms.first_payment_within, _expire, w, subscription)
    plan_renewal(w, subscription)
    return subscription


def _made(w: World, wish: Start) -> Obj:
    first = wish.prices[0][0]
    subscription = shapes.subscription(
        w.ids.new("sub"),
        w.now,
        wish.customer["id"],
        first["currency"],
        w.livemode,
        metadata=wish.metadata,
        default_payment_method=wish.default_payment_method,
        description=wish.description,
        trial_settings={"end_behavior": {"missing_payment_method": wish.without_method}},
    )
    if wish.trial_end:
        subscription.update(status="trialing", trial_start=w.now, trial_end=wish.trial_end)
        subscription["billing_cycle_anchor"] = wish.trial_end
    elif wish.anchor:
        subscription["billing_cycle_anchor"] = wish.anchor
    every = first["recurring"]
    anchor = subscription["billing_cycle_anchor"]
    end = next_boundary(anchor, every["interval"], every["interval_count"], w.now)
    end = anchor if anchor > w.now else end
    for price, quantity in wish.prices:
        add_item(w, subscription, price, quantity, w.now, end)
    w.tables.subscriptions.add(subscription, customer=wish.customer["id"])
    if wish.cancel_at_period_end:
        set_end(w, subscription, None, with_period=True)
    elif wish.cancel_at:
        set_end(w, subscription, wish.cancel_at)
    if wish.customer["currency"] is None:
        wish.customer["currency"] = first["currency"]
    return subscription


def add_item(w: World, subscription: Obj, price: Obj, quantity: int, start: int, end: int) -> Obj:
    """One price more on a subscription."""
    item = shapes.item(w.ids.new("si"), w.now, subscription["id"], price, quantity, start, end)
    subscription["items"]["data"].append(item)
    return w.tables.items.add(item, subscription=subscription["id"])


def period(subscription: Obj) -> tuple[int, int]:
    """The running period: that of the items, which all have the same."""
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def set_period(subscription: Obj, start: int, end: int) -> None:
    """Moves the running period; an end that goes with it moves too."""
    for item in subscription["items"]["data"]:
        item.update(current_period_start=start, current_period_end=end)
    if subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = end


def following(subscription: Obj, after: int) -> int:
    """Where the period ends that runs after an instant."""
    every = subscription["items"]["data"][0]["price"]["recurring"]
    anchor = subscription["billing_cycle_anchor"]
    return next_boundary(anchor, every["interval"], every["interval_count"], after)


def bill_period(w: World, subscription: Obj, invoice: Obj, *, partial: bool = False) -> None:
    """The lines of the running period: the full price, nothing in a trial; `partial`: the share of a first
    period that a later anchor cuts short."""
    start, end = period(subscription)
    free = subscription["status"] == "trialing"
    for item in subscription["items"]["data"]:
        price, quantity = item["price"], item["quantity"]
        amount = 0 if free else price["unit_amount"] * quantity
        parent = shapes.from_item(item)
        if partial:
            amount = _share(price, amount, start, end)
            parent["subscription_item_details"]["proration"] = True
        invoices.add_line(
            w,
            invoice,
            price,
            quantity,
            amount,
            description=f"Trial period for {naming(w, price)}" if free else described(w, price, quantity),
            metadata=dict(subscription["metadata"]),
            parent=parent,
            period={"start": start, "end": end},
            subscription=subscription["id"],
        )


def _share(price: Obj, amount: int, start: int, end: int) -> int:
    every = price["recurring"]
    whole = next_boundary(start, every["interval"], every["interval_count"], start) - start
    return (2 * amount * (end - start) + whole) // (2 * whole)


def naming(w: World, price: Obj) -> str:
    """What is sold, for invoices."""
    product = w.tables.products.peek(price["product"])
    name: str = product["name"] if product else price["product"]
    return name


def described(w: World, price: Obj, quantity: int) -> str:
    """A line's text, as Stripe words it."""
    amount, every = price["unit_amount"], price["recurring"]["interval"]
    return f"{quantity} × {naming(w, price)} (at ${amount // 100}.{amount % 100:02d} / {every})"


@contextmanager
def changing(w: World, subscription: Obj) -> Iterator[None]:
    """Makes one `customer.subscription.updated` of what is changed inside, and notes the truth."""
    with w.altering(subscription, "customer.subscription.updated"):
        yield
    note(w, subscription)


def note(w: World, subscription: Obj) -> None:
    """Writes into the journal how a subscription stands."""
    start, end = period(subscription)
    names = ("status", "cancel_at", "cancel_at_period_end", "pause_collection", "trial_end", "ended_at")
    w.tell(
        "subscription",
        subscription["id"],
        subscription["customer"],
        detail={
            **{name: subscription[name] for name in names},
            "items": [(i["price"]["id"], i["quantity"]) for i in subscription["items"]["data"]],
            "period": (start, end),
            "metadata": dict(subscription["metadata"]),
        },
    )


def plan_renewal(w: World, subscription: Obj) -> None:
    """Puts the end of the running period on the agenda, and the word before a trial's end."""
    end = period(subscription)[1]
    w.later(end, renew, w, subscription, end)
    if subscription["status"] == "trialing":
        w.later(max(w.now, end - 3 * DAY), _trial_will_end, w, subscription, end)


def _trial_will_end(w: World, subscription: Obj, end: int) -> None:
    if subscription["status"] == "trialing" and subscription["trial_end"] == end:
        w.emit("customer.subscription.trial_will_end", subscription)


def renew(w: World, subscription: Obj, due: int) -> None:
    """The end of a period: the subscription ends, or the next one begins with a draft invoice."""
    start, end = period(subscription)
    status = subscription["status"]
    if status in (*ENDED, "incomplete", "paused") or end != due:
        return
    ends_at = subscription["cancel_at"]
    if subscription["cancel_at_period_end"] or (ends_at is not None and ends_at <= w.now):
        end_now(w, subscription, "cancellation_requested")
    elif status == "trialing" and _ends_without_method(w, subscription):
        return
    else:
        _next_period(w, subscription, start, end)


def _ends_without_method(w: World, subscription: Obj) -> bool:
    """A trial that ends with nothing to pay it, where that was said to cancel or pause."""
    behaviour = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if behaviour == "create_invoice" or cards.default_of(w, subscription["customer"], subscription):
        return False
    if behaviour == "cancel":
        end_now(w, subscription, "payment_failed")
    else:
        with changing(w, subscription):
            subscription["status"] = "paused"
        w.emit("customer.subscription.paused", subscription)
    return True


def _next_period(w: World, subscription: Obj, start: int, end: int) -> None:
    customer = w.tables.customers.get(subscription["customer"])
    invoice = invoices.draft(
        w,
        customer,
        subscription["currency"],
        subscription,
        billing_reason="subscription_cycle",
        period_start=start,
        period_end=end,
    )
    with changing(w, subscription):
        set_period(subscription, end, following(subscription, end))
        if subscription["status"] == "trialing":
            subscription["status"] = "active"
        subscription["latest_invoice"] = invoice["id"]
        invoices.take_waiting(w, invoice, subscription)
        bill_period(w, subscription, invoice)
    _send_on_its_way(w, subscription, invoice)
    plan_renewal(w, subscription)


def _send_on_its_way(w: World, subscription: Obj, invoice: Obj) -> None:
    """A renewal's draft: finalised in an hour, or kept back while collection is paused."""
    pause = subscription["pause_collection"]
    held = (pause and pause["behavior"] == "keep_as_draft") or subscription["status"] == "unpaid"
    if held:
        invoice["auto_advance"] = False
    else:
        invoice["automatically_finalizes_at"] = w.now + w.terms.finalize_after
    w.emit("invoice.created", invoice)
    if held:
        return
    if pause:
        w.later(w.now + w.terms.finalize_after, _close_paused, w, invoice, pause["behavior"])
    else:
        w.later(w.now + w.terms.finalize_after, invoices.finalise_by_itself, w, invoice)


def _close_paused(w: World, invoice: Obj, behaviour: str) -> None:
    """While collection is paused, invoices are made and written off."""
    if invoice["status"] == "draft":
        invoices.finalise(w, invoice)
    if invoice["status"] == "open":
        (invoices.void if behaviour == "void" else invoices.give_up)(w, invoice)


def set_end(w: World, subscription: Obj, at: int | None, *, with_period: bool = False) -> None:
    """Asks for an end at an instant or with the period; neither takes the wish back."""
    asked = with_period or at is not None
    ends = period(subscription)[1] if with_period else at
    subscription.update(
        cancel_at=ends, cancel_at_period_end=with_period, canceled_at=w.now if asked else None
    )
    subscription["cancellation_details"] = {
        **subscription["cancellation_details"],
        "reason": "cancellation_requested" if asked else None,
    }
    if ends is not None:
        w.later(ends, _end_at, w, subscription, ends)


def _end_at(w: World, subscription: Obj, at: int) -> None:
    if subscription["cancel_at"] == at and subscription["status"] not in ENDED:
        end_now(w, subscription, "cancellation_requested")


def end_now(w: World, subscription: Obj, reason: str) -> None:
    """It is over: the last event is `customer.subscription.deleted`, and open invoices are left alone."""
    subscription.update(status="canceled", ended_at=w.now, pending_update=None)
    subscription["canceled_at"] = subscription["canceled_at"] or w.now
    subscription["cancellation_details"] = {**subscription["cancellation_details"], "reason": reason}
    for invoice in w.tables.invoices.find(subscription=subscription["id"]):
        if invoice["status"] in ("draft", "open"):
            invoice.update(auto_advance=False, next_payment_attempt=None)
    w.emit("customer.subscription.deleted", subscription)
    note(w, subscription)


def _expire(w: World, subscription: Obj) -> None:
    """A first payment that never came."""
    if subscription["status"] != "incomplete":
        return
    with changing(w, subscription):
        subscription.update(status="incomplete_expired", ended_at=w.now)
    invoice = w.tables.invoices.get(subscription["latest_invoice"])
    if invoice["status"] == "open":
        invoices.void(w, invoice)


def _activate(w: World, subscription: Obj) -> None:
    with changing(w, subscription):
        subscription["status"] = "active"


def follow_invoice(w: World, what: Happened, subscription: Obj, invoice: Obj) -> None:
    """What an invoice's fate means for its subscription."""
    status, latest = subscription["status"], subscription["latest_invoice"] == invoice["id"]
    waits = w.pending_update.get(subscription["id"])
    if waits is not None and waits[0] == invoice["id"]:
        if what == "paid":
            settle_pending(w, subscription, applied=True)
        return
    if what in ("paid", "closed"):
        back = status in ("past_due", "unpaid") and latest
        if back or (status == "incomplete" and what == "paid"):
            _activate(w, subscription)
    elif what == "not_paid" and status == "active":
        with changing(w, subscription):
            subscription["status"] = "past_due"
    elif what == "given_up" and status in ("past_due", "active"):
        _end_dunning(w, subscription)


def settle_pending(w: World, subscription: Obj, *, applied: bool) -> None:
    """An update that waited for its payment takes effect, or is dropped."""
    _, after = w.pending_update.pop(subscription["id"])
    with changing(w, subscription):
        subscription["pending_update"] = None
        if applied:
            anchor, running = subscription["billing_cycle_anchor"], period(subscription)
            subscription.update({name: after[name] for name in UPDATED})
            adopt_items(w, subscription)
            if after["billing_cycle_anchor"] == anchor:  # it may have renewed meanwhile
                set_period(subscription, *running)
    told = "applied" if applied else "expired"
    w.emit(f"customer.subscription.pending_update_{told}", subscription)
    if applied:
        plan_renewal(w, subscription)


def adopt_items(w: World, subscription: Obj) -> None:
    """Makes the items of a subscription that was put back the ones that the API shows."""
    for item in w.tables.items.find(subscription=subscription["id"]):
        w.tables.items.drop(item["id"])
    for item in subscription["items"]["data"]:
        w.tables.items.add(item, subscription=subscription["id"])


def _end_dunning(w: World, subscription: Obj) -> None:
    if w.terms.dunning_ends == "cancel":
        end_now(w, subscription, "payment_failed")
    elif w.terms.dunning_ends == "unpaid":
        with changing(w, subscription):
            subscription["status"] = "unpaid"
