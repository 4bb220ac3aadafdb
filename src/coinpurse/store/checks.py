"""The books, checked: each file in sql/checks is a query that finds nothing when they are right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from coinpurse.store.db import Connection, Database, dict_rows

CHECKS = Path(__file__).with_name("sql") / "checks"
#: The checks up to this one are about the lines of the ledger.
LINES = "20_sums_after"
#: How many accounts, and about how many acts, are checked in one snapshot: few, so that none is held long.
PAGE = 500
PAGE_ACTS = 20_000
FIRST = UUID(int=0)
ACCOUNTS = """
    SELECT account, id
      FROM (SELECT a.account, a.id, sum(w.act) OVER (ORDER BY a.account) - w.act AS before
              FROM (SELECT account, id FROM coinpurse.accounts WHERE account > %s ORDER BY account LIMIT %s) a
              LEFT JOIN coinpurse.wallets w ON w.account = a.account) page
     WHERE coalesce(before, 0) < %s ORDER BY account"""
MORE = "SELECT EXISTS (SELECT FROM coinpurse.accounts WHERE account > %s) AS more"
ONE = "SELECT account, id FROM coinpurse.accounts WHERE account = %s"
HEADS = """
    SELECT w.account, w.act, encode(w.chain, 'hex') AS hash FROM coinpurse.wallets w
     WHERE w.account = ANY (%s) AND w.chain IS NOT NULL ORDER BY w.account"""
KEPT = """
    SELECT h.account, h.act, h.hash FROM unnest(%s::uuid[], %s::bigint[], %s::text[]) AS h(account, act, hash)
      LEFT JOIN coinpurse.acts a ON a.account = h.account AND a.act = h.act
     WHERE encode(a.hash, 'hex') IS DISTINCT FROM h.hash"""
SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
#: What the checks are read under: our names, instants in UTC, no limit that is meant for requests.
UNDER = (
    "SET LOCAL search_path = coinpurse, pg_temp",
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL jit = off",  # compiling takes longer than looking
    "SET LOCAL max_parallel_workers_per_gather = 0",  # the other cores are for those who ask for something
    "SET LOCAL work_mem = '32MB'",  # a page fits; an account of very many acts is sorted on disk
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in the books: which check found it, in whose account (the app's name for it, and our
    number), at which act, and what."""

    check: str
    account: str
    digest: UUID
    act: int
    fault: str


@dataclass(frozen=True, slots=True)
class Head:
    """The hash of an account's latest act: whoever keeps it elsewhere can tell later whether the books up to
    that act are still the same."""

    account: UUID
    act: int
    hash: str


@dataclass(slots=True)
class Report:
    """What was checked: how many accounts, the last of them, what is wrong, and how the chains of the
    accounts that were checked last end."""

    accounts: int = 0
    last: UUID = FIRST
    problems: list[Problem] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)


Progress = Callable[[Report], Any]


async def go_through(
    db: Database, *, after: UUID = FIRST, progress: Progress | None = None, most: int = 100
) -> Report:
    """Checks every account behind `after`, a page at a time, on a live system: all checks of a page see one
    moment, and nothing is locked. Stops after the page with the `most`-th problem."""
    report = Report(last=after)
    more = True
    while more and len(report.problems) < most:
        more = await check_page(db, report, PAGE, PAGE_ACTS)
        if progress:
            progress(report)
    return report


async def check_page(db: Database, report: Report, limit: int, acts: int) -> bool:
    """Checks up to `limit` accounts behind the report's last one, fewer where they have more than `acts` acts
    together, but one at least. Adds what it finds, and says whether there are more accounts."""
    page = await db.rows(ACCOUNTS, [report.last, limit, acts])
    if page:
        await _check(db, report, {row["account"]: row["id"] for row in page})
        report.accounts += len(page)
        report.last = page[-1]["account"]
    return bool((await db.rows(MORE, [report.last]))[0]["more"])


async def check_account(db: Database, account: UUID) -> Report:
    """Checks one account. One that is not there is no account of the report."""
    report = Report()
    if named := await db.rows(ONE, [account]):
        await _check(db, report, {account: named[0]["id"]})
        report.accounts, report.last = 1, account
    return report


async def differing(db: Database, heads: Sequence[Head]) -> list[Head]:
    """Those of the heads that are not in the books: their acts were changed or removed since."""
    columns = [[one.account for one in heads], [one.act for one in heads], [one.hash for one in heads]]
    return [Head(**row) for row in await db.rows(KEPT, columns)]


async def _check(db: Database, report: Report, accounts: dict[UUID, str]) -> None:
    async def once(conn: Connection) -> tuple[list[Problem], list[Head]]:
        async with conn.transaction():
            await conn.execute(SNAPSHOT)
            problems = await look(conn, accounts)
            return problems, [Head(**row) for row in await dict_rows(conn, HEADS, [list(accounts)])]

    problems, heads = await db.work(once)
    report.problems += problems
    report.heads = heads


async def look(conn: Connection, accounts: dict[UUID, str]) -> list[Problem]:
    """What is wrong with some accounts (number and name), first lines first, in a transaction that the caller
    has begun."""
    found = []
    for setting in UNDER:
        await conn.execute(setting)
    for path in sorted(CHECKS.glob("*.sql")):
        for row in await dict_rows(conn, path.read_text("utf-8"), {"accounts": list(accounts)}):
            found.append(Problem(path.stem, accounts[row["account"]], *row.values()))
    return sorted(found, key=_turn)


def _turn(problem: Problem) -> tuple[UUID, bool, int]:
    """The ledger's own lines come before what doesn't agree with them: the first is the one to look at."""
    return problem.digest, problem.check > LINES, problem.act
