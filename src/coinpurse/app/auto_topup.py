"""Automatic top-up (P4): below a threshold a pack is bought with the card on file, once for each dip.

The database decides that a purchase begins and keeps its attempt, which is the idempotency key at the
provider. Whatever happens between asking and knowing, the very same is asked for again: one attempt, one
payment."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

from coinpurse.app import billing
from coinpurse.app.context import Context, Who, check_amount
from coinpurse.domain.auto_topup import AutoTopup
from coinpurse.domain.catalog import Pack
from coinpurse.domain.errors import Conflict, Invalid, NotFound
from coinpurse.domain.facts import Purchase
from coinpurse.domain.ports import Buyer, Item, ProviderError
from coinpurse.store.directory import Known

PATIENCE = 60.0  # seconds that the provider has to answer
LEASE = 120  # seconds for which a purchase is one worker's; it always knows, or has given up, before
MOST_PER_MONTH = 1000
AT_ONCE = 20  # accounts in one look
DUE = "SELECT account FROM coinpurse.auto_topups WHERE due_at <= clock_timestamp() ORDER BY due_at LIMIT %s"
BUYER = "SELECT id, test, email, name, locale FROM coinpurse.accounts WHERE account = %s"
CUSTOMERS = """
    SELECT provider, customer FROM coinpurse.customers WHERE account = %s ORDER BY provider, customer"""


async def put_auto_topup(
    ctx: Context, who: Who, account: str, *, pack: str, below: int, most_per_month: int
) -> AutoTopup:
    """Sets an account's automatic top-up, or changes it; one that had stopped starts again. Raises
    AccountNotFound, Invalid, and Conflict where the account has no card on file."""
    sold = _pack(ctx, pack)
    check_amount(below, "/below", least=1)
    if below > sold.credits:
        raise Invalid.at(
            "/below", f"The pack has {sold.credits:,} credits, too few to come back above {below:,}."
        )
    whole = isinstance(most_per_month, int) and not isinstance(most_per_month, bool)
    if not whole or not 1 <= most_per_month <= MOST_PER_MONTH:
        raise Invalid.at("/most_per_month", f"It must be a whole number from 1 to {MOST_PER_MONTH:,}.")
    known = await ctx.directory.existing(account, who.test)
    provider, customer = await _customer(ctx, known, sold)
    await ctx.db.call(
        "put_auto_topup",
        account=known.digest,
        pack=pack,
        below=below,
        most=most_per_month,
        provider=provider,
        customer=customer,
    )
    return await get_auto_topup(ctx, who, account)


def _pack(ctx: Context, pack: str) -> Pack:
    if pack not in ctx.catalog.packs:
        raise Invalid.at(
            "/pack", f"The catalog has no pack {pack!r}. It has: {', '.join(ctx.catalog.packs)}."
        )
    return ctx.catalog.packs[pack]


async def _customer(ctx: Context, known: Known, pack: Pack) -> tuple[str, str]:
    """A provider that sells the pack and knows the account as a customer."""
    for row in await ctx.db.rows(CUSTOMERS, [known.digest]):
        if row["provider"] in ctx.providers and row["provider"] in pack.price.providers:
            return row["provider"], row["customer"]
    raise Conflict(
        "There is no card on file with which the pack could be bought. Let the customer buy something first, "
        "at a payment provider that sells it."
    )


async def get_auto_topup(ctx: Context, who: Who, account: str) -> AutoTopup:
    """An account's automatic top-up. Raises AccountNotFound, and NotFound where it has none."""
    known = await ctx.directory.existing(account, who.test)
    row = await ctx.db.call("read_auto_topup", account=known.digest)
    if row is None:
        raise NotFound(f"The account {account!r} has no automatic top-up.")
    return AutoTopup(account=known.id, **row)


async def remove_auto_topup(ctx: Context, who: Who, account: str) -> AutoTopup:
    """Ends it, and says how it stood; a purchase under way is seen through. Raises AccountNotFound,
    NotFound."""
    found = await get_auto_topup(ctx, who, account)
    digest = (await ctx.directory.existing(account, who.test)).digest
    await ctx.db.call("remove_auto_topup", account=digest)
    return found


async def due(ctx: Context) -> list[UUID]:
    """The accounts at which the worker is to look."""
    return [row["account"] for row in await ctx.db.rows(DUE, [AT_ONCE])]


async def top_up(ctx: Context, account: UUID) -> str | None:
    """Looks at one account that is due, and buys what is to be bought; answers what came of it, in a word, or
    None where there was nothing to do."""
    job = await ctx.db.call("begin_topup", account=account, offers=_offers(ctx), seconds=LEASE)
    if job is None:
        return None
    attempt = UUID(job["attempt"])
    buyer = Buyer(**await _buyer(ctx, account), customer=job["customer"])
    try:
        bought = await _buy(ctx, job, buyer)
    except ProviderError as error:
        if not error.passing:
            await ctx.db.call("end_topup", account=account, attempt=attempt, error=str(error))
            return "stopped"
        await _put_off(ctx, account, attempt, None)
        return "unknown"
    except TimeoutError:
        await _put_off(ctx, account, attempt, None)
        return "unknown"
    return await _note(ctx, account, attempt, job["provider"], bought, buyer)


def _offers(ctx: Context) -> dict[str, Any]:
    """What each pack costs, and is called, at each provider."""
    return {
        pack.id: {
            provider: {
                "price": price,
                "amount": pack.price.minor,
                "currency": pack.price.currency,
                "credits": pack.credits,
            }
            for provider, price in pack.price.providers.items()
        }
        for pack in ctx.catalog.packs.values()
    }


async def _buyer(ctx: Context, account: UUID) -> dict[str, Any]:
    row = (await ctx.db.rows(BUYER, [account]))[0]
    return {"account": row.pop("id"), **row}


async def _buy(ctx: Context, job: Any, buyer: Buyer) -> Purchase:
    """Asks the provider, by the attempt as the key. Raises ProviderError, TimeoutError."""
    provider, offer = ctx.providers.get(job["provider"]), job["offer"]
    if provider is None:
        raise ProviderError(f"The payment provider {job['provider']!r} is not configured here.")
    async with asyncio.timeout(PATIENCE):
        bought = await provider.buy(
            buyer,
            Item(price=offer["price"], pack=offer["pack"]),
            amount=offer["amount"],
            currency=offer["currency"],
            reference=job["attempt"],
        )
    return bought if bought.account else replace(bought, account=buyer.account)


async def _note(
    ctx: Context, account: UUID, attempt: UUID, provider: str, bought: Purchase, buyer: Buyer
) -> str:
    """What is known is written: first the credits, then that the purchase has ended, so that the next look
    sees a balance with them in it."""
    if bought.state in ("failed", "expired"):
        error = "The card was refused, or wants its owner's consent. Ask the customer to look at it."
        await ctx.db.call("end_topup", account=account, attempt=attempt, error=error)
        return "stopped"
    applied = await billing.apply(ctx, provider, [bought], test=buyer.test)
    if bought.state == "pending":
        await _put_off(ctx, account, attempt, bought.purchase)
        return "pending"
    if applied.status != "applied":  # paid, and not given yet: asked for again it answers the same
        await _put_off(ctx, account, attempt, None)
        return "not applied"
    await ctx.db.call("end_topup", account=account, attempt=attempt, error=None)
    return "bought"


async def _put_off(ctx: Context, account: UUID, attempt: UUID, purchase: str | None) -> None:
    await ctx.db.call("put_off_topup", account=account, attempt=attempt, purchase=purchase)
