"""What reads cost: a few pages of the database, at any age of the account."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from coinpurse.app import accounts, grants, subscriptions, wallets
from coinpurse.app.context import Context, Who
from coinpurse.app.wallets import ChargeRequest
from coinpurse.domain.ids import account_digest
from coinpurse.settings import DEFAULT_CATALOG, Settings
from coinpurse.wiring import open_context

WHO = Who("tests", False)
READS = {
    "the balance": "SELECT * FROM coinpurse.balances(ARRAY[%s::uuid])",
    "the history's first page": "SELECT * FROM coinpurse.entries_before(%s, NULL, 50)",
    "a page of long ago": "SELECT * FROM coinpurse.entries_before(%s, 60, 50)",
    "a past balance": "SELECT coinpurse.balance_at(%s, now() - interval '1 ms')",
}


@pytest.fixture
async def ctx(database_url: str, tmp_path: Path) -> AsyncIterator[Context]:
    """A young account with 60 charges, and an old one with 4,000."""
    async with open_context(Settings(database_url, tmp_path, DEFAULT_CATALOG)) as ctx:
        for name, charges in (("young", 60), ("old", 4_000)):
            await accounts.put_account(ctx, WHO, name)
            await subscriptions.subscribe(ctx, WHO, name, plan="starter")
            await grants.grant(ctx, WHO, name, kind="addon", amount=100_000, reason="to spend")
            for first in range(0, charges, 1_000):
                some = [ChargeRequest(name, 4) for _ in range(min(1_000, charges - first))]
                await wallets.charge_batch(ctx, WHO, some)
        yield ctx


@pytest.mark.parametrize("what", READS)
async def test_reads_cost_the_same_at_any_age(ctx: Context, database_url: str, what: str) -> None:
    """A read of an account with sixty times the history touches a few pages of indexes more, where the past
    is found by halving, and no others: it scans nothing."""
    with psycopg.connect(database_url) as conn:
        young, old = (pages(conn, READS[what], account_digest(name, False)) for name in ("young", "old"))
    assert old <= young + 60
    assert old <= 400


def pages(conn: psycopg.Connection[Any], read: str, account: Any) -> int:
    """How many pages a read touches when everything it needs is known already."""
    query = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + read
    plan: Any = None
    for _ in range(2):
        (plan,) = conn.execute(query, [account]).fetchone() or (None,)
    top = plan[0]["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])
