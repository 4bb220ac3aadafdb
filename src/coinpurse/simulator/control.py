"""What only the simulator can do: what in real life customers, banks and time do."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

from coinpurse.simulator import cards, checkouts, invoices, payments, returns, subscriptions
from coinpurse.simulator.errors import invalid
from coinpurse.simulator.params import Params
from coinpurse.simulator.tables import Obj
from coinpurse.simulator.world import World

Control = Callable[[World, Mapping[str, Any]], Any]
CONTROLS: dict[str, Control] = {}


def _control(function: Callable[[World, Params], Any]) -> Callable[[World, Params], Any]:
    CONTROLS[function.__name__.strip("_")] = lambda w, values: function(w, Params(values))
    return function


def _charge(w: World, p: Params) -> Obj:
    """The charge that `charge`, `payment_intent`, `invoice` or `session` names."""
    if id := p.text("charge"):
        return w.tables.charges.get(id, "charge")
    intent = p.text("payment_intent")
    if id := p.text("session"):
        session = w.tables.sessions.get(id, "session")
        intent = session["payment_intent"] or _of_invoice(w, session["invoice"])
    if id := p.text("invoice"):
        intent = _of_invoice(w, id)
    found = w.tables.payment_intents.get(intent or p.need("payment_intent"), "payment_intent")
    return w.tables.charges.get(found["latest_charge"] or "", "payment_intent")


def _of_invoice(w: World, id: str) -> str | None:
    intent = invoices.intent_of(w, w.tables.invoices.get(id, "invoice"))
    return intent["id"] if intent else None


@_control
def card(w: World, p: Params) -> Any:
    """How a payment method behaves from now on: `payment_method`, or the default one of `customer`."""
    behaviour = p.choice("behaviour", *cards.BEHAVIOURS) or p.need("behaviour")
    id = p.text("payment_method")
    if id is None:
        customer = p.need("customer")
        of = w.tables.subscriptions.find(customer=customer)
        found = cards.default_of(w, customer, of[-1] if of else None)
        id = found["id"] if found else p.need("payment_method")
    w.behaviours[w.tables.payment_methods.get(id, "payment_method")["id"]] = behaviour
    return {"payment_method": id, "behaviour": behaviour}


@_control
def new_card(w: World, p: Params) -> Any:
    """The customer puts in another card (`token`), which all that is theirs is charged to from now on."""
    customer = w.tables.customers.get(p.need("customer"), "customer")
    return replace_card(w, customer, p.text("token") or "pm_card_visa")


def replace_card(w: World, customer: Obj, token: str) -> Obj:
    """Another card for the customer and all their subscriptions."""
    method = cards.resolve(w, token, customer)
    cards.set_default(w, customer, method["id"])
    for subscription in w.tables.subscriptions.find(customer=customer["id"]):
        if subscription["status"] not in subscriptions.ENDED and subscription["default_payment_method"]:
            with subscriptions.changing(w, subscription):
                subscription["default_payment_method"] = method["id"]
    return method


@_control
def pay_checkout(w: World, p: Params) -> Any:
    """The customer pays on the hosted page, with `token`."""
    session = w.tables.sessions.get(p.need("session"), "session")
    checkouts.pay(w, session, p.text("token") or "pm_card_visa", p.text("email"))
    return session


@_control
def pay_invoice(w: World, p: Params) -> Any:
    """The customer pays an open invoice on its page, confirming what the card wants; with `token`, another
    card."""
    invoice = w.tables.invoices.get(p.need("invoice"), "invoice")
    return pay_on_page(w, invoice, p.text("token"))


def pay_on_page(w: World, invoice: Obj, token: str | None = None) -> Obj:
    """What the hosted invoice page does."""
    customer = w.tables.customers.get(invoice["customer"])
    method = cards.resolve(w, token, customer) if token else None
    invoices.collect(w, invoice, "page", method)
    return invoice


@_control
def confirm(w: World, p: Params) -> Any:
    """The owner of a card confirms a payment that wants it."""
    intent = w.tables.payment_intents.get(p.need("payment_intent"), "payment_intent")
    authenticate(w, intent)
    return intent


def authenticate(w: World, intent: Obj) -> None:
    """What the bank's page does: the payment goes through."""
    if intent["status"] != "requires_action":
        raise invalid(f"This payment is {intent['status']}: there is nothing to confirm.")
    method = w.tables.payment_methods.get(intent["payment_method"])
    if invoice := w.invoice_of.get(intent["id"]):
        invoices.collect(w, w.tables.invoices.get(invoice), "page", method)
    else:
        payments.attempt(w, intent, method, "page", lambda well: None)


@_control
def refund(w: World, p: Params) -> Any:
    """Gives money back: `amount`, or all that is left."""
    return returns.refund(w, _charge(w, p), p.number("amount", 1), p.text("reason"))


@_control
def fail_refund(w: World, p: Params) -> Any:
    """A refund comes back."""
    made = w.tables.refunds.get(p.need("refund"), "refund")
    returns.fail_refund(w, made)
    return made


@_control
def dispute(w: World, p: Params) -> Any:
    """A bank disputes a payment; with `inquiry` it only asks."""
    return returns.open_dispute(
        w,
        _charge(w, p),
        p.number("amount", 1),
        p.text("reason") or "fraudulent",
        inquiry=bool(p.flag("inquiry")),
    )


@_control
def escalate(w: World, p: Params) -> Any:
    """An inquiry becomes a dispute."""
    found = w.tables.disputes.get(p.need("dispute"), "dispute")
    returns.escalate(w, found)
    return found


@_control
def close_dispute(w: World, p: Params) -> Any:
    """The bank decides: `outcome` won or lost."""
    found = w.tables.disputes.get(p.need("dispute"), "dispute")
    outcome = p.choice("outcome", "won", "lost") or p.need("outcome")
    returns.close_dispute(w, found, won=outcome == "won")
    return found


@_control
def faults(w: World, p: Params) -> Any:
    """How badly deliveries go from now on: any of the fields of `Faults`."""
    for each in fields(w.deliveries.faults):
        if each.name in p:
            now = getattr(w.deliveries.faults, each.name)
            setattr(w.deliveries.faults, each.name, _like(now, p, each.name))
    return asdict(w.deliveries.faults)


def _like(now: Any, p: Params, name: str) -> Any:
    if isinstance(now, bool):
        return bool(p.flag(name))
    try:
        return type(now)(p.need(name)) if not isinstance(now, float) else float(p.need(name))
    except ValueError:
        raise invalid(f"Invalid number: {p.need(name)}", name) from None


@_control
def redeliver(w: World, p: Params) -> Any:
    """Sends an event again."""
    return {"deliveries": w.deliveries.redeliver(p.need("event"))}


@_control
def find_lost(w: World, p: Params) -> Any:
    """Sends all that was dropped for good."""
    return {"deliveries": w.deliveries.find_lost()}


@_control
def journal(w: World, p: Params) -> Any:
    """What really happened, oldest first; `after` skips so many lines."""
    return {"data": [asdict(line) for line in w.journal[p.number("after", 0) or 0 :]], "now": w.now}


@_control
def state(w: World, p: Params) -> Any:
    """Where the simulator stands."""
    return {
        "now": w.now,
        "next_due": w.next_due(),
        "outbox": len(w.deliveries.outbox),
        "dropped": len(w.deliveries.dropped),
        "given_up": len(w.deliveries.given_up),
        "faults": asdict(w.deliveries.faults),
        "lines": len(w.journal),
    }
