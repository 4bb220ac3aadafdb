"""Buying: the built-in test checkout of the `manual` provider, on the same path that a real provider's
payment takes."""

import secrets
from dataclasses import dataclass
from typing import Any, Literal

from coinpurse.app import grants, subscriptions
from coinpurse.app.context import Context, Who, key_and_fingerprint
from coinpurse.domain.credits import Grant
from coinpurse.domain.errors import Conflict, Invalid, NotFound
from coinpurse.store.db import Database

PROVIDER = "manual"


@dataclass(frozen=True, slots=True)
class Checkout:
    """Something on its way to be bought. `amount` is money, as text, exactly as in the catalog; `test` says
    that it is for a test account."""

    id: str
    url: str
    account: str
    status: Literal["open", "paid", "expired"]
    pack: str | None
    plan: str | None
    interval: str | None
    name: str
    amount: str
    currency: str
    credits: int
    return_url: str | None
    test: bool


async def start_checkout(
    ctx: Context,
    who: Who,
    account: str,
    *,
    pack: str | None = None,
    plan: str | None = None,
    interval: str | None = None,
    return_url: str | None = None,
    key: str | None = None,
) -> Checkout:
    """Opens a checkout for a pack, or for a plan and interval. The same key opens the same one."""
    if (pack is None) == (plan is None):
        raise Invalid.at("/pack", "Name either a pack or a plan.")
    known = await ctx.directory.existing(account, who.test)
    item = _pack_item(ctx, pack) if pack is not None else _plan_item(ctx, str(plan), interval or "month")
    item |= {"test": known.test}
    id = f"co_{_opened_by(key, account, item) or secrets.token_hex(16)}"
    await _insert(ctx.db, id, account, item, return_url)
    return await get_checkout(ctx, id)


def _opened_by(key: str | None, account: str, item: dict[str, Any]) -> str | None:
    return key_and_fingerprint(f"{account}:{key}"[:255])["key"].hex if key is not None else None


def _pack_item(ctx: Context, pack: str) -> dict[str, Any]:
    if pack not in ctx.catalog.packs:
        raise Invalid.at(
            "/pack", f"The catalog has no pack {pack!r}. It has: {', '.join(ctx.catalog.packs)}."
        )
    sold = ctx.catalog.packs[pack]
    return {
        "pack": pack,
        "name": sold.name,
        "credits": sold.credits,
        "amount": sold.price.text,
        "currency": sold.price.currency,
    }


def _plan_item(ctx: Context, plan: str, interval: str) -> dict[str, Any]:
    sold = subscriptions.plan_of(ctx, plan)
    subscriptions.check_interval(interval)
    price = sold.prices.get("year" if interval == "year" else "month")
    if price is None:
        raise Invalid.at("/interval", f"The plan {plan!r} is not sold by the {interval}.")
    return {
        "plan": plan,
        "interval": interval,
        "name": sold.name,
        "credits": sold.monthly_credits,
        "amount": price.text,
        "currency": price.currency,
    }


async def _insert(db: Database, id: str, account: str, item: dict[str, Any], return_url: str | None) -> None:
    stored = await db.call("open_checkout", checkout=id, account=account, item=item, return_url=return_url)
    if stored != item:
        raise Conflict("This idempotency key opened a checkout for something else. Use a new key.")


async def get_checkout(ctx: Context, id: str) -> Checkout:
    """A checkout. Raises NotFound."""
    row = await _row(ctx, id)
    item = row["item"]
    return Checkout(
        id=id,
        url=f"{ctx.settings.public_url}/checkout/{id}",
        account=row["account"],
        status=row["status"],
        pack=item.get("pack"),
        plan=item.get("plan"),
        interval=item.get("interval"),
        name=item["name"],
        amount=item["amount"],
        currency=item["currency"],
        credits=item["credits"],
        return_url=row["return_url"],
        test=item["test"],
    )


async def _row(ctx: Context, id: str) -> dict[str, Any]:
    rows = await ctx.db.rows("SELECT * FROM coinpurse.checkouts WHERE checkout = %s", [id])
    if not rows:
        raise NotFound(f"There is no checkout {id!r}.")
    return rows[0]


async def pay_checkout(ctx: Context, id: str) -> Checkout:
    """The test provider says that a checkout of a test account was paid. However often it says so: one grant,
    or one subscription (P2). Raises Conflict for a live account."""
    row = await _row(ctx, id)
    if not row["item"]["test"]:
        raise Conflict(
            "Nothing can be bought here yet: no payment provider is connected. Nothing was charged."
        )
    if row["status"] == "expired":
        raise Conflict("This checkout has expired. Nothing was bought: start again.")
    item, who = row["item"], Who("provider:manual", row["item"]["test"])
    if "pack" in item:
        await topup(
            ctx,
            who,
            row["account"],
            credits=item["credits"],
            provider=PROVIDER,
            reference=id,
            source={"pack": item["pack"]},
        )
    else:
        await subscriptions.subscribe(
            ctx, who, row["account"], plan=item["plan"], interval=item["interval"], reference=id
        )
    await ctx.db.call("close_checkout", checkout=id)
    return await get_checkout(ctx, id)


async def topup(
    ctx: Context,
    who: Who,
    account: str,
    *,
    credits: int,
    provider: str,
    reference: str,
    source: dict[str, Any] | None = None,
) -> Grant:
    """A paid top-up becomes an add-on grant that never expires (P1); the payment's reference makes it one
    grant, whoever reports it how often (P2)."""
    answer = await ctx.db.call(
        "give",
        account=await ctx.directory.account(account, who.test),
        kind="addon",
        amount=credits,
        expires_at=None,
        priority=0,
        source={"type": "topup", "provider": provider, "reference": reference, **(source or {})},
        actor=who.actor,
        reason=None,
        provider=provider,
        reference=reference,
        **key_and_fingerprint(None, "topup", reference),
    )
    return await grants.given(ctx, account, answer)
