"""Invoices and what pays them."""

from typing import Any

from coinpurse.simulator import cards, invoices
from coinpurse.simulator.api.lists import page
from coinpurse.simulator.api.routing import LISTS, route
from coinpurse.simulator.errors import declined, invalid
from coinpurse.simulator.params import Params
from coinpurse.simulator.tables import Obj
from coinpurse.simulator.world import World

_INVOICES = f"{LISTS} customer subscription status collection_method"


@route("GET", "/v1/invoices", _INVOICES)
def find_invoices(w: World, p: Params) -> Obj:
    """Invoices, by what is given."""
    status = p.text("status")
    rows = w.tables.invoices.find(customer=p.text("customer"), subscription=p.text("subscription"))
    wanted = [i for i in rows if status in (None, i["status"])]
    return page(p, "/v1/invoices", wanted, w.tables.invoices)


@route("GET", "/v1/invoices/*")
def invoice(w: World, p: Params, id: str) -> Obj:
    """One invoice."""
    return w.tables.invoices.get(id)


@route("GET", "/v1/invoices/*/lines", LISTS)
def lines(w: World, p: Params, id: str) -> Obj:
    """The lines of an invoice, in their order."""
    found = w.tables.invoices.get(id)
    return page(p, f"/v1/invoices/{id}/lines", found["lines"]["data"][::-1])


@route("POST", "/v1/invoices", "customer subscription auto_advance metadata description", "currency")
def create_invoice(w: World, p: Params) -> Obj:
    """A draft of what waits."""
    customer = w.tables.customers.get(p.need("customer"), "customer")
    of = p.text("subscription")
    subscription = w.tables.subscriptions.get(of, "subscription") if of else None
    known: dict[str, Any] = {
        "auto_advance": bool(p.flag("auto_advance")),
        "metadata": p.metadata(),
        "description": p.text("description"),
    }
    made = invoices.draft(
        w, customer, p.text("currency") or customer["currency"] or "usd", subscription, **known
    )
    invoices.take_waiting(w, made, subscription)
    w.emit("invoice.created", made)
    if made["auto_advance"]:
        w.later(w.now + w.terms.finalize_after, invoices.finalise_by_itself, w, made)
    return made


@route("POST", "/v1/invoices/*", "auto_advance metadata description", "collection_method")
def update_invoice(w: World, p: Params, id: str) -> Obj:
    """Changes what is given; a draft that may go on by itself does so in an hour."""
    found = w.tables.invoices.get(id)
    with w.altering(found, "invoice.updated"):
        if (advance := p.flag("auto_advance")) is not None:
            found["auto_advance"] = advance
        if "description" in p:
            found["description"] = p.text("description")
        found["metadata"] = p.metadata(found["metadata"])
    if found["auto_advance"] and found["status"] == "draft":
        w.later(w.now + w.terms.finalize_after, invoices.finalise_by_itself, w, found)
    return found


@route("POST", "/v1/invoices/*/finalize", "auto_advance")
def finalize(w: World, p: Params, id: str) -> Obj:
    """Makes a draft final now instead of in an hour, and asks for the money where it advances by itself."""
    found = w.tables.invoices.get(id)
    if found["status"] != "draft":
        raise invalid(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
            code="invoice_not_editable",
        )
    if (advance := p.flag("auto_advance")) is not None:
        found["auto_advance"] = advance
    invoices.finalise(w, found)
    invoices.collect_by_itself(w, found)
    return found


@route("POST", "/v1/invoices/*/pay", "payment_method paid_out_of_band off_session", "source mandate forgive")
def pay(w: World, p: Params, id: str) -> Obj:
    """Asks for the money now."""
    found = w.tables.invoices.get(id)
    if found["status"] == "draft":
        invoices.finalise(w, found)
    if found["status"] in ("paid", "void"):
        raise invalid("Invoice is already paid" if found["status"] == "paid" else "Invoice is void")
    if p.flag("paid_out_of_band"):
        invoices.paid(w, found, out_of_band=True)
        return found
    name = p.text("payment_method")
    method = cards.attach(w, name, w.tables.customers.get(found["customer"])) if name else None
    result = invoices.collect(w, found, "nobody" if p.flag("off_session") else "api", method)
    if result in ("failed", "requires_action"):
        raise declined(_why(w, found, result))
    return found


def _why(w: World, found: Obj, result: str) -> dict[str, Any]:
    """Why an invoice wasn't paid, in Stripe's words."""
    intent = invoices.intent_of(w, found)
    error: dict[str, Any] | None = intent["last_payment_error"] if intent else None
    if result == "requires_action":
        return {"code": "invoice_payment_intent_requires_action", "message": "The card wants its owner."}
    return error or {"code": "resource_missing", "message": "There is no default payment method to charge."}


@route("POST", "/v1/invoices/*/void")
def void(w: World, p: Params, id: str) -> Obj:
    """Voids a finalised invoice."""
    found = w.tables.invoices.get(id)
    if found["status"] not in ("open", "uncollectible"):
        raise invalid(f"You can only void an open invoice; this one is {found['status']}.")
    invoices.void(w, found)
    return found


@route("POST", "/v1/invoices/*/mark_uncollectible")
def uncollectible(w: World, p: Params, id: str) -> Obj:
    """Writes an invoice off."""
    found = w.tables.invoices.get(id)
    if found["status"] != "open":
        raise invalid(f"You can only mark an open invoice; this one is {found['status']}.")
    invoices.give_up(w, found)
    return found


@route("GET", "/v1/invoice_payments", f"{LISTS} invoice payment status")
def invoice_payments(w: World, p: Params) -> Obj:
    """Which payments pay which invoices."""
    intent, status = p.below("payment").text("payment_intent"), p.text("status")
    rows = w.tables.invoice_payments.find(invoice=p.text("invoice"), payment_intent=intent)
    wanted = [r for r in rows if status in (None, r["status"])]
    return page(p, "/v1/invoice_payments", wanted, w.tables.invoice_payments)


@route("GET", "/v1/invoice_payments/*")
def invoice_payment(w: World, p: Params, id: str) -> Obj:
    """One payment of an invoice."""
    return w.tables.invoice_payments.get(id)
