"""Accounts in every state that the Subscriptions page has words for, lived through on a real database."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from coinpurse.app import accounts, billing, grants, sessions, subscriptions, wallets
from coinpurse.app.context import Context
from coinpurse.domain.facts import Fact, Returned
from coinpurse.settings import Settings
from coinpurse.wiring import open_context
from web.helpers import TESTER, customer, later, paid_line, spend, subscriber, topup_fact

Live = Callable[[Context], Awaitable[str]]


@dataclass(frozen=True)
class State:
    """A state: how an account gets there, and words that its page must then say."""

    live: Live
    says: tuple[str, ...]


async def tell(ctx: Context, *facts: Fact) -> None:
    """The payment provider's event arrives."""
    assert (await billing.apply(ctx, "stripe", facts, test=True)).status == "applied"


async def fresh(ctx: Context) -> str:
    """A new plan."""
    return (await subscriber(ctx, addon=250))[0]


async def annual(ctx: Context) -> str:
    """A year that is paid ahead."""
    return (await subscriber(ctx, interval="year"))[0]


async def busy(ctx: Context) -> str:
    """Some weeks of work, paid from several buckets."""
    account, _ = await subscriber(ctx, addon=500)
    await grants.grant(ctx, TESTER, account, kind="promo", amount=120, reason="Welcome")
    works = ("image.generate", "video.second", "image.upscale", "image.generate", "image.experimental")
    for day in range(20):
        await later(ctx, account, hours=24 * day + 5)
        for n in range(1 + day % 4):
            name = works[(day + n) % len(works)]
            await wallets.charge(ctx, TESTER, account, operation=name, quantity=2 + (7 * day + n) % 5)
        if day == 15:
            await spend(ctx, account, 390)
    await wallets.hold(ctx, TESTER, account, amount=24)
    return account


async def low(ctx: Context) -> str:
    """A tenth of the plan is left."""
    account, _ = await subscriber(ctx)
    await spend(ctx, account, 950)
    return account


async def monthly_gone(ctx: Context) -> str:
    """Monthly is empty, add-on pays."""
    account, _ = await subscriber(ctx, addon=250)
    await spend(ctx, account, 1000)
    return account


async def zero(ctx: Context) -> str:
    """Nothing is left."""
    account, _ = await subscriber(ctx)
    await spend(ctx, account, 1000)
    return account


async def renewed(ctx: Context) -> str:
    """A renewal that didn't bring the total back to the plan's figure (U4)."""
    account, made = await subscriber(ctx, addon=250)
    await subscriptions.pay(ctx, TESTER, made.id)
    await spend(ctx, account, 600)
    await later(ctx, account, months=1)
    return account


async def renewing(ctx: Context) -> str:
    """A strict renewal that waits for its payment."""
    account, _ = await subscriber(ctx, plan="strict", addon=20)
    await later(ctx, account, months=1)
    return account


async def confirming(ctx: Context) -> str:
    """A provisional renewal."""
    account, _ = await subscriber(ctx)
    await later(ctx, account, months=1)
    return account


async def late(ctx: Context) -> str:
    """A renewal of which the provider hasn't told."""
    account = await customer(ctx)
    await tell(ctx, paid_line(account))
    await later(ctx, account, months=1, hours=1)
    return account


async def past_due(ctx: Context) -> str:
    """A payment that never came."""
    account, _ = await subscriber(ctx, addon=250)
    await later(ctx, account, months=1, hours=25)
    return account


async def ending(ctx: Context) -> str:
    """Cancelled, with time left."""
    account, made = await subscriber(ctx, addon=250)
    await subscriptions.cancel(ctx, TESTER, made.id)
    return account


async def ended(ctx: Context) -> str:
    """Cancelled and over."""
    account = await ending(ctx)
    await later(ctx, account, months=1)
    return account


async def paused(ctx: Context) -> str:
    """A plan that rests."""
    account, made = await subscriber(ctx)
    await subscriptions.pause(ctx, TESTER, made.id)
    return account


async def trial(ctx: Context) -> str:
    """A plan that costs nothing yet."""
    return (await subscriber(ctx, trial_days=14))[0]


async def changing(ctx: Context) -> str:
    """A downgrade that waits for the renewal."""
    account, made = await subscriber(ctx, plan="studio")
    await subscriptions.change(ctx, TESTER, made.id, plan="starter")
    return account


async def pending(ctx: Context) -> str:
    """A top-up by bank debit that is on its way."""
    account, _ = await subscriber(ctx)
    await tell(ctx, topup_fact(account, "pending"))
    return account


async def failed(ctx: Context) -> str:
    """A top-up whose payment failed."""
    account, _ = await subscriber(ctx)
    await tell(ctx, topup_fact(account, "failed"))
    return account


async def frozen(ctx: Context) -> str:
    """A top-up whose payment is in dispute."""
    account, _ = await subscriber(ctx)
    await tell(ctx, topup_fact(account))
    await spend(ctx, account, 100)
    await tell(ctx, Returned(payment=f"pi_{account}_a", total=600, dispute=f"dp_{account}", disputed=600))
    return account


async def nothing(ctx: Context) -> str:
    """Nobody's first look."""
    return await customer(ctx)


STATES = {
    "fresh": State(fresh, ("1,000 of 1,000 monthly credits left", "1,000 credits every month")),
    "annual": State(annual, ("Resets 28 February 2026", "Renews 31 January 2027", "$120.00 every year")),
    "busy": State(busy, ("Used since 31 January 2026", "At this pace", "24 set aside by running work")),
    "low": State(low, ("Only 50 credits left", "Top up")),
    "monthly_gone": State(monthly_gone, ("Now using add-on credits", "0 of 1,000 monthly credits left")),
    "zero": State(zero, ("You have no credits to spend", "The next 1,000 come on 28 February 2026")),
    "renewed": State(renewed, ("Monthly went from 400 to 1,000; add-on stayed at 250.",)),
    "renewing": State(renewing, ("Strict is renewing", "You can spend your 20 add-on credits meanwhile.")),
    "confirming": State(confirming, ("The payment is being confirmed",)),
    "late": State(late, ("We are checking with the payment provider", "reference sub_customer")),
    "past_due": State(past_due, ("A payment for your plan is missing", "1,000 credits are kept for you")),
    "ending": State(ending, ("Your plan is cancelled and runs out", "Undo the cancellation")),
    "ended": State(ended, ("Your Starter plan has ended", "250 credits to spend")),
    "paused": State(paused, ("Your plan is paused", "Resume my plan")),
    "trial": State(trial, ("You are on a trial", "It costs nothing until 14 February 2026")),
    "changing": State(changing, ("A plan change is waiting", "Keep Studio")),
    "pending": State(pending, ("A top-up is on its way", "Your bank is still moving the money: 500 credits")),
    "failed": State(failed, ("A top-up did not go through",)),
    "frozen": State(frozen, ("A payment of yours is in dispute", "500 credits while a payment is disputed")),
    "nothing": State(nothing, ("You have no plan at the moment.", "Choose Starter")),
}  # fmt: skip


def prepare(database_url: str, catalog: Path, home: Path) -> dict[str, str]:
    """Lives through all of them; gives a session's token for each. In a loop of its own: Playwright's runs in
    this thread."""
    settings = replace(
        Settings.from_env({}),
        database_url=database_url,
        catalog=catalog,
        home=home,
        public_url="http://x.test",
    )

    async def live() -> dict[str, str]:
        async with open_context(settings) as ctx:
            return {name: await _token(ctx, await state.live(ctx), name) for name, state in STATES.items()}

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, live()).result()


async def _token(ctx: Context, account: str, name: str) -> str:
    await accounts.put_account(ctx, TESTER, account, name=name.replace("_", " ").capitalize())
    return (await sessions.create_session(ctx, TESTER, account, seconds=86_400)).token
