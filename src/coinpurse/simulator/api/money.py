"""Payment intents, charges, refunds and disputes."""

from typing import Any

from coinpurse.simulator import cards, invoices, payments, returns
from coinpurse.simulator.api.lists import page
from coinpurse.simulator.api.routing import LISTS, route
from coinpurse.simulator.errors import declined, invalid
from coinpurse.simulator.params import Params
from coinpurse.simulator.tables import Obj
from coinpurse.simulator.world import World

_INTENT = (
    "amount currency customer payment_method off_session confirm metadata description setup_future_usage "
    "automatic_payment_methods allowed_payment_method_types return_url receipt_email statement_descriptor"
)
_INTENT_PASSED = "payment_method_options capture_method error_on_requires_action"


@route("POST", "/v1/payment_intents", _INTENT, f"{_INTENT_PASSED} confirmation_method")
def create(w: World, p: Params) -> Obj:
    """A payment that is wanted, and with `confirm` asked for at once."""
    amount = p.number("amount", 1)
    if amount is None:
        raise invalid("Missing required param: amount.", "amount", "parameter_missing")
    customer = p.text("customer")
    if customer:
        w.tables.customers.get(customer, "customer")
    intent = payments.create(w, customer, amount, p.need("currency").lower(), **_known(p))
    if method := p.text("payment_method"):
        _choose(w, intent, method)
    return _confirm(w, intent, bool(p.flag("off_session"))) if p.flag("confirm") else intent


def _known(p: Params) -> dict[str, Any]:
    names = ("description", "setup_future_usage", "receipt_email", "statement_descriptor")
    known: dict[str, Any] = {name: p.text(name) for name in names if name in p}
    if "automatic_payment_methods" in p:
        enabled = p.below("automatic_payment_methods").flag("enabled")
        known["automatic_payment_methods"] = {"allow_redirects": "always", "enabled": enabled}
    if "allowed_payment_method_types" in p:
        known["payment_method_types"] = [str(t) for t in p.values_of("allowed_payment_method_types")]
    return {**known, "metadata": p.metadata()}


def _choose(w: World, intent: Obj, name: str) -> None:
    """A payment method for a payment: another customer's is refused."""
    method = cards.resolve(w, name)
    if method["customer"] and method["customer"] != intent["customer"]:
        raise invalid(
            "The provided PaymentMethod cannot be used: it belongs to a Customer.", "payment_method"
        )
    intent.update(payment_method=method["id"], status="requires_confirmation")


def _confirm(w: World, intent: Obj, off_session: bool) -> Obj:
    """Asks for the money; a card that refuses is Stripe's error 402, with the payment inside."""
    if intent["status"] not in ("requires_confirmation", "requires_payment_method", "requires_action"):
        raise invalid(
            f"This PaymentIntent's status is {intent['status']} and can't be confirmed.",
            code="payment_intent_unexpected_state",
        )
    method = w.tables.payment_methods.peek(intent["payment_method"] or "")
    if method is None:
        raise invalid("You cannot confirm this PaymentIntent because it's missing a payment method.")
    presence: payments.Presence = "nobody" if off_session else "api"
    if invoice := w.invoice_of.get(intent["id"]):
        result = invoices.collect(w, w.tables.invoices.get(invoice), "api", method)
    else:
        result = payments.attempt(w, intent, method, presence, lambda well: None)
    if result == "failed":
        raise declined(intent["last_payment_error"], payment_intent=dict(intent))
    if result == "succeeded" and intent["setup_future_usage"] and intent["customer"]:
        cards.attach(w, method["id"], w.tables.customers.get(intent["customer"]))
    return intent


@route("GET", "/v1/payment_intents", f"{LISTS} customer")
def find(w: World, p: Params) -> Obj:
    """Payments, of all or of one customer."""
    rows = w.tables.payment_intents.find(customer=p.text("customer"))
    return page(p, "/v1/payment_intents", rows, w.tables.payment_intents)


@route("GET", "/v1/payment_intents/*", "client_secret")
def retrieve(w: World, p: Params, id: str) -> Obj:
    """One payment."""
    return w.tables.payment_intents.get(id)


@route("POST", "/v1/payment_intents/*", "metadata description payment_method", "setup_future_usage")
def update(w: World, p: Params, id: str) -> Obj:
    """Changes what is given."""
    intent = w.tables.payment_intents.get(id)
    if method := p.text("payment_method"):
        _choose(w, intent, method)
    if "description" in p:
        intent["description"] = p.text("description")
    intent["metadata"] = p.metadata(intent["metadata"])
    return intent


@route("POST", "/v1/payment_intents/*/confirm", "payment_method off_session return_url", _INTENT_PASSED)
def confirm(w: World, p: Params, id: str) -> Obj:
    """Asks for the money."""
    intent = w.tables.payment_intents.get(id)
    if method := p.text("payment_method"):
        _choose(w, intent, method)
    return _confirm(w, intent, bool(p.flag("off_session")))


@route("POST", "/v1/payment_intents/*/cancel", "cancellation_reason")
def cancel(w: World, p: Params, id: str) -> Obj:
    """Calls a payment off."""
    intent = w.tables.payment_intents.get(id)
    if intent["status"] in ("succeeded", "canceled", "processing"):
        raise invalid(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}.",
            code="payment_intent_unexpected_state",
        )
    payments.cancel(w, intent, p.text("cancellation_reason"))
    return intent


@route("GET", "/v1/charges", f"{LISTS} customer payment_intent")
def charges(w: World, p: Params) -> Obj:
    """Charges, by customer or payment."""
    rows = w.tables.charges.find(customer=p.text("customer"), payment_intent=p.text("payment_intent"))
    return page(p, "/v1/charges", rows, w.tables.charges)


@route("GET", "/v1/charges/*")
def charge(w: World, p: Params, id: str) -> Obj:
    """One charge."""
    return w.tables.charges.get(id)


@route("POST", "/v1/refunds", "charge payment_intent amount reason metadata", "instructions_email")
def refund(w: World, p: Params) -> Obj:
    """Gives money back."""
    reason = p.choice("reason", "duplicate", "fraudulent", "requested_by_customer")
    return returns.refund(w, charge_of(w, p), p.number("amount", 1), reason, p.metadata())


def charge_of(w: World, p: Params) -> Obj:
    """The charge that `charge` or `payment_intent` names."""
    if id := p.text("charge"):
        return w.tables.charges.get(id, "charge")
    intent = w.tables.payment_intents.get(p.need("payment_intent"), "payment_intent")
    if not intent["latest_charge"]:
        raise invalid("This PaymentIntent does not have a successful charge to refund.", "payment_intent")
    return w.tables.charges.get(intent["latest_charge"])


@route("GET", "/v1/refunds", f"{LISTS} charge payment_intent")
def refunds(w: World, p: Params) -> Obj:
    """Refunds, by charge or payment."""
    rows = w.tables.refunds.find(charge=p.text("charge"), payment_intent=p.text("payment_intent"))
    return page(p, "/v1/refunds", rows, w.tables.refunds)


@route("GET", "/v1/refunds/*")
def one_refund(w: World, p: Params, id: str) -> Obj:
    """One refund."""
    return w.tables.refunds.get(id)


@route("GET", "/v1/charges/*/refunds", LISTS)
def charge_refunds(w: World, p: Params, id: str) -> Obj:
    """The refunds of a charge."""
    return page(p, f"/v1/charges/{id}/refunds", w.tables.refunds.find(charge=id))


@route("GET", "/v1/disputes", f"{LISTS} charge payment_intent")
def disputes(w: World, p: Params) -> Obj:
    """Disputes, by charge or payment."""
    rows = w.tables.disputes.find(charge=p.text("charge"), payment_intent=p.text("payment_intent"))
    return page(p, "/v1/disputes", rows, w.tables.disputes)


@route("GET", "/v1/disputes/*")
def dispute(w: World, p: Params, id: str) -> Obj:
    """One dispute."""
    return w.tables.disputes.get(id)


@route("POST", "/v1/disputes/*/close")
def close_dispute(w: World, p: Params, id: str) -> Obj:
    """Accepts a dispute as lost."""
    found = w.tables.disputes.get(id)
    returns.close_dispute(w, found, won=False)
    return found
