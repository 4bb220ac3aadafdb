"""Customers, their payment methods, portal visits and billing credits."""

from typing import Any

from coinpurse.simulator import cards
from coinpurse.simulator.api.lists import page
from coinpurse.simulator.api.routing import LISTS, PAGES, route
from coinpurse.simulator.checkouts import new_customer
from coinpurse.simulator.errors import invalid
from coinpurse.simulator.params import Params
from coinpurse.simulator.shapes import catalogue, hosted
from coinpurse.simulator.subscriptions import ENDED, end_now
from coinpurse.simulator.tables import Obj
from coinpurse.simulator.world import World

_CUSTOMER = "email name phone description metadata invoice_settings preferred_locales address"


def _settings(w: World, p: Params, customer: Obj) -> Obj:
    method = p.below("invoice_settings").text("default_payment_method")
    if method is None:
        return {}
    id = cards.attach(w, method, customer)["id"]
    return {"invoice_settings": {**customer["invoice_settings"], "default_payment_method": id}}


def _given(p: Params, *names: str) -> dict[str, Any]:
    return {name: p.text(name) for name in names if name in p}


@route("POST", "/v1/customers", f"{_CUSTOMER} payment_method", "shipping tax_exempt test_clock tax")
def create(w: World, p: Params) -> Obj:
    """A new customer."""
    known = _given(p, "email", "name", "phone", "description")
    locales = [str(each) for each in p.values_of("preferred_locales")]
    customer = new_customer(w, metadata=p.metadata(), preferred_locales=locales, **known)
    if method := p.text("payment_method"):
        cards.attach(w, method, customer)
    customer.update(_settings(w, p, customer))
    return customer


@route("GET", "/v1/customers", f"{LISTS} email")
def find(w: World, p: Params) -> Obj:
    """Customers, all or those with one address."""
    email = p.text("email")
    here = [c for c in w.tables.customers if not c.get("deleted")]
    rows = [c for c in here if email is None or c["email"] == email]
    return page(p, "/v1/customers", rows, w.tables.customers)


@route("GET", "/v1/customers/search", "query limit page")
def search(w: World, p: Params) -> Obj:
    """Customers by one field: `email:'…'` or `metadata['key']:'value'`."""
    name, _, value = p.need("query").partition(":")
    value = value.strip().strip("'\"")
    if name.startswith("metadata["):
        key = name[len("metadata[") : -1].strip("'\"")
        rows = [c for c in w.tables.customers if c["metadata"].get(key) == value]
    else:
        rows = [c for c in w.tables.customers if c.get(name.strip()) == value]
    return {**page(p, "/v1/customers/search", rows), "object": "search_result", "next_page": None}


@route("GET", "/v1/customers/*")
def retrieve(w: World, p: Params, id: str) -> Obj:
    """One customer; of a deleted one only that it is."""
    customer = w.tables.customers.get(id)
    return _gone(id) if customer.get("deleted") else customer


@route("POST", "/v1/customers/*", f"{_CUSTOMER} balance", "shipping tax_exempt tax")
def update(w: World, p: Params, id: str) -> Obj:
    """Changes what is given."""
    customer = w.tables.customers.get(id)
    settings = _settings(w, p, customer)
    with w.altering(customer, "customer.updated"):
        customer.update(_given(p, "email", "name", "phone", "description"), **settings)
        if (balance := p.number("balance")) is not None:
            customer["balance"] = balance
        customer["metadata"] = p.metadata(customer["metadata"])
    return customer


@route("DELETE", "/v1/customers/*")
def delete(w: World, p: Params, id: str) -> Obj:
    """Deletes a customer, whose subscriptions end at once."""
    customer = w.tables.customers.get(id)
    for subscription in w.tables.subscriptions.find(customer=id):
        if subscription["status"] not in ENDED:
            end_now(w, subscription, "cancellation_requested")
    w.emit("customer.deleted", customer)
    customer["deleted"] = True
    return _gone(id)


def _gone(id: str) -> Obj:
    return {"id": id, "object": "customer", "deleted": True}


@route("POST", "/v1/payment_methods", "type card metadata", "billing_details allow_redisplay")
def new_method(w: World, p: Params) -> Obj:
    """A payment method from the number of a test card, or of a test account."""
    if p.choice("type", "card", "us_bank_account") == "us_bank_account":
        return cards.make(w, "pm_usBankAccount_success")
    card = p.below("card")
    return cards.make(w, cards.token_of(card.text("number"), card.text("token")))


@route("GET", "/v1/payment_methods", f"{LISTS} customer type")
def methods(w: World, p: Params) -> Obj:
    """The payment methods of a customer."""
    return customer_methods(w, p, p.need("customer"))


@route("GET", "/v1/customers/*/payment_methods", f"{PAGES} type", "allow_redisplay")
def customer_methods(w: World, p: Params, id: str) -> Obj:
    """The payment methods of a customer."""
    kind = p.text("type")
    rows = w.tables.payment_methods.find(customer=w.tables.customers.get(id)["id"])
    mine = [m for m in rows if m["customer"] == id and kind in (None, m["type"])]
    return page(p, "/v1/payment_methods", mine)


@route("GET", "/v1/payment_methods/*")
def method(w: World, p: Params, id: str) -> Obj:
    """One payment method."""
    return w.tables.payment_methods.get(id)


@route("POST", "/v1/payment_methods/*/attach", "customer")
def attach(w: World, p: Params, id: str) -> Obj:
    """Gives a payment method, or a new one from a test token, to a customer."""
    return cards.attach(w, id, w.tables.customers.get(p.need("customer"), "customer"))


@route("POST", "/v1/payment_methods/*/detach")
def detach(w: World, p: Params, id: str) -> Obj:
    """Takes a payment method from its customer."""
    found = w.tables.payment_methods.get(id)
    cards.detach(w, found)
    return found


@route("POST", "/v1/billing_portal/sessions", "customer return_url", "configuration locale flow_data")
def portal(w: World, p: Params) -> Obj:
    """A visit to the page where a customer changes cards and cancels."""
    customer = w.tables.customers.get(p.need("customer"), "customer")
    id = w.ids.new("bps")
    made = hosted.portal(
        id, w.now, customer["id"], f"{w.base_url}/portal/{id}", p.text("return_url"), w.livemode
    )
    return w.tables.portals.add(made, customer=customer["id"])


@route(
    "POST",
    "/v1/billing/credit_grants",
    "customer amount category name metadata effective_at expires_at priority",
    "applicability_config",
)
def grant(w: World, p: Params) -> Obj:
    """Billing credits for a customer."""
    customer = w.tables.customers.get(p.need("customer"), "customer")
    money = p.below("amount").below("monetary")
    value = money.number("value", 1)
    if value is None:
        raise invalid("Missing required param: amount.", "amount", "parameter_missing")
    known = {n: p.number(n) for n in ("effective_at", "expires_at", "priority") if n in p}
    made = catalogue.credit_grant(
        w.ids.new("credgr"),
        w.now,
        customer["id"],
        value,
        money.need("currency"),
        category=p.choice("category", "paid", "promotional") or "paid",
        name=p.text("name"),
        metadata=p.metadata(),
        livemode=w.livemode,
        **known,
    )
    w.tables.credit_grants.add(made, customer=customer["id"])
    w.emit("billing.credit_grant.created", made)
    return made


@route("GET", "/v1/billing/credit_grants", f"{PAGES} customer")
def grants(w: World, p: Params) -> Obj:
    """Billing credits, of all or of one customer."""
    rows = w.tables.credit_grants.find(customer=p.text("customer"))
    return page(p, "/v1/billing/credit_grants", rows, w.tables.credit_grants)


@route("GET", "/v1/billing/credit_grants/*")
def one_grant(w: World, p: Params, id: str) -> Obj:
    """One grant of billing credits."""
    return w.tables.credit_grants.get(id)


@route("POST", "/v1/billing/credit_grants/*/void")
def void_grant(w: World, p: Params, id: str) -> Obj:
    """Takes billing credits back."""
    found = w.tables.credit_grants.get(id)
    with w.altering(found, "billing.credit_grant.updated"):
        found.update(voided_at=w.now, updated=w.now)
    return found


@route("POST", "/v1/billing/credit_grants/*/expire")
def expire_grant(w: World, p: Params, id: str) -> Obj:
    """Lets billing credits expire now."""
    found = w.tables.credit_grants.get(id)
    with w.altering(found, "billing.credit_grant.updated"):
        found.update(expires_at=w.now, updated=w.now)
    return found


@route("GET", "/v1/billing/credit_balance_summary", "customer filter")
def credit_balance(w: World, p: Params) -> Obj:
    """What is left of a customer's billing credits, or of one grant: the simulator never spends them."""
    customer = w.tables.customers.get(p.need("customer"), "customer")["id"]
    only = p.below("filter").text("credit_grant")
    sums: dict[str, int] = {}
    for each in w.tables.credit_grants.find(customer=customer):
        if only not in (None, each["id"]):
            continue
        money = each["amount"]["monetary"]
        alive = each["voided_at"] is None and (each["expires_at"] is None or each["expires_at"] > w.now)
        sums[money["currency"]] = sums.get(money["currency"], 0) + (money["value"] if alive else 0)
    amounts = [{"type": "monetary", "monetary": {"currency": c, "value": v}} for c, v in sorted(sums.items())]
    return {
        "object": "billing.credit_balance_summary",
        "balances": [{"available_balance": a, "ledger_balance": a} for a in amounts],
        "customer": customer,
        "customer_account": None,
        "livemode": w.livemode,
    }
