"""Payment intents and charges: what happens when money is asked for."""

from collections.abc import Callable
from typing import Any, Literal

from coinpurse.simulator.shapes import payments as shapes
from coinpurse.simulator.tables import Obj
from coinpurse.simulator.world import World

#: Who is there: the customer on a hosted page, a program while the customer waits, or nobody.
Presence = Literal["page", "api", "nobody"]
Result = Literal["succeeded", "processing", "requires_action", "failed"]
#: Called with True or False when a slow payment has settled or bounced.
Settled = Callable[[bool], None]

_DECLINES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
    "debit_bounced": "The customer's account has insufficient funds to cover this payment.",
}


def create(w: World, customer: str | None, amount: int, currency: str, **known: Any) -> Obj:
    """A payment intent that waits for a payment method."""
    intent = shapes.payment_intent(
        w.ids.new("pi"), w.now, amount, currency, w.livemode, customer=customer, **known
    )
    w.tables.payment_intents.add(intent, customer=customer)
    w.emit("payment_intent.created", intent)
    return intent


def attempt(
    w: World, intent: Obj, method: Obj, presence: Presence, settled: Settled, *, direct: bool = True
) -> Result:
    """Asks for the money. A debit answers `processing`, and `settled` is called days later. `direct` says
    that the failure of an off-session payment that wants its owner goes back to a card being wanted; for
    invoices it stays open for the owner to confirm."""
    intent["payment_method"] = method["id"]
    intent["last_payment_error"] = intent["next_action"] = None
    behaviour = w.behaviours[method["id"]]
    if behaviour in ("settles", "bounces"):
        return _process(w, intent, method, behaviour == "settles", settled)
    if behaviour == "wants_owner" and presence != "page":
        return _want_owner(w, intent, method, leave_open=presence == "api" or not direct)
    reason = _reason(behaviour, presence)
    if reason:
        return _decline(w, intent, method, reason)
    charge = _charge(w, intent, method)
    _succeed(w, intent, charge)
    return "succeeded"


def _reason(behaviour: str, presence: Presence) -> str | None:
    if behaviour == "insufficient_funds":
        return behaviour
    declines = behaviour == "declines" or (behaviour == "declines_later" and presence == "nobody")
    return "generic_decline" if declines else None


def refusal(w: World, method: Obj | None, presence: Presence) -> Obj | None:
    """What a payment with this method would be refused with, without asking for any money."""
    if method is None:
        return {"code": "resource_missing", "message": "This customer has no default payment method."}
    behaviour = w.behaviours[method["id"]]
    reason = _reason(behaviour, presence)
    if behaviour == "wants_owner" and presence != "page":
        reason = "authentication_required"
    if reason is None:
        return None
    code = reason if reason == "authentication_required" else "card_declined"
    return {"code": code, "decline_code": reason, "message": _DECLINES[reason]}


def _charge(w: World, intent: Obj, method: Obj) -> Obj:
    customer = w.tables.customers.peek(intent["customer"] or "")
    charge = shapes.charge(w.ids.new("ch"), w.now, intent, method, customer)
    w.tables.charges.add(charge, customer=intent["customer"], payment_intent=intent["id"])
    intent["latest_charge"] = charge["id"]
    return charge


def _succeed(w: World, intent: Obj, charge: Obj) -> None:
    amount = intent["amount"]
    charge.update(status="succeeded", paid=True, captured=True, amount_captured=amount)
    charge["balance_transaction"] = w.ids.new("txn")
    charge["outcome"] = shapes.outcome("authorized", "approved_by_network", "Payment complete.")
    intent.update(status="succeeded", amount_received=amount, processing=None, next_action=None)
    w.emit("charge.succeeded", charge)
    w.emit("payment_intent.succeeded", intent)
    w.tell(
        "payment",
        intent["id"],
        intent["customer"],
        amount=amount,
        currency=intent["currency"],
        detail={
            "charge": charge["id"],
            "invoice": w.invoice_of.get(intent["id"]),
            "session": w.session_of.get(intent["id"]),
            "metadata": dict(intent["metadata"]),
        },
    )


def _decline(w: World, intent: Obj, method: Obj, reason: str, charge: Obj | None = None) -> Result:
    charge = charge or _charge(w, intent, method)
    message = _DECLINES[reason]
    code = reason if reason == "authentication_required" else "card_declined"
    charge.update(status="failed", failure_code=code, failure_message=message)
    charge["outcome"] = shapes.outcome("issuer_declined", "declined_by_network", message, reason)
    intent.update(status="requires_payment_method", payment_method=None, processing=None)
    intent["last_payment_error"] = {
        "type": "card_error",
        "code": code,
        "decline_code": reason,
        "message": message,
        "charge": charge["id"],
        "payment_method": dict(method),
    }
    w.emit("charge.failed", charge)
    w.emit("payment_intent.payment_failed", intent)
    w.tell("payment_failed", intent["id"], intent["customer"], amount=intent["amount"],
           currency=intent["currency"], detail={"reason": reason})  # fmt: skip
    return "failed"


def _want_owner(w: World, intent: Obj, method: Obj, *, leave_open: bool) -> Result:
    if not leave_open:
        return _decline(w, intent, method, "authentication_required")
    intent["status"] = "requires_action"
    intent["next_action"] = {
        "type": "redirect_to_url",
        "redirect_to_url": {"return_url": None, "url": f"{w.base_url}/authenticate/{intent['id']}"},
    }
    w.emit("payment_intent.requires_action", intent)
    return "requires_action"


def _process(w: World, intent: Obj, method: Obj, settles: bool, settled: Settled) -> Result:
    charge = _charge(w, intent, method)
    intent["status"] = "processing"
    intent["processing"] = None
    w.emit("charge.pending", charge)
    w.emit("payment_intent.processing", intent)
    w.later(w.now + w.terms.debit_takes, _settle, w, intent, charge, method, settles, settled)
    return "processing"


def _settle(w: World, intent: Obj, charge: Obj, method: Obj, settles: bool, settled: Settled) -> None:
    if intent["status"] != "processing":
        return
    if settles:
        _succeed(w, intent, charge)
    else:
        _decline(w, intent, method, "debit_bounced", charge)
    settled(settles)


def cancel(w: World, intent: Obj, reason: str | None) -> None:
    """A payment that is no longer wanted."""
    if intent["status"] in ("succeeded", "canceled"):
        return
    intent.update(status="canceled", canceled_at=w.now, cancellation_reason=reason, next_action=None)
    w.emit("payment_intent.canceled", intent)
