"""What ours is measured against, besides the hand-written way: functions in SQL, and another package."""

import asyncio
import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import credit_ledger
from sqlalchemy import create_engine, text

PLENTY = 10**12
REVENUE = 0


class Yardsticks:
    """The functions of yardsticks.sql, asked through asyncpg."""

    def __init__(self, pool: asyncpg.Pool, accounts: int) -> None:
        self._pool = pool
        self._accounts = accounts

    @classmethod
    async def make(cls, url: str, accounts: int) -> "Yardsticks":
        """Tables, functions, and a purse for each account."""
        pool = await asyncpg.create_pool(url, min_size=16, max_size=16)
        await pool.execute(Path(__file__).with_name("yardsticks.sql").read_text("utf-8"))
        await pool.execute(
            "INSERT INTO yardstick.purses SELECT n, 1000, $2 FROM generate_series(1, $1::bigint) n",
            accounts,
            PLENTY,
        )
        await pool.execute(
            "INSERT INTO yardstick.accounts SELECT n, $2, 0, CASE WHEN n > 0 THEN 0 END "
            "FROM generate_series(0, $1::bigint) n",
            accounts,
            PLENTY,
        )
        return cls(pool, accounts)

    async def one(self, hot: bool) -> int:
        """One charge, one call."""
        await self._pool.fetchrow("SELECT * FROM yardstick.charge($1, $2, $3)", self._pick(hot), _key(), 4)
        return 1

    async def transfer(self, hot: bool) -> int:
        """One charge as a transfer to the revenue account."""
        await self._pool.fetchval(
            "SELECT yardstick.transfer($1, $2, $3, $4)", self._pick(hot), REVENUE, 4, _key()
        )
        return 1

    async def many(self, hot: bool, size: int) -> int:
        """`size` charges in one call of arrays."""
        purses = [self._pick(hot) for _ in range(size)]
        row = await self._pool.fetchrow(
            "SELECT * FROM yardstick.charge_many($1, $2, $3)", purses, [_key() for _ in purses], [4] * size
        )
        assert row is not None
        assert None not in row["paid"]
        return size

    def _pick(self, hot: bool) -> int:
        return 1 if hot else random.randint(1, self._accounts)

    async def close(self) -> None:
        """Ends the connections."""
        await self._pool.close()


_SCHEMA = """
    CREATE TABLE credit_balance (
        tenant_id uuid PRIMARY KEY, credits numeric(18,4) NOT NULL CHECK (credits >= 0),
        updated_at timestamptz NOT NULL DEFAULT now());
    CREATE TABLE credit_ledger (
        id uuid PRIMARY KEY, tenant_id uuid NOT NULL, delta numeric(18,4) NOT NULL, reason text NOT NULL,
        idempotency_key text, balance_after numeric(18,4) NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (tenant_id, idempotency_key));"""


class CreditLedger:
    """The package `credit-ledger`, in threads, since it blocks. It knows one bucket."""

    def __init__(self, url: str, accounts: int, threads: int) -> None:
        self._engine = create_engine(
            url.replace("postgresql://", "postgresql+psycopg://"), pool_size=threads, max_overflow=0
        )
        self._threads = ThreadPoolExecutor(threads)
        self._tenants = [str(uuid.UUID(int=number)) for number in range(accounts)]
        with self._engine.begin() as conn:
            conn.execute(text(_SCHEMA))
            conn.execute(
                text("INSERT INTO credit_balance (tenant_id, credits) VALUES (:tenant, :plenty)"),
                [{"tenant": tenant, "plenty": PLENTY} for tenant in self._tenants],
            )

    async def charge(self, hot: bool) -> int:
        """One charge."""
        tenant = self._tenants[0] if hot else random.choice(self._tenants)
        await asyncio.get_running_loop().run_in_executor(self._threads, self._charge, tenant)
        return 1

    def _charge(self, tenant: str) -> None:
        made = credit_ledger.decrement(tenant, 4, idempotency_key=_key().hex, engine=self._engine)
        assert made.ok

    def close(self) -> None:
        """Ends the connections."""
        self._threads.shutdown()
        self._engine.dispose()


def _key() -> uuid.UUID:
    return uuid.UUID(int=random.getrandbits(128))
