"""Invoices: drafted, finalised, paid or not, tried again, given up."""

from typing import Any, Literal

from coinpurse.simulator import cards, payments
from coinpurse.simulator.payments import Presence, Result
from coinpurse.simulator.shapes import billing as shapes
from coinpurse.simulator.tables import Obj
from coinpurse.simulator.world import World

#: What can happen to an invoice that its subscription must know.
Happened = Literal["paid", "not_paid", "given_up", "closed"]


def draft(w: World, customer: Obj, currency: str, subscription: Obj | None = None, **known: Any) -> Obj:
    """A draft without lines. It isn't announced until `announce`, when its lines are in."""
    if subscription:
        known.setdefault("parent", shapes.of_subscription(subscription))
    invoice = shapes.invoice(w.ids.new("in"), w.now, customer, currency, **known)
    w.tables.invoices.add(
        invoice, customer=customer["id"], subscription=subscription["id"] if subscription else None
    )
    return invoice


def add_line(w: World, invoice: Obj, price: Obj, quantity: int, amount: int, **known: Any) -> Obj:
    """A line more, and the sums anew."""
    line = shapes.line(w.ids.new("il"), invoice["id"], price, quantity, amount, **known)
    invoice["lines"]["data"].append(line)
    total = sum(each["amount"] for each in invoice["lines"]["data"])
    for name in ("subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax"):
        invoice[name] = total
    invoice["amount_due"] = invoice["amount_remaining"] = max(0, total)
    return line


def take_waiting(w: World, invoice: Obj, subscription: Obj | None) -> None:
    """Takes up the invoice items that wait: the subscription's own, or the customer's."""
    for waiting in w.tables.invoice_items.find(customer=invoice["customer"]):
        of = waiting["parent"] and waiting["parent"]["subscription_details"]["subscription"]
        if waiting["invoice"] or of not in (None, subscription and subscription["id"]):
            continue
        waiting["invoice"] = invoice["id"]
        price = w.tables.prices.get(waiting["pricing"]["price_details"]["price"])
        add_line(
            w,
            invoice,
            price,
            waiting["quantity"],
            waiting["amount"],
            description=waiting["description"],
            parent=shapes.from_invoice_item(waiting, w.prorated_item.get(waiting["id"])),
            period=dict(waiting["period"]),
            discountable=False,
            subscription=of,
        )


def announce(w: World, invoice: Obj, subscription: Obj | None = None) -> None:
    """Tells of a draft, as the subscription's latest."""
    if subscription:
        subscription["latest_invoice"] = invoice["id"]
    w.emit("invoice.created", invoice)


def subscription_of(w: World, invoice: Obj) -> Obj | None:
    """The subscription that an invoice belongs to."""
    parent = invoice["parent"]
    return w.tables.subscriptions.get(parent["subscription_details"]["subscription"]) if parent else None


def finalise(w: World, invoice: Obj) -> None:
    """Makes a draft an invoice: numbered, and with a payment to be made. One of nothing is paid at once."""
    if invoice["status"] != "draft":
        return
    customer = w.tables.customers.get(invoice["customer"])
    _settle_balance(w, invoice, customer)
    sequence = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] = sequence + 1
    with w.altering(invoice, "invoice.updated"):
        invoice.update(
            status="open",
            number=f"{customer['invoice_prefix']}-{sequence:04d}",
            effective_at=w.now,
            automatically_finalizes_at=None,
            hosted_invoice_url=f"{w.base_url}/invoice/{invoice['id']}",
            invoice_pdf=f"{w.base_url}/invoice/{invoice['id']}/pdf",
        )
        invoice["status_transitions"]["finalized_at"] = w.now
        w.emit("invoice.finalized", invoice)
    if invoice["amount_due"]:
        _want_payment(w, invoice)
    if not invoice["amount_due"]:
        invoice["attempted"] = True
        paid(w, invoice)


def _settle_balance(w: World, invoice: Obj, customer: Obj) -> None:
    """What a customer has in credit (a negative balance) pays first; a negative total goes into it."""
    before = customer["balance"]
    due = max(0, invoice["total"] + before)
    after = min(0, invoice["total"] + before) if before < 0 or invoice["total"] < 0 else before
    invoice.update(starting_balance=before, ending_balance=after, amount_due=due, amount_remaining=due)
    if after != before:
        with w.altering(customer, "customer.updated"):
            customer["balance"] = after


def _want_payment(w: World, invoice: Obj) -> None:
    intent = payments.create(
        w,
        invoice["customer"],
        invoice["amount_due"],
        invoice["currency"],
        description="Subscription update" if invoice["parent"] else None,
        setup_future_usage="off_session" if invoice["billing_reason"] == "subscription_create" else None,
    )
    w.invoice_of[intent["id"]] = invoice["id"]
    payment = shapes.invoice_payment(w.ids.new("inpay"), w.now, invoice, intent["id"])
    w.tables.invoice_payments.add(payment, invoice=invoice["id"], payment_intent=intent["id"])


def intent_of(w: World, invoice: Obj) -> Obj | None:
    """The payment that is to pay an invoice."""
    found = w.tables.invoice_payments.find(invoice=invoice["id"])
    return w.tables.payment_intents.get(found[-1]["payment"]["payment_intent"]) if found else None


def collect(w: World, invoice: Obj, presence: Presence, method: Obj | None = None) -> Result:
    """One attempt to get an open invoice paid, and what follows from it."""
    intent = intent_of(w, invoice)
    if invoice["status"] not in ("open", "uncollectible") or intent is None:
        return "succeeded" if invoice["status"] == "paid" else "failed"
    if intent["status"] == "processing":
        return "processing"
    method = method or cards.default_of(w, invoice["customer"], subscription_of(w, invoice))
    invoice["attempted"] = True
    if method is None:
        not_paid(w, invoice, presence, "failed")
        return "failed"

    def settled(well: bool) -> None:
        if invoice["status"] in ("open", "uncollectible"):
            paid(w, invoice) if well else not_paid(w, invoice, "nobody", "failed")

    result = payments.attempt(w, intent, method, presence, settled, direct=False)
    if result == "succeeded":
        invoice["attempt_count"] += 1
        paid(w, invoice)
    elif result != "processing":
        not_paid(w, invoice, presence, result)
    return result


def paid(w: World, invoice: Obj, *, out_of_band: bool = False) -> None:
    """An invoice that is paid, and stays so."""
    with w.altering(invoice, "invoice.updated"):
        invoice.update(
            status="paid",
            amount_paid=0 if out_of_band else invoice["amount_due"],
            amount_remaining=0,
            next_payment_attempt=None,
            auto_advance=False,
        )
        invoice["status_transitions"]["paid_at"] = w.now
    w.emit("invoice.paid", invoice)
    w.emit("invoice.payment_succeeded", invoice)
    for payment in w.tables.invoice_payments.find(invoice=invoice["id"]):
        if not out_of_band:
            payment.update(status="paid", amount_paid=payment["amount_requested"])
            payment["status_transitions"]["paid_at"] = w.now
            w.emit("invoice_payment.paid", payment)
    _tell_paid(w, invoice)
    _follow("paid", w, invoice)


def _tell_paid(w: World, invoice: Obj) -> None:
    """The lines that were paid, as an auditor needs them."""
    intent = intent_of(w, invoice)
    subscription = subscription_of(w, invoice)
    lines = [
        {
            "id": line["id"],
            "amount": line["amount"],
            "quantity": line["quantity"],
            "price": line["pricing"]["price_details"]["price"],
            "proration": is_proration(line),
            "start": line["period"]["start"],
            "end": line["period"]["end"],
        }
        for line in invoice["lines"]["data"]
    ]
    w.tell(
        "invoice_paid",
        invoice["id"],
        invoice["customer"],
        amount=invoice["amount_paid"],
        currency=invoice["currency"],
        detail={
            "billing_reason": invoice["billing_reason"],
            "subscription": subscription["id"] if subscription else None,
            "payment_intent": intent["id"] if intent else None,
            "lines": lines,
        },
    )


def is_proration(line: Obj) -> bool:
    """Whether a line is a part of a period's price, given back or asked for."""
    parent = line["parent"]
    return bool(parent and parent[parent["type"]]["proration"])


def not_paid(w: World, invoice: Obj, presence: Presence, result: Result) -> None:
    """An attempt that failed or wants the card's owner: told, and tried again later."""
    subscription = subscription_of(w, invoice)
    if result == "failed" or presence == "nobody":
        invoice["attempt_count"] += 1
    begun = subscription is None or subscription["status"] not in ("incomplete", "incomplete_expired")
    hopeless = begun and invoice["auto_advance"] and not _plan_retry(w, invoice, presence)
    if result == "requires_action":
        w.emit("invoice.payment_action_required", invoice)
    if result == "failed" or presence == "nobody":
        w.emit("invoice.payment_failed", invoice)
    _follow("not_paid", w, invoice)
    if hopeless and presence == "nobody":
        _follow("given_up", w, invoice)


def _plan_retry(w: World, invoice: Obj, presence: Presence) -> bool:
    """Plans the next attempt, reckoned from the first one. False: there is none left."""
    if presence != "nobody" and invoice["next_payment_attempt"]:
        return True
    first, used = w.dunning.get(invoice["id"], (w.now, 0))
    if used >= len(w.terms.retries):
        invoice["next_payment_attempt"] = None
        return False
    w.dunning[invoice["id"]] = (first, used + 1)
    at = max(first + w.terms.retries[used], w.now + 1)
    invoice["next_payment_attempt"] = at
    w.later(at, retry, w, invoice, at)
    return True


def retry(w: World, invoice: Obj, at: int) -> None:
    """Dunning: the next attempt, unless something has happened since it was planned."""
    if invoice["status"] == "open" and invoice["next_payment_attempt"] == at:
        collect(w, invoice, "nobody")


def finalise_by_itself(w: World, invoice: Obj) -> None:
    """An hour after a draft was made, Stripe finalises it and asks for the money."""
    if invoice["status"] == "draft" and invoice["auto_advance"]:
        finalise(w, invoice)
        collect_by_itself(w, invoice)


def collect_by_itself(w: World, invoice: Obj) -> None:
    """Asks for the money of an invoice that goes its way by itself."""
    if invoice["status"] == "open" and invoice["auto_advance"]:
        collect(w, invoice, "nobody")


def void(w: World, invoice: Obj) -> None:
    """An invoice that shouldn't have been."""
    _close(w, invoice, "void", "voided_at", "invoice.voided")


def give_up(w: World, invoice: Obj) -> None:
    """An invoice that nobody expects to be paid (it still can be)."""
    _close(w, invoice, "uncollectible", "marked_uncollectible_at", "invoice.marked_uncollectible")


def _close(w: World, invoice: Obj, status: str, transition: str, event: str) -> None:
    with w.altering(invoice, "invoice.updated"):
        invoice.update(status=status, next_payment_attempt=None, auto_advance=False)
        invoice["status_transitions"][transition] = w.now
    intent = intent_of(w, invoice)
    if intent and status == "void":
        payments.cancel(w, intent, "void_invoice")
    w.emit(event, invoice)
    _follow("closed", w, invoice)


def _follow(what: Happened, w: World, invoice: Obj) -> None:
    subscription = subscription_of(w, invoice)
    if subscription is not None:
        w.follow_invoice(what, subscription, invoice)
