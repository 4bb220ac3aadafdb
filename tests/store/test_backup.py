"""The drill: a copy made under traffic, an archive of what was written since, and back to an instant."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

import servers
from coinpurse.store.checks import go_through
from coinpurse.store.db import Database
from coinpurse.store.migrate import check_version, migrate
from conftest import url
from traffic import ACCOUNTS, Traffic, fill

#: A standby refuses serializable transactions, which are this flavour's default.
DURABLE = [
    "fsync=on",
    "full_page_writes=on",
    "synchronous_commit=on",
    "default_transaction_isolation=read committed",
]
OTHER_PORT = 5433
NOW = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00'"
ARCHIVED = "SELECT coalesce(last_archived_wal, '') >= %s FROM pg_stat_archiver"
KNOWN = "SELECT count(*) FROM coinpurse.keys WHERE key = %s"
PROMISED = 60.0  # seconds: for books of this size, on a machine that does nothing else, a restore takes a few

pytestmark = pytest.mark.slow


@pytest.fixture(params=servers.wanted())
def archived(request: pytest.FixtureRequest) -> Iterator[tuple[str, Path, str]]:
    """A server that archives what it writes: its flavour, its folder, and the address of its books."""
    if reason := servers.missing(request.param):
        pytest.skip(reason)
    with servers.running(request.param, [*DURABLE, "archive_mode=on"]) as base:
        folder = Path(base.partition("host=")[2].partition(" ")[0])
        _sql(url(base, "postgres"), f"ALTER SYSTEM SET archive_command = 'cp %p {folder}/wal-%f'")
        _sql(url(base, "postgres"), "SELECT pg_reload_conf()")
        _sql(url(base, "postgres"), "CREATE DATABASE books")
        migrate(url(base, "books"))
        yield request.param, folder, url(base, "books")


async def test_point_in_time_recovery(archived: tuple[str, Path, str]) -> None:
    """Back at an instant every charge that was acknowledged before it is there and none that came later, keys
    included; the books are right, and charging goes on."""
    flavour, folder, books = archived
    traffic = Traffic(books, fill(books))
    with traffic:
        traffic.wait_for(40)
        servers.run(
            flavour,
            folder,
            "pg_basebackup",
            "-h",
            folder,
            "-U",
            "postgres",
            "-D",
            folder / "copy",
            "-c",
            "fast",
        )
        traffic.wait_for(40)
    instant, before = _value(books, NOW), list(traffic.made)
    later = Traffic(books, traffic.accounts)
    with later:
        later.wait_for(40)
    assert traffic.failed + later.failed == []
    last = _value(books, "SELECT pg_walfile_name(pg_switch_wal())")
    _wait(books, ARCHIVED, last)
    began = time.monotonic()
    with _restored(flavour, folder, instant) as again:
        assert time.monotonic() - began < PROMISED
        await _right(again, len(before))
        assert _value(again, KNOWN, before[-1]) == 1
        assert _value(again, KNOWN, later.made[0]) == 0
        more = Traffic(again, traffic.accounts)
        with more:
            more.wait_for(20)
        assert more.failed == []
        await _right(again, len(before) + len(more.made))


async def test_dump_and_restore(archived: tuple[str, Path, str]) -> None:
    """A dump, made under traffic and restored elsewhere, is this version's schema and has right books."""
    flavour, folder, books = archived
    traffic = Traffic(books, fill(books))
    with traffic:
        traffic.wait_for(40)
        servers.run(
            flavour, folder, "pg_dump", "-h", folder, "-U", "postgres", "-Fc", "-f", folder / "dump", "books"
        )
        traffic.wait_for(40)
    _sql(url(f"host={folder}", "postgres"), "CREATE DATABASE again")
    servers.run(
        flavour, folder, "pg_restore", "-h", folder, "-U", "postgres", "-d", "again", "-e", folder / "dump"
    )
    again = url(f"host={folder}", "again")
    check_version(again)
    made = _value(again, "SELECT count(*) FROM coinpurse.acts WHERE kind = 'charge'")
    assert 40 <= made <= len(traffic.made)
    await _right(again, made)


@contextmanager
def _restored(flavour: str, folder: Path, instant: str) -> Iterator[str]:
    """The copy as a server of its own, rolled forward to an instant."""
    data = folder / "copy"
    with (data / "postgresql.auto.conf").open("a") as conf:
        conf.write(f"restore_command = 'cp {folder}/wal-%f %p'\narchive_mode = off\nport = {OTHER_PORT}\n")
        conf.write(f"recovery_target_time = '{instant}'\nrecovery_target_action = 'promote'\n")
    (data / "recovery.signal").touch()
    servers.run(flavour, folder, "pg_ctl", "start", "-D", data, "-l", folder / "log2", "-w", "-s", "-t", "60")
    try:
        again = f"{url(f'host={folder}', 'books')}&port={OTHER_PORT}"
        _wait(again, "SELECT NOT pg_is_in_recovery()")
        yield again
    finally:
        servers.run(flavour, folder, "pg_ctl", "stop", "-D", data, "-m", "immediate", "-s")
        shutil.rmtree(data, ignore_errors=True)


async def _right(books: str, charges: int) -> None:
    """The books are right, and have this many charges."""
    async with Database(books) as db:
        report = await go_through(db)
    assert (report.accounts, report.problems) == (ACCOUNTS, [])
    assert _value(books, "SELECT count(*) FROM coinpurse.acts WHERE kind = 'charge'") == charges


def _value(books: str, query: str, *parameters: Any) -> Any:
    with psycopg.connect(books, autocommit=True) as conn:
        row = conn.execute(query.encode(), parameters or None).fetchone()
        assert row
        return row[0]


def _sql(books: str, statement: str) -> None:
    with psycopg.connect(books, autocommit=True) as conn:
        conn.execute(statement.encode())


def _wait(books: str, query: str, *parameters: Any) -> None:
    for _ in range(300):
        if _value(books, query, *parameters):
            return
        time.sleep(0.1)
    raise AssertionError(f"still not so: {query}")
