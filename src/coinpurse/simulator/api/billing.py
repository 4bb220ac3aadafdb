"""Subscriptions."""

from typing import cast

from coinpurse.simulator import cards, changes, invoices, payments, subscriptions
from coinpurse.simulator.api.lists import page
from coinpurse.simulator.api.routing import LISTS, route
from coinpurse.simulator.calendar import DAY
from coinpurse.simulator.errors import declined, invalid
from coinpurse.simulator.params import Params
from coinpurse.simulator.tables import Obj
from coinpurse.simulator.world import World

_BEHAVIOURS = ("allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete")
_BOTH = (
    "items metadata description default_payment_method off_session payment_behavior proration_behavior "
    "trial_end cancel_at cancel_at_period_end billing_cycle_anchor trial_settings"
)
_PASSED = (
    "collection_method days_until_due automatic_tax payment_settings trial_from_plan default_tax_rates "
    "invoice_settings"
)


def price_of(w: World, p: Params) -> Obj:
    """The recurring price that an item names."""
    price = w.tables.prices.get(p.need("price"), p.called("price"))
    if price["recurring"] is None:
        raise invalid(
            f"The price specified is set to `type=one_time` but this field only accepts prices with "
            f"`type=recurring`: {price['id']}.",
            p.called("price"),
        )
    return price


@route("POST", "/v1/subscriptions", f"{_BOTH} customer trial_period_days", f"{_PASSED} currency billing_mode")
def create(w: World, p: Params) -> Obj:
    """A subscription, with its first invoice asked for at once."""
    customer = w.tables.customers.get(p.need("customer"), "customer")
    prices = [(price_of(w, item), _quantity(item)) for item in p.many("items")]
    if not prices:
        raise invalid("Missing required param: items.", "items", "parameter_missing")
    if len({(x["recurring"]["interval"], x["recurring"]["interval_count"]) for x, _ in prices}) > 1:
        raise invalid("All prices on a subscription must have the same `recurring.interval`.", "items")
    behaviour = p.choice("payment_behavior", *_BEHAVIOURS) or "allow_incomplete"
    trial = _trial_end(w, p)
    method = _method(w, p, customer)
    if behaviour == "error_if_incomplete" and trial is None:
        _insist(w, method or cards.default_of(w, customer["id"]), p)
    end = p.below("trial_settings").below("end_behavior").text("missing_payment_method")
    wish = subscriptions.Start(
        customer=customer,
        prices=prices,
        presence="nobody" if p.flag("off_session") else "api",
        metadata=p.metadata(),
        default_payment_method=method["id"] if method else None,
        trial_end=trial,
        anchor=p.number("billing_cycle_anchor"),
        cancel_at=p.number("cancel_at"),
        cancel_at_period_end=bool(p.flag("cancel_at_period_end")),
        without_method=end or "create_invoice",
        collect=behaviour != "default_incomplete",
        description=p.text("description"),
    )
    return subscriptions.start(w, wish)


def _quantity(p: Params) -> int:
    quantity = p.number("quantity", 0)
    return 1 if quantity is None else quantity


def _trial_end(w: World, p: Params) -> int | None:
    if days := p.number("trial_period_days", 0):
        return w.now + days * DAY
    if p.text("trial_end") == "now":
        return None
    end = p.number("trial_end")
    if end is not None and end <= w.now:
        raise invalid("Invalid timestamp: can be no earlier than the current time.", "trial_end")
    return end


def _method(w: World, p: Params, customer: Obj) -> Obj | None:
    name = p.text("default_payment_method")
    return cards.attach(w, name, customer) if name else None


def _insist(w: World, method: Obj | None, p: Params) -> None:
    """`error_if_incomplete`: a payment that wouldn't succeed is refused before anything is made."""
    presence: payments.Presence = "nobody" if p.flag("off_session") else "api"
    refusal = payments.refusal(w, method, presence)
    if refusal:
        raise declined(refusal)


@route("GET", "/v1/subscriptions", f"{LISTS} customer price status collection_method")
def find(w: World, p: Params) -> Obj:
    """Subscriptions; those that are over only with `status` `all`, `canceled` or `ended`."""
    status, price = p.text("status"), p.text("price")
    rows = [
        s
        for s in w.tables.subscriptions.find(customer=p.text("customer"))
        if _wanted(s["status"], status)
        and (price is None or any(i["price"]["id"] == price for i in s["items"]["data"]))
    ]
    return page(p, "/v1/subscriptions", rows, w.tables.subscriptions)


def _wanted(status: str, asked: str | None) -> bool:
    if asked in ("all", status):
        return True
    if asked == "ended":
        return status in subscriptions.ENDED
    return asked is None and status not in subscriptions.ENDED


@route("GET", "/v1/subscriptions/*")
def retrieve(w: World, p: Params, id: str) -> Obj:
    """One subscription."""
    return w.tables.subscriptions.get(id)


@route(
    "POST",
    "/v1/subscriptions/*",
    f"{_BOTH} pause_collection",
    f"{_PASSED} proration_date cancellation_details",
)
def update(w: World, p: Params, id: str) -> Obj:
    """Changes what is given; what that costs is prorated and invoiced as asked for."""
    subscription = w.tables.subscriptions.get(id)
    _alive(subscription)
    change = _change(w, p, subscription)
    behaviour = p.choice("payment_behavior", *_BEHAVIOURS) or "allow_incomplete"
    costs = change.prorate == "always_invoice" or changes.resets(subscription, change)
    if behaviour == "error_if_incomplete" and costs:
        _insist(w, cards.default_of(w, subscription["customer"], subscription), p)
    if behaviour == "pending_if_incomplete" and costs:
        _only_pending(p)
        changes.try_out(w, subscription, change)
        return subscription
    with subscriptions.changing(w, subscription):
        _set_fields(w, p, subscription)
        invoice = changes.apply(w, subscription, change)
    if invoice is not None:
        changes.collect(w, invoice, change.presence)
    return subscription


def _only_pending(p: Params) -> None:
    """An update that may have to wait takes nothing else along."""
    for name in ("metadata", "description", "default_payment_method", "pause_collection", "trial_settings"):
        if name in p:
            raise invalid(f"`{name}` can't be changed with payment_behavior=pending_if_incomplete.", name)
    if "cancel_at" in p or "cancel_at_period_end" in p:
        raise invalid("A cancellation can't wait for a payment: ask for it by itself.", "cancel_at")


def _alive(subscription: Obj) -> None:
    if subscription["status"] in subscriptions.ENDED:
        raise invalid(
            "A canceled subscription can only update its cancellation_details and metadata.",
            code="resource_missing" if subscription["status"] != "canceled" else None,
        )


def _change(w: World, p: Params, subscription: Obj) -> changes.Change:
    prorate = p.choice("proration_behavior", "create_prorations", "always_invoice", "none")
    ends_now = p.text("trial_end") == "now" and subscription["status"] == "trialing"
    return changes.Change(
        wanted=[_item(w, item, subscription) for item in p.many("items")],
        prorate=cast(changes.Prorate, prorate or "create_prorations"),
        reset=p.choice("billing_cycle_anchor", "now", "unchanged") == "now",
        trial_end=w.now if ends_now else _trial_end(w, p),
        presence="nobody" if p.flag("off_session") else "api",
    )


def _item(w: World, p: Params, subscription: Obj) -> changes.Wanted:
    """One entry of `items`: a changed item (by id), a removed one, or a new one."""
    id = p.text("id")
    if id is None:
        return changes.Wanted(item=None, price=price_of(w, p), quantity=_quantity(p))
    item = w.tables.items.get(id, p.called("id"))
    if item["subscription"] != subscription["id"]:
        raise invalid(f"Subscription item {id} is not on this subscription.", p.called("id"))
    if p.flag("deleted"):
        return changes.Wanted(item=item, price=None, quantity=0)
    price = price_of(w, p) if p.text("price") else item["price"]
    quantity = item["quantity"] if p.number("quantity") is None else _quantity(p)
    return changes.Wanted(item=item, price=price, quantity=quantity)


def _set_fields(w: World, p: Params, subscription: Obj) -> None:
    """Everything that costs nothing."""
    customer = w.tables.customers.get(subscription["customer"])
    if "description" in p:
        subscription["description"] = p.text("description")
    if "default_payment_method" in p:
        method = _method(w, p, customer)
        subscription["default_payment_method"] = method["id"] if method else None
    if "trial_settings" in p:
        end = p.below("trial_settings").below("end_behavior").need("missing_payment_method")
        subscription["trial_settings"] = {"end_behavior": {"missing_payment_method": end}}
    if "pause_collection" in p:
        _pause(w, p, subscription)
    subscription["metadata"] = p.metadata(subscription["metadata"])
    if "cancel_at_period_end" in p:
        subscriptions.set_end(w, subscription, None, with_period=bool(p.flag("cancel_at_period_end")))
    elif "cancel_at" in p:
        words = ("min_period_end", "max_period_end")
        end_of_period = subscriptions.period(subscription)[1]
        at = end_of_period if p.text("cancel_at") in words else p.number("cancel_at", w.now)
        subscriptions.set_end(w, subscription, at)


def _pause(w: World, p: Params, subscription: Obj) -> None:
    below = p.below("pause_collection")
    if not below:
        subscription["pause_collection"] = None
        return
    behaviour = below.choice("behavior", "keep_as_draft", "mark_uncollectible", "void")
    resumes = below.number("resumes_at", w.now)
    subscription["pause_collection"] = {
        "behavior": behaviour or below.need("behavior"),
        "resumes_at": resumes,
    }
    if resumes is not None:
        w.later(resumes, _unpause, w, subscription, resumes)


def _unpause(w: World, subscription: Obj, at: int) -> None:
    pause = subscription["pause_collection"]
    if pause and pause["resumes_at"] == at:
        with subscriptions.changing(w, subscription):
            subscription["pause_collection"] = None


@route("DELETE", "/v1/subscriptions/*", "invoice_now prorate", "cancellation_details")
def cancel(w: World, p: Params, id: str) -> Obj:
    """Ends a subscription now."""
    subscription = w.tables.subscriptions.get(id)
    if subscription["status"] in subscriptions.ENDED:
        raise invalid(f"No such subscription: '{id}'", "id", "resource_missing")
    if p.flag("prorate"):
        gone = [changes.Wanted(item=i, price=None, quantity=0) for i in subscription["items"]["data"]]
        changes.prorations(w, subscription, changes.Change(wanted=gone))
    if p.flag("invoice_now"):
        customer = w.tables.customers.get(subscription["customer"])
        draft = invoices.draft(
            w, customer, subscription["currency"], subscription, billing_reason="subscription_update"
        )
        invoices.take_waiting(w, draft, subscription)
        invoices.announce(w, draft, subscription)
        changes.collect(w, draft, "api")
    subscriptions.end_now(w, subscription, "cancellation_requested")
    return subscription


@route(
    "POST",
    "/v1/subscriptions/*/resume",
    "billing_cycle_anchor proration_behavior",
    "proration_date payment_behavior",
)
def resume(w: World, p: Params, id: str) -> Obj:
    """Starts a subscription that was paused when its trial ended with nothing to pay it."""
    subscription = w.tables.subscriptions.get(id)
    if subscription["status"] != "paused":
        raise invalid("Only a paused subscription can be resumed; `pause_collection` is unset by an update.")
    with subscriptions.changing(w, subscription):
        subscription["status"] = "active"
        invoice = changes.apply(w, subscription, changes.Change(reset=True, prorate="none"))
    if invoice is not None:
        changes.collect(w, invoice, "api")
    w.emit("customer.subscription.resumed", subscription)
    return subscription


@route("GET", "/v1/subscription_items", f"{LISTS} subscription")
def items(w: World, p: Params) -> Obj:
    """The items of a subscription."""
    rows = w.tables.subscriptions.get(p.need("subscription"), "subscription")["items"]["data"]
    return page(p, "/v1/subscription_items", rows[::-1])


@route("GET", "/v1/subscription_items/*")
def item(w: World, p: Params, id: str) -> Obj:
    """One item."""
    return w.tables.items.get(id)
