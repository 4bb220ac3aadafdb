"""Checkouts and the portal over HTTP, with a payment provider."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio

from api.helpers import Clients, open_account, plain_client, pointers, refused
from coinpurse.api import create_api
from coinpurse.app import keys
from coinpurse.app.context import Context
from coinpurse.app.live import Hub
from coinpurse.wiring import open_context
from shop import Shop, open_shop

CLOCK = "2026-01-31T10:00:00Z"


@pytest_asyncio.fixture
async def shop() -> AsyncIterator[Shop]:
    """A payment provider over real HTTP."""
    async with open_shop() as opened:
        yield opened


@pytest_asyncio.fixture
async def selling(module_database_url: str, tmp_path: Path, shop: Shop) -> AsyncIterator[Context]:
    """The app, with the shop as its payment provider."""
    async with open_context(shop.settings(module_database_url, tmp_path)) as opened:
        yield opened


@pytest_asyncio.fixture
async def clients(selling: Context) -> AsyncIterator[Clients]:
    """Makes clients with keys of their own."""
    open_ones: list[httpx.AsyncClient] = []
    async with Hub(selling) as hub:
        api = create_api(selling, hub)

        async def make(*scopes: str, test: bool = True) -> httpx.AsyncClient:
            made = await keys.create_key(selling, scopes=list(scopes), test=test)
            open_ones.append(plain_client(api, {"Authorization": f"Bearer {made.key}"}))
            return open_ones[-1]

        yield make
        for client in open_ones:
            await client.aclose()


async def test_from_checkout_to_cancellation(clients: Clients, selling: Context, shop: Shop) -> None:
    """A plan is sold at the provider's page, its state can be asked for, and it is cancelled there."""
    client = await clients("grant", "spend")
    account = await open_account(client, clock=CLOCK)
    body = {"account": account, "plan": "starter", "interval": "month"}
    headers = {"Idempotency-Key": "co"}
    opened = (await client.post("/v1/checkouts", json=body, headers=headers)).json()
    assert opened == (await client.post("/v1/checkouts", json=body, headers=headers)).json()
    assert (opened["provider"], opened["url"]) == ("stripe", shop.sessions[-1]["url"])
    assert opened["expires_at"] == "2026-02-01T10:00:00Z"
    assert (await client.get(f"/v1/checkouts/{opened['id']}")).json()["status"] == "open"
    await shop.press(opened["url"], "pay")
    await shop.deliver(selling)
    assert (await client.get(f"/v1/checkouts/{opened['id']}")).json()["status"] == "paid"
    problem = refused(await client.post("/v1/checkouts", json=body), 409, "conflict")
    path = f"/v1/subscriptions/{problem['subscription']}"
    refused(await client.post(f"{path}/payments", json={}), 409, "conflict")
    answers = [await client.post(f"{path}/cancel", headers={"Idempotency-Key": "c"}) for _ in range(2)]
    assert {answer.json()["ends_at"] for answer in answers} == {"2026-02-28T10:00:00Z"}
    assert [answer.headers.get("idempotent-replayed") for answer in answers] == [None, "true"]
    assert pointers(await client.post(f"{path}/change", json={"plan": "studio", "policy": "restart"})) == {
        "/policy"
    }


async def test_what_is_not_sold_there(clients: Clients) -> None:
    """422 names the field, and in words the catalog's line."""
    client = await clients("grant")
    account = await open_account(client, clock=CLOCK)
    answer = await client.post("/v1/checkouts", json={"account": account, "pack": "unsold"})
    assert pointers(answer) == {"/pack"}
    assert "packs.unsold.price" in answer.json()["detail"]


async def test_the_provider_is_down(clients: Clients, shop: Shop) -> None:
    """503 with Retry-After: the same request with the same key is good later."""
    client = await clients("grant")
    account = await open_account(client, clock=CLOCK)
    shop.down = True
    body, headers = {"account": account, "pack": "small"}, {"Idempotency-Key": "k"}
    answer = await client.post("/v1/checkouts", json=body, headers=headers)
    refused(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "3"
    shop.down = False
    assert (await client.post("/v1/checkouts", json=body, headers=headers)).status_code == 201


async def test_the_portal(clients: Clients, selling: Context, shop: Shop) -> None:
    """Support or grant opens it, for customers of the provider only."""
    client, support = await clients("grant"), await clients("support")
    account = await open_account(client, clock=CLOCK)
    refused(await support.post("/v1/portal", json={"account": account}), 409, "conflict")
    opened = (await client.post("/v1/checkouts", json={"account": account, "pack": "small"})).json()
    await shop.press(opened["url"], "pay")
    await shop.deliver(selling)
    body = {"account": account, "return_url": "https://app.example/"}
    for one in (client, support):
        answer = await one.post("/v1/portal", json=body)
        assert answer.status_code == 201, answer.text
        assert answer.json()["url"].startswith(f"{shop.url}/portal/")
    refused(await (await clients("spend")).post("/v1/portal", json=body), 403, "forbidden")
    bad = {**body, "return_url": "javascript:alert(1)"}
    assert pointers(await client.post("/v1/portal", json=bad)) == {"/return_url"}
    refused(await client.post("/v1/portal", json={"account": "nobody"}), 404, "account_not_found")


async def test_checkouts_of_the_other_mode(clients: Clients) -> None:
    """A live key doesn't know a test account's checkout, nor one that never was."""
    client, live = await clients("grant"), await clients("grant", test=False)
    account = await open_account(client, clock=CLOCK)
    opened = (await client.post("/v1/checkouts", json={"account": account, "pack": "small"})).json()
    refused(await live.get(f"/v1/checkouts/{opened['id']}"), 404, "not_found")
    refused(await client.get("/v1/checkouts/co_nothing"), 404, "not_found")
