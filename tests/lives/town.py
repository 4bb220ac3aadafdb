"""A town: customers of an app, their payment provider on a clock of its own, and Coinpurse behind it.

Time is the simulator's. Each account stands on a test clock that is moved along with it whenever something
reaches that account, so that a late delivery arrives late. Customers are asleep between what they do.
How Coinpurse is reached (`Reach`) is another matter: in this process, or as real ones that are killed.
"""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from coinpurse.app.context import Context
from coinpurse.domain.catalog import Catalog
from coinpurse.domain.ports import Buyer, Item
from coinpurse.providers.stripe import Stripe
from coinpurse.settings import Settings
from coinpurse.simulator.courier import Courier
from coinpurse.simulator.deliveries import Delivery, Faults
from coinpurse.simulator.simulator import Simulator
from coinpurse.store.db import Database
from lives.inside import Inside, SimulatedApi
from lives.market import catalog_text, sell

SECRET = "whsec_of_the_town"
URL = "http://127.0.0.1/v1/webhooks/stripe"
#: What work costs.
COSTS = (3, 40, 170, 600, 900)
START = datetime(2026, 1, 31, 10, 0, tzinfo=UTC)
#: Failed events wait in real time for their next try; as the town's time passes, so does theirs.
PASS = """
    UPDATE coinpurse.events SET next_at = next_at - %s, received_at = received_at - %s
     WHERE status = 'failed' AND next_at < 'infinity'"""
FAILED = "SELECT event FROM coinpurse.events WHERE status = 'failed'"
BY_HAND = "UPDATE coinpurse.events SET next_at = now() WHERE status = 'failed'"


class Reach(Protocol):
    """How the town reaches Coinpurse."""

    #: Whether Coinpurse may ask the provider, or has only what is delivered.
    asks: bool
    #: How often a delivery is left to lie until a later one.
    lazy: float

    async def open(self, account: str, clock: datetime) -> None:
        """A new account on a test clock."""

    async def move(self, account: str, now: datetime, *, patient: bool) -> bool:
        """Moves its clock. False: Coinpurse can't be reached, and who asks is not `patient`."""

    async def deliver(self, body: bytes, headers: Mapping[str, str]) -> int:
        """Posts a delivery and gives the answer's status, 0 for none."""

    async def work(self) -> None:
        """Until whatever is due has been worked on."""

    async def charge(self, account: str, amount: int, key: str) -> str | None:
        """The charge's id; None: not enough credits."""

    async def reverse(self, charge: str, amount: int, key: str) -> int:
        """How much was given back."""


@dataclass
class Customer:
    """One of them: an account, a customer at the provider, and what was spent, as it was answered."""

    account: str
    buyer: Buyer
    clock: datetime
    charged: dict[str, int] = field(default_factory=dict)
    given_back: dict[str, int] = field(default_factory=dict)
    sessions: list[str] = field(default_factory=list)


class Town:
    """The simulator and the people, and what moves between them and Coinpurse."""

    def __init__(
        self,
        db: Database,
        seed: int,
        reach: "Callable[[Town], Reach]" = Inside,
        *,
        faults: Faults | None = None,
        policies: Mapping[str, str] | None = None,
    ) -> None:
        self.random = random.Random(f"town {seed}")
        self.secret = SECRET
        self.simulator = Simulator(seed=seed, start=START, faults=faults or Faults())
        self.simulator.listen(URL, SECRET)
        self.courier = Courier(self.simulator, self._post)
        self.prices = sell(self.simulator)
        self.policies = dict(policies or {})
        self.catalog = catalog_text(self.prices, self.policies)
        settings = Settings(None, Path("/nonexistent"), Path("/nonexistent"))
        self.ctx = Context(db, Catalog.parse(self.catalog), settings)
        self.seller = Stripe(self.ctx.catalog, secrets=[SECRET], api_key="sk_test_town")
        self.seller._api = SimulatedApi(self.simulator)
        self.stripe = self.seller
        self.customers: dict[str, Customer] = {}
        self.by_provider: dict[str, Customer] = {}
        self.seed = seed
        #: (type, object) -> when an event of that type about it had surely been worked on
        self.told: dict[tuple[str, str], datetime] = {}
        self._delivered: dict[str, tuple[str, str]] = {}
        self.here = reach(self)

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
        await self.here.open(name, self.now)
        return customer

    async def wake(self, customer: Customer, *, patient: bool = False) -> bool:
        """The account's clock says what the town's says. False: Coinpurse can't be reached."""
        now = self.now
        if customer.clock < now:
            if not await self.here.move(customer.account, now, patient=patient):
                return False
            customer.clock = max(customer.clock, now)
        return True

    async def _post(self, delivery: Delivery) -> int:
        headers = delivery.headers(int(self.courier._clock()))
        thing = json.loads(delivery.body)["data"]["object"]
        owner = self._owner(thing)
        if owner and not await self.wake(owner):
            return 0
        status = await self.here.deliver(delivery.body, headers)
        if status == 200:
            self._delivered[delivery.event] = (delivery.type, thing["id"])
        if self.random.random() >= self.here.lazy:
            await self.work()
        return status

    async def work(self) -> None:
        """Until whatever was delivered has been worked on."""
        delivered = dict(self._delivered)
        await self.here.work()
        failed = {row["event"] for row in await self.ctx.db.rows(FAILED)} if delivered else set()
        for event in delivered.keys() - failed:
            self.told.setdefault(delivered[event], self.now)
            self._delivered.pop(event, None)

    def _owner(self, thing: Any) -> Customer | None:
        """Whose a thing is; a refund or a dispute names only its payment."""
        intent = self.simulator.world.tables.payment_intents.peek(thing.get("payment_intent") or "") or {}
        named = (thing.get("customer"), thing["id"], intent.get("customer"))
        return next((self.by_provider[name] for name in named if name in self.by_provider), None)

    async def go(self, until: datetime) -> None:
        """Time passes; what is due happens and is delivered on the way."""
        span = max(until - self.now, timedelta())
        await self.courier.advance(int(until.timestamp()))
        await self._execute(PASS, span, span)
        await self.work()

    async def settle(self) -> None:
        """Everything that was ever said has arrived and was worked on."""
        deliveries = self.simulator.world.deliveries
        deliveries.faults = Faults()
        while deliveries.dropped or deliveries.given_up or deliveries.outbox:
            deliveries.outbox.extend(deliveries.given_up)
            deliveries.given_up.clear()
            deliveries.find_lost()
            await self.courier.flush()
        await self.go(self.now + timedelta(days=4))
        for customer in self.customers.values():
            await self.wake(customer, patient=True)
        for _ in range(3):
            await self._execute(BY_HAND)
            await self.work()

    async def _execute(self, statement: str, *parameters: Any) -> None:
        async with self.ctx.db._pool.connection() as conn:
            await conn.execute(statement, parameters)

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

    async def spend(self, customer: Customer, amount: int | None = None) -> bool:
        """Work costs credits; some of it fails and is given back. Charges are repeated until they are
        answered, with their own key. False: there were not enough."""
        await self.wake(customer, patient=True)
        wanted = amount or self.random.choice(COSTS)
        key = f"{self.random.getrandbits(64):x}"
        back = self.random.randint(1, wanted) if self.random.random() < 0.1 else 0
        made = await self.here.charge(customer.account, wanted, key)
        if made is None:
            return False
        assert made not in customer.charged, f"the charge {made} was answered for two keys"
        customer.charged[made] = wanted
        if back:
            customer.given_back[made] = await self.here.reverse(made, back, f"{key}-back")
        return True
