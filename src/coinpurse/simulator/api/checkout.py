"""Checkout sessions."""

from coinpurse.simulator import checkouts
from coinpurse.simulator.api.catalogue import new_price
from coinpurse.simulator.api.lists import page
from coinpurse.simulator.api.routing import LISTS, route
from coinpurse.simulator.calendar import DAY
from coinpurse.simulator.errors import invalid
from coinpurse.simulator.params import Params
from coinpurse.simulator.shapes import catalogue
from coinpurse.simulator.tables import Obj
from coinpurse.simulator.world import World

_KNOWN = (
    "mode line_items customer customer_email client_reference_id metadata success_url cancel_url expires_at "
    "subscription_data payment_intent_data customer_creation locale allow_promotion_codes submit_type "
    "payment_method_collection integration_identifier allowed_payment_method_types ui_mode"
)
_PASSED = (
    "automatic_tax tax_id_collection billing_address_collection customer_update invoice_creation "
    "consent_collection custom_text phone_number_collection saved_payment_method_options currency "
    "payment_method_options discounts"
)


@route("POST", "/v1/checkout/sessions", _KNOWN, _PASSED)
def create(w: World, p: Params) -> Obj:
    """A page on which a customer pays once, or subscribes."""
    mode = p.choice("mode", "payment", "subscription") or p.need("mode")
    prices = [(_price(w, item), item.number("quantity", 1) or 1) for item in p.many("line_items")]
    if not prices:
        raise invalid("Missing required param: line_items.", "line_items", "parameter_missing")
    if mode == "payment" and any(price["recurring"] for price, _ in prices):
        raise invalid("You specified `payment` mode but passed a recurring price.", "line_items")
    if mode == "subscription" and not all(price["recurring"] for price, _ in prices):
        raise invalid("The simulator takes only recurring prices in `subscription` mode.", "line_items")
    wish = _wish(w, p, mode)
    wish.prices = prices
    known = {
        name: p.text(name)
        for name in ("customer_email", "client_reference_id", "success_url", "cancel_url", "locale")
    }
    if expires := p.number("expires_at"):
        _within(w, expires)
    more = {"expires_at": expires} if expires else {}
    return checkouts.open_session(
        w,
        wish,
        metadata=p.metadata(),
        customer_creation=_creation(p, mode),
        integration_identifier=p.text("integration_identifier"),
        allow_promotion_codes=p.flag("allow_promotion_codes"),
        **known,
        **more,
    )


def _within(w: World, expires: int) -> None:
    if not w.now + 1800 <= expires <= w.now + DAY:
        raise invalid(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session "
            "creation.",
            "expires_at",
        )


def _creation(p: Params, mode: str) -> str | None:
    if p.text("customer"):
        return None
    default = "always" if mode == "subscription" else "if_required"
    return p.choice("customer_creation", "always", "if_required") or default


def _price(w: World, item: Params) -> Obj:
    """A price by id, or made up on the spot (`price_data`)."""
    if "price_data" not in item:
        return w.tables.prices.get(item.need("price"), item.called("price"))
    data = item.below("price_data")
    product = data.text("product")
    if product is None:
        name = data.below("product_data").need("name")
        product = w.tables.products.add(catalogue.product(w.ids.new("prod"), w.now, name, w.livemode))["id"]
    return new_price(w, data, product)


def _wish(w: World, p: Params, mode: str) -> checkouts.Wish:
    id = p.text("customer")
    data = p.below("subscription_data" if mode == "subscription" else "payment_intent_data")
    days = data.number("trial_period_days", 1)
    until = data.number("trial_end")
    return checkouts.Wish(
        mode=mode,
        prices=[],
        customer=w.tables.customers.get(id, "customer") if id else None,
        always_customer=mode == "subscription" or p.text("customer_creation") == "always",
        keep_card=mode == "subscription" or data.text("setup_future_usage") is not None,
        trial_end_in=days * DAY if days else until - w.now if until else None,
        metadata=data.metadata(),
        description=data.text("description"),
    )


@route(
    "GET", "/v1/checkout/sessions", f"{LISTS} customer payment_intent subscription status customer_details"
)
def find(w: World, p: Params) -> Obj:
    """Sessions, by what they led to."""
    keys = {name: p.text(name) for name in ("customer", "payment_intent", "subscription")}
    status = p.text("status")
    rows = [s for s in w.tables.sessions.find(**keys) if status in (None, s["status"])]
    return page(p, "/v1/checkout/sessions", rows, w.tables.sessions)


@route("GET", "/v1/checkout/sessions/*")
def retrieve(w: World, p: Params, id: str) -> Obj:
    """One session."""
    return w.tables.sessions.get(id)


@route("POST", "/v1/checkout/sessions/*", "metadata")
def update(w: World, p: Params, id: str) -> Obj:
    """Changes the metadata."""
    session = w.tables.sessions.get(id)
    session["metadata"] = p.metadata(session["metadata"])
    return session


@route("GET", "/v1/checkout/sessions/*/line_items", LISTS)
def line_items(w: World, p: Params, id: str) -> Obj:
    """What is bought."""
    found = checkouts.line_items(w, w.tables.sessions.get(id))
    return page(p, found["url"], found["data"][::-1])


@route("POST", "/v1/checkout/sessions/*/expire")
def expire(w: World, p: Params, id: str) -> Obj:
    """Closes an open session."""
    session = w.tables.sessions.get(id)
    if session["status"] != "open":
        raise invalid('Only Checkout Sessions with a status in ["open"] can be expired.')
    checkouts.expire(w, session)
    return session
