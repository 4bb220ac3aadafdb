"""The inbox: billing events from delivery to outcome (E1-E3).

A delivery is verified on its raw bytes, stored once and answered. A worker claims it later, asks the provider
for what it means, outside of any transaction, and has the facts applied. Whatever breaks in between leaves
the event waiting: it is claimed again, and since facts say how things stand, doing it twice does no harm.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import structlog

from coinpurse.app import asking, billing, subscriptions
from coinpurse.app.context import Context, Who
from coinpurse.domain.credits import Subscription
from coinpurse.domain.errors import CoinpurseError, Conflict, NotFound, ProviderFailed, WebhookRefused
from coinpurse.domain.facts import Fact
from coinpurse.domain.ids import account_digest
from coinpurse.domain.ports import Notice, NotOurs, NotYet, Provider, ProviderError, Refused

AT_ONCE = 8  # events of one provider that are worked on at the same time
ASK = 20.0  # seconds in which a provider has to answer all that is asked for one event
BOOKS = 15.0  # seconds in which an event's facts have to be applied: its account may be busy, or locked
LEASE = timedelta(seconds=45)  # nobody else takes a claimed event so long; longer than ASK and BOOKS
LONGEST = 255  # characters of an identifier; the providers' own are far shorter

CLAIM = "SELECT * FROM coinpurse.claim_events(%s, %s, %s)"
#: The fields of facts that name things which another event may be waiting for.
NAMES = {"customer", "subscription", "line", "invoice", "payment", "purchase", "dispute"}

log = structlog.get_logger("coinpurse.inbox")


@dataclass(frozen=True, slots=True)
class Received:
    """The answer to a delivery: its event's id, and whether it had come before."""

    received: str
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Claimed:
    """An event that is ours to work on for as long as the lease. `attempt` counts from 1, and fences: of two
    workers only the latest may say how it ended."""

    provider: str
    notice: Notice
    body: bytes
    attempt: int


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What came of asking the provider how a subscription stands: the outcome in words, to how many acts it
    led, and the subscription afterwards."""

    status: str
    outcome: str
    acts: int
    subscription: Subscription


async def receive(ctx: Context, provider: str, body: bytes, headers: Mapping[str, str]) -> Received:
    """Keeps a delivery, if it is to be believed (E3), once (E1). What it says is acted on afterwards, by a
    worker. Raises NotFound for a provider that isn't configured, and WebhookRefused."""
    known = ctx.providers.get(provider)
    if known is None:
        raise NotFound(f"No payment provider {provider!r} is configured here.")
    try:
        notice = _kept(known.verify(body, headers, await asking.now(ctx)))
    except Refused as why:
        log.warning("delivery refused", provider=provider, why=str(why))
        raise WebhookRefused(f"{why} Nothing was stored.") from why
    new = await ctx.db.call(
        "put_event",
        provider=provider,
        event=notice.id,
        type=notice.type,
        test=notice.test,
        created_at=notice.created_at,
        body=body,
        objects=list(notice.objects),
    )
    return Received(notice.id, not new)


def _kept(notice: Notice) -> Notice:
    """A notice that can be stored and indexed."""
    if not all(map(_is_name, (notice.id, notice.type))):
        raise Refused("The event's id and type must be short printable text.")
    objects = [name for name in dict.fromkeys(notice.objects) if _is_name(name)]
    return Notice(
        id=notice.id, type=notice.type, created_at=notice.created_at, test=notice.test, objects=objects
    )


def _is_name(text: str) -> bool:
    return 0 < len(text) <= LONGEST and text.isprintable()


async def claim(ctx: Context, limit: int, provider: str | None = None) -> list[Claimed]:
    """Up to `limit` events that are due, the longest due first, of one provider or of all that are configured
    here. Until the lease ends they are ours."""
    providers = list(ctx.providers) if provider is None else [provider]
    if not providers or limit <= 0:
        return []
    return [_claimed(row) for row in await ctx.db.rows(CLAIM, [providers, limit, LEASE])]


def _claimed(row: Any) -> Claimed:
    notice = Notice(
        id=row["event"],
        type=row["type"],
        created_at=row["created_at"],
        test=row["test"],
        objects=tuple(row["objects"]),
    )
    return Claimed(row["provider"], notice, bytes(row["body"]), row["attempts"])


async def work(ctx: Context, limit: int = AT_ONCE) -> int:
    """Works on up to `limit` events that are due, all at the same time, and says how many there were."""
    claimed = await claim(ctx, limit)
    await asyncio.gather(*(handle(ctx, event) for event in claimed))
    return len(claimed)


async def handle(ctx: Context, event: Claimed) -> None:
    """Brings one event to its outcome. Never raises: what can't even be written down is claimed again after
    the lease."""
    words = log.bind(provider=event.provider, event_id=event.notice.id, type=event.notice.type)
    try:
        status, outcome = await _outcome(ctx, event, words)
        words.info("billing event", status=status, outcome=outcome, attempt=event.attempt)
    except Exception as error:
        words.warning("billing event left for later", error=str(error), kind=type(error).__name__)


async def _outcome(ctx: Context, event: Claimed, words: Any) -> tuple[str, str]:
    """Has the event's facts applied, which marks it; or marks it ignored or failed, and says why."""
    try:
        found = await asking.in_time(event.provider, _facts(ctx, event), ASK)
        async with asyncio.timeout(BOOKS):
            applied = await billing.apply(
                ctx, event.provider, found, test=event.notice.test, event=event.notice.id
            )
    except NotOurs as why:
        return await _settle(ctx, event, "ignored", str(why))
    except (NotYet, ProviderError) as why:
        return await _settle(ctx, event, "failed", str(why))
    except CoinpurseError as why:
        return await _settle(ctx, event, "failed", why.detail)
    except TimeoutError:
        return await _settle(ctx, event, "failed", f"The account was locked for {BOOKS:g} seconds.")
    except Exception as error:
        words.exception("billing event broke")
        outcome = f"Something unexpected went wrong ({type(error).__name__}); the log has the details."
        return await _settle(ctx, event, "failed", outcome)
    if applied.status == "failed":
        return await _settle(ctx, event, "failed", applied.outcome, applied.account)
    await wake(ctx, event.provider, found, event.notice.objects)
    return "applied", applied.outcome


async def _facts(ctx: Context, event: Claimed) -> Sequence[Fact]:
    provider = ctx.providers[event.provider]
    await provider.hasten(event.notice, event.body)
    # Not the claim's instant: what is asked for now must count as newer than what others asked for meanwhile.
    return await provider.facts(event.notice, event.body, await asking.now(ctx))


async def _settle(
    ctx: Context, event: Claimed, status: str, outcome: str, account: str | None = None
) -> tuple[str, str]:
    await ctx.db.call(
        "settle_event",
        provider=event.provider,
        event=event.notice.id,
        status=status,
        outcome=outcome,
        attempt=event.attempt,
        account=account_digest(account, event.notice.test) if account else None,
    )
    return status, outcome


async def wake(ctx: Context, provider: str, facts: Iterable[Fact], objects: Iterable[str] = ()) -> int:
    """Has failed events that are about the same things tried again at once: they may have waited for just
    this. Says how many."""
    named = {getattr(fact, one.name) for fact in facts for one in fields(fact) if one.name in NAMES}
    woken: int = await ctx.db.call(
        "waken", provider=provider, objects=sorted({*filter(None, named), *objects})
    )
    return woken


async def look_up(ctx: Context, who: Who, id: str) -> LookedUp:
    """Asks the provider how a subscription stands and what was paid for it, and applies that: for support,
    where an event hasn't come. Harmless if it comes afterwards (E2). Raises NotFound, Conflict,
    ProviderFailed."""
    known, ref = await ctx.directory.owner("su", id, who.test)
    before = await subscriptions.get_subscription(ctx, who, id)
    sold = await asking.sold_by(ctx, known.digest, ref.act)
    if sold is None:
        raise Conflict(f"This subscription is kept here alone ({before.provider}): there is nobody to ask.")
    name = sold.provider
    found = await _looked_up(ctx.providers.get(name), name, sold.reference, await asking.now(ctx))
    applied = await billing.apply(ctx, name, found, test=known.test)
    log.info("subscription looked up", provider=name, subscription=id, actor=who.actor, acts=applied.acts)
    await wake(ctx, name, found)
    after = await subscriptions.get_subscription(ctx, who, id)
    return LookedUp(applied.status, applied.outcome, applied.acts, after)


async def _looked_up(provider: Provider | None, name: str, reference: str, now: datetime) -> Sequence[Fact]:
    if provider is None:
        raise Conflict(f"The payment provider {name!r} is not configured here, so it can't be asked.")
    try:
        return await asking.in_time(name, provider.look_up(reference, now))
    except (NotOurs, NotYet) as why:
        raise Conflict(str(why)) from why
    except ProviderError as why:
        raise (ProviderFailed if why.passing else Conflict)(str(why)) from why
