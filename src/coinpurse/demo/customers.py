"""The people of the demo. They move in at the first start only. Their past is lived through once: they buy at
the provider, its clock is moved on, and what it tells makes their credits."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from coinpurse.app import accounts, checkouts, grants, wallets
from coinpurse.app.context import Context
from coinpurse.demo.making import IMAGE, VIDEO, Wish, make
from coinpurse.demo.provider import STUDIO, Provider
from coinpurse.demo.works import Gallery
from coinpurse.domain.credits import Account, Interval
from coinpurse.domain.errors import AccountNotFound, InsufficientCredits
from coinpurse.domain.periods import month_start


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who uses the studio."""

    id: str
    name: str
    about: str


MIA = Customer("mia", "Mia", "monthly plan and add-on credits")
NOOR = Customer("noor", "Noor", "annual plan")
SAM = Customer("sam", "Sam", "starts without a plan")
CUSTOMERS = {customer.id: customer for customer in (MIA, NOOR, SAM)}


@dataclass(frozen=True, slots=True)
class Studio:
    """All that the demo's people live with."""

    ctx: Context
    provider: Provider
    gallery: Gallery
    moved_in: asyncio.Event = field(default_factory=asyncio.Event)

    async def travel(self, to: datetime) -> None:
        """Lets time pass, for the provider and all customers together."""
        await self.provider.travel(self.ctx, to, self._move_clocks)

    async def _move_clocks(self, to: datetime) -> None:
        for account in await known(self.ctx):
            if account.clock is not None and account.clock < to:
                await accounts.move_clock(self.ctx, STUDIO, account.id, to)


async def known(ctx: Context) -> list[Account]:
    """The accounts of those who have moved in."""
    found = []
    for id in CUSTOMERS:
        with contextlib.suppress(AccountNotFound):
            found.append(await accounts.get_account(ctx, STUDIO, id))
    return found


async def acquaint(ctx: Context, provider: Provider) -> None:
    """Makes sure that the provider and the database have the same past: one of them may have been kept
    elsewhere, or be new."""
    there = await known(ctx)
    clocks = [account.clock for account in there if account.clock is not None]
    if provider.fresh and there:
        provider.begin(max(clocks, default=datetime.now(UTC)), today=0, lived=len(PAST))
    elif provider.fresh or (provider.notes["lived"] and not there):
        today = datetime.now(UTC).replace(microsecond=0)
        provider.begin(month_start(today, -3) - timedelta(days=5), today=int(today.timestamp()), lived=0)
    provider.keep()


async def ensure(studio: Studio) -> bool:
    """Has the customers move in, or go on with that, and says whether there was anything to do."""
    notes = studio.provider.notes
    today = datetime.fromtimestamp(notes["today"], UTC)
    first = notes["lived"]
    for at, live in PAST[first:]:
        await studio.travel(at(today))
        await live(studio)
        await studio.provider.settle(studio.ctx)
        notes["lived"] += 1
        studio.provider.keep()
    studio.moved_in.set()
    return bool(first < len(PAST))


async def _join(studio: Studio, customer: Customer) -> None:
    await accounts.put_account(
        studio.ctx,
        STUDIO,
        customer.id,
        name=customer.name,
        email=f"{customer.id}@example.com",
        clock=studio.provider.now,
    )


async def _noor_joins(studio: Studio) -> None:
    await _join(studio, NOOR)
    if plan := _plan(studio.ctx, "year"):
        await buy(studio, NOOR.id, key="demo:plan", plan=plan, interval="year")


async def _mia_joins(studio: Studio) -> None:
    await _join(studio, MIA)
    if plan := _plan(studio.ctx, "month"):
        await buy(studio, MIA.id, key="demo:plan", plan=plan, interval="month")
        await _spend(studio, MIA, "Poster series for the museum", 588)


async def _noor_works(studio: Studio) -> None:
    await _spend(studio, NOOR, "Covers for the autumn list", 536)


async def _mia_tops_up(studio: Studio) -> None:
    if packs := studio.ctx.catalog.packs:
        await buy(studio, MIA.id, key="demo:pack", pack=next(iter(packs)))


async def _mia_paints(studio: Studio) -> None:
    await _spend(studio, MIA, "Moods for the spring catalogue", 345)
    await _draw(studio, MIA, IMAGE, "a quiet mountain lake at dawn")
    await _draw(studio, MIA, IMAGE, "silk in the wind, deep blue")
    await _draw(studio, MIA, IMAGE, "paper canyon in the desert")


async def _noor_paints(studio: Studio) -> None:
    if studio.ctx.catalog.plans:
        await _spend(studio, NOOR, "Illustrations for issue twelve", 220)
        await _draw(studio, NOOR, IMAGE, "lotus flower in gold")
        await _draw(studio, NOOR, VIDEO, "moon over the fjord at night")


async def _sam_joins(studio: Studio) -> None:
    """With nothing but a welcome gift."""
    await _join(studio, SAM)
    await grants.grant(
        studio.ctx,
        STUDIO,
        SAM.id,
        kind="promo",
        amount=12,
        expires_at=studio.provider.now + timedelta(days=14),
        reason="Welcome to Kreator Studio",
        key="demo:welcome",
    )


def _plan(ctx: Context, interval: Interval) -> str | None:
    """The first plan with monthly payment, the last with annual: as different as the catalog has them."""
    sold = [plan.id for plan in ctx.catalog.plans.values() if interval in plan.prices]
    return (sold[0] if interval == "month" else sold[-1]) if sold else None


async def buy(studio: Studio, customer: str, *, key: str, token: str = "pm_card_visa", **what: Any) -> None:
    """Buys a pack or plan at the provider's checkout page, with one of its test cards, and waits until
    Coinpurse knows of it."""
    opened = await checkouts.start_checkout(studio.ctx, STUDIO, customer, key=key, **what)
    sessions = studio.provider.simulator.world.tables.sessions
    for session in sessions:
        if session["metadata"].get("coinpurse_checkout") == opened.id and session["status"] == "open":
            studio.provider.control("pay_checkout", session=session["id"], token=token)
    await studio.provider.settle(studio.ctx)


async def _spend(studio: Studio, customer: Customer, what: str, permille: int) -> None:
    """Spends a share of the monthly credits on pictures, whatever the catalog's plans and prices are."""
    ctx = studio.ctx
    if IMAGE not in ctx.catalog.operations:
        return
    monthly = (await wallets.balance(ctx, STUDIO, customer.id)).monthly.available
    await wallets.charge(
        ctx,
        STUDIO,
        customer.id,
        operation=IMAGE,
        quantity=monthly * permille // 1000 // max(1, ctx.catalog.price_of(IMAGE)),
        metadata={"description": what},
        key=f"demo:{what}",
    )


async def _draw(studio: Studio, customer: Customer, operation: str, prompt: str) -> None:
    if operation in studio.ctx.catalog.operations:
        wish = Wish(operation, prompt, f"demo:{operation}:{prompt}", seconds=3)
        with contextlib.suppress(InsufficientCredits):  # a catalog where one picture costs more than a plan
            await make(studio.ctx, STUDIO, studio.gallery, customer.id, wish)


def _months_ago(months: int, days: int) -> Callable[[datetime], datetime]:
    return lambda today: month_start(today, -months) - timedelta(days=days)


#: What happened, and when, seen from the day of the first start.
PAST: list[tuple[Callable[[datetime], datetime], Callable[[Studio], Awaitable[None]]]] = [
    (_months_ago(3, 5), _noor_joins),
    (_months_ago(1, 12), _mia_joins),
    (_months_ago(0, 30), _noor_works),
    (_months_ago(0, 9), _mia_tops_up),
    (_months_ago(0, 2), _mia_paints),
    (_months_ago(0, 1), _noor_paints),
    (_months_ago(0, 0), _sam_joins),
]
