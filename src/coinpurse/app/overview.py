"""The operator's overview: what needs a look, and credits over time. Nothing here reads the ledger: the
worker sums it up by day (`sum_up`), each act once, and the rest are bounded looks at indexes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from coinpurse.app import asking
from coinpurse.app.context import Context
from coinpurse.domain.ids import make_id

MOST_COUNTED = 1_000  # what is more is told as "1,000 or more"
MOST_LISTED = 100
LATELY = timedelta(days=30)
ACCOUNTS_AT_ONCE = 500

COUNTS = """
    SELECT (SELECT count(*) FROM (SELECT FROM coinpurse.renewals r JOIN coinpurse.accounts a USING (account)
             WHERE r.state = 'late' AND a.test = %(test)s LIMIT %(most)s) t) AS late,
           (SELECT count(*) FROM (SELECT FROM coinpurse.renewals r JOIN coinpurse.accounts a USING (account)
             WHERE r.state = 'failed' AND a.test = %(test)s LIMIT %(most)s) t) AS unpaid,
           (SELECT count(*) FROM (SELECT FROM coinpurse.events
             WHERE status = 'failed' AND test = %(test)s LIMIT %(most)s) t) AS failed,
           (SELECT count(*) FROM (SELECT FROM coinpurse.summed
             WHERE low AND test = %(test)s AND at > %(since)s LIMIT %(most)s) t) AS low,
           (SELECT count(*) FROM (SELECT FROM coinpurse.grants g JOIN coinpurse.accounts a USING (account)
             WHERE g.asked_back > g.taken_back + g.repaid AND a.test = %(test)s LIMIT %(most)s) t) AS short"""
SUMS = """
    SELECT day, sum(granted)::bigint AS granted, sum(spent - returned)::bigint AS spent,
           sum(expired)::bigint AS expired, sum(revoked)::bigint AS revoked,
           sum(granted - spent + returned - expired - revoked)::bigint AS kept
      FROM coinpurse.days WHERE test = %s GROUP BY day ORDER BY day"""
AS_OF = "SELECT as_of FROM coinpurse.summing WHERE one"
LOW = """
    SELECT s.account, a.id, a.name, a.email, s.available, s.at FROM coinpurse.summed s
      JOIN coinpurse.accounts a USING (account)
     WHERE s.low AND s.test = %s AND s.at > %s ORDER BY s.at DESC LIMIT %s"""
SHORT = """
    SELECT g.account, g."grant", a.id, a.name, a.email, g.amount, g.clawback,
           g.asked_back - g.taken_back - g.repaid AS missing
      FROM coinpurse.grants g JOIN coinpurse.accounts a USING (account)
     WHERE g.asked_back > g.taken_back + g.repaid AND a.test = %s LIMIT %s"""


@dataclass(frozen=True, slots=True)
class Day:
    """A day's credits: `spent` is less what was given back; `outstanding` is what all accounts have at its
    end, held and frozen credits included."""

    day: datetime
    granted: int
    spent: int
    expired: int
    revoked: int
    outstanding: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Counts of what needs a look, each MOST_COUNTED at most; the days of the window, oldest first; and since
    when everything that was written before is in them (None: the first round isn't through)."""

    late: int
    unpaid: int
    failed: int
    low: int
    short: int
    low_below: int
    days: list[Day]
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """An account in a list, with the number that put it there. `grant` and `clawback`: whose money went back,
    and whether it is a debt."""

    digest: UUID
    account: str
    name: str | None
    email: str | None
    credits: int
    at: datetime | None = None
    grant: str | None = None
    clawback: str | None = None


async def overview(ctx: Context, *, test: bool, days: int = 30) -> Overview:
    """How things stand, for live or for test accounts."""
    now = await asking.now(ctx)
    asked = {"test": test, "most": MOST_COUNTED, "since": now - LATELY}
    counts = (await ctx.db.rows(COUNTS, asked))[0]
    sums = await ctx.db.rows(SUMS, [test])
    as_of = await ctx.db.rows(AS_OF)
    return Overview(
        **counts,
        low_below=low_below(ctx),
        days=window(sums, now, days),
        as_of=as_of[0]["as_of"] if as_of else None,
    )


def low_below(ctx: Context) -> int:
    """Below which balance an account counts as low: the catalog's, else one that has nothing."""
    return ctx.catalog.policies.low_balance or 1


def window(sums: Sequence[Any], now: datetime, days: int) -> list[Day]:
    """The last days, those without anything too. Test clocks may be ahead: then the window ends with them."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    last = max([today, *(row["day"] for row in sums)])
    first = last - timedelta(days=days - 1)
    by_day = {row["day"]: row for row in sums}
    outstanding = sum(row["kept"] for row in sums if row["day"] < first)
    found = []
    for n in range(days):
        row = by_day.get(first + timedelta(days=n))
        outstanding += row["kept"] if row else 0
        moved = {name: row[name] if row else 0 for name in ("granted", "spent", "expired", "revoked")}
        found.append(Day(first + timedelta(days=n), **moved, outstanding=outstanding))
    return found


async def low(ctx: Context, *, test: bool) -> list[Listed]:
    """Accounts that moved lately and are low, the latest first."""
    now = await asking.now(ctx)
    rows = await ctx.db.rows(LOW, [test, now - LATELY, MOST_LISTED])
    return [_listed(row, row["available"], at=row["at"]) for row in rows]


async def short(ctx: Context, *, test: bool) -> list[Listed]:
    """Top-ups whose money went back and whose credits were spent: what couldn't be taken back (P3)."""
    rows = await ctx.db.rows(SHORT, [test, MOST_LISTED])
    return [
        _listed(
            row,
            row["missing"],
            grant=make_id("gr", row["account"], row["grant"]),
            clawback=row["clawback"],
        )
        for row in rows
    ]


def _listed(row: Any, credits: int, **more: Any) -> Listed:
    return Listed(row["account"], row["id"], row["name"], row["email"], credits, **more)


async def sum_up(ctx: Context) -> bool:
    """Sums up the next accounts, and says whether the round through all of them is complete."""
    complete: bool = await ctx.db.call("sum_up", limit=ACCOUNTS_AT_ONCE)
    return complete
