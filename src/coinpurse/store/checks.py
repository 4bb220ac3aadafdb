"""The books, checked: each file in sql/checks is a query that finds nothing when they are right."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from coinpurse.store.db import Database, dict_rows

CHECKS = Path(__file__).with_name("sql") / "checks"
PAGE = 200
ACCOUNTS = "SELECT account, id FROM coinpurse.accounts WHERE account > %s ORDER BY account LIMIT %s"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in the books: which check found it, in whose account, at which act, and what."""

    check: str
    account: str
    act: int
    fault: str


Progress = Callable[[int], Any]


async def verify(db: Database, progress: Progress | None = None, most: int = 100) -> list[Problem]:
    """Checks every account, a page at a time, on a live system: all checks of a page see one moment. Stops
    after `most` problems."""
    problems: list[Problem] = []
    last, done = UUID(int=0), 0
    while len(problems) < most and (page := await db.rows(ACCOUNTS, [last, PAGE])):
        problems += await _check({row["account"]: row["id"] for row in page}, db)
        last, done = page[-1]["account"], done + len(page)
        if progress:
            progress(done)
    return problems[:most]


async def _check(accounts: dict[UUID, str], db: Database) -> list[Problem]:
    async def once(conn: Any) -> list[Problem]:
        found = []
        async with conn.transaction():
            await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            for path in sorted(CHECKS.glob("*.sql")):
                for row in await dict_rows(conn, path.read_text("utf-8"), {"accounts": list(accounts)}):
                    found.append(Problem(path.stem, accounts[row["account"]], row["act"], row["fault"]))
        return sorted(found, key=lambda problem: (problem.account, problem.act))

    return await db.work(once)
