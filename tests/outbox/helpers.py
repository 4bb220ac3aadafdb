"""What the tests of outgoing events do again and again."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from coinpurse.app import accounts, endpoints
from coinpurse.app.context import Context, Who
from coinpurse.store.db import Connection
from coinpurse.worker import courier

WHO = Who("tests", test=True)
LIVE = Who("tests", test=False)
CATALOG = """
[plans.starter]
name = "Starter"
monthly_credits = 1000
[plans.studio]
name = "Studio"
monthly_credits = 3000
[packs.small]
name = "500 credits"
credits = 500
price = { amount = "6.00", currency = "usd" }
[policies]
low_balance = 100
"""
_numbers = itertools.count(1)
NEWS = """
    SELECT type, at, data FROM coinpurse.outbox JOIN coinpurse.accounts USING (account)
     WHERE id = %s ORDER BY act, n"""


def when(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text + "+00:00")


async def account(ctx: Context, who: Who = WHO, clock: str | None = "2026-01-31T10:00") -> str:
    """A new account, on a test clock if there is one."""
    name = f"user_{next(_numbers)}"
    await accounts.put_account(ctx, who, name, clock=when(clock) if clock else None)
    return name


async def listen(ctx: Context, **more: Any) -> str:
    """An endpoint that nobody has to answer at, for what is written; gives its id."""
    url = f"https://app.example/{next(_numbers)}"
    return (await endpoints.create_endpoint(ctx, WHO, **{"url": url, **more})).id


async def news(ctx: Context, name: str) -> list[dict[str, Any]]:
    """What was written of an account, in order."""
    return await ctx.db.rows(NEWS, [name])


async def types(ctx: Context, name: str) -> list[str]:
    """The types of what was written of an account."""
    return [row["type"] for row in await news(ctx, name)]


async def execute(ctx: Context, statement: str, *parameters: Any) -> None:
    """A statement that stands for time that passes, or for damage."""

    async def once(conn: Connection) -> None:
        await conn.execute(statement, parameters)

    await ctx.db.work(once)


async def hasten(ctx: Context) -> None:
    """Every pause between two attempts is over."""
    await execute(
        ctx,
        "UPDATE coinpurse.webhook_queues SET next_at = clock_timestamp() "
        "WHERE next_at < 'infinity' AND claim IS NULL",
    )


async def until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something to be so."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@asynccontextmanager
async def couriers(*contexts: Context) -> AsyncIterator[None]:
    """A courier on each context."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(courier.run(ctx, stop)) for ctx in contexts]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)
