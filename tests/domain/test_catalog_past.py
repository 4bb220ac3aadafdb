"""What was on sale before stays known (P5)."""

import json

from coinpurse.domain.catalog import Catalog
from coinpurse.domain.catalog_past import with_past
from coinpurse.providers.shelf import Offer, Shelf

OLD = """
[plans.starter]
name = "Starter"
monthly_credits = 1000
renewal = "provisional"
cap = 200
trial_credits = 50
grace = "36h"
prices.month = { amount = "12.00", currency = "usd", stripe = "price_1", polar = "prod_1" }
[plans.studio]
name = "Studio"
monthly_credits = 3000
prices.year = { amount = "300.00", currency = "usd", stripe = "price_2", polar = "prod_2" }
[packs.small]
name = "500 credits"
credits = 500
price = { amount = "6.00", currency = "usd", stripe = "price_3" }
"""
NEW = """
[plans.starter]
name = "Starter"
monthly_credits = 1500
prices.month = { amount = "15.00", currency = "usd", stripe = "price_4", polar = "prod_4" }
[plans.atelier]
name = "Atelier"
monthly_credits = 4000
prices.year = { amount = "300.00", currency = "usd", polar = "prod_2" }
"""


def then_and_now() -> tuple[Catalog, Catalog]:
    """The old catalog, and the new one that knows it as the database keeps it."""
    old, new = Catalog.parse(OLD), Catalog.parse(NEW)
    contents = [json.loads(json.dumps(each.content())) for each in (new, old)]
    return old, with_past(new, contents)


def test_p5_what_is_sold_no_more_is_known_as_it_was() -> None:
    """A plan and a pack that are off the shelf, with all their terms; what is on it is as it is now."""
    old, now = then_and_now()
    assert now.plan_sold("studio") == old.plans["studio"]
    assert now.pack_sold("small") == old.packs["small"]
    assert now.plan_sold("starter") == now.plans["starter"]
    assert (now.plan_sold("none"), now.pack_sold("none")) == (None, None)
    assert list(now.plans) == ["starter", "atelier"]
    assert now.former[-1].plans == old.plans


def test_p5_the_past_is_no_part_of_what_the_catalog_says() -> None:
    """Its version and content are those of the file."""
    _, now = then_and_now()
    assert (now.version, now.content()) == (Catalog.parse(NEW).version, Catalog.parse(NEW).content())


def test_p5_old_prices_are_understood() -> None:
    """Whoever subscribed at an old price goes on paying it; a price that was given to another plan is that
    one's."""
    _, now = then_and_now()
    stripe, polar = Shelf(now, "stripe"), Shelf(now, "polar")
    assert {id: each.plan for id, each in stripe.plans.items()} == {
        "price_1": "starter", "price_2": "studio", "price_4": "starter",
    }  # fmt: skip
    assert stripe.packs == {"price_3": "small"}
    assert stripe.known_plans[:2] == ("starter", "atelier")
    assert polar.plans["prod_1"] == Offer("starter", "month", 1_000, free=False)
    assert polar.plans["prod_2"] == Offer("atelier", "year", 4_000, free=False)
