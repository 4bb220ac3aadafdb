"""Payment methods and how they behave. The names are Stripe's test tokens, but for `pm_card_declinesLater`,
which Stripe has none for: the first payment works, those without the customer are declined."""

from typing import Literal

from coinpurse.simulator.errors import declined, invalid, missing
from coinpurse.simulator.shapes import catalogue
from coinpurse.simulator.tables import Obj
from coinpurse.simulator.world import World

Behaviour = Literal[
    "pays", "declines", "insufficient_funds", "declines_later", "wants_owner", "settles", "bounces"
]
BEHAVIOURS = (
    "pays", "declines", "insufficient_funds", "declines_later", "wants_owner", "settles", "bounces",
)  # fmt: skip

#: token -> (type, brand, last four, behaviour)
TOKENS: dict[str, tuple[str, str, str, Behaviour]] = {
    "pm_card_visa": ("card", "visa", "4242", "pays"),
    "pm_card_mastercard": ("card", "mastercard", "4444", "pays"),
    "pm_card_chargeDeclined": ("card", "visa", "0002", "declines"),
    "pm_card_chargeCustomerFail": ("card", "visa", "0341", "declines"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("card", "visa", "9995", "insufficient_funds"),
    "pm_card_chargeDeclinedInsufficientFunds": ("card", "visa", "9995", "insufficient_funds"),
    "pm_card_declinesLater": ("card", "visa", "0341", "declines_later"),
    "pm_card_authenticationRequired": ("card", "visa", "3184", "wants_owner"),
    "pm_usBankAccount_success": ("us_bank_account", "", "6789", "settles"),
    "pm_usBankAccount_insufficientFunds": ("us_bank_account", "", "2227", "bounces"),
}
#: The tokens that a customer can choose on the hosted pages, with what the page says.
CHOICES = {
    "pm_card_visa": "4242: a good card",
    "pm_card_declinesLater": "0341: pays today, declines at renewal",
    "pm_card_authenticationRequired": "3184: wants its owner each time",
    "pm_card_chargeDeclined": "0002: declines",
}
_NUMBERS = {
    "4242424242424242": "pm_card_visa",
    "5555555555554444": "pm_card_mastercard",
    "4000000000000002": "pm_card_chargeDeclined",
    "4000000000000341": "pm_card_chargeCustomerFail",
    "4000000000009995": "pm_card_chargeDeclinedInsufficientFunds",
    "4000002760003184": "pm_card_authenticationRequired",
}
_CARD_TOKENS = {
    "tok_visa": "pm_card_visa",
    "tok_mastercard": "pm_card_mastercard",
    "tok_chargeDeclined": "pm_card_chargeDeclined",
    "tok_chargeCustomerFail": "pm_card_chargeCustomerFail",
}


def token_of(number: str | None, token: str | None) -> str:
    """The test token that a card's number or legacy token stands for."""
    found = _NUMBERS.get((number or "").replace(" ", "")) or _CARD_TOKENS.get(token or "")
    if found is None:
        raise invalid("Unknown test card. Use one of Stripe's, e.g. 4242424242424242.", "card[number]")
    return found


def make(w: World, token: str, owner: Obj | None = None) -> Obj:
    """A payment method of its own from a test token; given to `owner`, if there is one."""
    kind, brand, last4, behaviour = TOKENS[token]
    details = catalogue.card(brand, last4) if kind == "card" else catalogue.bank_account(last4)
    id = w.ids.new("pm")
    made = catalogue.payment_method(id, w.now, kind, details, owner, w.livemode)
    w.behaviours[id] = behaviour
    w.tables.payment_methods.add(made, customer=owner["id"] if owner else None)
    if owner:
        w.emit("payment_method.attached", made)
    return made


def resolve(w: World, name: str, owner: Obj | None = None, param: str = "payment_method") -> Obj:
    """A payment method by id, or a new one from a test token."""
    found = w.tables.payment_methods.peek(name)
    if found is not None:
        return found
    if name not in TOKENS:
        raise missing("PaymentMethod", name, param)
    return make(w, name, owner)


def attach(w: World, name: str, owner: Obj) -> Obj:
    """Gives a payment method to a customer. A card that always declines is refused here, as Stripe does."""
    if name == "pm_card_chargeDeclined":
        raise declined(
            {"message": "Your card was declined.", "code": "card_declined", "decline_code": "generic_decline"}
        )
    method = resolve(w, name, owner)
    if method["customer"] not in (None, owner["id"]):
        raise invalid("The payment method you provided has already been attached to a customer.")
    if method["customer"] is None:
        method["customer"] = owner["id"]
        w.tables.payment_methods.key(method, "customer", owner["id"])
        w.emit("payment_method.attached", method)
    return method


def detach(w: World, method: Obj) -> None:
    """Takes a payment method away from its customer."""
    customer = w.tables.customers.peek(method["customer"] or "")
    with w.altering(method, "payment_method.detached"):
        method["customer"] = None
    settings = customer["invoice_settings"] if customer else {}
    if customer and settings.get("default_payment_method") == method["id"]:
        set_default(w, customer, None)


def set_default(w: World, customer: Obj, method: str | None) -> None:
    """Which payment method a customer's invoices are charged to."""
    with w.altering(customer, "customer.updated"):
        customer["invoice_settings"] = {**customer["invoice_settings"], "default_payment_method": method}


def default_of(w: World, customer: str, subscription: Obj | None = None) -> Obj | None:
    """The payment method that an invoice would be charged to."""
    settings = w.tables.customers.get(customer)["invoice_settings"]
    name = (subscription or {}).get("default_payment_method") or settings["default_payment_method"]
    method = w.tables.payment_methods.peek(name or "")
    return method if method and method["customer"] == customer else None
