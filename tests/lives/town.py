"""A town: customers of an app, their payment provider on a clock of its own, and Coinpurse behind it.

Time is the simulator's. Each account stands on a test clock that is moved along with it whenever something
reaches that account, so that a late delivery arrives late. Customers are asleep between what they do.
"""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from coinpurse.app import accounts, inbox, wallets
from coinpurse.app.context import Context, Who
from coinpurse.domain.catalog import Catalog
from coinpurse.domain.errors import InsufficientCredits
from coinpurse.domain.ports import Buyer, Item, ProviderError
from coinpurse.providers.stripe import Stripe
from coinpurse.providers.stripe.asking import Api
from coinpurse.providers.stripe.reading import Json
from coinpurse.settings import Settings
from coinpurse.simulator.courier import Courier
from coinpurse.simulator.deliveries import Delivery, Faults
from coinpurse.simulator.errors import StripeError
from coinpurse.simulator.simulator import Simulator
from coinpurse.store.db import Database

WHO = Who("lives", test=True)
SECRET = "whsec_of_the_town"
URL = "http://127.0.0.1/v1/webhooks/stripe"
START = datetime(2026, 1, 31, 10, 0, tzinfo=UTC)

#: name -> (monthly credits, renewal policy, month's price, year's price) in cents
PLANS = {
    "starter": (1000, "provisional", 1200, 12000),
    "studio": (3000, "provisional", 3000, 30000),
    "patient": (1500, "paid_with_grace", 1500, 15000),
    "strict": (2000, "strict", 2000, 20000),
}
PACKS = {"small": (500, 600), "large": (5000, 4800)}


@dataclass
class Customer:
    """One of them: an account, a customer at the provider, and what was spent, as it was answered."""

    account: str
    buyer: Buyer
    clock: datetime
    charged: dict[str, int] = field(default_factory=dict)
    given_back: dict[str, int] = field(default_factory=dict)
    sessions: list[str] = field(default_factory=list)


class InProcess(Api):
    """The provider's API without a socket between: thousands of lives go by in minutes."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__("sk_test_town", None)
        self._simulator = simulator

    async def _call(self, method: str, path: str, params: Mapping[str, Any]) -> Json:
        values = {k: v for k, v in params.items() if k != "idempotency_key"}
        try:
            answer = self._simulator.call(method.upper(), path, values)
        except StripeError as error:
            raise ProviderError(str(error), passing=False) from error
        found: Json = json.loads(msgspec.json.encode(answer))
        return found


class Town:
    """The simulator, the adapter and the context, and what moves between them."""

    def __init__(self, db: Database, seed: int, *, faults: Faults | None = None, asks: bool = True) -> None:
        self.random = random.Random(f"town {seed}")
        self.simulator = Simulator(seed=seed, start=START, faults=faults or Faults())
        self.simulator.listen(URL, SECRET)
        self.courier = Courier(self.simulator, self._post)
        self.prices = _sell(self.simulator)
        catalog = Catalog.parse(_catalog(self.prices))
        self.stripe = Stripe(catalog, secrets=[SECRET], api_key="sk_test_town")
        self.stripe._api = InProcess(self.simulator)
        if not asks:
            self.stripe._api, self.stripe.can_ask = None, False
        settings = Settings(None, Path("/nonexistent"), Path("/nonexistent"))
        self.ctx = Context(db, catalog, settings, {"stripe": self.stripe})
        self.seller = Stripe(catalog, secrets=[SECRET], api_key="sk_test_town")
        self.seller._api = InProcess(self.simulator)
        self.customers: dict[str, Customer] = {}
        self.by_provider: dict[str, Customer] = {}
        self.seed = seed
        self.lazy = 0.3  # how often a delivery is left to lie until the next one

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.simulator.now, UTC)

    async def born(self, n: int) -> Customer:
        """A new account, and its customer at the provider."""
        name = f"town-{self.seed}-{n}"
        made = self.simulator.call(
            "POST", "/v1/customers", {"email": f"{name}@example.com", "metadata": {"coinpurse_account": name}}
        )
        customer = Customer(name, Buyer(account=name, test=True, customer=made["id"]), self.now)
        self.customers[name] = self.by_provider[made["id"]] = customer
        await accounts.put_account(self.ctx, WHO, name, clock=self.now)
        return customer

    async def wake(self, customer: Customer) -> None:
        """The account's clock says what the town's says."""
        if customer.clock < self.now:
            await accounts.move_clock(self.ctx, WHO, customer.account, self.now)
            customer.clock = self.now

    async def _post(self, delivery: Delivery) -> int:
        headers = delivery.headers(int(self.courier._clock()))
        if owner := self._owner(json.loads(delivery.body)["data"]["object"]):
            await self.wake(owner)
        await inbox.receive(self.ctx, "stripe", delivery.body, headers)
        if self.random.random() >= self.lazy:
            await self.work()
        return 200

    def _owner(self, thing: Any) -> Customer | None:
        """Whose a thing is; a refund or a dispute names only its payment."""
        intent = self.simulator.world.tables.payment_intents.peek(thing.get("payment_intent") or "") or {}
        named = (thing.get("customer"), thing["id"], intent.get("customer"))
        return next((self.by_provider[name] for name in named if name in self.by_provider), None)

    async def work(self) -> None:
        """Works on whatever is due."""
        while await inbox.work(self.ctx):
            pass

    async def go(self, until: datetime) -> None:
        """Time passes; what is due happens and is delivered on the way."""
        await self.courier.advance(int(until.timestamp()))
        await self.work()

    async def settle(self) -> None:
        """Everything that was ever said has arrived and was worked on."""
        self.simulator.world.deliveries.faults = Faults()
        self.simulator.world.deliveries.find_lost()
        await self.courier.flush()
        for customer in self.customers.values():
            await self.wake(customer)
        for _ in range(3):
            async with self.ctx.db._pool.connection() as conn:
                await conn.execute("UPDATE coinpurse.events SET next_at = now() WHERE status = 'failed'")
            await self.work()

    # -- what customers do

    async def check_out(self, customer: Customer, token: str, **item: Any) -> Any:
        """Opens a checkout and pays there."""
        reference = f"co_{self.seed}_{self.random.getrandbits(64):x}"
        opened = await self.seller.check_out(
            customer.buyer,
            Item(**item),
            reference=reference,
            success_url="http://127.0.0.1/ok",
            cancel_url="http://127.0.0.1/no",
        )
        customer.sessions.append(opened.reference)
        return self.simulator.control("pay_checkout", {"session": opened.reference, "token": token})

    def subscriptions(self, customer: Customer, *states: str) -> list[Any]:
        """Their subscriptions at the provider that stand so."""
        found = self.simulator.world.tables.subscriptions.find(customer=customer.buyer.customer)
        return [s for s in found if s["status"] in states]

    async def spend(self, customer: Customer) -> None:
        """Work costs credits; some of it fails and is given back."""
        await self.wake(customer)
        wanted, key = self.random.choice([3, 40, 170, 600, 900]), f"{self.random.getrandbits(64):x}"
        try:
            made = await wallets.charge(self.ctx, WHO, customer.account, amount=wanted, key=key)
        except InsufficientCredits:
            return
        customer.charged[made.id] = wanted
        if self.random.random() < 0.1:
            back = await wallets.reverse(self.ctx, WHO, made.id, amount=self.random.randint(1, wanted))
            customer.given_back[made.id] = back.amount


def _sell(simulator: Simulator) -> dict[str, str]:
    """The provider's prices: `plan month` and `pack` to their ids."""
    found = {}
    for plan, (_, _, month, year) in PLANS.items():
        product = simulator.call("POST", "/v1/products", {"name": plan})["id"]
        for interval, amount in (("month", month), ("year", year)):
            price = {
                "product": product,
                "currency": "usd",
                "unit_amount": amount,
                "recurring": {"interval": interval},
            }
            found[f"{plan} {interval}"] = simulator.call("POST", "/v1/prices", price)["id"]
    for pack, (_, amount) in PACKS.items():
        product = simulator.call("POST", "/v1/products", {"name": pack})["id"]
        price = {"product": product, "currency": "usd", "unit_amount": amount}
        found[pack] = simulator.call("POST", "/v1/prices", price)["id"]
    return found


def _catalog(prices: Mapping[str, str]) -> str:
    text = ""
    for plan, (credits, renewal, month, year) in PLANS.items():
        text += f'[plans.{plan}]\nname = "{plan}"\nmonthly_credits = {credits}\nrenewal = "{renewal}"\n'
        for interval, cents in (("month", month), ("year", year)):
            money = f'amount = "{cents // 100}.{cents % 100:02}", currency = "usd"'
            text += f'prices.{interval} = {{ {money}, stripe = "{prices[f"{plan} {interval}"]}" }}\n'
    for pack, (credits, cents) in PACKS.items():
        money = f'amount = "{cents // 100}.{cents % 100:02}", currency = "usd"'
        text += f'[packs.{pack}]\nname = "{pack}"\ncredits = {credits}\n'
        text += f'price = {{ {money}, stripe = "{prices[pack]}" }}\n'
    return text
