"""Subscriptions: what gives monthly credits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import structlog

from coinpurse.app import asking, events, upkeep, wallets
from coinpurse.app.context import Context, Who, key_and_fingerprint
from coinpurse.app.plans import check_interval, plan_line, plan_of, price_at, price_of, terms
from coinpurse.domain.credits import (
    Page,
    Period,
    Preview,
    Renewal,
    RenewalEvent,
    Subscription,
    SubscriptionChange,
)
from coinpurse.domain.errors import Conflict, Invalid, NotFound
from coinpurse.domain.facts import Fact
from coinpurse.domain.ids import make_id
from coinpurse.domain.ports import Provider
from coinpurse.store import shapes
from coinpurse.store.db import instant
from coinpurse.store.refusals import raise_refusal

UPGRADES = ("difference", "prorated", "restart", "at_renewal")
MOST_TRIAL_DAYS = 730
log = structlog.get_logger("coinpurse.subscriptions")
MOST_SWEPT = 1_000
MOST_PERIODS = 120


async def subscribe(
    ctx: Context,
    who: Who,
    account: str,
    *,
    plan: str,
    interval: str = "month",
    starts_at: datetime | None = None,
    trial_days: int = 0,
    provider: str = "manual",
    reference: str | None = None,
    key: str | None = None,
) -> SubscriptionChange:
    """Begins a subscription (T1). Without a trial its first interval counts as paid; with one nothing is paid
    until the trial's end (B8)."""
    sold = plan_of(ctx, plan)
    check_interval(interval)
    if (
        not isinstance(trial_days, int)
        or isinstance(trial_days, bool)
        or not 0 <= trial_days <= MOST_TRIAL_DAYS
    ):
        raise Invalid.at("/trial_days", f"It is a whole number of days from 0 to {MOST_TRIAL_DAYS}.")
    if starts_at is not None and starts_at.tzinfo is None:
        raise Invalid.at("/starts_at", "The instant needs its offset from UTC, such as a closing Z.")
    answer = await ctx.db.call(
        "subscribe",
        account=await ctx.directory.account(account, who.test),
        provider=provider,
        terms=terms(sold, interval),
        starts_at=starts_at,
        trial_days=trial_days,
        trial_credits=sold.monthly_credits if sold.trial_credits is None else sold.trial_credits,
        actor=who.actor,
        reference=reference,
        **key_and_fingerprint(key, "subscribe", plan, interval, starts_at, trial_days, provider, reference),
    )
    return changed(account, answer)


def changed(account: str, answer: Any) -> SubscriptionChange:
    """The answer to an act on a subscription. Raises what was refused."""
    raise_refusal(answer, account)
    return shapes.subscription_change(account, answer["answer"], answer["status"] == "replayed")


async def pay(
    ctx: Context, who: Who, id: str, *, periods: int = 1, reference: str | None = None, key: str | None = None
) -> SubscriptionChange:
    """Records a payment made elsewhere for `periods` billing intervals; moves `paid_through` by as many (T6).
    A `reference` makes it count once (P2). Raises Conflict where a payment provider collects."""
    if not isinstance(periods, int) or isinstance(periods, bool) or not 1 <= periods <= MOST_PERIODS:
        raise Invalid.at("/periods", f"It is a whole number of billing intervals from 1 to {MOST_PERIODS}.")
    return await _act(
        ctx,
        who,
        id,
        "pay",
        key,
        (periods, reference),
        None,
        periods=periods,
        actor=who.actor,
        provider="manual",
        reference=reference,
    )


async def cancel(
    ctx: Context,
    who: Who,
    id: str,
    *,
    at: Literal["period_end", "now"] = "period_end",
    reason: str | None = None,
    key: str | None = None,
) -> SubscriptionChange:
    """Cancels at the end of what is paid (B3), or now (B4): at the payment provider, where one sold it."""
    if at not in ("period_end", "now"):
        raise Invalid.at("/at", "It is period_end or now.")
    return await _act(
        ctx,
        who,
        id,
        "cancel",
        key,
        (at, reason),
        lambda provider, reference, present: provider.cancel(reference, at=at, now=present),
        now=at == "now",
        actor=who.actor,
        reason=reason,
    )


async def resume(ctx: Context, who: Who, id: str, *, key: str | None = None) -> SubscriptionChange:
    """Undoes a cancellation (B3), or takes a paused subscription up again (B11)."""
    return await _act(
        ctx,
        who,
        id,
        "resume",
        key,
        (),
        lambda provider, reference, present: provider.resume(reference, now=present),
        actor=who.actor,
    )


async def pause(ctx: Context, who: Who, id: str, *, key: str | None = None) -> SubscriptionChange:
    """Stops new periods (B11)."""
    return await _act(
        ctx,
        who,
        id,
        "pause",
        key,
        (),
        lambda provider, reference, present: provider.pause(reference, now=present),
        actor=who.actor,
    )


async def change(
    ctx: Context,
    who: Who,
    id: str,
    *,
    plan: str,
    interval: str | None = None,
    policy: str | None = None,
    key: str | None = None,
) -> SubscriptionChange:
    """Changes plan or interval (B5, B9); without a policy by the catalog's. A payment provider decides itself
    when a change takes effect, so a policy for its subscriptions is refused."""
    now = await get_subscription(ctx, who, id)
    if policy is not None and now.provider != "manual":
        detail = f"{now.provider} collects for this subscription and decides that: leave the policy out."
        raise Invalid.at("/policy", detail)
    to, chosen = await _choice(ctx, who, now, plan, interval, policy)
    asked, elsewhere = (plan, interval, policy), _change_there(ctx, now, plan, interval or now.interval)
    return await _act(ctx, who, id, "change", key, asked, elsewhere, terms=to, policy=chosen, actor=who.actor)


def _change_there(ctx: Context, now: Subscription, plan: str, interval: str) -> asking.Act:
    """The change as it is asked of a provider. A change that waits here for the renewal has been made there
    already, without money: so what leads back to no more than is paid for costs nothing, and what leads to
    more is reckoned from what is paid for."""

    def price_there(provider: Provider, plan: str, interval: str) -> str:
        price = price_of(plan_of(ctx, plan), interval)
        return price_at(price, provider.name, plan_line(plan, interval), "/plan")

    async def elsewhere(provider: Provider, reference: str, present: datetime) -> Sequence[Fact]:
        price, waiting = price_there(provider, plan, interval), now.pending_change
        settled = interval == now.interval and _no_more(ctx, plan, now.plan)
        if waiting and waiting.interval == now.interval and not settled:
            back = price_there(provider, now.plan, now.interval)
            await provider.change(reference, price=back, now=present, settled=True)
        return await provider.change(reference, price=price, now=present, settled=settled)

    return elsewhere


def _no_more(ctx: Context, plan: str, running: str) -> bool:
    """Whether a plan gives no more than the running one, by the catalog: it has them by the piece, whatever
    the quantity is."""
    now = ctx.catalog.plan_sold(running)
    return plan == running or (now is not None and plan_of(ctx, plan).monthly_credits <= now.monthly_credits)


async def _choice(
    ctx: Context, who: Who, now: Subscription, plan: str, interval: str | None, policy: str | None
) -> tuple[dict[str, Any], str]:
    """The terms after a change and the policy by which it is made."""
    to = plan_of(ctx, plan)
    check_interval(interval or now.interval)
    if policy is not None and policy not in UPGRADES:
        raise Invalid.at("/policy", f"It is one of {', '.join(UPGRADES)}.")
    known, ref = await ctx.directory.owner("su", now.id, who.test)
    sold = await asking.sold_by(ctx, known.digest, ref.act)
    after = terms(to, interval or now.interval, sold.quantity if sold else None)
    less = after["allocation"] < now.allocation
    default = ctx.catalog.policies.downgrade if less else ctx.catalog.policies.upgrade
    if now.provider != "manual" and default == "restart":  # the provider's anchor decides, not ours
        default = "at_renewal" if less else "difference"
    return after, policy or default


async def preview(
    ctx: Context, who: Who, id: str, *, plan: str, interval: str | None = None, policy: str | None = None
) -> Preview:
    """The credits and dates after a change, before it is made (U2): it is really made, and taken back with
    its transaction."""
    known, ref = await ctx.directory.owner("su", id, who.test)
    before = await wallets.balance(ctx, who, known.id)
    now = await get_subscription(ctx, who, id)
    to, chosen = await _choice(ctx, who, now, plan, interval, policy)
    answer = await ctx.db.rehearse(
        "change",
        account=known.digest,
        subscription=ref.act,
        terms=to,
        policy=chosen,
        actor=who.actor,
        **key_and_fingerprint(None, "preview"),
    )
    after = changed(known.id, answer)
    pending = after.subscription.pending_change
    return Preview(
        policy=chosen,
        subscription=after.subscription,
        balance=after.balance,
        available_before=before.available,
        available_after=after.balance.available,
        effective_at=pending.at if pending else after.balance.as_of,
    )


async def _act(
    ctx: Context,
    who: Who,
    id: str,
    function: str,
    key: str | None,
    asked: tuple[Any, ...],
    elsewhere: asking.Act | None,
    **arguments: Any,
) -> SubscriptionChange:
    """Does an act on a subscription here, or where it was sold."""
    known, ref = await ctx.directory.owner("su", id, who.test)
    arguments |= {"account": known.digest, "subscription": ref.act}
    arguments |= key_and_fingerprint(key, function, id, *asked)
    sold = await asking.sold_by(ctx, known.digest, ref.act)
    if sold is None:
        return changed(known.id, await ctx.db.call(function, **arguments))
    if elsewhere is None:
        raise Conflict(
            f"{sold.provider} collects for this subscription ({sold.reference}) and tells of each payment. "
            "Record what was paid elsewhere there."
        )
    replayed = await _refused_here(ctx, known.id, function, arguments)
    if not replayed:
        await asking.have_done(ctx, sold, elsewhere, test=known.test)
        why = {"actor": who.actor, "reason": arguments.get("reason")}  # the act here is the provider's
        log.info("done at the provider", act=function, subscription=id, provider=sold.provider, **why)
        kept = {name: arguments[name] for name in ("account", "key", "fingerprint")}
        await ctx.db.call("remember_asked", **kept)
    now = await get_subscription(ctx, who, id)
    return SubscriptionChange(now, await wallets.balance(ctx, who, known.id), replayed)


async def _refused_here(ctx: Context, account: str, function: str, arguments: dict[str, Any]) -> bool:
    """Raises what would be refused if the act were done here: it needn't be asked for. Says whether it was
    done before, by its key (S8)."""
    answer = await ctx.db.rehearse(function, **arguments)
    if answer["status"] == "cannot_change_now":
        raise Conflict(
            f"The subscription is {answer['state']}, so it can't be changed now. Its payment has to be "
            "settled first; the customer can do that in the provider's portal.",
            state=answer["state"],
        )
    raise_refusal(answer, account)
    replayed: bool = answer["status"] == "replayed"
    return replayed


async def subscriptions(ctx: Context, who: Who, account: str) -> list[Subscription]:
    """All subscriptions of an account as they stand now, ended ones too, oldest first."""
    digest = await ctx.directory.account(account, who.test)
    return list((await wallets.standing(ctx, account, digest)).subscriptions)


async def get_subscription(ctx: Context, who: Who, id: str) -> Subscription:
    """A subscription as it stands now. Raises NotFound."""
    known, _ = await ctx.directory.owner("su", id, who.test)
    for one in await subscriptions(ctx, who, known.id):
        if one.id == id:
            return one
    raise NotFound(f"There is no subscription {id!r}.")


RENEWALS = """
    SELECT * FROM coinpurse.renewals
     WHERE (%(account)s::uuid IS NULL OR account = %(account)s) AND (%(state)s::text IS NULL OR
       state = %(state)s)
       AND (%(before)s::timestamptz IS NULL OR (period_start, account, subscription) < (%(before)s,
         %(digest)s::uuid, %(number)s::bigint))
       AND (%(test)s::boolean IS NULL OR EXISTS (SELECT FROM coinpurse.accounts a WHERE a.account =
         renewals.account AND a.test = %(test)s))
     ORDER BY period_start DESC, account DESC, subscription DESC LIMIT %(limit)s"""
STATES = ("expected", "provisional", "granted", "late", "failed", "skipped")


async def renewals(
    ctx: Context,
    who: Who,
    *,
    state: str | None = None,
    account: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Renewal]:
    """Periods and what became of them, newest first (T7). What is due is made durable first, so that a late
    one is listed whoever has looked (T4)."""
    if state is not None and state not in STATES:
        raise Invalid.at("/state", f"It is one of {', '.join(STATES)}.")
    digest = (await ctx.directory.existing(account, who.test)).digest if account is not None else None
    await upkeep.sweep(ctx, MOST_SWEPT)
    before, after_digest, number = _cursor(cursor)
    rows = await ctx.db.rows(
        RENEWALS,
        {
            "account": digest,
            "state": state,
            "before": before,
            "digest": after_digest,
            "number": number,
            "test": who.test,
            "limit": limit + 1,
        },
    )
    names = await ctx.directory.names(list({row["account"] for row in rows}))
    last = rows[limit - 1] if len(rows) > limit else None
    following = (
        f"{last['period_start'].isoformat()} {last['account']} {last['subscription']}" if last else None
    )
    arrived = await events.arrived(ctx, rows[:limit])
    pairs = zip(rows[:limit], arrived, strict=True)
    return Page([_renewal(names[row["account"]].id, row, came) for row, came in pairs], following)


def _cursor(cursor: str | None) -> tuple[datetime | None, str | None, int | None]:
    if cursor is None:
        return None, None, None
    try:
        start, digest, number = cursor.split(" ")
        if not 0 < int(number) < 2**63:
            raise ValueError(number)
        return instant(start), str(UUID(digest)), int(number)
    except (ValueError, OverflowError):
        raise Invalid.at("/cursor", "It is not a cursor that this list gave.") from None


def _renewal(account: str, row: Any, arrived: list[RenewalEvent]) -> Renewal:
    return Renewal(
        account=account,
        subscription=make_id("su", row["account"], row["subscription"]),
        plan=row["plan"],
        period=Period(row["period_start"], row["period_end"]),
        state=row["state"],
        policy=row["policy"],
        unpaid=row["unpaid"],
        changed_at=row["changed_at"],
        events=arrived,
    )
