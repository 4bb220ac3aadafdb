"""What catalogs said that were in force before (P5): whoever bought a plan that is off the shelf keeps it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from coinpurse.domain.catalog import Catalog, Pack, Plan, Policies
from coinpurse.domain.money import Price


def with_past(catalog: Catalog, contents: Iterable[Mapping[str, Any]]) -> Catalog:
    """The catalog that knows what was sold before, and nothing else of the past: rate card and policies are
    today's. `contents` are `Catalog.content()` of those before, newest first, its own maybe among them."""
    return replace(catalog, former=tuple(_catalog(content) for content in contents))


def _catalog(content: Mapping[str, Any]) -> Catalog:
    return Catalog(
        plans={plan["id"]: _plan(plan) for plan in content["plans"]},
        packs={pack["id"]: _pack(pack) for pack in content["packs"]},
        operations={},
        policies=Policies(),
    )


def _plan(content: Mapping[str, Any]) -> Plan:
    durations = {name: timedelta(seconds=content[name]) for name in ("grace", "late_after")}
    prices = {interval: _price(price) for interval, price in content["prices"].items()}
    return Plan(**_known(Plan, {**content, **durations, "prices": prices}))


def _pack(content: Mapping[str, Any]) -> Pack:
    return Pack(**_known(Pack, {**content, "price": _price(content["price"])}))


def _known(kind: type[Plan] | type[Pack], values: Mapping[str, Any]) -> dict[str, Any]:
    """What this version knows of what another has written."""
    return {name: values[name] for name in kind.__slots__ if name in values}


def _price(content: Mapping[str, str]) -> Price:
    providers = {name: id for name, id in content.items() if name not in ("amount", "currency")}
    return Price(content["amount"], content["currency"], providers)
