"""A life at the simulator: what events tell, what asking tells and what looking finds are the same money."""

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from coinpurse.domain.catalog import Catalog
from coinpurse.domain.facts import Fact, Paid, Purchase, Standing
from coinpurse.domain.ports import Buyer, Item, NotOurs
from coinpurse.providers.stripe import Stripe
from coinpurse.simulator import Delivery, Simulator

DAY = 86_400
PAGES = {"success_url": "https://app.example/done", "cancel_url": "https://app.example/"}


@contextmanager
def serving(simulator: Simulator) -> Iterator[str]:
    """The simulator's API over HTTP; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, given, answer = simulator.handle(self.command, self.path, headers, body)
            self.send_response(status)
            for name, value in {**given, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_DELETE = _do

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Life:
    """Ada's life: the simulator, a provider that asks it, one that is only told, and all that both heard."""

    def __init__(self, simulator: Simulator, base: str) -> None:
        self.simulator = simulator
        prices = [self._price(1200, "month"), self._price(3000, "month"), self._price(600, None)]
        self.starter, self.studio, self.small = prices
        catalog = _catalog(*prices)
        secret = simulator.listen("https://credits.example/v1/webhooks/stripe")
        self.asking = Stripe(catalog, secrets=[secret], api_key="sk_test_1", api_base=base, finalize=True)
        self.telling = Stripe(catalog, secrets=[secret])
        self.asked: list[Fact] = []
        self.told: list[Fact] = []

    @property
    def now(self) -> datetime:
        """The simulator's instant."""
        return datetime.fromtimestamp(self.simulator.now, UTC)

    async def until(self, at: int) -> None:
        """Lets time pass, and hears what is delivered meanwhile."""
        deliveries: list[Delivery] = []
        while self.simulator.now < at:
            next_day = min(at, self.simulator.now + DAY)
            self.simulator.advance(next_day)
            deliveries += self.simulator.outbox
            while deliveries:
                delivery = deliveries.pop(0)
                await self._hear(delivery)
                self.simulator.answered(delivery, 200)

    async def _hear(self, delivery: Delivery) -> None:
        headers = delivery.headers(self.simulator.now)
        notice = self.asking.verify(delivery.body, headers, self.now)
        for provider, heard in ((self.asking, self.asked), (self.telling, self.told)):
            try:
                heard += await provider.facts(notice, delivery.body, self.now)
            except NotOurs:
                continue
        await self.asking.hasten(notice, delivery.body)

    def _price(self, amount: int, interval: str | None) -> str:
        product = self.simulator.call("POST", "/v1/products", {"name": "Credits"})
        params = {"unit_amount": amount, "currency": "usd", "product": product["id"]}
        recurring = {"recurring": {"interval": interval}} if interval else {}
        made: str = self.simulator.call("POST", "/v1/prices", {**params, **recurring})["id"]
        return made


def _catalog(starter: str, studio: str, small: str) -> Catalog:
    return Catalog.parse(
        f"""
[plans.starter]
name = "Starter"
monthly_credits = 1000
prices.month = {{ amount = "12.00", currency = "usd", stripe = "{starter}" }}
[plans.studio]
name = "Studio"
monthly_credits = 3000
prices.month = {{ amount = "30.00", currency = "usd", stripe = "{studio}" }}
[packs.small]
name = "500 credits"
credits = 500
price = {{ amount = "6.00", currency = "usd", stripe = "{small}" }}
"""
    )


@pytest.fixture
async def life() -> AsyncIterator[Life]:
    """A life that begins."""
    simulator = Simulator(seed=7)
    with serving(simulator) as base:
        life = Life(simulator, base)
        yield life
        await life.asking.close()


def money(facts: list[Fact]) -> set[str]:
    """The keys of the money in facts."""
    lines = {fact.line for fact in facts if isinstance(fact, Paid)}
    return lines | {f.purchase for f in facts if isinstance(f, Purchase) and f.state == "paid"}


async def test_p2_e4_one_key_however_it_is_learnt(life: Life) -> None:
    """A subscription with three renewals and an upgrade, a pack, and an automatic top-up: six keys, the same
    by payloads, by asking, by looking up and by reconciling."""
    ada = Buyer(account="ada", test=True, email="ada@example.org")
    plan = Item(price=life.starter, plan="starter", interval="month")
    pack = Item(price=life.small, pack="small")
    began = life.now
    opened = await life.asking.check_out(ada, plan, reference="co_1", **PAGES)
    life.simulator.control("pay_checkout", {"session": opened.reference})
    await life.until(life.simulator.now + 40 * DAY)
    ada = Buyer(account="ada", test=True, customer=opened.customer)
    second = await life.asking.check_out(ada, pack, reference="co_2", **PAGES)
    life.simulator.control("pay_checkout", {"session": second.reference})
    await life.asking.buy(ada, pack, amount=600, currency="usd", reference="at_1")
    reference = next(fact.subscription for fact in life.asked if isinstance(fact, Paid))
    [upgraded] = await life.asking.change(reference, price=life.studio, now=life.now)
    await life.until(life.simulator.now + 60 * DAY)
    found = [fact async for group in life.asking.changes(began, life.now) for fact in group.facts]
    looked_up = await life.asking.look_up(reference, life.now)
    assert isinstance(upgraded, Standing)
    assert (upgraded.plan, upgraded.payment_pending) == ("studio", False)
    assert money(life.asked) == money(life.told) == money(found)
    assert len(money(found)) == 6
    assert len(money(looked_up)) == 4
    assert money(looked_up) < money(found)
