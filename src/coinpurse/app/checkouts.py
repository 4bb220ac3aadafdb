"""Buying: a checkout at the payment provider that sells a pack or plan, else the built-in test checkout of
the `manual` provider."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from coinpurse.app import asking, billing, grants, plans, subscriptions
from coinpurse.app.context import Context, Who, key_and_fingerprint
from coinpurse.domain.credits import Grant
from coinpurse.domain.errors import Conflict, IdempotencyConflict, Invalid, NotFound
from coinpurse.domain.facts import Linked
from coinpurse.domain.ids import parse_id
from coinpurse.domain.money import Price
from coinpurse.domain.ports import Buyer, Item, Opened
from coinpurse.store.directory import Known

MANUAL = "manual"
Status = Literal["open", "pending", "paid", "failed", "expired"]
#: A plan's checkout is paid once its provider has sold a subscription that was not there when it was opened:
#: providers tell of subscriptions, not of what led to them. One that nobody has paid ends by its date.
ROWS = """
    SELECT c.*, c.expires_at < coalesce(w.clock, clock_timestamp()) AS over,
           EXISTS (SELECT FROM coinpurse.standings k
                     JOIN coinpurse.subscriptions s
                       ON s.account = k.account AND s.subscription = k.subscription
                    WHERE k.provider = c.provider AND k.account = a.account
                      AND s.plan = c.item->>'plan' AND s.subscription > c.latest_subscription) AS sold
      FROM coinpurse.checkouts c
      LEFT JOIN coinpurse.accounts a ON a.id = c.account AND a.test = (c.item->>'test')::boolean
      LEFT JOIN coinpurse.wallets w ON w.account = a.account"""


@dataclass(frozen=True, slots=True)
class Checkout:
    """Something on its way to be bought. `amount` is money, as text, exactly as in the catalog; `test` says
    that it is for a test account. `pending`: paid by a way that takes days, such as a bank debit (P1)."""

    id: str
    url: str
    account: str
    status: Status
    provider: str
    pack: str | None
    plan: str | None
    interval: str | None
    name: str
    amount: str
    currency: str
    credits: int
    return_url: str | None
    expires_at: datetime | None
    test: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """What is for sale: what a checkout shows of it, its price, and where the catalog has that (with the
    field of the request that asked for it)."""

    item: dict[str, Any]
    price: Price
    line: str
    pointer: str

    def price_at(self, provider: str) -> str:
        """The price's id at a provider. Raises Invalid."""
        return plans.price_at(self.price, provider, self.line, self.pointer)


async def start_checkout(
    ctx: Context,
    who: Who,
    account: str,
    *,
    pack: str | None = None,
    plan: str | None = None,
    interval: str | None = None,
    additional: bool = False,
    return_url: str | None = None,
    key: str | None = None,
) -> Checkout:
    """Opens a checkout for a pack, or for a plan and interval, where it can be paid. The same key opens the
    same one, however far an earlier try came. A second subscription beside one that runs is opened if it is
    asked for as `additional` (B12). Raises Conflict, Invalid, Unavailable."""
    if (pack is None) == (plan is None):
        raise Invalid.at("/pack", "Name either a pack or a plan.")
    known = await ctx.directory.existing(account, who.test)
    offer = _pack_offer(ctx, pack) if pack is not None else _plan_offer(ctx, str(plan), interval or "month")
    item = offer.item | {"test": known.test}
    id = f"co_{_opened_by(key, account) or secrets.token_hex(16)}"
    row = await _find(ctx, id)
    if row is None:
        seller = _seller(ctx, offer)
        sells_there = plan is not None and seller != MANUAL
        latest = await _latest(ctx, known, seller, additional) if sells_there else 0
        row = await _insert(ctx, id, account, item, return_url, seller, latest)
    if row["item"] != item:
        raise IdempotencyConflict("This idempotency key opened a checkout for something else. Use a new key.")
    if row["provider"] != MANUAL and row["url"] is None and row["status"] == "open":
        await _open_there(ctx, known, row, offer)
    return await get_checkout(ctx, id)


def _opened_by(key: str | None, account: str) -> str | None:
    return key_and_fingerprint(f"{account}:{key}"[:255])["key"].hex if key is not None else None


def _pack_offer(ctx: Context, pack: str) -> Offer:
    sold = plans.pack_of(ctx, pack)
    item = {"pack": pack, "name": sold.name, "credits": sold.credits}
    return _offer(item, sold.price, plans.pack_line(pack), "/pack")


def _plan_offer(ctx: Context, plan: str, interval: str) -> Offer:
    sold = plans.plan_of(ctx, plan)
    price = plans.price_of(sold, interval)
    item = {"plan": plan, "interval": interval, "name": sold.name, "credits": sold.monthly_credits}
    return _offer(item, price, plans.plan_line(plan, interval), "/plan")


def _offer(item: dict[str, Any], price: Price, line: str, pointer: str) -> Offer:
    return Offer(item | {"amount": price.text, "currency": price.currency}, price, line, pointer)


def _seller(ctx: Context, offer: Offer) -> str:
    """Who sells it: the first provider that has a price for it, or nobody but ourselves. Raises Invalid."""
    able = plans.sellers(ctx)
    for name in able:
        if name in offer.price.providers:
            return name
    if able:
        offer.price_at(able[0])
    return MANUAL


async def _latest(ctx: Context, known: Known, seller: str, additional: bool) -> int:
    """The number of the account's latest subscription, before a plan is sold. Raises Conflict where it would
    be sold a second one by mistake: that is a change of the one that runs."""
    every = await subscriptions.subscriptions(ctx, Who("checkout", known.test), known.id)
    for one in every:
        if one.provider == seller and one.status != "ended" and not additional:
            raise Conflict(
                f"This account has a running {one.plan} subscription at {seller} already ({one.id}). Change "
                f"that one instead: POST /v1/subscriptions/{one.id}/change, or change(). To sell another "
                "one beside it (a further seat), ask for an additional one.",
                subscription=one.id,
            )
    return max((parse_id("su", one.id).act for one in every), default=0)


async def _insert(
    ctx: Context,
    id: str,
    account: str,
    item: dict[str, Any],
    return_url: str | None,
    provider: str,
    latest: int,
) -> dict[str, Any]:
    await ctx.db.call(
        "open_checkout",
        checkout=id,
        account=account,
        item=item,
        return_url=return_url,
        provider=provider,
        latest_subscription=latest,
    )
    return await _row(ctx, id)


async def _open_there(ctx: Context, known: Known, row: dict[str, Any], offer: Offer) -> None:
    """Opens a checkout at its provider. Our id is the reference: tried again, it is the same one there."""
    name = row["provider"]
    provider = asking.provider_of(ctx, name)
    item = Item(
        price=offer.price_at(name),
        pack=row["item"].get("pack"),
        plan=row["item"].get("plan"),
        interval=row["item"].get("interval"),
    )
    back = row["return_url"] or f"{ctx.settings.public_url}/subscriptions"
    opened = await asking.ask(
        name,
        provider.check_out(
            await _buyer(ctx, known, name),
            item,
            reference=row["checkout"],
            success_url=way_back(back, row["checkout"], "done"),
            cancel_url=way_back(back, row["checkout"], "left"),
        ),
    )
    await _keep(ctx, known, row, opened)


async def _buyer(ctx: Context, known: Known, provider: str) -> Buyer:
    rows = await ctx.db.rows(
        "SELECT email, name, locale FROM coinpurse.accounts WHERE account = %s", [known.digest]
    )
    customer = await asking.customer_of(ctx, provider, known.digest)
    return Buyer(account=known.id, test=known.test, customer=customer, **rows[0])


async def _keep(ctx: Context, known: Known, row: dict[str, Any], opened: Opened) -> None:
    if opened.customer:
        link = Linked(customer=opened.customer, account=known.id)
        await billing.apply(ctx, row["provider"], [link], test=known.test)
    await ctx.db.call(
        "keep_checkout",
        checkout=row["checkout"],
        reference=opened.reference,
        url=opened.url,
        expires_at=opened.expires_at,
    )


def way_back(url: str, id: str, outcome: Literal["done", "left"]) -> str:
    """Where a buyer comes back to: the address with the checkout's id and whether they went through with it,
    so that the page there can say what became of it."""
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, f"checkout={id}&outcome={outcome}")))
    return urlunsplit(parts._replace(query=query))


async def get_checkout(ctx: Context, id: str) -> Checkout:
    """A checkout, for whoever knows its id. Raises NotFound."""
    return checkout_of(ctx, await _row(ctx, id))


async def find_checkout(ctx: Context, who: Who, id: str) -> Checkout:
    """A checkout of an account that the caller may see, and how it stands. Raises NotFound."""
    found = await get_checkout(ctx, id)
    if who.test not in (None, found.test):
        raise NotFound(f"There is no checkout {id!r}.")
    return found


def checkout_of(ctx: Context, row: dict[str, Any]) -> Checkout:
    """A checkout out of its row."""
    item = row["item"]
    return Checkout(
        id=row["checkout"],
        url=row["url"] or f"{ctx.settings.public_url}/checkout/{row['checkout']}",
        account=row["account"],
        status=_status(row),
        provider=row["provider"],
        pack=item.get("pack"),
        plan=item.get("plan"),
        interval=item.get("interval"),
        name=item["name"],
        amount=item["amount"],
        currency=item["currency"],
        credits=item["credits"],
        return_url=row["return_url"],
        expires_at=row["expires_at"],
        test=item["test"],
    )


def _status(row: dict[str, Any]) -> Status:
    status: Status = row["status"]
    if status == "open" and row["sold"]:
        return "paid"
    return "expired" if status == "open" and row["over"] else status


async def _find(ctx: Context, id: str) -> dict[str, Any] | None:
    rows = await ctx.db.rows(ROWS + " WHERE c.checkout = %s", [id])
    return rows[0] if rows else None


async def _row(ctx: Context, id: str) -> dict[str, Any]:
    row = await _find(ctx, id)
    if row is None:
        raise NotFound(f"There is no checkout {id!r}.")
    return row


async def pay_checkout(ctx: Context, id: str) -> Checkout:
    """The test provider says that a checkout of a test account was paid. However often it says so: one grant,
    or one subscription (P2). Raises Conflict for a live account."""
    row = await _row(ctx, id)
    if row["provider"] != MANUAL:
        raise Conflict(f"This checkout is paid at {row['provider']}, which tells when that has happened.")
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
            provider=MANUAL,
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
