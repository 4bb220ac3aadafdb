"""What the tests of the API do again and again."""

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from fastapi import FastAPI

_numbers = itertools.count(1)
#: Makes a client whose key has the scopes that are named (and is a live one with `test=False`).
Clients = Callable[..., Awaitable[httpx.AsyncClient]]


def plain_client(api: FastAPI, headers: dict[str, str]) -> httpx.AsyncClient:
    """A client that talks to the application without a network."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(api), base_url="http://credits.test", headers=headers
    )


async def open_account(client: httpx.AsyncClient, addon: int = 0, clock: str = "2026-01-31T10:00:00Z") -> str:
    """A new account with a test clock, and add-on credits."""
    name = f"user_{next(_numbers)}"
    assert (await client.put(f"/v1/accounts/{name}", json={"clock": clock})).status_code == 201
    if addon:
        grant = {"account": name, "kind": "addon", "amount": addon, "reason": "welcome"}
        assert (await client.post("/v1/grants", json=grant)).status_code == 201
    return name


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is a whole problem of this status and code, and give its members."""
    assert (response.status_code, response.json().get("code")) == (status, code), response.text
    problem: dict[str, Any] = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"].endswith(f"/docs#{code}")
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == response.headers["x-request-id"]
    return problem


def pointers(response: httpx.Response) -> set[str]:
    """Which fields a refusal names."""
    return {error["pointer"] for error in refused(response, 422, "invalid_request")["errors"]}
