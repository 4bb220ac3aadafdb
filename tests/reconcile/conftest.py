"""A town at a payment provider, some weeks ago until today, and its webhooks that fail for a day."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from coinpurse.app.context import Context
from coinpurse.app.reconcile import Reconciled, reconcile
from coinpurse.simulator.deliveries import Faults
from coinpurse.store.db import Database
from lives import town as towns
from lives.inside import WHO
from lives.reckoning import month
from lives.town import Customer, Town

SILENT = Faults(drop=1.0, lost_are_found=False)
VISA = "pm_card_visa"


class Silence:
    """A town whose first month went well. On the day of the renewals nothing is delivered."""

    def __init__(self, town: Town, start: datetime) -> None:
        self.town = town
        self.day = month(start, 1) - timedelta(hours=2)
        self.end = self.day + timedelta(hours=22)

    @property
    def ctx(self) -> Context:
        return self.town.ctx

    async def begin(self) -> None:
        """From now on nothing is delivered."""
        await self.town.go(self.day)
        self.town.simulator.world.deliveries.faults = SILENT

    async def pass_by(self) -> None:
        """The day goes by; accounts see the time it is then."""
        await self.town.go(self.end)
        self.town.simulator.world.deliveries.faults = Faults()
        for one in self.town.customers.values():
            await self.town.wake(one)

    async def arrive(self) -> None:
        """Everything that was lost arrives after all."""
        await self.town.settle()

    async def reconcile(self, *, heal: bool = False) -> Reconciled:
        """From the silent day until now."""
        return await reconcile(self.ctx, WHO, since=self.day, heal=heal)

    async def books(self) -> list[dict[str, object]]:
        """All acts of all accounts, as they are written."""
        query = "SELECT to_jsonb(a) AS act FROM coinpurse.acts a ORDER BY account, act"
        return await self.ctx.db.rows(query)

    async def subscribed(self, n: int, plan: str = "starter") -> Customer:
        """A customer with a plan by the month."""
        one = await self.town.born(n)
        price = self.town.prices[f"{plan} month"]
        await self.town.check_out(one, VISA, price=price, plan=plan, interval="month")
        return one

    async def topped_up(self, one: Customer, pack: str = "small") -> str:
        """Buys a pack; answers the charge."""
        session = await self.town.check_out(one, VISA, price=self.town.prices[pack], pack=pack)
        intent = self.town.simulator.call("GET", f"/v1/payment_intents/{session['payment_intent']}")
        return str(intent["latest_charge"])

    def subscription(self, one: Customer) -> str:
        """The provider's id of a customer's subscription."""
        return str(self.town.subscriptions(one, "active")[0]["id"])


@pytest_asyncio.fixture
async def silence(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Silence]:
    """A town that began 33 days ago."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=33)
    monkeypatch.setattr(towns, "START", start)
    async with Database(database_url) as db:
        town = Town(db, 7)
        town.here.lazy = 0
        yield Silence(town, start)
