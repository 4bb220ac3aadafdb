"""The people of the demo. They are made at the first start only, each with a little history and a test
clock that says today."""

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from coinpurse.app import accounts, checkouts, grants, subscriptions, wallets
from coinpurse.app.context import Context, Who
from coinpurse.demo.making import IMAGE, VIDEO, Wish, make
from coinpurse.demo.works import Gallery
from coinpurse.domain.credits import Interval
from coinpurse.domain.errors import AccountNotFound, InsufficientCredits
from coinpurse.domain.periods import month_start

STUDIO = Who("studio", test=True)


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


async def ensure(ctx: Context, gallery: Gallery) -> bool:
    """Makes the customers that don't exist yet, and says whether there were any."""
    now = datetime.now(UTC).replace(microsecond=0)
    missing = [customer for customer in CUSTOMERS.values() if not await _exists(ctx, customer)]
    for customer in missing:
        await LIVES[customer.id](ctx, gallery, now)
    return bool(missing)


async def _exists(ctx: Context, customer: Customer) -> bool:
    try:
        await accounts.get_account(ctx, STUDIO, customer.id)
    except AccountNotFound:
        return False
    return True


async def _join(ctx: Context, customer: Customer, since: datetime) -> None:
    await accounts.put_account(
        ctx, STUDIO, customer.id, name=customer.name, email=f"{customer.id}@example.com", clock=since
    )


async def _mia(ctx: Context, gallery: Gallery, now: datetime) -> None:
    """A month and twelve days with the first monthly plan: one renewal, one top-up, a few pictures."""
    start = month_start(now, -1) - timedelta(days=12)
    await _join(ctx, MIA, start)
    plan = _plan(ctx, "month")
    if plan:
        made = await subscriptions.subscribe(
            ctx, STUDIO, MIA.id, plan=plan, interval="month", key="demo:plan"
        )
        await _spend(ctx, MIA, "Poster series for the museum", 588)
        await subscriptions.pay(ctx, STUDIO, made.subscription.id, reference="demo:mia:2", key="demo:paid")
    if ctx.catalog.packs:
        pack = next(iter(ctx.catalog.packs))
        checkout = await checkouts.start_checkout(ctx, STUDIO, MIA.id, pack=pack, key="demo:pack")
        await checkouts.pay_checkout(ctx, checkout.id)
    await accounts.move_clock(ctx, STUDIO, MIA.id, now - timedelta(days=2))
    await _spend(ctx, MIA, "Moods for the spring catalogue", 345)
    await _draw(ctx, gallery, MIA, IMAGE, "a quiet mountain lake at dawn")
    await _draw(ctx, gallery, MIA, IMAGE, "silk in the wind, deep blue")
    await _draw(ctx, gallery, MIA, IMAGE, "paper canyon in the desert")
    await accounts.move_clock(ctx, STUDIO, MIA.id, now)


async def _noor(ctx: Context, gallery: Gallery, now: datetime) -> None:
    """Three months and five days into a year that is paid."""
    await _join(ctx, NOOR, month_start(now, -3) - timedelta(days=5))
    plan = _plan(ctx, "year")
    if plan:
        await subscriptions.subscribe(ctx, STUDIO, NOOR.id, plan=plan, interval="year", key="demo:plan")
        await accounts.move_clock(ctx, STUDIO, NOOR.id, now - timedelta(days=30))
        await _spend(ctx, NOOR, "Covers for the autumn list", 536)
        await accounts.move_clock(ctx, STUDIO, NOOR.id, now - timedelta(days=1))
        await _spend(ctx, NOOR, "Illustrations for issue twelve", 220)
        await _draw(ctx, gallery, NOOR, IMAGE, "lotus flower in gold")
        await _draw(ctx, gallery, NOOR, VIDEO, "moon over the fjord at night")
    await accounts.move_clock(ctx, STUDIO, NOOR.id, now)


async def _sam(ctx: Context, gallery: Gallery, now: datetime) -> None:
    """Nothing but a welcome gift."""
    await _join(ctx, SAM, now)
    await grants.grant(
        ctx,
        STUDIO,
        SAM.id,
        kind="promo",
        amount=12,
        expires_at=now + timedelta(days=14),
        reason="Welcome to Kreator Studio",
        key="demo:welcome",
    )


def _plan(ctx: Context, interval: Interval) -> str | None:
    """The first plan with monthly payment, the last with annual: as different as the catalog has them."""
    sold = [plan.id for plan in ctx.catalog.plans.values() if interval in plan.prices]
    return (sold[0] if interval == "month" else sold[-1]) if sold else None


async def _spend(ctx: Context, customer: Customer, what: str, permille: int) -> None:
    """Spends a share of the monthly credits on pictures, whatever the catalog's plans and prices are."""
    if IMAGE not in ctx.catalog.operations:
        return
    monthly = (await wallets.balance(ctx, STUDIO, customer.id)).monthly.available
    images = monthly * permille // 1000 // max(1, ctx.catalog.price_of(IMAGE))
    await wallets.charge(
        ctx,
        STUDIO,
        customer.id,
        operation=IMAGE,
        quantity=images,
        metadata={"description": what},
        key=f"demo:{what}",
    )


async def _draw(ctx: Context, gallery: Gallery, customer: Customer, operation: str, prompt: str) -> None:
    if operation in ctx.catalog.operations:
        wish = Wish(operation, prompt, f"demo:{operation}:{prompt}", seconds=3)
        with contextlib.suppress(InsufficientCredits):  # a catalog where one picture costs more than a plan
            await make(ctx, STUDIO, gallery, customer.id, wish)


LIVES = {MIA.id: _mia, NOOR.id: _noor, SAM.id: _sam}
