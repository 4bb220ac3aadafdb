"""Three times as much as can be done, and a database that stands still: refused early and in clear words,
exact, and over as soon as the cause is.

`COINPURSE_LOAD_SECONDS=60 make test ARGS=tests/load` overloads for a minute.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from coinpurse.app.checks import verify
from coinpurse.ordeal.wire import Answer, Lost, Wire
from coinpurse.settings import DEFAULT_CATALOG, Settings
from coinpurse.wiring import open_context
from serving import answer, serving

SECONDS = float(os.environ.get("COINPURSE_LOAD_SECONDS", "3"))
CLIENTS = 64
ACCOUNTS = 50
MOST_AT_ONCE = 3_000
#: So few a second that the crowd can go on asking for as long as nobody is answered.
STEADY = 200
#: Longest wait of the queue, of the calls under way, and something for a busy machine.
EARLY = 15.0
LEDGER = """
    SELECT count(*), count(DISTINCT details->'metadata'->>'ticket')
      FROM coinpurse.acts WHERE kind = 'charge'"""
STAND_STILL = "SELECT FROM coinpurse.wallets FOR UPDATE"


class Crowd:
    """Asks for charges, each with a ticket of its own, and keeps what was said."""

    def __init__(self, port: int, key: str) -> None:
        self.wire = Wire([port], key, Counter(), "overload")
        self.said: dict[str, list[int]] = {}
        self.slowest: dict[int, float] = {}
        self.wrong: list[str] = []
        self.turn = 0
        self.fresh = time.monotonic()
        self.why: Counter[str] = Counter()

    async def once(self, ticket: str | None = None) -> int:
        """One charge, asked for once. Gives the status; 0 if there was no answer."""
        self.turn += 1
        ticket = ticket or f"t{self.turn}"
        body = {"account": f"load-{hash(ticket) % ACCOUNTS}", "amount": 1, "metadata": {"ticket": ticket}}
        message = self.wire.message("POST", "/v1/charges", body, {"Idempotency-Key": ticket})
        status = 0
        self._drop_idle()
        began = time.monotonic()
        try:
            status, headers, content = await self.wire.once(self.wire.ports[0], message)
            if status == 503 and (b"retry-after" not in headers or b'"unavailable"' not in content):
                self.wrong.append(f"a refusal without words: {content!r}")
        except Lost as error:
            self.why[repr(error.__cause__)] += 1
        self.slowest[status] = max(self.slowest.get(status, 0), time.monotonic() - began)
        self.said.setdefault(ticket, []).append(status)
        return status

    def _drop_idle(self) -> None:
        """Connections that the server has closed, or is about to: it keeps them for five seconds."""
        if time.monotonic() - self.fresh > 2:
            self.wire.close()
            self.fresh = time.monotonic()

    async def at_a_rate(self, per_second: float, seconds: float) -> None:
        """So many a second, whatever becomes of them."""
        began, asked = time.monotonic(), 0
        under_way: set[asyncio.Task[int]] = set()
        while (now := time.monotonic() - began) < seconds:
            while asked < now * per_second:
                asked += 1
                if len(under_way) < MOST_AT_ONCE:
                    task = asyncio.create_task(self.once())
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
            await asyncio.sleep(0.005)
        await asyncio.gather(*under_way)

    async def until_made(self) -> None:
        """Everything that wasn't acknowledged is asked for again, until it is."""
        for _ in range(60):
            left = [ticket for ticket, statuses in self.said.items() if 201 not in statuses]
            for start in range(0, len(left), CLIENTS):
                await asyncio.gather(*(self.once(ticket) for ticket in left[start : start + CLIENTS]))
            if not left:
                return
        raise AssertionError(f"{len(left)} charges were never made")


@pytest.fixture
async def crowd(database_url: str) -> AsyncIterator[Crowd]:
    """On a server with accounts."""
    key = answer("keys", "create", "--scope", "admin", "--test", COINPURSE_DATABASE_URL=database_url)["key"]
    with serving("serve", COINPURSE_DATABASE_URL=database_url) as url:
        found = Crowd(int(url.rpartition(":")[2]), key)
        for n in range(ACCOUNTS):
            name = f"load-{n}"
            await _ask(found.wire.ask, "PUT", f"/v1/accounts/{name}", {})
            grant = {"account": name, "kind": "addon", "amount": 10**9, "reason": "load"}
            await _ask(found.wire.ask, "POST", "/v1/grants", grant)
        yield found
        found.wire.close()


async def _ask(ask: Callable[..., Awaitable[Answer]], *call: Any) -> None:
    assert (await ask(*call)).status == 201


async def capacity(crowd: Crowd) -> float:
    """How many charges a second this server makes for clients who wait for their answers."""
    end = time.monotonic() + 1.5

    async def one() -> int:
        made = 0
        while time.monotonic() < end:
            made += await crowd.once() == 201
        return made

    return sum(await asyncio.gather(*(one() for _ in range(CLIENTS)))) / 1.5


async def stand_still(database_url: str, seconds: float) -> None:
    """Somebody locks every account."""
    async with await psycopg.AsyncConnection.connect(database_url) as rival:
        # Where transactions are serializable, it would give up on what changes meanwhile.
        await rival.set_isolation_level(psycopg.IsolationLevel.READ_COMMITTED)
        await rival.execute(STAND_STILL)
        await asyncio.sleep(seconds)


@pytest.mark.slow
async def test_overload_is_refused_early_and_leaves_no_trace(crowd: Crowd, database_url: str) -> None:
    """At 300 % for a while, then with a database that stands still: only 201 and 503, none late; then
    everything is quick again, and each ticket is in the ledger once."""
    usual = await capacity(crowd)
    await crowd.at_a_rate(3 * usual, SECONDS)
    await asyncio.gather(stand_still(database_url, 8), crowd.at_a_rate(STEADY, 8))
    statuses = Counter(status for all_ in crowd.said.values() for status in all_)
    assert crowd.wrong == []
    assert set(statuses) <= {201, 503}, (statuses, crowd.why, crowd.slowest, usual)
    assert statuses[503] > 0, "while the database stood still, somebody was refused"
    assert max(crowd.slowest.values()) < EARLY, crowd.slowest
    began = time.monotonic()
    assert [await crowd.once() for _ in range(20)] == [201] * 20
    assert time.monotonic() - began < 5, "as soon as the cause is over, it is quick"
    await crowd.until_made()
    with psycopg.connect(database_url) as conn:
        assert conn.execute(LEDGER).fetchone() == (len(crowd.said),) * 2
    async with open_context(Settings(database_url, Path("/nonexistent"), DEFAULT_CATALOG)) as ctx:
        assert await verify(ctx) == []
