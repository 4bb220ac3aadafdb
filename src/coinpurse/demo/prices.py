"""The demo's price list at its provider: whatever catalog is in force, the demo can sell all of it."""

import re
from dataclasses import replace
from typing import Any

from coinpurse.domain.catalog import Catalog
from coinpurse.domain.money import Price
from coinpurse.simulator import Simulator

STRIPE = "stripe"


def priced(catalog: Catalog, simulator: Simulator) -> Catalog:
    """The catalog with prices at the provider, which are made where they are missing. Earlier prices of the
    same thing are named too, for those who subscribed at them."""
    plans, packs = {}, {}
    by = {"month": {"recurring": {"interval": "month"}}, "year": {"recurring": {"interval": "year"}}}
    for id, plan in catalog.plans.items():
        prices = {
            every: _priced(simulator, price, plan.name, f"plan {id} {every}", by[every])
            for every, price in plan.prices.items()
        }
        plans[id] = replace(plan, prices=prices)
    for id, pack in catalog.packs.items():
        packs[id] = replace(pack, price=_priced(simulator, pack.price, pack.name, f"pack {id}", {}))
    return replace(catalog, plans=plans, packs=packs)


def _priced(simulator: Simulator, price: Price, name: str, what: str, more: dict[str, Any]) -> Price:
    id = "price_" + re.sub(r"[^a-z0-9]+", "_", f"{what} {price.minor} {price.currency}".lower())
    table = simulator.world.tables.prices
    if table.peek(id) is None:
        sold = {"unit_amount": price.minor, "currency": price.currency, "product_data": {"name": name}}
        simulator.call("POST", "/v1/prices", {"id": id, **sold, **more, "metadata": {"sells": what}})
    earlier = [one["id"] for one in table if one["metadata"].get("sells") == what and one["id"] != id]
    return replace(price, providers={STRIPE: " ".join([id, *earlier])})
