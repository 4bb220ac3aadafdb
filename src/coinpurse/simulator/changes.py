"""Changes of a running subscription: other prices or quantities, another anchor, a moved trial; with
prorations."""

from dataclasses import dataclass, field
from typing import Literal

from coinpurse.simulator import invoices, payments, subscriptions
from coinpurse.simulator.calendar import instant
from coinpurse.simulator.payments import Presence
from coinpurse.simulator.shapes import billing as shapes
from coinpurse.simulator.shapes import catalogue
from coinpurse.simulator.tables import Obj
from coinpurse.simulator.world import World, snapshot

Prorate = Literal["create_prorations", "always_invoice", "none"]


@dataclass(slots=True, kw_only=True)
class Wanted:
    """One item as it is to be. `item` is None for a new one; `price` is None for one that goes."""

    item: Obj | None
    price: Obj | None
    quantity: int


@dataclass(slots=True, kw_only=True)
class Change:
    """All that is to change at once. `reset` moves the anchor to now; `trial_end` begins, moves or (now)
    ends a trial."""

    wanted: list[Wanted] = field(default_factory=list)
    prorate: Prorate = "create_prorations"
    reset: bool = False
    trial_end: int | None = None
    presence: Presence = "api"


def resets(subscription: Obj, change: Change) -> bool:
    """Whether the anchor moves to now: asked for, or because the interval changes (outside a trial)."""
    if change.reset:
        return True
    if subscription["status"] == "trialing":
        return False
    old = _every(subscription["items"]["data"][0]["price"])
    return any(w.price is not None and _every(w.price) != old for w in change.wanted)


def _every(price: Obj) -> tuple[str, int]:
    return price["recurring"]["interval"], price["recurring"]["interval_count"]


def prorations(w: World, subscription: Obj, change: Change) -> list[Obj]:
    """The invoice items of a change: unused time back, and remaining time of what stays in its period."""
    start, end = subscriptions.period(subscription)
    if change.prorate == "none" or subscription["status"] == "trialing" or not start <= w.now < end:
        return []
    fresh = resets(subscription, change) or change.trial_end is not None
    made = []
    for wanted in _all_wanted(subscription, change) if fresh else change.wanted:
        old = wanted.item
        if old is not None:
            made.append(_part(w, subscription, old, old["price"], -old["quantity"], start, end))
        if wanted.price is not None and not fresh:
            made.append(_part(w, subscription, old, wanted.price, wanted.quantity, start, end))
    return made


def _all_wanted(subscription: Obj, change: Change) -> list[Wanted]:
    """The change with the items that it leaves alone, for a reset concerns them all."""
    named = {w.item["id"] for w in change.wanted if w.item}
    rest = [i for i in subscription["items"]["data"] if i["id"] not in named]
    return [*change.wanted, *(Wanted(item=i, price=i["price"], quantity=i["quantity"]) for i in rest)]


def _part(
    w: World, subscription: Obj, item: Obj | None, price: Obj, quantity: int, start: int, end: int
) -> Obj:
    """The share of a price for the rest of a period, rounded half up; a negative quantity gives it back."""
    whole, left = end - start, end - w.now
    amount = (2 * price["unit_amount"] * abs(quantity) * left + whole) // (2 * whole)
    back = quantity < 0
    day = instant(w.now).strftime("%d %b %Y")
    text = f"{'Unused' if back else 'Remaining'} time on {subscriptions.naming(w, price)} after {day}"
    waiting = shapes.invoice_item(
        w.ids.new("ii"),
        w.now,
        subscription["customer"],
        price,
        -amount if back else amount,
        description=text,
        parent={
            "type": "subscription_details",
            "subscription_details": {"subscription": subscription["id"]},
        },
        period={"start": w.now, "end": end},
        proration=True,
        quantity=abs(quantity),
        quantity_decimal=str(abs(quantity)),
    )
    w.tables.invoice_items.add(waiting, customer=subscription["customer"])
    if item is not None and w.terms.prorations_as == "subscription_item_details":
        w.prorated_item[waiting["id"]] = item["id"]
    w.emit("invoiceitem.created", waiting)
    return waiting


def apply(w: World, subscription: Obj, change: Change) -> Obj | None:
    """Makes a change. Answers the invoice that is to be finalised and collected at once, if there is one."""
    reset = resets(subscription, change)
    parts = prorations(w, subscription, change)
    _set_items(w, subscription, change.wanted)
    ends_trial = change.trial_end is not None and change.trial_end <= w.now
    if change.trial_end is not None and not ends_trial:
        bill = _set_trial(w, subscription, change.trial_end)
    elif reset or ends_trial:
        _restart(w, subscription, ends_trial)
        bill = True
    else:
        bill = False
    if bill or (parts and change.prorate == "always_invoice"):
        return _invoice(w, subscription, bill)
    return None


def _set_items(w: World, subscription: Obj, wanted: list[Wanted]) -> None:
    start, end = subscriptions.period(subscription)
    for wish in wanted:
        if wish.item is None and wish.price is not None:
            subscriptions.add_item(w, subscription, wish.price, wish.quantity, start, end)
        elif wish.item is not None and wish.price is None:
            subscription["items"]["data"].remove(wish.item)
            w.tables.items.drop(wish.item["id"])
        elif wish.item is not None and wish.price is not None:
            wish.item.update(price=dict(wish.price), plan=catalogue.plan(wish.price), quantity=wish.quantity)


def _restart(w: World, subscription: Obj, ends_trial: bool) -> None:
    """A new period from now, which is the anchor from now on."""
    subscription["billing_cycle_anchor"] = w.now
    if ends_trial or subscription["status"] == "trialing":
        subscription.update(status="active", trial_end=w.now)
    subscriptions.set_period(subscription, w.now, subscriptions.following(subscription, w.now))
    subscriptions.plan_renewal(w, subscription)


def _set_trial(w: World, subscription: Obj, end: int) -> bool:
    """Moves a trial's end, or begins one in the midst of a period. Says whether that makes an invoice."""
    begins = bool(subscription["status"] != "trialing")
    start = w.now if begins else subscriptions.period(subscription)[0]
    if begins:
        subscription.update(status="trialing", trial_start=w.now)
    subscription.update(trial_end=end, billing_cycle_anchor=end)
    subscriptions.set_period(subscription, start, end)
    subscriptions.plan_renewal(w, subscription)
    return begins


def _invoice(w: World, subscription: Obj, whole_period: bool) -> Obj:
    """The invoice of a change: what waits, and the new period where one begins."""
    customer = w.tables.customers.get(subscription["customer"])
    invoice = invoices.draft(
        w, customer, subscription["currency"], subscription, billing_reason="subscription_update"
    )
    invoices.take_waiting(w, invoice, subscription)
    if whole_period:
        subscriptions.bill_period(w, subscription, invoice)
    invoices.announce(w, invoice, subscription)
    return invoice


def try_out(w: World, subscription: Obj, change: Change) -> None:
    """A change that holds only if its invoice is paid at once (`pending_if_incomplete`); else it waits for
    that, for as long as a first payment may take."""
    before = snapshot(subscription)
    with subscriptions.changing(w, subscription):
        invoice = apply(w, subscription, change)
        if invoice is None:
            return
        w.pending_update[subscription["id"]] = (invoice["id"], snapshot(subscription))
        if collect(w, invoice, change.presence) in ("succeeded", "processing"):
            return
        after = w.pending_update[subscription["id"]][1]
        subscription.update({name: before[name] for name in subscriptions.UPDATED})
        subscriptions.adopt_items(w, subscription)
        subscriptions.plan_renewal(w, subscription)
        until = w.now + w.terms.first_payment_within
        subscription["pending_update"] = _pending(change, after, until)
    w.later(until, _expire, w, subscription, invoice)


def _pending(change: Change, after: Obj, until: int) -> Obj:
    return {
        "billing_cycle_anchor": after["billing_cycle_anchor"] if change.reset else None,
        "expires_at": until,
        "subscription_items": after["items"]["data"] if change.wanted else None,
        "trial_end": change.trial_end,
        "trial_from_plan": None,
        **dict.fromkeys(("discount", "discounts", "metadata")),
    }


def _expire(w: World, subscription: Obj, invoice: Obj) -> None:
    if w.pending_update.get(subscription["id"], ("",))[0] != invoice["id"]:
        return
    subscriptions.settle_pending(w, subscription, applied=False)
    if invoice["status"] == "open":
        invoices.void(w, invoice)


def collect(w: World, invoice: Obj, presence: Presence) -> payments.Result:
    """Finalises the invoice of a change and asks for the money at once."""
    invoices.finalise(w, invoice)
    return invoices.collect(w, invoice, presence)
