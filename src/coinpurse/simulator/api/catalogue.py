"""Products, prices, webhook endpoints and events."""

from coinpurse.simulator.api.lists import page
from coinpurse.simulator.api.routing import LISTS, route
from coinpurse.simulator.errors import invalid
from coinpurse.simulator.params import Params
from coinpurse.simulator.shapes import catalogue
from coinpurse.simulator.tables import Obj
from coinpurse.simulator.world import World


@route("POST", "/v1/products", "id name active description metadata default_price_data", "tax_code images")
def create_product(w: World, p: Params) -> Obj:
    """Something to sell; its id can be chosen."""
    id = p.text("id") or w.ids.new("prod")
    if w.tables.products.peek(id):
        raise invalid(f"Product already exists: {id}", "id", "resource_already_exists")
    made = catalogue.product(
        id, w.now, p.need("name"), w.livemode, description=p.text("description"), metadata=p.metadata()
    )
    w.tables.products.add(made)
    w.emit("product.created", made)
    if "default_price_data" in p:
        made["default_price"] = new_price(w, p.below("default_price_data"), id)["id"]
    return made


@route("GET", "/v1/products", f"{LISTS} active ids")
def products(w: World, p: Params) -> Obj:
    """Products, all or the active ones."""
    active, ids = p.flag("active"), p.values_of("ids")
    rows = [r for r in w.tables.products if active in (None, r["active"]) and (not ids or r["id"] in ids)]
    return page(p, "/v1/products", rows, w.tables.products)


@route("GET", "/v1/products/*")
def product(w: World, p: Params, id: str) -> Obj:
    """One product."""
    return w.tables.products.get(id)


@route("POST", "/v1/products/*", "name active description metadata default_price")
def update_product(w: World, p: Params, id: str) -> Obj:
    """Changes what is given."""
    found = w.tables.products.get(id)
    with w.altering(found, "product.updated"):
        for name in ("name", "description", "default_price"):
            if name in p:
                found[name] = p.text(name)
        found["active"] = found["active"] if p.flag("active") is None else p.flag("active")
        found["metadata"] = p.metadata(found["metadata"])
    return found


_PRICE = "currency unit_amount recurring product product_data nickname lookup_key metadata active"


@route("POST", "/v1/prices", f"{_PRICE} id", "tax_behavior billing_scheme transfer_lookup_key")
def create_price(w: World, p: Params) -> Obj:
    """A price. Unlike Stripe's, its `id` can be chosen: catalogs can then be written beforehand."""
    product = p.text("product")
    if product is None:
        made = catalogue.product(w.ids.new("prod"), w.now, p.below("product_data").need("name"), w.livemode)
        product = w.tables.products.add(made)["id"]
        w.emit("product.created", made)
    return new_price(w, p, w.tables.products.get(product, "product")["id"])


def new_price(w: World, p: Params, product: str) -> Obj:
    """A price of a product, also from the `price_data` of a checkout."""
    amount = p.number("unit_amount", 0)
    if amount is None:
        raise invalid(f"Missing required param: {p.called('unit_amount')}.", p.called("unit_amount"))
    every = p.below("recurring")
    recurring = None
    if every:
        interval = every.choice("interval", "day", "week", "month", "year")
        recurring = catalogue.recurring(
            interval or every.need("interval"), every.number("interval_count") or 1
        )
    id = p.text("id") or w.ids.new("price")
    if w.tables.prices.peek(id):
        raise invalid(f"Price already exists: {id}", "id", "resource_already_exists")
    made = catalogue.price(
        id,
        w.now,
        product,
        amount,
        p.need("currency").lower(),
        w.livemode,
        recurring=recurring,
        nickname=p.text("nickname"),
        lookup_key=p.text("lookup_key"),
        metadata=p.metadata(),
    )
    w.emit("price.created", w.tables.prices.add(made, product=product))
    return made


@route("GET", "/v1/prices", f"{LISTS} active product type currency lookup_keys recurring")
def prices(w: World, p: Params) -> Obj:
    """Prices, by what is given."""
    active, kind, keys = p.flag("active"), p.text("type"), p.values_of("lookup_keys")
    rows = [
        r
        for r in w.tables.prices.find(product=p.text("product"))
        if active in (None, r["active"])
        and kind in (None, r["type"])
        and (not keys or r["lookup_key"] in keys)
    ]
    return page(p, "/v1/prices", rows, w.tables.prices)


@route("GET", "/v1/prices/*")
def price(w: World, p: Params, id: str) -> Obj:
    """One price."""
    return w.tables.prices.get(id)


@route("POST", "/v1/prices/*", "active nickname lookup_key metadata", "tax_behavior transfer_lookup_key")
def update_price(w: World, p: Params, id: str) -> Obj:
    """Changes what can be changed: never the amount."""
    found = w.tables.prices.get(id)
    with w.altering(found, "price.updated"):
        for name in ("nickname", "lookup_key"):
            if name in p:
                found[name] = p.text(name)
        found["active"] = found["active"] if p.flag("active") is None else p.flag("active")
        found["metadata"] = p.metadata(found["metadata"])
    return found


@route("POST", "/v1/webhook_endpoints", "url enabled_events description metadata secret", "api_version")
def create_endpoint(w: World, p: Params) -> Obj:
    """An endpoint, with its secret, which is told this once. Unlike Stripe's, the secret can be chosen."""
    events = [str(e) for e in p.values_of("enabled_events")] or ["*"]
    made = add_endpoint(w, p.need("url"), p.text("secret"), events)
    made.update(description=p.text("description"), metadata=p.metadata())
    return {**made, "secret": w.deliveries.secrets[made["id"]]}


def add_endpoint(w: World, url: str, secret: str | None = None, events: list[str] | None = None) -> Obj:
    """An endpoint for all events, or for some."""
    made = catalogue.webhook_endpoint(w.ids.new("we"), w.now, url, events or ["*"], w.livemode)
    w.deliveries.secrets[made["id"]] = secret or f"whsec_{w.ids.letters(32)}"
    return w.tables.endpoints.add(made)


@route("GET", "/v1/webhook_endpoints", LISTS)
def endpoints(w: World, p: Params) -> Obj:
    """All endpoints."""
    return page(p, "/v1/webhook_endpoints", w.tables.endpoints, w.tables.endpoints)


@route("GET", "/v1/webhook_endpoints/*")
def endpoint(w: World, p: Params, id: str) -> Obj:
    """One endpoint."""
    return w.tables.endpoints.get(id)


@route("POST", "/v1/webhook_endpoints/*", "url enabled_events disabled description metadata")
def update_endpoint(w: World, p: Params, id: str) -> Obj:
    """Changes what is given."""
    found = w.tables.endpoints.get(id)
    if "url" in p:
        found["url"] = p.need("url")
    if "enabled_events" in p:
        found["enabled_events"] = [str(e) for e in p.values_of("enabled_events")]
    if (disabled := p.flag("disabled")) is not None:
        found["status"] = "disabled" if disabled else "enabled"
    return found


@route("DELETE", "/v1/webhook_endpoints/*")
def delete_endpoint(w: World, p: Params, id: str) -> Obj:
    """Takes an endpoint away."""
    w.tables.endpoints.get(id)
    w.tables.endpoints.drop(id)
    return {"id": id, "object": "webhook_endpoint", "deleted": True}


@route("GET", "/v1/events", f"{LISTS} type types delivery_success")
def events(w: World, p: Params) -> Obj:
    """The events of the last 30 days, by type where given (`invoice.*` too)."""
    w.forget_old_events()
    wanted = [p.need("type")] if p.text("type") else [str(t) for t in p.values_of("types")]
    delivered = p.flag("delivery_success")
    rows = [
        e
        for e in w.tables.events
        if (not wanted or any(_fits(e["type"], t) for t in wanted))
        and (delivered is None or delivered == (e["pending_webhooks"] == 0))
    ]
    return page(p, "/v1/events", rows, w.tables.events)


def _fits(kind: str, wanted: str) -> bool:
    return kind == wanted or (wanted.endswith("*") and kind.startswith(wanted[:-1]))


@route("GET", "/v1/events/*")
def event(w: World, p: Params, id: str) -> Obj:
    """One event, with its object as it was then."""
    return w.tables.events.get(id)
