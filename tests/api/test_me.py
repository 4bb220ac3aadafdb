"""What a browser reads with a session's token, streams included."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI

from api.helpers import open_account, plain_client, refused
from coinpurse.api import create_api
from coinpurse.api.routes import me
from coinpurse.app.context import Context
from coinpurse.app.live import Hub


@pytest_asyncio.fixture
async def address(api: FastAPI) -> AsyncIterator[str]:
    """The address of a real server: the in-process transport can't stream."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(api, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
        running = uvicorn.Server(config)
        task = asyncio.create_task(running.serve(sockets=[listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        running.should_exit = True
        await task


async def session(client: httpx.AsyncClient, account: str, seconds: int = 900) -> dict[str, str]:
    """The header of a new session."""
    answer = await client.post("/v1/sessions", json={"account": account, "seconds": seconds})
    assert answer.status_code == 201, answer.text
    assert answer.json()["account"] == account
    return {"Authorization": f"Bearer {answer.json()['token']}"}


@asynccontextmanager
async def streaming(address: str, browser: dict[str, str]) -> AsyncIterator[httpx.Response]:
    """A browser's open stream."""
    async with (
        httpx.AsyncClient(base_url=address, headers=browser) as there,
        there.stream("GET", "/v1/me/stream") as answer,
    ):
        yield answer


async def events(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, str]]:
    """The events of a stream, as a browser parses them; comments have the name ``."""
    event: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        elif event:
            yield event
            event = {}


async def test_a_browser_sees_its_own_account(
    client: httpx.AsyncClient, anyone: httpx.AsyncClient, account: str
) -> None:
    """Balance and entries, the same as the server's own."""
    browser = await session(client, account)
    mine = await anyone.get("/v1/me/balance", headers=browser)
    assert mine.json() == (await client.get(f"/v1/accounts/{account}/balance")).json()
    lines = await anyone.get("/v1/me/entries?limit=1", headers=browser)
    assert lines.json() == (await client.get(f"/v1/accounts/{account}/entries?limit=1")).json()
    assert mine.headers["cache-control"] == "no-store"


async def test_sessions_have_bounds(
    client: httpx.AsyncClient, anyone: httpx.AsyncClient, account: str
) -> None:
    """For at most a day, for accounts that exist, and over when they are over."""
    for seconds in (0, 86_401, "900"):
        answer = await client.post("/v1/sessions", json={"account": account, "seconds": seconds})
        refused(answer, 422, "invalid_request")
    refused(await client.post("/v1/sessions", json={"account": "nobody"}), 404, "account_not_found")
    browser = await session(client, account, 1)
    await asyncio.sleep(1.2)
    refused(await anyone.get("/v1/me/balance", headers=browser), 401, "unauthorized")


async def test_the_stream_follows_the_balance(client: httpx.AsyncClient, address: str, account: str) -> None:
    """U1: the balance as it is, then each change within a second or so."""
    browser = await session(client, account)
    async with asyncio.timeout(10), streaming(address, browser) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        stream = events(answer.aiter_lines())
        assert await anext(stream) == {"retry": "2000"}
        first = await anext(stream)
        await client.post("/v1/charges", json={"account": account, "amount": 30})
        second = await anext(stream)
    assert [first["event"], second["event"]] == ["balance", "balance"]
    balances = [json.loads(event["data"]) for event in (first, second)]
    assert [balance["available"] for balance in balances] == [100, 70]
    assert [first["id"], second["id"]] == [str(balance["sequence"]) for balance in balances]


async def test_the_stream_ends_with_its_session(
    client: httpx.AsyncClient, address: str, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A comment now and then while nothing happens; when the session is over, so is the stream."""
    monkeypatch.setattr(me, "HEARTBEAT", 0.2)
    browser = await session(client, account, 2)
    async with asyncio.timeout(10), streaming(address, browser) as answer:
        seen = [event async for event in events(answer.aiter_lines())]
    refused(await client.get("/v1/me/stream", headers=browser), 401, "unauthorized")
    assert [event.get("event") for event in seen[:2]] == [None, "balance"]
    assert {"": "still here"} in seen


async def test_streams_are_counted_while_they_last(
    client: httpx.AsyncClient, address: str, account: str
) -> None:
    """The gauge goes up when a browser listens and down when it leaves."""
    browser = await session(client, account)

    async def listening() -> float:
        lines = (await client.get("/metrics")).text.splitlines()
        return float(next(line for line in lines if line.startswith("coinpurse_streams ")).split()[1])

    before = await listening()
    async with asyncio.timeout(10), streaming(address, browser) as answer:
        lines = answer.aiter_lines()
        await anext(lines)
        assert await listening() == before + 1
    for _ in range(50):
        if await listening() != before:
            await asyncio.sleep(0.05)
    assert await listening() == before


async def test_pages_on_other_sites_need_to_be_allowed(
    ctx: Context, hub: Hub, client: httpx.AsyncClient
) -> None:
    """Configured origins may read with a session; others and unconfigured ones may not."""
    account = await open_account(client)
    browser = {**await session(client, account), "Origin": "https://app.example"}
    preflight = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    allowed = replace(ctx, settings=replace(ctx.settings, allowed_origins=("https://app.example",)))
    async with plain_client(create_api(allowed, hub), {}) as there:
        asked = await there.options(
            "/v1/me/balance", headers={**preflight, "Access-Control-Request-Headers": "authorization"}
        )
        read = await there.get("/v1/me/balance", headers=browser)
        other = await there.get("/v1/me/balance", headers={**browser, "Origin": "https://evil.example"})
        denied = await there.get("/v1/me/balance", headers={"Origin": "https://app.example"})
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, "https://app.example")
    assert read.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in other.headers
    assert (denied.status_code, denied.headers["access-control-allow-origin"]) == (401, "https://app.example")
    assert "access-control-allow-origin" not in (await client.get("/v1/me/balance", headers=browser)).headers
