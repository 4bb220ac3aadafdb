"""Asking a payment provider to do something, and applying what it answers. Never inside a transaction: a
provider may take seconds."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from coinpurse.app import billing
from coinpurse.app.context import Context
from coinpurse.domain.errors import Conflict, Unavailable
from coinpurse.domain.facts import Fact
from coinpurse.domain.ports import NotOurs, NotYet, Provider, ProviderError

T = TypeVar("T")
#: What is asked of a provider about a subscription, by its reference there; the instant is before asking.
Act = Callable[[Provider, str, datetime], Awaitable[Sequence[Fact]]]

ASK = 9.0  # seconds in which a provider has to answer: our own client gives up on us after 10
SOLD = """
    SELECT k.provider, k.reference, coalesce(s.quantity, 1) AS quantity FROM coinpurse.standings k
      JOIN coinpurse.subscriptions s USING (account, subscription) WHERE account = %s AND subscription = %s"""
#: The customer with a running subscription first: its invoices and cards are what people look for.
CUSTOMER = """
    SELECT c.customer FROM coinpurse.customers c
      LEFT JOIN coinpurse.standings k ON k.provider = c.provider AND k.account = c.account
            AND k.standing->>'customer' = c.customer AND k.standing->>'state' <> 'ended'
     WHERE c.provider = %s AND c.account = %s ORDER BY k.as_of DESC NULLS LAST, c.customer LIMIT 1"""


@dataclass(frozen=True, slots=True)
class Sold:
    """Which provider sold a subscription, its name for it, and how many of the plan it sold."""

    provider: str
    reference: str
    quantity: int


async def sold_by(ctx: Context, account: UUID, subscription: int) -> Sold | None:
    """Who sold a subscription; None for one that is kept here alone."""
    rows = await ctx.db.rows(SOLD, [account, subscription])
    return Sold(**rows[0]) if rows else None


async def customer_of(ctx: Context, provider: str, account: UUID) -> str | None:
    """The account's customer at a provider, where one is known."""
    rows = await ctx.db.rows(CUSTOMER, [provider, account])
    return rows[0]["customer"] if rows else None


def provider_of(ctx: Context, name: str) -> Provider:
    """A provider that can be asked from here. Raises Conflict."""
    provider = ctx.providers.get(name)
    if provider is None or not provider.can_ask:
        raise Conflict(
            f"This is at {name}, which can't be asked from here: set COINPURSE_{name.upper()}_API_KEY where "
            "this runs, or do it there. Nothing was changed."
        )
    return provider


async def in_time(name: str, answer: Awaitable[T], seconds: float = ASK) -> T:
    """What a provider answers, if it does so in time. Raises ProviderError."""
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError as error:
        raise ProviderError(f"{name} did not answer within {seconds:g} seconds.") from error


async def ask(name: str, answer: Awaitable[T]) -> T:
    """What a provider answers. Raises Unavailable where the same call may succeed later, else Conflict."""
    try:
        return await in_time(name, answer)
    except ProviderError as error:
        if not error.passing:
            raise Conflict(str(error)) from error
        again = "Nothing was changed here. Repeat the call with the same idempotency key: it is done once."
        raise Unavailable(f"{error} {again}", retry_after=3) from error
    except (NotOurs, NotYet) as error:
        raise Conflict(str(error)) from error


async def now(ctx: Context) -> datetime:
    """The database's clock: what a provider is asked for afterwards is newer."""
    rows = await ctx.db.rows("SELECT clock_timestamp() AS now")
    instant: datetime = rows[0]["now"]
    return instant


async def have_done(ctx: Context, sold: Sold, act: Act, *, test: bool) -> None:
    """Has a provider do something with a subscription, and follows what it answers. Raises Unavailable,
    Conflict."""
    provider = provider_of(ctx, sold.provider)
    facts = await ask(sold.provider, act(provider, sold.reference, await now(ctx)))
    applied = await billing.apply(ctx, sold.provider, facts, test=test)
    if applied.status == "failed":
        raise Conflict(
            f"{sold.provider} has done it, but it can't be followed here yet: {applied.outcome} Put that "
            "right; the event that tells of it is then worked off by itself."
        )
