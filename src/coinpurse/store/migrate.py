"""Brings a database to this version's schema.

`sql/migrations/NNNN_name.sql` run once each, in order, and are recorded with their checksums.
`sql/functions/*.sql` can be run again at any time, and are, all of them and in file-name order, whenever
one of them has changed.

It all happens in one transaction under one advisory lock: ten processes that start at once are safe, a
failure leaves nothing half done, and it works behind pgbouncer in transaction mode.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection, IsolationLevel, sql

from coinpurse.domain.errors import Unavailable

SQL = Path(__file__).with_name("sql")
LOCK = 0x436F696E70757273  # "Coinpurs": any number will do that no other program locks
FUNCTIONS = "functions"  # the row in schema_migrations that stands for all files of functions together
MIGRATION_NAME = re.compile(r"\d{4}_[a-z0-9_]+")

BOOKKEEPING = """
    CREATE SCHEMA IF NOT EXISTS coinpurse;
    CREATE TABLE coinpurse.schema_migrations (
        name text PRIMARY KEY,
        checksum text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )"""

OWNER = """
    SELECT nspowner::regrole::text, pg_has_role(nspowner, 'USAGE')
      FROM pg_namespace WHERE nspname = 'coinpurse'"""

RECORD = """
    INSERT INTO coinpurse.schema_migrations (name, checksum) VALUES (%s, %s)
    ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, applied_at = now()"""


class MigrationError(RuntimeError):
    """The database and this version of Coinpurse don't fit together; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Script:
    """One step: its name, the files in it (name and text) and its SHA-256."""

    name: str
    files: tuple[tuple[str, str], ...]
    checksum: str


def migrate(conninfo: str, folder: Path = SQL, grant_to: str | None = None) -> list[str]:
    """Apply what is pending and return the names, in order (`functions` stands for all functions). The role
    `grant_to` may call functions and read from now on, and nothing else; what was granted before stays.

    Raises MigrationError when the database is newer than this code or its history differs, or a script
    fails; then nothing has changed. Raises Unavailable when the server can't be reached.
    """
    with _connect(conninfo) as conn:
        conn.execute("SET LOCAL statement_timeout = 0")  # a role's limit is for requests, not for this
        conn.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        conn.execute("SET LOCAL timezone = 'UTC'")
        if (applied := _applied(conn)) is None:
            conn.execute(BOOKKEEPING)
        todo = _pending(folder, applied or {})
        if todo or grant_to:
            _refuse_guests(conn, todo)
        conn.execute("SET LOCAL search_path = coinpurse, public")
        for script in todo:
            if script.name == FUNCTIONS:  # they name one another: all are made first, and then checked
                conn.execute("SET LOCAL check_function_bodies = off")
                _apply(conn, script)
                conn.execute("SET LOCAL check_function_bodies = on")
            _apply(conn, script)
        if todo or grant_to:
            _settle_rights(conn, folder / "rights.sql", grant_to)
    return [script.name for script in todo]


def _refuse_guests(conn: Connection[Any], todo: list[Script]) -> None:
    """Only the schema's owner may change it."""
    owner = conn.execute(OWNER).fetchone()
    if owner and not owner[1]:
        older = f"{', '.join(script.name for script in todo)} not applied. " if todo else ""
        raise MigrationError(
            f"{older}The schema belongs to the role {owner[0]!r}, and this one may not change it. "
            f"Nothing was changed. Run with a connection of {owner[0]!r}: coinpurse migrate"
        )


def _settle_rights(conn: Connection[Any], rights: Path, grant_to: str | None) -> None:
    if grant_to:
        try:
            name = sql.Identifier(grant_to)
            conn.execute(sql.SQL("GRANT USAGE ON SCHEMA coinpurse TO {}").format(name))
        except psycopg.errors.UndefinedObject as error:
            raise MigrationError(
                f"There is no role {grant_to!r}. Nothing was changed. "
                f"Make it first: CREATE ROLE {grant_to} LOGIN"
            ) from error
    if rights.exists():
        conn.execute(rights.read_bytes())


def pending(conninfo: str, folder: Path = SQL) -> list[str]:
    """The names that `migrate` would apply now. Raises as `migrate` does; changes nothing."""
    with _connect(conninfo) as conn:
        conn.read_only = True
        return [script.name for script in _pending(folder, _applied(conn) or {})]


def check_version(conninfo: str, folder: Path = SQL) -> None:
    """Raise MigrationError unless the database is exactly at this version."""
    if names := pending(conninfo, folder):
        raise MigrationError(
            f"The database is older than this version of Coinpurse: {', '.join(names)} not applied. Run: "
            f"coinpurse migrate"
        )


def _connect(conninfo: str) -> Connection[Any]:
    # No prepared statements (pgbouncer), and each statement sees what the process before us committed.
    try:
        conn: Connection[Any] = psycopg.connect(conninfo, prepare_threshold=None, client_encoding="utf8")
    except psycopg.Error as error:
        raise Unavailable(
            f"The database can't be reached: {str(error).strip()}\n"
            "Check COINPURSE_DATABASE_URL and that the server runs; unset, an embedded one is used.",
            retry_after=2,
        ) from error
    conn.isolation_level = IsolationLevel.READ_COMMITTED
    return conn


def _applied(conn: Connection[Any]) -> dict[str, str] | None:
    """Names and checksums of what was applied, or None when the database never saw us."""
    if conn.execute("SELECT to_regclass('coinpurse.schema_migrations')::text").fetchone() == (None,):
        return None
    return dict(conn.execute("SELECT name, checksum FROM coinpurse.schema_migrations").fetchall())


def _pending(folder: Path, applied: dict[str, str]) -> list[Script]:
    migrations = _migrations(folder)
    history = {name: checksum for name, checksum in applied.items() if name != FUNCTIONS}
    _refuse_unknown(migrations, history)
    _refuse_rewritten(migrations, history)
    todo = [script for script in migrations if script.name not in history]
    if todo and history and todo[0].name < max(history):
        raise MigrationError(
            f"Migration {todo[0].name} was never applied here, but the later {max(history)} was. "
            "Give it a new number after the last one."
        )
    functions = _functions(folder)
    return todo + [script for script in functions if applied.get(FUNCTIONS) != script.checksum]


def _refuse_unknown(migrations: list[Script], history: dict[str, str]) -> None:
    known = {script.name for script in migrations}
    newest = max(known, default="0000")
    if newer := sorted(name for name in history if name[:4] > newest[:4]):
        raise MigrationError(
            f"The database is newer than this version of Coinpurse: it has {', '.join(newer)}, this "
            f"version knows up to "
            f"{newest}. Nothing was changed. Install the newer Coinpurse (pip install --upgrade coinpurse)."
        )
    if unknown := sorted(set(history) - known):
        raise MigrationError(
            f"The database has migrations that this version of Coinpurse doesn't: {', '.join(unknown)}. "
            f"Nothing was changed. "
            "It was made by another branch or a changed copy: use that one, or another database."
        )


def _refuse_rewritten(migrations: list[Script], history: dict[str, str]) -> None:
    for script in migrations:
        if history.get(script.name, script.checksum) != script.checksum:
            raise MigrationError(
                f"Migration {script.name} was applied here with another text than it has now. Nothing was "
                f"changed. "
                "Restore the file as it was, and put the change into a new migration."
            )


def _migrations(folder: Path) -> list[Script]:
    scripts = [_script(path.stem, [path]) for path in sorted((folder / "migrations").glob("*.sql"))]
    numbers = [script.name[:4] for script in scripts]
    for script, before in zip(scripts, ["", *numbers], strict=False):
        if not MIGRATION_NAME.fullmatch(script.name) or script.name[:4] == before:
            raise MigrationError(
                f"{script.name}.sql: the name of a migration is NNNN_name.sql, with a number of its own."
            )
    return scripts


def _functions(folder: Path) -> list[Script]:
    """All files of functions as one script, or none when there are no files."""
    paths = sorted((folder / FUNCTIONS).glob("*.sql"))
    return [_script(FUNCTIONS, paths)] if paths else []


def _script(name: str, paths: list[Path]) -> Script:
    files = tuple((path.name, path.read_text("utf-8")) for path in paths)
    # A single file's checksum is that of its text, so that it can be compared by hand; reading it unified
    # line ends.
    text = files[0][1] if name != FUNCTIONS else repr(files)
    return Script(name, files, hashlib.sha256(text.encode()).hexdigest())


def _apply(conn: Connection[Any], script: Script) -> None:
    for name, text in script.files:
        try:
            # Without parameters psycopg sends the text as it is, so that one call can hold many statements.
            conn.execute(text.encode())
        except psycopg.Error as error:
            line = text.count("\n", 0, int(error.diag.statement_position or 1)) + 1
            raise MigrationError(f"{name}, line {line}: {error}\nNothing was changed.") from error
    conn.execute(RECORD, [script.name, script.checksum])
