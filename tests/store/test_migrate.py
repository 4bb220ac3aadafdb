"""Migrations: each once and in order, functions when they change, all or nothing, however many start."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from coinpurse.store.migrate import MigrationError, check_version, migrate, pending

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes SQL files (`0001_x` is a migration, other names are functions); gives the folder."""

    def files(**texts: str) -> Path:
        for name, text in texts.items():
            kind = "migrations" if name.startswith("m") else "functions"
            (tmp_path / kind).mkdir(exist_ok=True)
            (tmp_path / kind / f"{name.removeprefix('m')}.sql").write_text(text)
        return tmp_path

    return files


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """What a query answers."""
    with psycopg.connect(url) as conn:
        return conn.execute(query.encode()).fetchall()


def function(answer: int) -> str:
    """The text of a function `f()` that answers a number."""
    return f"CREATE OR REPLACE FUNCTION coinpurse.f() RETURNS int LANGUAGE sql AS 'SELECT {answer}';"


def test_applies_in_order_and_once(blank_database_url: str, write: Write) -> None:
    """Migrations run by number, then the functions; a second run finds nothing to do."""
    folder = write(
        m0002_fill="INSERT INTO coinpurse.t VALUES (1); INSERT INTO coinpurse.t VALUES (2);",
        m0001_tables="CREATE TABLE coinpurse.t (n int);",
        f=function(7),
    )
    names = ["0001_tables", "0002_fill", "functions"]
    assert pending(blank_database_url, folder) == names
    with pytest.raises(MigrationError, match="coinpurse migrate"):
        check_version(blank_database_url, folder)
    assert migrate(blank_database_url, folder) == names
    assert migrate(blank_database_url, folder) == []
    check_version(blank_database_url, folder)
    assert rows(blank_database_url, "SELECT coinpurse.f(), count(*) FROM coinpurse.t") == [(7, 2)]


def test_looking_changes_nothing(blank_database_url: str, write: Write) -> None:
    """`pending` doesn't even make the schema."""
    pending(blank_database_url, write(m0001_t="CREATE TABLE coinpurse.t ();"))
    assert rows(blank_database_url, "SELECT to_regnamespace('coinpurse')") == [(None,)]


def test_later_migration_is_added(blank_database_url: str, write: Write) -> None:
    """Only what came since is applied, and unchanged functions are not run again."""
    migrate(blank_database_url, write(m0001_t="CREATE TABLE coinpurse.t ();", f=function(7)))
    assert migrate(blank_database_url, write(m0002_u="CREATE TABLE coinpurse.u ();")) == ["0002_u"]


@pytest.mark.parametrize("change", ["text", "new file", "name"])
def test_functions_follow_their_files(blank_database_url: str, write: Write, change: str) -> None:
    """A changed, added or renamed file of functions makes all of them run again, in order."""
    folder = write(f=function(7))
    migrate(blank_database_url, folder)
    if change == "name":
        (folder / "functions" / "f.sql").rename(folder / "functions" / "g.sql")
    else:
        write(**{"f" if change == "text" else "g": function(8)})
    assert migrate(blank_database_url, folder) == ["functions"]
    assert rows(blank_database_url, "SELECT coinpurse.f()") == [(7 if change == "name" else 8,)]


def test_functions_run_after_migrations(blank_database_url: str, write: Write) -> None:
    """Functions may name the tables that the same run made, by their short names too."""
    body = "CREATE OR REPLACE FUNCTION f() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM t; END;"
    migrate(blank_database_url, write(m0001_t="CREATE TABLE t ();", f=body))
    assert rows(blank_database_url, "SELECT coinpurse.f()") == [(0,)]


def test_failure_changes_nothing(blank_database_url: str, write: Write) -> None:
    """When a later script fails, the earlier ones are undone; the error names the file and the line."""
    folder = write(m0001_t="CREATE TABLE coinpurse.t ();", m0002_bad="SELECT 1;\n\nSELECT nonsense;")
    with pytest.raises(MigrationError, match=r"0002_bad\.sql, line 3: (?s:.*)nonsense"):
        migrate(blank_database_url, folder)
    assert rows(blank_database_url, "SELECT to_regnamespace('coinpurse')") == [(None,)]


def test_rewritten_migration_is_refused(blank_database_url: str, write: Write) -> None:
    """An applied migration whose file changed since is an error."""
    migrate(blank_database_url, write(m0001_t="CREATE TABLE coinpurse.t ();"))
    folder = write(m0001_t="CREATE TABLE coinpurse.t (n int);")
    for act in (migrate, pending, check_version):
        with pytest.raises(MigrationError, match="0001_t was applied here with another text"):
            act(blank_database_url, folder)


def test_line_ends_do_not_matter(blank_database_url: str, write: Write) -> None:
    """A checkout that turned line ends into CRLF has the same migrations."""
    folder = write(m0001_t="CREATE TABLE coinpurse.t\n();\n", f=function(7) + "\n")
    migrate(blank_database_url, folder)
    for path in folder.rglob("*.sql"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert migrate(blank_database_url, folder) == []


def test_newer_database_is_refused(blank_database_url: str, write: Write) -> None:
    """Code that is older than the database refuses it and says what to install."""
    folder = write(m0001_t="SELECT 1;", m0002_u="SELECT 1;", f=function(7))
    migrate(blank_database_url, folder)
    (folder / "migrations" / "0002_u.sql").unlink()
    write(f=function(8))
    for act in (migrate, pending, check_version):
        with pytest.raises(MigrationError, match=r"newer than this version.*0002_u.*up to 0001"):
            act(blank_database_url, folder)
    assert rows(blank_database_url, "SELECT coinpurse.f()") == [(7,)]


@pytest.mark.parametrize(
    ("name", "error"), [("m0001_other", "another branch"), ("m0000_late", "never applied here")]
)
def test_other_history_is_refused(blank_database_url: str, write: Write, name: str, error: str) -> None:
    """A database of another branch, and a migration numbered below those applied, are errors."""
    folder = write(m0001_t="SELECT 1;")
    migrate(blank_database_url, folder)
    if name == "m0001_other":
        (folder / "migrations" / "0001_t.sql").unlink()
    with pytest.raises(MigrationError, match=error):
        migrate(blank_database_url, write(**{name: "SELECT 1;"}))


@pytest.mark.parametrize("names", [["m1_t"], ["m0001_T-x"], ["m0001_t", "m0001_u"]])
def test_bad_names_are_refused(blank_database_url: str, write: Write, names: list[str]) -> None:
    """A migration is called NNNN_name.sql, and no two share a number."""
    with pytest.raises(MigrationError, match="NNNN_name"):
        migrate(blank_database_url, write(**dict.fromkeys(names, "SELECT 1;")))


def test_ten_at_once(blank_database_url: str, write: Write) -> None:
    """Of ten processes that start at once, one migrates and the others wait and find it done."""
    folder = write(m0001_t="CREATE TABLE coinpurse.t (); SELECT pg_sleep(0.2);", f=function(7))
    with ThreadPoolExecutor(10) as pool:
        done = list(pool.map(lambda _: migrate(blank_database_url, folder), range(10)))
    assert sorted(done) == [[]] * 9 + [["0001_t", "functions"]]


def test_session_settings_do_not_matter(blank_database_url: str, write: Write) -> None:
    """A role's own time zone, search path and time limit don't change what a migration makes."""
    with psycopg.connect(blank_database_url, autocommit=True) as conn:
        for setting in ("timezone = 'Asia/Kathmandu'", "search_path = pg_catalog", "statement_timeout = 200"):
            conn.execute(f"ALTER ROLE postgres IN DATABASE {conn.info.dbname} SET {setting}".encode())
    text = "CREATE TABLE t AS SELECT timestamptz '2026-01-31' AS at; SELECT pg_sleep(0.3);"
    migrate(blank_database_url, write(m0001_t=text))
    query = "SELECT at AT TIME ZONE 'UTC' = timestamp '2026-01-31' FROM coinpurse.t"
    assert rows(blank_database_url, query) == [(True,)]


def test_own_schema(database_url: str) -> None:
    """The files that ship apply to an empty database on every supported server, and are then complete."""
    check_version(database_url)
    assert migrate(database_url) == []
