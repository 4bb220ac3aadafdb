"""Grants over HTTP: giving by hand and taking back."""

import httpx

from api.helpers import pointers, refused


async def test_a_grant_says_what_it_is(client: httpx.AsyncClient, account: str) -> None:
    """The whole answer, by name, and a retry that gives nothing twice."""
    body = {
        "account": account,
        "kind": "promo",
        "amount": 20,
        "expires_at": "2026-03-01T00:00:00+01:00",
        "reason": "spring",
    }
    headers = {"Idempotency-Key": "g"}
    first = await client.post("/v1/grants", json=body, headers=headers)
    again = await client.post("/v1/grants", json=body, headers=headers)
    assert first.status_code == again.status_code == 201, first.text
    made = first.json()
    assert (made["account"], made["kind"], made["amount"], made["remaining"]) == (account, "promo", 20, 20)
    assert (made["starts_at"], made["expires_at"]) == ("2026-01-31T10:00:00Z", "2026-02-28T23:00:00Z")
    assert (made["reason"], made["balance"]["available"]) == ("spring", 120)
    assert made["source"]["type"]
    assert (again.headers["idempotent-replayed"], again.json()["id"]) == ("true", made["id"])


async def test_a_grant_can_be_taken_back(client: httpx.AsyncClient, account: str) -> None:
    """In part, then what is left of it; what was spent stays spent."""
    (grant,) = (await client.get(f"/v1/accounts/{account}/grants")).json()["data"]
    await client.post("/v1/charges", json={"account": account, "amount": 10})
    path = f"/v1/grants/{grant['id']}/revoke"
    part = await client.post(path, json={"amount": 30, "reason": "too many"})
    assert (part.status_code, part.json()["remaining"], part.json()["revoked"]) == (200, 60, 30), part.text
    rest = await client.post(path, json={"reason": "fraud"})
    assert (rest.json()["remaining"], rest.json()["revoked"], rest.json()["balance"]["available"]) == (
        0,
        60,
        0,
    )


async def test_bad_grants_are_refused(client: httpx.AsyncClient, account: str) -> None:
    """Monthly credits by hand, nothing at all, no reason, an expiry in the past or for add-on credits."""
    good = {"account": account, "kind": "promo", "amount": 1, "reason": "x"}
    for member, value in (
        ("kind", "monthly"),
        ("amount", 0),
        ("reason", ""),
        ("reason", "x" * 1001),
        ("expires_at", "2026-01-31T10:00:00Z"),
        ("expires_at", "2020-01-31T10:00:00Z"),
        ("priority", 1.5),
    ):
        answer = await client.post("/v1/grants", json={**good, member: value})
        assert pointers(answer) == {"/" + member}, member
    addon = {**good, "kind": "addon", "expires_at": "2027-01-01T00:00:00Z"}
    assert pointers(await client.post("/v1/grants", json=addon)) == {"/expires_at"}
    refused(await client.post("/v1/grants/gr_nobody/revoke", json={"reason": "x"}), 404, "not_found")


async def test_no_account_holds_more_than_the_largest_amount(client: httpx.AsyncClient, account: str) -> None:
    """Two grants that together exceed 10^15 are refused, not overflowed."""
    body = {"account": account, "kind": "promo", "amount": 10**15, "reason": "x"}
    answer = await client.post("/v1/grants", json=body)
    assert answer.status_code in (409, 422), answer.text
