"""A town with one customer, whose provider's deliveries are in the test's hand: it decides which arrive,
when, how often, in which order, and who works on them."""

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from coinpurse.app import events, inbox, subscriptions
from coinpurse.app.context import Context
from coinpurse.app.events import BillingEvent
from coinpurse.domain.catalog import Catalog
from coinpurse.domain.catalog_past import with_past
from coinpurse.domain.credits import Subscription
from coinpurse.providers.stripe import Stripe
from coinpurse.simulator import Delivery
from coinpurse.store.db import Database
from lives.inside import WHO, Inside
from lives.town import SECRET, START, Customer, Town
from rules.life import Life, run, when

DAY = 86_400
_seeds = itertools.count(7_000)


@dataclass
class Scene:
    """One customer of a town. `life` is the account, `town` everything else; `second` is another worker, with
    connections of its own."""

    town: Town
    customer: Customer
    life: Life
    second: Context

    @property
    def simulator(self) -> Any:
        return self.town.simulator

    @property
    def ctx(self) -> Context:
        return self.town.ctx

    # -- what happens at the provider

    async def buys(self, *, plan: str | None = None, pack: str | None = None, **more: Any) -> list[Delivery]:
        """Pays at the provider's checkout, and gives what the provider tells of it."""
        await self.wakes()
        interval = more.pop("interval", "month")
        token = more.pop("token", "pm_card_visa")
        item = (
            {"pack": pack, "price": self.town.prices[pack]}
            if pack
            else {"plan": plan, "interval": interval, "price": self.town.prices[f"{plan} {interval}"]}
        )
        await self.town.check_out(self.customer, token, **item, **more)
        return self.told()

    async def bought(self, **what: Any) -> None:
        """Buys, and everything arrives and is worked on."""
        await self.hears(await self.buys(**what))

    def asks(self, method: str, path: str, **params: Any) -> Any:
        """A request that the app's developer, or the provider's dashboard, makes of the provider."""
        return self.simulator.call(method, path, params)

    def does(self, act: str, **params: Any) -> Any:
        """What customers, banks and time do at the provider."""
        return self.simulator.control(act, params)

    @property
    def sub(self) -> Any:
        """The customer's latest subscription, as the provider has it."""
        return self.simulator.world.tables.subscriptions.find(customer=self.customer.buyer.customer)[-1]

    def updates(self, **params: Any) -> list[Delivery]:
        """Changes the subscription at the provider, and gives what the provider tells of it."""
        self.asks("POST", f"/v1/subscriptions/{self.sub['id']}", **params)
        return self.told()

    def changes(self, plan: str, **more: Any) -> list[Delivery]:
        """Moves the subscription to another plan, invoiced at once."""
        item = {"id": self.sub["items"]["data"][0]["id"], "price": self.town.prices[f"{plan} month"]}
        return self.updates(items=[item], proration_behavior="always_invoice", **more)

    @property
    def charge(self) -> Any:
        """The customer's latest charge that was paid."""
        rows = self.simulator.world.tables.charges.find(customer=self.customer.buyer.customer)
        return [row for row in rows if row["paid"]][-1]

    # -- what the app's operator does

    def moves_to(self, ctx: Context) -> None:
        """From now on everything goes through another context: other connections, or another catalog."""
        self.town.ctx = ctx
        self.life = self.life.through(ctx)

    def sells(self, catalog: str) -> None:
        """Another catalog is in force, for the books and for the adapter that reads what the provider
        says."""
        old, new = self.town.stripe, with_past(Catalog.parse(catalog), [self.ctx.catalog.content()])
        self.town.stripe = Stripe(new, secrets=[SECRET])
        self.town.stripe._api, self.town.stripe.can_ask = old._api, old.can_ask
        self.moves_to(replace(self.ctx, catalog=new, providers={"stripe": self.town.stripe}))

    # -- what arrives

    def told(self) -> list[Delivery]:
        """What the provider has to tell now, in its own order."""
        found = list(self.simulator.outbox)
        for one in found:
            self.simulator.answered(one, 200)
        return found

    async def receives(self, delivery: Delivery, ctx: Context | None = None) -> bool:
        """One delivery arrives, signed now. Says whether it is new."""
        headers = delivery.headers(int(self.town.courier._clock()))
        return not (await inbox.receive(ctx or self.ctx, "stripe", delivery.body, headers)).duplicate

    async def works(self, ctx: Context | None = None) -> int:
        """Works on all that is due."""
        done = 0
        while count := await inbox.work(ctx or self.ctx):
            done += count
        return done

    async def hears(self, deliveries: Iterable[Delivery]) -> None:
        """Deliveries arrive one by one, and each is worked on before the next comes."""
        for delivery in deliveries:
            await self.receives(delivery)
            await inbox.work(self.ctx)
        await self.tries_again()

    async def tries_again(self) -> None:
        """What waits is worked on, and the pauses after failures are over."""
        await self.works()
        failed = (
            "UPDATE coinpurse.events SET next_at = now() WHERE status = 'failed' AND next_at < 'infinity'"
        )
        for _ in range(2):
            await run(self.ctx, failed)
            await self.works()

    async def lease_ends(self) -> None:
        """Whoever had claimed an event has been silent for too long."""
        over = "UPDATE coinpurse.events SET next_at = now(), claimed_until = now()"
        await run(self.ctx, over + " WHERE claimed_until IS NOT NULL")

    async def tells_all_again(self) -> None:
        """The provider tells of everything of the last month once more, and every event is worked on anew."""
        for event in self.simulator.world.tables.events:
            self.simulator.world.deliveries.send(event)
        await self.hears(self.told())
        mine = [event["id"] for event in self.simulator.world.tables.events]
        again = "UPDATE coinpurse.events SET next_at = now(), status = 'waiting' WHERE event = ANY (%s)"
        await run(self.ctx, again, mine)
        await self.works()

    # -- time

    async def wakes(self) -> None:
        """The account's clock says what the provider's says."""
        await self.town.wake(self.customer)

    async def until(self, at: str | datetime | int) -> list[Delivery]:
        """Time passes at the provider and for the account. Gives what was told on the way."""
        seconds = at if isinstance(at, int) else int(when(at).timestamp())
        found: list[Delivery] = []
        while (due := self.simulator.world.next_due()) is not None and due <= seconds:
            self.simulator.advance(due)
            found += self.told()
        self.simulator.advance(seconds)
        await self.wakes()
        return found

    async def lives_until(self, at: str | datetime | int) -> None:
        """Time passes, and everything arrives at its own instant."""
        seconds = at if isinstance(at, int) else int(when(at).timestamp())
        while (due := self.simulator.world.next_due()) is not None and due <= seconds:
            await self.hears(await self.until(due))
        await self.hears(await self.until(seconds))

    # -- looking

    async def events(self, **more: Any) -> list[BillingEvent]:
        """What came, newest first."""
        return (await events.billing_events(self.ctx, WHO, account=self.life.name, limit=500, **more)).data

    async def subscriptions(self) -> list[Subscription]:
        """The account's subscriptions, as kept here."""
        return await subscriptions.subscriptions(self.ctx, WHO, self.life.name)

    async def unfinished(self) -> list[str]:
        """Events of this customer that wait or failed, in words."""
        found = await self.events()
        return [f"{e.type}: {e.outcome}" for e in found if e.status in ("waiting", "failed")]


async def opened(db: Database, second: Database, *, asks: bool = True, start: datetime = START) -> Scene:
    """A new town with one customer. `asks`: with an API key; else the payloads are all there is."""
    town = Town(db, next(_seeds), partial(Inside, asks=asks))
    town.simulator.advance(start)
    customer = await town.born(1)
    life = Life(town.ctx, customer.account, WHO)
    scene = Scene(town, customer, life, replace(town.ctx, db=second))
    await scene.hears(of_type(scene.told(), "customer.created"))
    return scene


def shuffled(deliveries: Sequence[Delivery], seed: int) -> list[Delivery]:
    """The same in another order, with some of them twice."""
    chance = random.Random(seed)
    found = [*deliveries, *chance.choices(deliveries, k=len(deliveries) // 2)]
    chance.shuffle(found)
    return found


def of_type(deliveries: Iterable[Delivery], *types: str) -> list[Delivery]:
    """Those of some types, in the order of the types."""
    found = list(deliveries)
    return [one for type_ in types for one in found if one.type == type_]


def rewritten(delivery: Delivery, **fields: Any) -> Delivery:
    """The same delivery with other fields of its event; the provider signs that."""
    event = json.loads(delivery.body) | fields
    return replace(delivery, event=event["id"], type=event["type"], body=json.dumps(event).encode())


def content(delivery: Delivery) -> Any:
    """The event in a delivery."""
    return json.loads(delivery.body)


@asynccontextmanager
async def stuck_on(ctx: Context, table: str) -> AsyncIterator[None]:
    """For as long as the block lasts nothing can be written into a table, and whoever tries waits."""
    async with ctx.db._pool.connection() as conn, conn.transaction():
        await conn.execute(f"LOCK TABLE coinpurse.{table} IN SHARE MODE")
        yield


async def waits_for(ctx: Context, words: str) -> int:
    """The server process that runs a statement with these words and waits for a lock."""
    query = """SELECT pid FROM pg_stat_activity
                WHERE wait_event_type = 'Lock' AND query LIKE %s AND datname = current_database()"""
    for _ in range(200):
        if rows := await ctx.db.rows(query, [f"%{words}%"]):
            return int(rows[0]["pid"])
        await asyncio.sleep(0.02)
    raise AssertionError(f"nobody waits with {words!r}")
