"""Which plan or pack a price of Stripe's stands for, by the catalog."""

import re
from dataclasses import dataclass

from coinpurse.domain.catalog import Catalog
from coinpurse.domain.credits import Interval
from coinpurse.domain.money import Price


@dataclass(frozen=True, slots=True)
class PlanPrice:
    """A plan by the month or year. `free`: it costs nothing, so that a line of nothing is its payment."""

    plan: str
    interval: Interval
    credits: int
    free: bool


class Prices:
    """The catalog and those before it, seen from Stripe's side.

    `stripe = "price_new price_old"` names several: the first is sold, the others are still known, for
    whoever subscribed when they were sold.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.packs: dict[str, str] = {}
        self.plans: dict[str, PlanPrice] = {}
        every = (*reversed(catalog.former), catalog)
        self.known_plans = tuple(dict.fromkeys(id for each in reversed(every) for id in each.plans))
        self.known_packs = frozenset(id for each in every for id in each.packs)
        for each in every:
            self._add(each)

    def _add(self, catalog: Catalog) -> None:
        for pack in catalog.packs.values():
            self.packs.update(dict.fromkeys(_ids(pack.price), pack.id))
        for plan in catalog.plans.values():
            for interval, price in plan.prices.items():
                meant = PlanPrice(plan.id, interval, plan.monthly_credits, price.minor == 0)
                self.plans.update(dict.fromkeys(_ids(price), meant))


def sold(price: str) -> str:
    """The price that is sold, of those that the catalog names."""
    return split(price)[0]


def split(text: str) -> list[str]:
    """What blanks or commas separate."""
    return [part for part in re.split(r"[\s,]+", text) if part]


def _ids(price: Price) -> list[str]:
    return split(price.providers.get("stripe", ""))
