"""Whole lives, fast."""

import time

from simulator.shop import DAY, Shop, at, period


def test_three_years_take_less_than_a_second(shop: Shop) -> None:
    """One customer's three years, every delivery taken, in under a second."""
    began = time.process_time()
    subscription = shop.subscribe()
    shop.advance(at(2029, 1, 31))
    assert time.process_time() - began < 1
    assert period(subscription) == (at(2029, 1, 31), at(2029, 2, 28))
    paid = shop.truth("invoice_paid")
    assert len(paid) == 36
    assert [line.detail["lines"][0]["start"] for line in paid] == [
        at(2026 + n // 12, 1 + n % 12, min(31, days)) for n, days in enumerate(_days())
    ]


def _days() -> list[int]:
    """The days of the months of 2026 to 2028."""
    common = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return [*common, *common, 31, 29, *common[2:]]


def test_the_journal_adds_up(shop: Shop) -> None:
    """Every invoice that was paid has its payment, and the API says the same of both."""
    for card in ("pm_card_visa", "pm_card_declinesLater", "pm_usBankAccount_success"):
        shop.subscribe(card=card)
    shop.advance(at(2026, 12, 31))
    payments = {line.id: line.amount for line in shop.truth("payment")}
    for line in shop.truth("invoice_paid"):
        assert payments.pop(line.detail["payment_intent"]) == line.amount
        assert shop.get(f"/v1/invoices/{line.id}")["amount_paid"] == line.amount
    assert payments == {}


def test_old_events_are_forgotten(shop: Shop) -> None:
    """The list of events goes back 30 days, as Stripe's does."""
    shop.subscribe()
    shop.advance(shop.sim.now + 400 * DAY)
    assert all(e["created"] >= shop.sim.now - 30 * DAY for e in shop.get("/v1/events", limit=100)["data"])


def test_hundreds_of_customers() -> None:
    """Three hundred customers live a year within a few seconds."""
    shop = Shop(seed=9)
    began = time.process_time()
    for _ in range(300):
        shop.subscribe()
    shop.sim.advance(at(2027, 1, 31))
    shop.sim.world.deliveries.outbox.clear()
    assert time.process_time() - began < 15
    assert len(shop.truth("invoice_paid")) == 300 * 12
