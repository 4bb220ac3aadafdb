"""Automatic top-up over HTTP."""

import httpx

from api.helpers import Clients, pointers, refused


async def test_set_read_and_ended(client: httpx.AsyncClient, account: str) -> None:
    """Without a card on file it can't be set; what isn't there can't be read or ended."""
    path = f"/v1/accounts/{account}/auto-topup"
    body = {"pack": "small", "below": 100, "most_per_month": 3}
    refused(await client.put(path, json=body), 409, "conflict")
    refused(await client.get(path), 404, "not_found")
    refused(await client.delete(path), 404, "not_found")
    refused(await client.put("/v1/accounts/nobody/auto-topup", json=body), 404, "account_not_found")


async def test_what_is_wrong_is_named(client: httpx.AsyncClient, account: str) -> None:
    """Each field has its limits."""
    path = f"/v1/accounts/{account}/auto-topup"
    assert pointers(await client.put(path, json={})) == {"/pack", "/below", "/most_per_month"}
    too_high = {"pack": "small", "below": 501, "most_per_month": 1}
    assert pointers(await client.put(path, json=too_high)) == {"/below"}
    none = {"pack": "small", "below": 0, "most_per_month": 0}
    assert pointers(await client.put(path, json=none)) == {"/below", "/most_per_month"}


async def test_who_may(client_with: Clients, account: str) -> None:
    """Setting and ending it buys or stops buying: that needs grant."""
    path = f"/v1/accounts/{account}/auto-topup"
    spend = await client_with("spend")
    refused(await spend.put(path, json={}), 403, "forbidden")
    refused(await spend.delete(path), 403, "forbidden")
    refused(await spend.get(path), 404, "not_found")
