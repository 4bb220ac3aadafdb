"""A shop at the simulator: what is sold, and customers who buy it."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import msgspec

from coinpurse.simulator import Delivery, Faults, Simulator, Terms

HOUR = 3600
DAY = 24 * HOUR
START = datetime(2026, 1, 31, 10, 30, tzinfo=UTC)


def at(year: int, month: int, day: int, hour: int = 10, minute: int = 30) -> int:
    """An instant in seconds; the time of day is the shop's opening unless said."""
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp())


class Shop:
    """A simulator with three plans' prices and a pack, and everything that it has delivered."""

    def __init__(
        self,
        *,
        seed: int = 1,
        start: datetime = START,
        terms: Terms | None = None,
        faults: Faults | None = None,
        base_url: str = "http://127.0.0.1",
    ) -> None:
        self.sim = Simulator(seed=seed, start=start, terms=terms, faults=faults, base_url=base_url)
        self.events: list[Any] = []
        self.deliveries: list[tuple[int, Delivery]] = []
        self.status = 200
        self.call("POST", "/v1/products", id="prod_credits", name="Credits")
        for id, amount, interval in (
            ("price_starter", 1900, "month"),
            ("price_pro", 4900, "month"),
            ("price_starter_year", 19000, "year"),
        ):
            self._price(id, amount, recurring={"interval": interval})
        self._price("price_pack", 500)
        self.sim.listen("in-process", "whsec_shop")

    def _price(self, id: str, amount: int, **more: Any) -> None:
        self.call(
            "POST", "/v1/prices", id=id, product="prod_credits", currency="usd", unit_amount=amount, **more
        )

    def call(self, method: str, path: str, **params: Any) -> Any:
        """A request to the API."""
        return self.sim.call(method, path, params)

    def get(self, path: str, **params: Any) -> Any:
        """A request that reads."""
        return self.sim.call("GET", path, params)

    def advance(self, to: int) -> None:
        """Moves the clock and takes the deliveries, each at its instant."""
        self.sim.flush(self.take)
        self.sim.advance(to, self.take)

    def take(self, delivery: Delivery) -> int:
        """A receiver that keeps what it gets."""
        self.deliveries.append((self.sim.now, delivery))
        if self.status == 200:
            self.events.append(msgspec.json.decode(delivery.body))
        return self.status

    def types(self) -> list[str]:
        """The types of all events delivered so far and now due."""
        self.sim.flush(self.take)
        return [event["type"] for event in self.events]

    def count(self, *types: str) -> tuple[int, ...]:
        """How many events of each type were delivered."""
        counted = Counter(self.types())
        return tuple(counted[each] for each in types)

    def last(self, kind: str) -> Any:
        """The object of the last event of a type."""
        self.types()
        return [event for event in self.events if event["type"] == kind][-1]["data"]["object"]

    def truth(self, kind: str) -> list[Any]:
        """The journal's lines of one kind."""
        return [line for line in self.sim.journal() if line.kind == kind]

    def customer(self, card: str | None = "pm_card_visa") -> str:
        """A customer with a card on file."""
        customer: str = self.call("POST", "/v1/customers", email="ada@example.com")["id"]
        if card:
            self.call("POST", f"/v1/customers/{customer}", invoice_settings={"default_payment_method": card})
        return customer

    def subscribe(self, price: str = "price_starter", card: str | None = "pm_card_visa", **more: Any) -> Any:
        """A customer with a subscription: the simulator's own object, which changes as it lives."""
        customer = more.pop("customer", None) or self.customer(card)
        made = self.call("POST", "/v1/subscriptions", customer=customer, items=[{"price": price}], **more)
        return self.sim.world.tables.subscriptions.get(made["id"])

    def switch(self, subscription: Any, price: str, **more: Any) -> Any:
        """Another price for a subscription's only item."""
        item = subscription["items"]["data"][0]["id"]
        return self.call(
            "POST", f"/v1/subscriptions/{subscription['id']}", items=[{"id": item, "price": price}], **more
        )

    def update(self, subscription: Any, **params: Any) -> Any:
        """Changes a subscription."""
        return self.call("POST", f"/v1/subscriptions/{subscription['id']}", **params)

    def checkout(self, mode: str = "payment", price: str = "price_pack", **more: Any) -> Any:
        """An open checkout."""
        return self.call(
            "POST",
            "/v1/checkout/sessions",
            **{
                "mode": mode,
                "line_items": [{"price": price, "quantity": 1}],
                "success_url": "http://127.0.0.1/done?session={CHECKOUT_SESSION_ID}",
                "cancel_url": "http://127.0.0.1/back",
                **more,
            },
        )

    def pay(self, session: Any, token: str = "pm_card_visa") -> Any:
        """The customer pays a checkout."""
        return self.sim.control("pay_checkout", {"session": session["id"], "token": token})

    def invoices(self, subscription: Any) -> list[Any]:
        """A subscription's invoices, oldest first."""
        found: list[Any] = self.get("/v1/invoices", subscription=subscription["id"], limit=100)["data"]
        return found[::-1]


def period(subscription: Any) -> tuple[int, int]:
    """The running period."""
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def lines(invoice: Any) -> list[tuple[int, bool, int, int]]:
    """Amount, proration, start and end of each line."""
    return [
        (
            line["amount"],
            line["parent"][line["parent"]["type"]]["proration"],
            line["period"]["start"],
            line["period"]["end"],
        )
        for line in invoice["lines"]["data"]
    ]
