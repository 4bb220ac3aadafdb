"""The way to PostgreSQL: what is repeated, what is not, and how instants come back."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from coinpurse.domain.errors import Unavailable
from coinpurse.ordeal.proxy import Proxy, Weather
from coinpurse.store.db import ATTEMPTS, Connection, Database


class Trouble:
    """Work that fails with an SQLSTATE so many times, and then succeeds."""

    def __init__(self, state: str, times: int) -> None:
        self.state, self.times, self.tried = state, times, 0

    async def once(self, conn: Connection) -> str:
        self.tried += 1
        if self.tried <= self.times:
            await conn.execute(
                f"DO $$ BEGIN RAISE EXCEPTION 'trouble' USING ERRCODE = '{self.state}'; END $$"
            )
        return "done"


@pytest.mark.parametrize(
    "state", ["40001", "40P01", "23505", "57014", "57P01", "57P03", "25006", "53100", "53300"]
)
async def test_s8_what_passes_by_itself_is_repeated(database_url: str, state: str) -> None:
    """Conflicts of concurrent transactions, a rival with the same key, a cancelled statement, a server that
    stops or has no room, a standby: the call is made again, which is safe because every act carries a key."""
    async with Database(database_url) as database:
        trouble = Trouble(state, 2)
        assert await database.work(trouble.once) == "done"
        assert trouble.tried == 3


async def test_what_does_not_pass_is_unavailable(database_url: str) -> None:
    """After all attempts the caller is told to come back with the same key."""
    async with Database(database_url) as database:
        trouble = Trouble("40001", ATTEMPTS)
        with pytest.raises(Unavailable) as refused:
            await database.work(trouble.once)
        assert (trouble.tried, refused.value.retry_after) == (ATTEMPTS, 2)


@pytest.mark.parametrize("state", ["22003", "23514", "P0001"])
async def test_our_own_faults_are_not_repeated(database_url: str, state: str) -> None:
    """An error that would come again is raised at once."""
    async with Database(database_url) as database:
        trouble = Trouble(state, 1)
        with pytest.raises(psycopg.Error):
            await database.work(trouble.once)
        assert trouble.tried == 1


async def test_a_connection_that_was_killed_is_replaced(database_url: str) -> None:
    """The server ends our connection in the middle of a call; the call is made again on another one."""
    tried = 0

    async def once(conn: Connection) -> int:
        nonlocal tried
        tried += 1
        if tried == 1:
            await conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        row = await (await conn.execute("SELECT 7")).fetchone()
        return int(row[0]) if row else 0

    async with Database(database_url) as database:
        assert await database.work(once) == 7
        assert tried == 2


async def test_a_database_that_is_back_is_used_within_a_second(database_url: str) -> None:
    """While it is away for seconds, callers wait; once it is back they have their answers within a second,
    and so does whoever comes then."""
    there = psycopg.conninfo.conninfo_to_dict(database_url)
    socket, loop = f"{there['host']}/.s.PGSQL.5432", asyncio.get_running_loop()
    line = Proxy(lambda speaker: loop.create_unix_connection(speaker, socket), Counter(), "line")
    port = await line.start()
    async with Database(f"postgresql://postgres@127.0.0.1:{port}/{there['dbname']}", size=4) as database:
        await asyncio.gather(*(database.rows("SELECT pg_sleep(0.05)") for _ in range(4)))
        line.weather = Weather(closed=True)
        line.cut_all()
        waiting = [asyncio.create_task(database.rows("SELECT 1 AS one")) for _ in range(20)]
        await asyncio.sleep(3.5)
        assert not any(one.done() for one in waiting)
        line.weather = Weather()
        async with asyncio.timeout(1):
            assert await database.rows("SELECT 1 AS one") == [{"one": 1}]
            assert await asyncio.gather(*waiting) == [[{"one": 1}]] * 20
    await line.stop()


async def test_instants_are_utc_and_infinity_is_none(database_url: str) -> None:
    """To the microsecond, whatever the session's zone."""
    at = datetime(2026, 3, 29, 1, 30, 0, 123_457, tzinfo=UTC)
    async with Database(database_url) as database:
        (row,) = await database.rows(
            "SELECT %s::timestamptz AS at, 'infinity'::timestamptz AS never, "
            "'-infinity'::timestamptz AS ever",
            [at],
        )
    assert row == {"at": at, "never": None, "ever": None}
    assert row["at"].utcoffset() == timedelta(0)


async def test_a_rehearsal_leaves_nothing(database_url: str) -> None:
    """What is rehearsed answers as if it were done, and isn't."""
    arguments: dict[str, Any] = {"name": "test"}
    async with Database(database_url) as database:
        first = await database.rehearse("secret", **arguments)
        assert len(first) == 32
        assert await database.rows("SELECT FROM coinpurse.secrets WHERE name = 'test'") == []
        kept = await database.call("secret", **arguments)
        assert await database.call("secret", **arguments) == kept != first
