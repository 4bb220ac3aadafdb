"""Are the books right? (L1-L4)"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog

from coinpurse.app.context import Context, Who
from coinpurse.store import checks
from coinpurse.store.checks import Head, Problem, Progress, Report

#: How many accounts the worker checks at a time, and about how many acts.
SLICE = 50
SLICE_ACTS = 2_000
STALE = "SELECT DISTINCT account FROM coinpurse.faults WHERE account > %s AND account <= %s"
WATCHED = "SELECT after FROM coinpurse.watching"
FAULTS = """
    SELECT f.check_name, coalesce(a.id, ''), f.account, f.act, f.fault
      FROM coinpurse.faults f LEFT JOIN coinpurse.accounts a ON a.account = f.account
     ORDER BY f.account, f.n LIMIT %s"""
COUNT = "SELECT (SELECT count(*) FROM coinpurse.faults) AS faults, round_ended_at FROM coinpurse.watching"

log = structlog.get_logger("coinpurse.books")


async def verify(ctx: Context) -> list[Problem]:
    """What is wrong in the books, the first 100 problems or so; nothing when they are right."""
    return (await go_through(ctx)).problems


async def go_through(
    ctx: Context, after: UUID = checks.FIRST, progress: Progress | None = None, most: int = 100
) -> Report:
    """Checks the books of every account behind `after`, until there are `most` problems. `progress` is told
    after each page."""
    return await checks.go_through(ctx.db, after=after, progress=progress, most=most)


async def verify_account(ctx: Context, who: Who, account: str) -> Report:
    """Checks the books of one account. Raises AccountNotFound."""
    return await checks.check_account(ctx.db, await ctx.directory.account(account, who.test))


async def differing(ctx: Context, heads: Sequence[Head]) -> list[Head]:
    """Which of these heads, written down earlier, are not in the books any more (L4)."""
    return await checks.differing(ctx.db, heads)


async def watch(ctx: Context) -> bool:
    """Checks the next slice of the books, keeps what is wrong for doctor and the metrics, and says whether
    all accounts are through. Nothing is repaired: somebody has to look."""
    after = (await ctx.db.rows(WATCHED))[0]["after"]
    report = Report(last=after)
    over = not await checks.check_page(ctx.db, report, SLICE, SLICE_ACTS)
    for problem in report.problems:
        log.error("the books are wrong", account=problem.account, act=problem.act, check=problem.check)
    stale = await ctx.db.rows(STALE, [after, report.last])
    for account in {row["account"] for row in stale} | {one.digest for one in report.problems}:
        found = [
            {"check": one.check, "act": one.act, "fault": one.fault}
            for one in report.problems
            if one.digest == account
        ]
        await ctx.db.call("note_faults", account=account, faults={"faults": found})
    await ctx.db.call("watched", after=checks.FIRST if over else report.last, over=over)
    return over


async def faults(ctx: Context, limit: int = 10) -> list[Problem]:
    """What the worker has found wrong, and has not found right since."""
    return [Problem(*row) for row in await ctx.db.tuples(FAULTS, [limit])]


async def watched(ctx: Context) -> tuple[int, datetime | None]:
    """How many faults the worker knows of, and when it was last through with all accounts."""
    row = (await ctx.db.rows(COUNT))[0]
    return row["faults"], row["round_ended_at"]
