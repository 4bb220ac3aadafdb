"""Random lives: whatever is done, the books of the simulator itself add up."""

from collections import defaultdict
from contextlib import suppress
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from coinpurse.simulator import StripeError
from coinpurse.simulator.cards import BEHAVIOURS, TOKENS
from simulator.shop import DAY, Shop

PRICES = ("price_starter", "price_pro", "price_starter_year")


class Life:
    """A shop whose customers, and their banks, do as the dice say."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.shop = Shop(seed=seed)
        self.subscriptions: list[Any] = []

    def live(self, acts: int) -> None:
        """Does so many things; what Stripe would refuse is refused."""
        doing = (self.begin, self.switch, self.cancel, self.pause, self.card, self.back, self.buy, self.trial)
        self.begin()
        for _ in range(acts):
            self.shop.advance(self.shop.sim.now + self.dice.choice((0, 600, 3600, DAY, 9 * DAY, 33 * DAY)))
            with suppress(StripeError):
                self.dice.choice(doing)()
        self.shop.advance(self.shop.sim.now + 60 * DAY)

    def begin(self) -> None:
        """Somebody subscribes."""
        token = self.dice.choice([t for t in TOKENS if t != "pm_card_chargeDeclined"])
        days = self.dice.choice((0, 0, 7))
        self.subscriptions.append(
            self.shop.subscribe(self.dice.choice(PRICES), token, trial_period_days=days)
        )

    def switch(self) -> None:
        """Another plan."""
        self.shop.switch(
            self.dice.choice(self.subscriptions),
            self.dice.choice(PRICES),
            proration_behavior=self.dice.choice(("create_prorations", "always_invoice", "none")),
            payment_behavior=self.dice.choice(
                ("allow_incomplete", "pending_if_incomplete", "error_if_incomplete")
            ),
        )

    def cancel(self) -> None:
        """A cancellation, or its undoing, or an end at once."""
        one = self.dice.choice(self.subscriptions)
        if self.dice.random() < 0.2:
            self.shop.call("DELETE", f"/v1/subscriptions/{one['id']}", prorate=self.dice.random() < 0.5)
        else:
            self.shop.update(one, cancel_at_period_end=self.dice.random() < 0.5)

    def pause(self) -> None:
        """Collection pauses, or goes on."""
        behaviour = self.dice.choice(("void", "keep_as_draft", "mark_uncollectible", None))
        one = self.dice.choice(self.subscriptions)
        self.shop.update(one, pause_collection={"behavior": behaviour} if behaviour else "")

    def card(self) -> None:
        """A card behaves otherwise."""
        customer = self.dice.choice(self.subscriptions)["customer"]
        self.shop.sim.control("card", {"customer": customer, "behaviour": self.dice.choice(BEHAVIOURS)})

    def back(self) -> None:
        """A payment is refunded or disputed."""
        payments = self.shop.truth("payment")
        if not payments:
            return
        payment = self.dice.choice(payments)
        if self.dice.random() < 0.5:
            self.shop.sim.control("refund", {"payment_intent": payment.id, "amount": 100})
        else:
            made = self.shop.sim.control("dispute", {"payment_intent": payment.id})
            self.shop.sim.control("close_dispute", {"dispute": made["id"], "outcome": "lost"})

    def buy(self) -> None:
        """A pack."""
        self.shop.pay(self.shop.checkout(), self.dice.choice(list(TOKENS)))

    def trial(self) -> None:
        """A trial begins, moves or ends."""
        end: Any = self.dice.choice(("now", self.shop.sim.now + 10 * DAY))
        self.shop.update(self.dice.choice(self.subscriptions), trial_end=end)


@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_the_books_add_up(seed: int) -> None:
    """Payments are what invoices say was paid, refunds what charges say; every event comes once."""
    life = Life(seed)
    life.live(60)
    shop, t = life.shop, life.shop.sim.world.tables
    for charge in t.charges:
        back = [r["amount"] for r in t.refunds.find(charge=charge["id"]) if r["status"] == "succeeded"]
        assert charge["amount_refunded"] == sum(back) <= charge["amount"]
    paid = {line.id: line for line in shop.truth("payment")}
    assert len(paid) == len(shop.truth("payment"))
    for invoice in t.invoices:
        if invoice["status"] == "paid" and invoice["amount_paid"]:
            (payment,) = t.invoice_payments.find(invoice=invoice["id"])
            assert paid[payment["payment"]["payment_intent"]].amount == invoice["amount_paid"]
        assert invoice["total"] == sum(line["amount"] for line in invoice["lines"]["data"])
    ids = [event["id"] for event in shop.events]
    assert len(ids) == len(set(ids))
    assert [e["created"] for e in shop.events] == sorted(e["created"] for e in shop.events)


@pytest.mark.parametrize("seed", range(25))
def test_whole_periods_never_overlap(seed: int) -> None:
    """The whole periods that a subscription is billed for follow one another; a reset cuts the last one."""
    life = Life(seed)
    life.live(60)
    billed: dict[str, list[tuple[int, int, int, str]]] = defaultdict(list)
    for invoice in life.shop.sim.world.tables.invoices:
        if invoice["status"] == "void" and invoice["billing_reason"] == "subscription_update":
            continue  # a pending update that was dropped
        for line in invoice["lines"]["data"]:
            parent = line["parent"]
            if not parent[parent["type"]]["proration"]:
                of = invoice["parent"]["subscription_details"]["subscription"]
                span = (
                    line["period"]["start"],
                    line["period"]["end"],
                    line["amount"],
                    invoice["billing_reason"],
                )
                billed[of].append(span)
    assert billed
    for spans in billed.values():
        for (begun, end, amount, _), (start, _, _, reason) in pairwise(spans):
            moved_trial = amount == 0 and begun <= start
            reset = reason == "subscription_update" and begun <= start < end
            assert start == end or moved_trial or reset
