"""Billing events, as support looks at them: what came, what became of it, and to have it tried again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import structlog

from coinpurse.app.context import Context, Who, check_text
from coinpurse.domain.credits import Page, RenewalEvent
from coinpurse.domain.errors import Conflict, Invalid, NotFound
from coinpurse.store.db import instant

Status = Literal["waiting", "applied", "ignored", "failed"]
STATUSES = ("waiting", "applied", "ignored", "failed")
log = structlog.get_logger("coinpurse.inbox")

#: Which events a renewal leads one to expect, in the order in which they usually come.
EXPECTED = {
    "stripe": ("invoice.created", "invoice.finalized", "invoice.paid", "customer.subscription.updated"),
    "paddle": ("transaction.created", "transaction.paid", "transaction.completed", "subscription.updated"),
    "polar": ("order.created", "order.paid", "subscription.updated"),
}
#: The states of renewals whose payment isn't confirmed.
UNCONFIRMED = ("expected", "provisional", "late", "failed")

COLUMNS = """
    SELECT provider, event, type, test, created_at, received_at, objects, account, status, outcome,
           coalesce(cardinality(acts), 0) AS acts, attempts, next_at, changed_at
      FROM coinpurse.events e WHERE (%(test)s::boolean IS NULL OR test = %(test)s)"""
#: Those of an account: noted with it, or not known to be anybody's and about what is the account's.
FIND = f"""{COLUMNS}
      AND (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(provider)s::text IS NULL OR provider = %(provider)s)
      AND (%(account)s::uuid IS NULL OR account = %(account)s OR (account IS NULL
           AND objects && ARRAY(SELECT name FROM coinpurse.names_of(%(account)s))
           AND EXISTS (SELECT FROM coinpurse.names_of(%(account)s) n
                        WHERE n.provider = e.provider AND n.name = ANY (e.objects))))
      AND (%(before)s::timestamptz IS NULL
           OR (received_at, provider, event) < (%(before)s, %(of)s::text, %(id)s::text))
    ORDER BY received_at DESC, provider DESC, event DESC LIMIT %(limit)s"""  # noqa: S608 - constants only
GET = f"""{COLUMNS}
      AND event = %(id)s AND (%(provider)s::text IS NULL OR provider = %(provider)s)"""
ABOUT = f"""
    SELECT * FROM (({COLUMNS} AND event = %(name)s) UNION ({COLUMNS} AND objects @> ARRAY[%(name)s]
     ORDER BY received_at DESC LIMIT %(limit)s)) found ORDER BY received_at DESC LIMIT %(limit)s"""  # noqa: S608
ARRIVED = """
    SELECT w.nth, s.provider, e.type, e.event, e.status
      FROM unnest(%(accounts)s::uuid[], %(subscriptions)s::bigint[], %(starts)s::timestamptz[],
                  %(ends)s::timestamptz[]) WITH ORDINALITY AS w(account, subscription, starts, ends, nth)
      JOIN coinpurse.standings s ON s.account = w.account AND s.subscription = w.subscription
      LEFT JOIN LATERAL (
           SELECT DISTINCT ON (type) type, event, status FROM coinpurse.events
            WHERE provider = s.provider AND objects @> ARRAY[s.reference]
              AND created_at >= w.starts AND created_at < w.ends
            ORDER BY type, created_at DESC) e ON true"""
SUMMARY = """
    SELECT status, test, count(*) AS events,
           extract(epoch FROM clock_timestamp()
                   - min(CASE status WHEN 'waiting' THEN changed_at ELSE received_at END))::float8 AS oldest
      FROM coinpurse.events
     WHERE status IN ('waiting', 'failed') OR received_at > clock_timestamp() - interval '24 hours'
     GROUP BY status, test"""


@dataclass(frozen=True, slots=True)
class BillingEvent:
    """A delivery of a payment provider and what became of it (E1). `id` is the provider's. `created_at`
    is by the provider's word. `acts` is to how many acts in the ledger it led; `next_try_at` is set while
    it waits or will be tried again by itself."""

    id: str
    provider: str
    type: str
    test: bool
    status: Status
    outcome: str | None
    account: str | None
    acts: int
    objects: list[str]
    attempts: int
    created_at: datetime
    received_at: datetime
    changed_at: datetime
    next_try_at: datetime | None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many events are in a status: all that wait or failed, and of the others those of the last 24 hours.
    `oldest` is the age of the oldest, in seconds; of what waits, since it began to wait."""

    status: Status
    test: bool
    events: int
    oldest: float


async def billing_events(
    ctx: Context,
    who: Who,
    *,
    status: str | None = None,
    account: str | None = None,
    provider: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[BillingEvent]:
    """Billing events, newest first. Those of an account are found by it, and by what is known of it at the
    provider. Raises AccountNotFound, Invalid."""
    if status is not None and status not in STATUSES:
        raise Invalid.at("/status", f"It is one of {', '.join(STATUSES)}.")
    check_text(provider, "/provider")
    digest = (await ctx.directory.existing(account, who.test)).digest if account is not None else None
    before, of, id = _cursor(cursor)
    asked = {"test": who.test, "status": status, "provider": provider, "account": digest}
    rows = await ctx.db.rows(FIND, {**asked, "before": before, "of": of, "id": id, "limit": limit + 1})
    last = rows[limit - 1] if len(rows) > limit else None
    following = f"{last['received_at'].isoformat()} {last['provider']} {last['event']}" if last else None
    return Page(await _events(ctx, rows[:limit]), following)


def _cursor(cursor: str | None) -> tuple[datetime | None, str | None, str | None]:
    if cursor is None:
        return None, None, None
    try:
        check_text(cursor, "/cursor")
        received_at, provider, event = cursor.split(" ", 2)
        return instant(received_at), provider, event
    except (ValueError, OverflowError):
        raise Invalid.at("/cursor", "It is not a cursor that this list gave.") from None


async def _events(ctx: Context, rows: Sequence[Any]) -> list[BillingEvent]:
    names = await ctx.directory.names(list({row["account"] for row in rows if row["account"]}))
    return [_event(row, names[row["account"]].id if row["account"] else None) for row in rows]


def _event(row: Any, account: str | None) -> BillingEvent:
    same = ("provider", "type", "test", "status", "outcome", "acts", "objects", "attempts")
    instants = ("created_at", "received_at", "changed_at")
    given = {name: row[name] for name in (*same, *instants)}
    return BillingEvent(id=row["event"], account=account, next_try_at=row["next_at"], **given)


async def get_event(ctx: Context, who: Who, id: str, *, provider: str | None = None) -> BillingEvent:
    """One billing event, by the provider's id. Raises NotFound; Conflict where two providers use that id."""
    check_text(id, "/id")
    check_text(provider, "/provider")
    rows = await ctx.db.rows(GET, {"test": who.test, "id": id, "provider": provider})
    if not rows:
        raise NotFound(
            f"There is no billing event {id!r}. If it should have come, look at the provider's log."
        )
    if len(rows) > 1:
        names = " and ".join(sorted(row["provider"] for row in rows))
        raise Conflict(f"{names} both sent an event {id!r}: name the provider.")
    return (await _events(ctx, rows))[0]


async def about(ctx: Context, who: Who, name: str, *, limit: int) -> list[BillingEvent]:
    """Billing events with a provider's id, or about what the provider calls so; newest first."""
    check_text(name, "/name")
    return await _events(ctx, await ctx.db.rows(ABOUT, {"test": who.test, "name": name, "limit": limit}))


async def retry_event(ctx: Context, who: Who, id: str, *, provider: str | None = None) -> BillingEvent:
    """Has an event worked on once more, whatever became of it: a worker takes it within a second. Replaying
    one that was applied does no harm (E2). Raises NotFound, Conflict."""
    found = await get_event(ctx, who, id, provider=provider)
    if not await ctx.db.call("retry_event", provider=found.provider, event=id):
        raise Conflict(f"What {id} said was erased with its account: there is nothing to work on any more.")
    log.info("billing event retried", provider=found.provider, event_id=id, actor=who.actor)
    return await get_event(ctx, who, id, provider=found.provider)


async def arrived(ctx: Context, renewals: Sequence[Any]) -> list[list[RenewalEvent]]:
    """For each renewal (a row), which of the events that it leads one to expect have come for its
    subscription in its period, then what else came (a payment that failed, say): none are named where its
    payment is confirmed, or no provider has sold it (T7)."""
    open_ = [row for row in renewals if row["state"] in UNCONFIRMED]
    columns = ("account", "subscription", "period_start", "period_end")
    names = ("accounts", "subscriptions", "starts", "ends")
    asked = {name: [row[column] for row in open_] for name, column in zip(names, columns, strict=True)}
    found: dict[int, dict[str, RenewalEvent]] = {}
    for row in await ctx.db.rows(ARRIVED, asked) if open_ else ():
        expected = found.setdefault(
            row["nth"], {type: RenewalEvent(type, None, None) for type in EXPECTED.get(row["provider"], ())}
        )
        if row["type"] is not None:
            expected[row["type"]] = RenewalEvent(row["type"], row["event"], row["status"])
    told = {id(row): list(found.get(nth, {}).values()) for nth, row in enumerate(open_, 1)}
    return [told.get(id(row), []) for row in renewals]


async def tally(ctx: Context) -> list[Tally]:
    """How the inbox stands."""
    return [Tally(**row) for row in await ctx.db.rows(SUMMARY)]
