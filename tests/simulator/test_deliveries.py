"""Deliveries: signed, retried, and as bad as one wishes."""

from collections import Counter
from itertools import pairwise

import pytest
import stripe

from coinpurse.simulator import Faults, sign
from simulator.shop import DAY, Shop


def test_signatures_are_those_of_the_official_library(shop: Shop) -> None:
    """Our header is the library's own, byte for byte, and the library accepts our deliveries."""
    shop.customer(card=None)
    (delivery, *_) = shop.sim.outbox
    stamp = 1764547200
    theirs = stripe.WebhookSignature.generate_signature_header(
        delivery.body.decode(), "whsec_shop", timestamp=stamp
    )
    assert sign(delivery.body, "whsec_shop", stamp) == theirs
    header = delivery.headers(stamp)["Stripe-Signature"]
    assert stripe.WebhookSignature.verify_header(delivery.body.decode(), header, "whsec_shop", tolerance=None)


def test_a_delivery_is_tried_again_for_three_days(shop: Shop) -> None:
    """Anything but 2xx is repeated with growing pauses, the same bytes each time, and then given up."""
    shop.sim.flush(shop.take)
    shop.deliveries.clear()
    shop.status = 500
    shop.customer(card=None)
    shop.advance(shop.sim.now + 5 * DAY)
    times = [at for at, _ in shop.deliveries]
    pauses = [b - a for a, b in pairwise(times)]
    assert pauses == sorted(pauses)
    assert len(times) == 10
    assert times[-1] - times[0] < 3 * DAY
    assert len({delivery.body for _, delivery in shop.deliveries}) == 1
    assert len(shop.sim.world.deliveries.given_up) == 1


def test_an_endpoint_that_comes_back_gets_everything(shop: Shop) -> None:
    """What was refused for a day comes when the endpoint answers again; nothing is lost."""
    shop.status = 503
    subscription = shop.subscribe()
    shop.advance(shop.sim.now + DAY)
    shop.status = 200
    shop.advance(shop.sim.now + 2 * DAY)
    of_catalog = ("product.created", "price.created")
    events = shop.get("/v1/events", limit=100)["data"]
    known = {event["id"] for event in events if event["type"] not in of_catalog}
    assert {event["id"] for event in shop.events} == known
    assert subscription["status"] == "active"


BAD = Faults(repeat=0.3, delay=0.3, reorder=0.3, drop=0.3)


def life(seed: int, faults: Faults | None = None) -> Shop:
    """A year of a subscriber, whose card fails for a while."""
    shop = Shop(seed=seed, faults=faults)
    subscription = shop.subscribe()
    shop.advance(shop.sim.now + 90 * DAY)
    shop.sim.control("card", {"customer": subscription["customer"], "behaviour": "declines"})
    shop.advance(shop.sim.now + 34 * DAY)
    shop.sim.control("card", {"customer": subscription["customer"], "behaviour": "pays"})
    shop.advance(shop.sim.now + 240 * DAY)
    return shop


def test_faults_repeat_delay_reorder_and_drop() -> None:
    """Bad deliveries come more than once, late and out of order, and in the end all of them come."""
    shop = life(1, BAD)
    good = life(1)
    assert Counter(e["id"] for e in good.events) == Counter({e["id"] for e in good.events})
    ids = [event["id"] for event in shop.events]
    assert set(ids) == {event["id"] for event in good.events}
    assert len(ids) > len(set(ids))
    created = [event["created"] for event in shop.events]
    assert created != sorted(created)
    assert shop.sim.world.deliveries.dropped


def test_what_is_dropped_can_stay_lost() -> None:
    """With `lost_are_found` off a dropped delivery never comes, until it is asked for."""
    shop = life(2, Faults(drop=0.5, lost_are_found=False))
    lost = {delivery.event for delivery in shop.sim.world.deliveries.dropped}
    came = {event["id"] for event in shop.events}
    assert lost
    assert not lost & came
    found = shop.sim.control("find_lost")["deliveries"]
    shop.advance(shop.sim.now)
    assert found == len(lost)
    assert lost <= {event["id"] for event in shop.events}


def test_faults_change_nothing_but_deliveries() -> None:
    """What really happens is the same, however badly it is told."""
    assert life(3).sim.journal() == life(3, BAD).sim.journal()


@pytest.mark.parametrize("faults", [None, BAD])
def test_one_seed_is_one_history(faults: Faults | None) -> None:
    """The same seed gives the same bytes in the same order at the same instants; another seed doesn't."""
    assert life(4, faults).deliveries == life(4, faults).deliveries
    assert life(4, faults).deliveries != life(5, faults).deliveries


def test_endpoints_get_what_they_ask_for(shop: Shop) -> None:
    """An endpoint for some types is told of these only."""
    shop.call("POST", "/v1/webhook_endpoints", url="other", enabled_events=["customer.created"])
    shop.customer()
    to_other = [d.type for d in shop.sim.outbox if d.url == "other"]
    assert to_other == ["customer.created"]


def test_faults_can_be_set_while_it_runs(shop: Shop) -> None:
    """The control act sets chances and spans, also from text, and answers with all of them."""
    answer = shop.sim.control("faults", {"drop": "0.5", "found_within": "60", "lost_are_found": "false"})
    assert (answer["drop"], answer["found_within"], answer["lost_are_found"]) == (0.5, 60, False)
    assert shop.sim.world.deliveries.faults.drop == 0.5
