"""Checkout sessions: opened by a program, ended by a customer, or by time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from coinpurse.simulator import cards, payments, subscriptions
from coinpurse.simulator.errors import invalid
from coinpurse.simulator.shapes import catalogue, hosted
from coinpurse.simulator.shapes.parts import listed
from coinpurse.simulator.tables import Obj
from coinpurse.simulator.world import World


@dataclass(slots=True, kw_only=True)
class Wish:
    """What a session is to lead to. `data` are the metadata and more for the payment or subscription."""

    mode: str
    prices: Sequence[tuple[Obj, int]]
    customer: Obj | None = None
    always_customer: bool = False
    keep_card: bool = False
    trial_end_in: int | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    description: str | None = None
    intent: Obj | None = None


def open_session(w: World, wish: Wish, **known: Any) -> Obj:
    """A session with a page of its own."""
    id = w.ids.new("cs_live" if w.livemode else "cs_test")
    total = sum(price["unit_amount"] * quantity for price, quantity in wish.prices)
    due = 0 if wish.trial_end_in else total
    session = hosted.session(
        id,
        w.now,
        wish.mode,
        f"{w.base_url}/checkout/{id}",
        w.livemode,
        **{
            "amount_subtotal": due,
            "amount_total": due,
            "currency": wish.prices[0][0]["currency"],
            "customer": wish.customer["id"] if wish.customer else None,
            "expires_at": w.now + w.terms.checkout_lasts,
            **known,
        },
    )
    w.sessions[id] = wish
    w.tables.sessions.add(session, customer=session["customer"])
    w.later(session["expires_at"], expire, w, session)
    return session


def line_items(w: World, session: Obj) -> Obj:
    """What is bought, as the API lists it."""
    data = [
        hosted.bought(f"li_{session['id'][8:30]}{n}", price, quantity, subscriptions.naming(w, price))
        for n, (price, quantity) in enumerate(w.sessions[session["id"]].prices)
    ]
    return listed(f"/v1/checkout/sessions/{session['id']}/line_items", data)


def expire(w: World, session: Obj) -> None:
    """A session that nobody completed."""
    if session["status"] == "open":
        session.update(status="expired", url=None)
        if (intent := w.sessions[session["id"]].intent) is not None:
            payments.cancel(w, intent, "automatic")
        w.emit("checkout.session.expired", session)


def pay(w: World, session: Obj, token: str = "pm_card_visa", email: str | None = None) -> bool:
    """The customer pays on the page with a test token. False: it was declined, and the page stays open."""
    if session["status"] != "open":
        raise invalid("This Checkout Session is no longer open.")
    wish = w.sessions[session["id"]]
    if token not in cards.TOKENS:
        raise invalid(f"No such payment method: '{token}'", "payment_method")
    customer = wish.customer or _new_customer(w, session, wish, email)
    done = _buy if wish.mode == "payment" else _subscribe
    return done(w, session, wish, customer, token)


def _new_customer(w: World, session: Obj, wish: Wish, email: str | None) -> Obj | None:
    """Checkout makes a customer for a subscription, and for a payment only if asked to."""
    if wish.mode == "payment" and not wish.always_customer:
        return None
    address = session["customer_email"] or email or "customer@example.com"
    wish.customer = new_customer(w, email=address)
    return wish.customer


def new_customer(w: World, **known: Any) -> Obj:
    """A customer, announced."""
    id, prefix = w.ids.new("cus"), w.ids.letters(8).upper()
    customer = catalogue.customer(id, w.now, prefix, w.livemode, **known)
    w.emit("customer.created", w.tables.customers.add(customer))
    return customer


def _intent(w: World, session: Obj, wish: Wish, customer: Obj | None, **known: Any) -> Obj:
    """The payment of a session: one, however many cards are tried on it."""
    if wish.intent is None:
        wish.intent = payments.create(
            w, customer["id"] if customer else None, session["amount_total"], session["currency"], **known
        )
        w.session_of[wish.intent["id"]] = session["id"]
    return wish.intent


def _buy(w: World, session: Obj, wish: Wish, customer: Obj | None, token: str) -> bool:
    intent = _intent(
        w,
        session,
        wish,
        customer,
        metadata=dict(wish.metadata),
        description=wish.description,
        setup_future_usage="off_session" if wish.keep_card else None,
    )
    method = cards.make(w, token, customer if wish.keep_card else None)
    result = payments.attempt(w, intent, method, "page", partial(_later, w, session))
    if result not in ("succeeded", "processing"):
        return False
    if customer and wish.keep_card and not cards.default_of(w, customer["id"]):
        cards.set_default(w, customer, method["id"])
    w.tables.sessions.key(session, "payment_intent", intent["id"])
    _complete(w, session, customer, result == "succeeded", payment_intent=intent["id"])
    return True


def _subscribe(w: World, session: Obj, wish: Wish, customer: Obj | None, token: str) -> bool:
    assert customer is not None
    if _refused_at_once(token) and not wish.trial_end_in:
        return _declined(w, customer, session, wish, token)
    if wish.intent is not None:
        payments.cancel(w, wish.intent, "automatic")
    method = cards.make(w, token, customer)
    subscription = subscriptions.start(
        w,
        subscriptions.Start(
            customer=customer,
            prices=wish.prices,
            presence="page",
            metadata=dict(wish.metadata),
            default_payment_method=method["id"],
            trial_end=w.now + wish.trial_end_in if wish.trial_end_in else None,
            description=wish.description,
        ),
    )
    w.tables.sessions.key(session, "subscription", subscription["id"])
    invoice = w.tables.invoices.get(subscription["latest_invoice"])
    _complete(
        w,
        session,
        customer,
        invoice["status"] == "paid",
        subscription=subscription["id"],
        invoice=invoice["id"],
    )
    if invoice["status"] != "paid":
        w.later(w.now + w.terms.debit_takes, _follow_debit, w, session, invoice)
    return True


def _refused_at_once(token: str) -> bool:
    """Whether a card is refused on the page already: then there is no subscription."""
    return cards.TOKENS[token][3] in ("declines", "insufficient_funds")


def _declined(w: World, customer: Obj, session: Obj, wish: Wish, token: str) -> bool:
    """Checkout asks for the first payment before it makes the subscription."""
    payments.attempt(w, _intent(w, session, wish, customer), cards.make(w, token), "page", lambda well: None)
    return False


def _complete(w: World, session: Obj, customer: Obj | None, paid: bool, **made: str) -> None:
    free = session["amount_total"] == 0
    session.update(
        status="complete",
        url=None,
        payment_status="no_payment_required" if free else "paid" if paid else "unpaid",
        customer=customer["id"] if customer else None,
        **made,
    )
    who = customer or {"email": session["customer_email"] or "guest@example.com", "name": None}
    session["customer_details"] = hosted.customer_details(who["email"], who["name"])
    if customer:
        w.tables.sessions.key(session, "customer", customer["id"])
    w.emit("checkout.session.completed", session)
    w.tell(
        "checkout",
        session["id"],
        session["customer"],
        amount=session["amount_total"],
        currency=session["currency"],
        detail={
            "mode": session["mode"],
            "payment_status": session["payment_status"],
            "prices": [(price["id"], quantity) for price, quantity in w.sessions[session["id"]].prices],
            "metadata": dict(session["metadata"]),
            "client_reference_id": session["client_reference_id"],
            **made,
        },
    )


def _follow_debit(w: World, session: Obj, invoice: Obj) -> None:
    _later(w, session, invoice["status"] == "paid")


def _later(w: World, session: Obj, well: bool) -> None:
    """A debit that arrived, or bounced, days after the page was left."""
    if well:
        session["payment_status"] = "paid"
    kind = "succeeded" if well else "failed"
    w.emit(f"checkout.session.async_payment_{kind}", session)
    w.tell(f"checkout_{kind}", session["id"], session["customer"], amount=session["amount_total"],
           currency=session["currency"], detail={"payment_intent": session["payment_intent"]})  # fmt: skip
