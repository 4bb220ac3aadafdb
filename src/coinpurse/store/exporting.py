"""Everything in the database as plain files, except what is secret: a file for each table, of one moment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from psycopg import sql

from coinpurse.store.db import Connection, Database

Form = Literal["jsonl", "csv"]
Progress = Callable[[str, int], Any]
AT_ONCE = 2_000
SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"

#: What is exported of each table that has accounts in it; the others are exported whole. Keys, secrets,
#: sessions and the staff's passwords are not.
OF_ACCOUNTS = {
    "accounts": "*",
    "acts": "*",
    "entries": "*",
    "terms": "*",
    "grants": "*",
    "wallets": "*",
    "holds": "*",
    "subscriptions": "*",
    "renewals": "*",
    "payments": "*",
    "customers": "*",
    "standings": "*",
    "auto_topups": "*",
    "imports": "*",
    "outbox": "*",
    "unchained": "*",
    "events": "provider, event, type, test, created_at, received_at, encode(body, 'base64') AS body_base64,"
    " objects, account, status, outcome, acts, attempts, changed_at",
}
WHOLE = {"catalogs": "*", "moves": "*", "disputes": "*", "paid_with": "*", "checkouts": "*"}

#: What `coinpurse import` reads: live accounts as they stand.
IMPORTABLE = Path(__file__).with_name("sql") / "exports"


async def export(
    db: Database, folder: Path, form: Form, *, account: UUID | None = None, progress: Progress | None = None
) -> dict[str, int]:
    """Writes every table's file into a folder, and says how many rows each has; with `account` what
    belongs to that one. Nothing is locked; rows stream, so that the books may be larger than the memory."""

    async def once(conn: Connection) -> dict[str, int]:
        counts = {}
        async with conn.transaction():
            await conn.execute(SNAPSHOT)
            await conn.execute("SET LOCAL TimeZone = 'UTC'")
            await conn.execute("SET LOCAL DateStyle = 'ISO'")
            await conn.execute("SET LOCAL statement_timeout = 0")
            for name, query in _queries(account).items():
                counts[name] = await _write(conn, folder / f"{name}.{form}", query, form)
                if progress:
                    progress(name, counts[name])
            for path in [] if account else sorted(IMPORTABLE.glob("*.sql")):
                text = sql.SQL(path.read_text("utf-8"))
                await _csv(conn, folder / "import" / f"{path.stem}.csv", text)
        return counts

    return await db.work(once)


def _queries(account: UUID | None) -> dict[str, sql.Composed]:
    tables = OF_ACCOUNTS if account else OF_ACCOUNTS | WHOLE
    where = sql.SQL(" WHERE account = {}").format(account) if account else sql.SQL("")
    return {
        name: sql.SQL("SELECT {} FROM coinpurse.{}{}").format(sql.SQL(what), sql.Identifier(name), where)
        for name, what in tables.items()
    }


async def _write(conn: Connection, path: Path, query: sql.Composable, form: Form) -> int:
    if form == "csv":
        return await _csv(conn, path, query)
    rows = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        async with conn.cursor(name="exporting") as cursor:
            cursor.itersize = AT_ONCE
            await cursor.execute(sql.SQL("SELECT row_to_json(t)::text FROM ({}) t").format(query))
            async for row in cursor:
                file.write(row[0].encode() + b"\n")
                rows += 1
    return rows


async def _csv(conn: Connection, path: Path, query: sql.Composable) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        async with conn.cursor() as cursor:
            asked = sql.SQL("COPY ({}) TO STDOUT WITH (FORMAT csv, HEADER)").format(query)
            async with cursor.copy(asked) as copied:
                async for block in copied:
                    file.write(block)
            return cursor.rowcount
