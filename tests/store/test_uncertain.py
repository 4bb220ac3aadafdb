"""A commit that no standby confirmed is not taken for done, though PostgreSQL says that it is."""

import asyncio
from pathlib import Path

import psycopg

from coinpurse.store.db import Connection, Database
from coinpurse.store.embedded import EmbeddedPostgres

WAITERS = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


def tell(url: str, *statements: str) -> int:
    """Statements of an administrator, who waits for no standby; how many rows the last gave."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SET synchronous_commit = off")
        rows = [conn.execute(statement.encode()).rowcount for statement in statements]
    return rows[-1]


async def cancelled(url: str) -> None:
    """Waits until somebody waits for the standby, and cancels the wait."""
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(tell, url, WAITERS):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.05)


async def test_s7_a_cancelled_wait_for_the_standby_is_not_done(tmp_path: Path) -> None:
    """The call is made again, on another connection, until a commit was confirmed."""
    tried: list[int] = []

    async def once(conn: Connection) -> int:
        await conn.execute("INSERT INTO done VALUES (%s)", [len(tried)])
        tried.append(conn.info.backend_pid)
        return len(tried)

    with EmbeddedPostgres(tmp_path) as url:
        tell(url, "CREATE TABLE done (n int)")
        async with Database(url, size=1) as database:
            names = "ALTER SYSTEM SET synchronous_standby_names = '{}'"
            await asyncio.to_thread(tell, url, names.format("nobody"), "SELECT pg_reload_conf()")
            call = asyncio.create_task(database.work(once))
            await cancelled(url)
            await cancelled(url)
            await asyncio.to_thread(tell, url, names.format(""), "SELECT pg_reload_conf()")
            assert await call >= 3
    assert len(set(tried)) == len(tried)
