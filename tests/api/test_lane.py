"""The short way into the hot routes: it answers what the ordinary way answers."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.helpers import open_account, pointers, refused
from coinpurse.api.lane import HOT, Lane

CHARGES = "/v1/charges"


def ordinary(client: httpx.AsyncClient) -> dict[str, str]:
    """A header that no plain request has: the scheme in small letters."""
    return {"Authorization": client.headers["Authorization"].replace("Bearer", "bearer")}


def shape(response: httpx.Response) -> Any:
    """An answer without what differs from one to the next."""
    body = response.json()
    return (
        response.status_code,
        sorted(response.headers),
        {name: type(value) for name, value in body.items()},
        body.get("amount"),
    )


def test_the_hot_routes_have_a_lane(api: FastAPI) -> None:
    """Each of them by name, and no others."""
    lanes = {route.route.name for route in api.state.front._table.values() if isinstance(route, Lane)}
    assert lanes == HOT


async def test_both_ways_answer_alike(client: httpx.AsyncClient) -> None:
    """A charge with everything that it may have, a hold and its capture (with and without a body), a release
    and a balance: the same status, headers and members."""
    account = await open_account(client, addon=1_000)
    everything = {"account": account, "amount": 3, "member": "ann", "metadata": {"job": [1, "ü"]}}

    async def live(**more: Any) -> list[Any]:
        charge = await client.post(CHARGES, json=everything, **more)
        assert charge.json()["metadata"] == everything["metadata"]
        holds = [(await client.post("/v1/holds", json=everything, **more)) for _ in range(3)]
        ids = [hold.json()["id"] for hold in holds]
        ended = [
            await client.post(f"/v1/holds/{ids[0]}/capture", **more),
            await client.post(f"/v1/holds/{ids[1]}/capture", json={"amount": 2}, **more),
            await client.post(f"/v1/holds/{ids[2]}/release", **more),
        ]
        looked = await client.get(f"/v1/accounts/{account}/balance", **more)
        return [shape(each) for each in (charge, *holds, *ended, looked)]

    assert await live() == await live(headers=ordinary(client))


async def test_both_ways_keep_the_key(client: httpx.AsyncClient) -> None:
    """S8: what was asked for one way is a replay the other, and a conflict for another amount."""
    account = await open_account(client, addon=100)
    for key, first, second in (("a", {}, ordinary(client)), ("b", ordinary(client), {})):
        asked = {"account": account, "amount": 5}
        made = await client.post(CHARGES, json=asked, headers={"Idempotency-Key": key, **first})
        again = await client.post(CHARGES, json=asked, headers={"Idempotency-Key": key, **second})
        assert again.json() == made.json()
        assert again.headers["idempotent-replayed"] == "true"
        other = await client.post(
            CHARGES, json={**asked, "amount": 6}, headers={"Idempotency-Key": key, **second}
        )
        refused(other, 409, "idempotency_conflict")


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"account": "u", "amount": 1, "amout": 2}, {"/amout"}),
        ({"account": "", "amount": -1}, {"/account", "/amount"}),
        ({"account": "u", "amount": True}, {"/amount"}),
        ({"account": "u", "amount": 1, "metadata": {"n": 2**60}}, {"/metadata"}),
        ([], {""}),
    ],
)
async def test_what_is_wrong_is_said_as_ever(client: httpx.AsyncClient, body: Any, wrong: set[str]) -> None:
    """Whoever isn't plain is read again from the start, and hears of each field."""
    await client.get("/v1/catalog")  # the key is known from here on
    assert pointers(await client.post(CHARGES, json=body)) == wrong


async def test_what_is_not_plain_goes_the_ordinary_way(client: httpx.AsyncClient) -> None:
    """Another type of body, a body where none belongs, broken JSON, a query, a key that is none."""
    account = await open_account(client, addon=100)
    asked = {"account": account, "amount": 5}
    with_charset = {"Content-Type": "application/json; charset=utf-8"}
    assert (await client.post(CHARGES, json=asked, headers=with_charset)).status_code == 201
    text = await client.post(CHARGES, content=b"{}", headers={"Content-Type": "text/plain"})
    refused(text, 415, "unsupported_media_type")
    broken = await client.post(CHARGES, content=b"{", headers={"Content-Type": "application/json"})
    refused(broken, 422, "invalid_request")
    pointers(await client.post(CHARGES, json=asked, headers={"Idempotency-Key": "k" * 256}))
    pointers(await client.post(f"{CHARGES}?dry=1", json=asked))
    past = await client.get(f"/v1/accounts/{account}/balance?at=2026-01-31T10:00:00Z")
    assert past.status_code == 200
    assert (await client.get(f"/v1/accounts/{account}/balance")).json()["available"] == 95


async def test_scopes_and_unknown_accounts_are_refused_as_ever(client_with: Any) -> None:
    """A key that may only read can't charge by the short way either."""
    reader = await client_with("read")
    await reader.get("/v1/catalog")
    refused(await reader.post(CHARGES, json={"account": "nobody", "amount": 1}), 403, "forbidden")
    spender = await client_with("spend")
    await spender.get("/v1/catalog")
    refused(await spender.post(CHARGES, json={"account": "nobody", "amount": 1}), 404, "account_not_found")
