"""The only way to PostgreSQL: a pool, and one call at a time, repeated where that is safe and needed."""

import asyncio
import random
import struct
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
import psycopg
from psycopg import AsyncConnection, sql
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg.rows import dict_row, tuple_row
from psycopg.types.json import Jsonb, set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from coinpurse.domain.errors import Unavailable
from coinpurse.store import arrays

T = TypeVar("T")
Connection = AsyncConnection[Any]

ATTEMPTS = 6
#: What may pass by itself: conflicts of concurrent transactions, a rival with the same key, a server that
#: stops, a standby, a statement that was cancelled, and a server without connections, memory or disk.
TRANSIENT = {"40001", "40P01", "23505", "57014", "57P01", "57P02", "57P03", "25006", "58030"}
NO_RESOURCES = "53"
#: How soon a connection that couldn't be made is tried again, and again, until it can. The pool's own way is
#: to double the pause up to minutes, and a database that is back would have to wait for it.
AGAIN_SECONDS = 0.3
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_INT64 = struct.Struct("!q")


class Database:
    """A pool of connections. Open it with `async with`; every method raises Unavailable when the server can't
    be reached."""

    def __init__(self, conninfo: str, *, size: int = 8) -> None:
        self.conninfo = conninfo
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            conninfo,
            min_size=1,
            max_size=size,
            open=False,
            configure=_configure,
            timeout=10,
            reconnect_timeout=AGAIN_SECONDS,
            reconnect_failed=_ask_again,
            kwargs={"autocommit": True, "prepare_threshold": None, "client_encoding": "utf8"},
        )

    async def __aenter__(self) -> Self:
        try:
            await self._pool.open(wait=True, timeout=15)
        except PoolTimeout as error:
            await self._pool.close()
            raise _unreachable() from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.close()

    async def call(self, function: str, **arguments: Any) -> Any:
        """The one value that a function of ours gives; arguments by name (`account` is sent as `p_account`).
        Dictionaries go as jsonb."""
        query, parameters = _call(function, arguments)

        async def once(conn: Connection) -> Any:
            row = await (await conn.execute(query, parameters)).fetchone()
            return row[0] if row else None

        return await self.work(once)

    async def rehearse(self, function: str, **arguments: Any) -> Any:
        """What `call` would answer; its transaction is rolled back."""
        query, parameters = _call(function, arguments)

        async def once(conn: Connection) -> Any:
            async with conn.transaction(force_rollback=True):
                row = await (await conn.execute(query, parameters)).fetchone()
                return row[0] if row else None

        return await self.work(once)

    async def rows(self, query: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[dict[str, Any]]:
        """The rows of a read, as dictionaries."""

        return await self.work(lambda conn: dict_rows(conn, query, parameters))

    async def tuples(self, query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of a call on the hot path, as tuples."""

        async def once(conn: Connection) -> list[tuple[Any, ...]]:
            async with conn.cursor(row_factory=tuple_row, binary=True) as cursor:
                await cursor.execute(query, parameters)
                return await cursor.fetchall()

        return await self.work(once)

    async def work(self, once: Callable[[Connection], Awaitable[T]]) -> T:
        """Does one transaction, again where its outcome is unknown or a rival was in the way. Safe, because
        every act carries a key."""
        for attempt in range(ATTEMPTS):
            try:
                async with self._pool.connection() as conn:
                    result = await once(conn)
                    await _refuse_uncertain(conn)
                    return result
            except PoolTimeout as error:
                raise _unreachable() from error  # ten seconds without a connection are enough of a wait
            except psycopg.Error as error:
                if not _passing(error):
                    raise
                if attempt + 1 == ATTEMPTS:
                    raise _unreachable() from error
            await asyncio.sleep(random.uniform(0, 0.02 * 3**attempt))
        raise AssertionError("unreachable")


async def dict_rows(
    conn: Connection, query: str, parameters: Sequence[Any] | dict[str, Any]
) -> list[dict[str, Any]]:
    """The rows of a read on a connection that the caller has."""
    async with conn.cursor(row_factory=dict_row, binary=True) as cursor:
        await cursor.execute(query, parameters)
        return await cursor.fetchall()


async def _ask_again(pool: AsyncConnectionPool[Connection]) -> None:
    """Has the pool, which has given a connection up, try for another: it does where somebody asks for one."""
    with suppress(psycopg.OperationalError):
        async with pool.connection(timeout=0.01):
            pass


def _call(function: str, arguments: dict[str, Any]) -> tuple[sql.Composed, dict[str, Any]]:
    named = [
        sql.SQL("{} => {}").format(sql.Identifier(f"p_{name}"), sql.Placeholder(name)) for name in arguments
    ]
    query = sql.SQL("SELECT * FROM coinpurse.{}({})").format(
        sql.Identifier(function), sql.SQL(", ").join(named)
    )
    return query, {
        name: Jsonb(value) if isinstance(value, dict) else value for name, value in arguments.items()
    }


def _passing(error: psycopg.Error) -> bool:
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate in TRANSIENT or error.sqlstate.startswith(NO_RESOURCES)


def _unreachable() -> Unavailable:
    return Unavailable(
        "The database can't be reached. Nothing is known to be lost: repeat the call with the same "
        "idempotency key.",
        retry_after=2,
    )


async def _configure(conn: Connection) -> None:
    arrays.register(conn.adapters)
    conn.adapters.register_loader("timestamptz", _UtcLoader)
    set_json_loads(msgspec.json.decode, conn)
    set_json_dumps(msgspec.json.encode, conn)
    # Each statement of a function must see what rivals committed while it waited for its account's row.
    await conn.execute("SET default_transaction_isolation = 'read committed'")
    conn.add_notice_handler(lambda notice: _note_uncertain(conn, notice))


def _note_uncertain(conn: Connection, notice: psycopg.errors.Diagnostic) -> None:
    # A wait for a synchronous standby that was cancelled ends as "ok" with a mere warning, and the commit
    # may be lost with the node.
    if notice.source_function == "SyncRepWaitForLSN":
        conn._coinpurse_uncertain = True  # type: ignore[attr-defined]


async def _refuse_uncertain(conn: Connection) -> None:
    if getattr(conn, "_coinpurse_uncertain", False):
        await conn.close()
        raise psycopg.OperationalError("the commit was not confirmed by the synchronous standby")


class _UtcLoader(Loader):
    """Instants in UTC whatever the session's time zone; infinity is None."""

    format = Format.BINARY

    def load(self, data: Any) -> datetime | None:
        microseconds = _INT64.unpack(data)[0]
        return None if abs(microseconds) >= 2**63 - 1 else _EPOCH + timedelta(microseconds=microseconds)


def instant(text: str | None) -> datetime | None:
    """An instant out of JSON, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
