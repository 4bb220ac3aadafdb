"""Real servers with real clients: every acknowledged charge is in the ledger once, and nothing else is.

`COINPURSE_LOAD_SECONDS=60 COINPURSE_LOAD_ACCOUNTS=10000 make test ARGS=tests/load` runs it for a minute each.
"""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from coinpurse.app.checks import verify
from coinpurse.settings import DEFAULT_CATALOG, Settings
from coinpurse.wiring import open_context
from serving import answer, serving

SECONDS = float(os.environ.get("COINPURSE_LOAD_SECONDS", "3"))
ACCOUNTS = int(os.environ.get("COINPURSE_LOAD_ACCOUNTS", "200"))
CLIENTS = 64
LEDGER = """
    SELECT a.id, c.details->'metadata'->>'ticket', c.amount
      FROM coinpurse.acts c JOIN coinpurse.accounts a USING (account)
     WHERE c.kind = 'charge'"""


def key_for(database_url: str) -> dict[str, str]:
    """The headers of a client with a test key of its own."""
    made = answer("keys", "create", "--scope", "admin", "--test", COINPURSE_DATABASE_URL=database_url)
    return {"Authorization": f"Bearer {made['key']}"}


@asynccontextmanager
async def client_of(url: str, headers: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client with as many connections as there are clients."""
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=f"{url}/v1", headers=headers, limits=limits, timeout=30) as client:
        yield client


async def make_accounts(client: httpx.AsyncClient, names: list[str], credits: int) -> None:
    """Accounts with add-on credits."""
    gate = asyncio.Semaphore(16)

    async def make(name: str) -> None:
        async with gate:
            (await client.put(f"/accounts/{name}", json={})).raise_for_status()
            body = {"account": name, "kind": "addon", "amount": credits, "reason": "load"}
            (await client.post("/grants", json=body)).raise_for_status()

    await asyncio.gather(*(make(name) for name in names))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 4])
async def test_s7_twenty_charges_of_75_on_500_grant_exactly_6(database_url: str, workers: int) -> None:
    """However many server processes there are."""
    headers = key_for(database_url)
    with serving("serve", "--workers", str(workers), COINPURSE_DATABASE_URL=database_url) as url:
        async with client_of(url, headers) as client:
            await make_accounts(client, ["one"], 500)
            asked = [client.post("/charges", json={"account": "one", "amount": 75}) for _ in range(20)]
            statuses = Counter(response.status_code for response in await asyncio.gather(*asked))
            left = (await client.get("/accounts/one/balance")).json()["available"]
    assert statuses == {201: 6, 402: 14}
    assert left == 50


@pytest.mark.slow
@pytest.mark.parametrize("accounts", [1, ACCOUNTS])
async def test_s7_every_acknowledged_charge_is_in_the_ledger_once(database_url: str, accounts: int) -> None:
    """64 clients on four server processes, one of which is killed meanwhile; who gets no answer asks again
    with the same key."""
    headers = key_for(database_url)
    names = [f"user-{number}" for number in range(accounts)]
    acknowledged: dict[str, tuple[str, int]] = {}
    with serving("serve", "--workers", "4", COINPURSE_DATABASE_URL=database_url) as url:
        async with client_of(url, headers) as client:
            await make_accounts(client, names, 10**9)
            end = time.monotonic() + SECONDS
            clients = [spend(client, number, names, end, acknowledged) for number in range(CLIENTS)]
            await asyncio.gather(kill_one_later(url), *clients)
    with psycopg.connect(database_url) as conn:
        ledger = conn.execute(LEDGER).fetchall()
    assert Counter(ledger) == Counter(
        (account, ticket, amount) for ticket, (account, amount) in acknowledged.items()
    )
    assert len(acknowledged) > CLIENTS
    settings = Settings(database_url, Path("/nonexistent"), DEFAULT_CATALOG)
    async with open_context(settings) as ctx:
        assert await verify(ctx) == []


async def spend(
    client: httpx.AsyncClient,
    number: int,
    names: list[str],
    end: float,
    acknowledged: dict[str, tuple[str, int]],
) -> None:
    """One client: charges until the end, and notes what was acknowledged."""
    turn = 0
    while time.monotonic() < end:
        turn += 1
        ticket, account, amount = f"{number}-{turn}", random.choice(names), random.randint(1, 9)
        body = {"account": account, "amount": amount, "metadata": {"ticket": ticket}}
        made = await until_answered(client, body, ticket)
        assert made["amount"] == amount
        acknowledged[ticket] = (account, amount)


async def until_answered(client: httpx.AsyncClient, body: dict[str, Any], key: str) -> dict[str, Any]:
    """The answer to a charge; lost connections and busy servers are tried again with the same key."""
    for _ in range(200):
        try:
            response = await client.post("/charges", json=body, headers={"Idempotency-Key": key})
        except httpx.TransportError:
            await asyncio.sleep(0.05)
            continue
        if response.status_code != 503:
            assert response.status_code == 201, response.text
            made: dict[str, Any] = response.json()
            return made
        await asyncio.sleep(0.05)
    raise AssertionError("no answer after 200 tries")


async def kill_one_later(url: str) -> None:
    """Kills one of the server's own worker processes, half-way."""
    await asyncio.sleep(SECONDS / 2)
    port = int(url.rpartition(":")[2])
    for process in psutil.Process().children(recursive=True):
        if any(
            c.laddr.port == port
            for c in process.net_connections("tcp")
            if c.status == psutil.CONN_ESTABLISHED
        ):
            os.kill(process.pid, signal.SIGKILL)
            return
    raise AssertionError("no worker had a connection")
