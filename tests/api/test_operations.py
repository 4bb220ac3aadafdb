"""What operators look at: health, metrics, headers, the log, and what stands beside the API."""

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from api.helpers import plain_client, refused
from coinpurse.api import create_api
from coinpurse.app.context import Context
from coinpurse.app.live import Hub


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_open_paths_live_at_both_places(anyone: httpx.AsyncClient, prefix: str) -> None:
    """Health, metrics and descriptions are where a user would look, without a key."""
    for path, kind in (
        ("/health/live", "application/json"),
        ("/health/ready", "application/json"),
        ("/metrics", "text/plain"),
        ("/openapi.json", "application/json"),
        ("/docs", "text/html"),
    ):
        answer = await anyone.get(prefix + path)
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, kind), path


async def test_the_catalog_is_open(anyone: httpx.AsyncClient, ctx: Context) -> None:
    """What is for sale is no secret."""
    assert (await anyone.get("/v1/catalog")).json() == ctx.catalog.content()


async def test_ready_only_with_this_versions_schema(
    anyone: httpx.AsyncClient, database_url: str, ctx: Context
) -> None:
    """A database that another version left behind takes no requests."""
    with psycopg.connect(ctx.settings.database_url or "", autocommit=True) as conn:
        conn.execute("UPDATE coinpurse.schema_migrations SET checksum = 'other' WHERE name = 'functions'")
        try:
            refused(await anyone.get("/health/ready"), 503, "unavailable")
        finally:
            conn.execute("DELETE FROM coinpurse.schema_migrations WHERE name = 'functions'")
    assert (await anyone.get("/health/live")).status_code == 200


async def test_requests_and_refusals_are_counted(client: httpx.AsyncClient, account: str) -> None:
    """By route, not by path: there is no name in the metrics, and no amount."""

    async def counted(line: str) -> float:
        lines = (await client.get("/metrics")).text.splitlines()
        return next((float(each.split()[-1]) for each in lines if each.startswith(line)), 0.0)

    posted = 'coinpurse_requests_total{method="POST",route="/v1/charges",status="201"}'
    before = [await counted(posted), await counted('coinpurse_charges_total{replayed="false"}')]
    refusals = await counted('coinpurse_problems_total{code="insufficient_credits"}')
    await client.post("/v1/charges", json={"account": account, "amount": 1})
    await client.post("/v1/charges", json={"account": account, "amount": 1000})
    after = [await counted(posted), await counted('coinpurse_charges_total{replayed="false"}')]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1]
    assert await counted('coinpurse_problems_total{code="insufficient_credits"}') == refusals + 1
    assert account not in (await client.get("/metrics")).text


async def test_the_log_tells_no_secrets(
    client: httpx.AsyncClient, account: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One line a request, with its id and actor, without keys, queries and bodies."""
    caplog.set_level("DEBUG", "coinpurse.api")
    with capture_logs() as lines:
        answer = await client.get(f"/v1/accounts/{account}/entries?limit=7")
    (line,) = (line for line in lines if line["event"] == "request")
    assert (line["method"], line["status"], line["path"]) == ("GET", 200, f"/v1/accounts/{account}/entries")
    assert line["route"] == "/v1/accounts/{id}/entries"
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["actor"].startswith("key:")
    assert "cp_test_" not in str(lines)
    assert "limit" not in str(lines)


async def test_the_log_has_what_was_refused(client: httpx.AsyncClient, account: str) -> None:
    """At the usual level the log has no line for what went well and quickly, and one for what was refused."""
    with capture_logs() as lines:
        await client.get(f"/v1/accounts/{account}")
        await client.get("/v1/accounts/nobody-at-all")
    assert [line["status"] for line in lines if line["event"] == "request"] == [404]


async def test_answers_carry_safe_headers(client: httpx.AsyncClient, account: str) -> None:
    """Nothing is sniffed, framed or cached."""
    for answer in (await client.get(f"/v1/accounts/{account}"), await client.get("/v1/nothing")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_crash_says_nothing_but_its_id(ctx: Context, hub: Hub) -> None:
    """What breaks is in the log, under the id that the caller gets."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("the secret is 7")

    async with plain_client(create_api(ctx, hub, broken), {}) as client:
        with capture_logs() as lines:
            answer = await client.get("/broken")
    assert refused(answer, 500, "internal_error")
    assert "secret" not in answer.text
    crash = next(line for line in lines if line["event"] == "crash")
    assert crash["request_id"] == answer.headers["x-request-id"]


async def test_who_hangs_up_is_no_crash(ctx: Context, hub: Hub) -> None:
    """A request whose sender is gone before it was read is logged as that, and answered to nobody."""

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def nobody(message: Message) -> None:
        raise AssertionError("nobody is there to answer to")

    path = {"path": "/v1/health/live", "raw_path": b"/v1/health/live", "query_string": b"", "headers": []}
    with capture_logs() as lines:
        await create_api(ctx, hub)({"type": "http", "method": "GET", **path}, gone, nobody)
    assert [(line["event"], line["status"]) for line in lines] == [("request", 499)]


async def test_pages_stand_beside_the_api(ctx: Context, hub: Hub) -> None:
    """What isn't the API's goes to the pages; under /v1 nothing does."""

    async def page(request: Request) -> Response:
        return PlainTextResponse(request.path_params["name"])

    pages = Starlette(routes=[Route("/pages/{name:path}", page)])
    async with plain_client(create_api(ctx, hub, pages), {}) as client:
        found, missing = await client.get("/pages/a%2Fb"), await client.get("/v1/nothing")
        assert (found.text, found.headers["x-frame-options"]) == ("a/b", "DENY")
        assert found.headers["x-request-id"]
        refused(missing, 404, "not_found")
        refused(await client.get("/v1/charges"), 405, "method_not_allowed")
        assert (await client.get("/nothing")).status_code == 404


async def test_the_page_for_people_is_whole(anyone: httpx.AsyncClient, api: FastAPI) -> None:
    """Every operation and every code is on it, nothing is fetched from elsewhere, and no script runs."""
    page = await anyone.get("/docs")
    for item in api.openapi()["paths"].values():
        assert all(f'id="{operation["operationId"]}"' in page.text for operation in item.values())
    assert all(
        f'id="{code}"' in page.text for code in ("insufficient_credits", "hold_closed", "rate_limited")
    )
    assert not any(word in page.text for word in ("<script", "http://", "https://", "{{", "None"))
    assert "default-src 'none'" in page.headers["content-security-policy"]
