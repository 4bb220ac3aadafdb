"""Accounts over HTTP: keeping them, finding them, reading them."""

from urllib.parse import quote

import httpx
import pytest

from api.helpers import Clients, open_account, pointers, refused


async def test_put_creates_and_then_updates(client: httpx.AsyncClient) -> None:
    """201 the first time, 200 after; what is left out stays."""
    first = await client.put(
        "/v1/accounts/ann", json={"name": "Ann", "email": "ann@example.com", "currency": "EUR"}
    )
    second = await client.put(
        "/v1/accounts/ann", json={"locale": "de-AT", "metadata": {"team": 7}, "name": None}
    )
    third = await client.put("/v1/accounts/ann")
    assert [first.status_code, second.status_code, third.status_code] == [201, 200, 200], first.text
    kept = (await client.get("/v1/accounts/ann")).json()
    assert kept == third.json()
    assert (kept["name"], kept["email"], kept["currency"], kept["locale"]) == (
        "Ann",
        "ann@example.com",
        "eur",
        "de-AT",
    )
    assert (kept["metadata"], kept["test"], kept["clock"]) == ({"team": 7}, True, None)


@pytest.mark.parametrize("id", ["team/7", "auth0|12", "a b", "Zoë 🪙", "50%", "%2F", "a?b#c", "x" * 200])
async def test_ids_of_any_form(client: httpx.AsyncClient, id: str) -> None:
    """People's own ids work in paths as in bodies, slashes included."""
    path = f"/v1/accounts/{quote(id, safe='')}"
    assert (await client.put(path)).json()["id"] == id
    grant = {"account": id, "kind": "addon", "amount": 3, "reason": "x"}
    assert (await client.post("/v1/grants", json=grant)).status_code == 201
    assert (await client.get(f"{path}/balance")).json()["available"] == 3


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("email", "nobody"),
        ("email", "a@b\n"),
        ("currency", "euro"),
        ("currency", 7),
        ("locale", "german please"),
        ("name", "x" * 201),
        ("name", "a\0b"),
        ("clock", "yesterday"),
        ("metadata", {"a": {"b": {"c": {"d": {}}}}}),
        ("id", "x"),
    ],
)
async def test_bad_fields_of_accounts(client: httpx.AsyncClient, member: str, value: object) -> None:
    """Each is pointed at."""
    assert pointers(await client.put("/v1/accounts/bad", json={member: value})) == {"/" + member}


async def test_accounts_can_be_found_and_paged(client_with: Clients) -> None:
    """Support finds an account by a part of its id, name or email, page by page."""
    client = await client_with("support", "spend")
    for number in range(5):
        await client.put(f"/v1/accounts/find_{number}", json={"email": f"n{number}@findme.example"})
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        params = {"query": "findme", "limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/accounts", params=params)).json()
        seen += [account["id"] for account in page["data"]]
        cursor = page["next_cursor"]
    assert (sorted(seen), cursor) == ([f"find_{number}" for number in range(5)], None)


async def test_a_balance_has_all_its_parts(client: httpx.AsyncClient) -> None:
    """The shape that the pill and the pages read."""
    account = await open_account(client, addon=500)
    plan = {"account": account, "plan": "starter", "interval": "month"}
    subscription = (await client.post("/v1/subscriptions", json=plan)).json()
    balance = (await client.get(f"/v1/accounts/{account}/balance")).json()
    assert (balance["account"], balance["available"], balance["held"]) == (account, 1500, 0)
    assert (balance["as_of"], balance["sequence"]) == ("2026-01-31T10:00:00Z", 2)
    monthly = balance["buckets"]["monthly"]
    assert (monthly["available"], monthly["held"], monthly["allocation"], monthly["provisional"]) == (
        1000,
        0,
        1000,
        False,
    )
    assert monthly["period"] == {"start": "2026-01-31T10:00:00Z", "end": "2026-02-28T10:00:00Z"}
    assert monthly["renews_at"] == "2026-02-28T10:00:00Z"
    assert balance["buckets"]["addon"] == {"available": 500, "held": 0, "frozen": 0}
    assert balance["buckets"]["other"] == []
    assert balance["subscription"]["id"] == subscription["id"]


async def test_past_balances_can_be_asked_for(client: httpx.AsyncClient, account: str) -> None:
    """L3: what was shown then, by any offset."""
    await client.post(f"/v1/accounts/{account}/clock", json={"now": "2026-02-01T10:00:00Z"})
    await client.post("/v1/charges", json={"account": account, "amount": 30})
    path = f"/v1/accounts/{account}/balance"
    before = await client.get(path, params={"at": "2026-01-31T12:00:00+01:00"})
    assert (before.status_code, before.json()["available"]) == (200, 100), before.text
    assert (await client.get(f"{path}?at=2026-02-01T11:00:00+01:00")).json()["available"] == 70
    assert (await client.get(path)).json()["available"] == 70


async def test_entries_are_paged_newest_first(client: httpx.AsyncClient, account: str) -> None:
    """L1: every line, in order, with its shape."""
    for amount in (1, 2, 3):
        await client.post("/v1/charges", json={"account": account, "amount": amount})
    path = f"/v1/accounts/{account}/entries"
    first = (await client.get(path, params={"limit": 3})).json()
    rest = (await client.get(path, params={"limit": 3, "cursor": first["next_cursor"]})).json()
    lines = first["data"] + rest["data"]
    assert [(line["sequence"], line["kind"], line["amount"], line["available_after"]) for line in lines] == [
        (4, "charge", -3, 94),
        (3, "charge", -2, 97),
        (2, "charge", -1, 99),
        (1, "grant", 100, 100),
    ]
    assert rest["next_cursor"] is None
    assert lines[0]["at"] == "2026-01-31T10:00:00Z"
    assert (lines[0]["bucket"], lines[0]["cause"]["type"]) == ("addon", "charge")
    assert lines[3]["reason"] == "welcome"
    assert lines[3]["actor"].startswith("key:")


async def test_a_balance_can_be_explained(client: httpx.AsyncClient, account: str) -> None:
    """L5: for each credit where it came from, for each charge what paid."""
    await client.post("/v1/charges", json={"account": account, "amount": 40})
    explained = (await client.get(f"/v1/accounts/{account}/explain")).json()
    assert explained["balance"]["available"] == 60
    assert (explained["grants"][0]["amount"], explained["grants"][0]["spent"]) == (100, 40)
    assert explained["charges"][0]["amount"] == 40
    assert explained["sentences"]


async def test_grants_stand_in_burn_order(client: httpx.AsyncClient, account: str) -> None:
    """S3: the list shows what will be spent first."""
    plan = {"account": account, "plan": "starter", "interval": "month"}
    await client.post("/v1/subscriptions", json=plan)
    page = (await client.get(f"/v1/accounts/{account}/grants")).json()
    assert [(grant["kind"], grant["remaining"]) for grant in page["data"]] == [
        ("monthly", 1000),
        ("addon", 100),
    ]
    assert page["next_cursor"] is None


async def test_unknown_accounts_are_not_found(client: httpx.AsyncClient) -> None:
    """Every route that names an account says so."""
    for path in ("", "/balance", "/entries", "/explain", "/grants", "/subscriptions"):
        refused(await client.get(f"/v1/accounts/nobody{path}"), 404, "account_not_found")
    refused(
        await client.post("/v1/accounts/nobody/clock", json={"now": "2026-01-31T10:00:00Z"}),
        404,
        "account_not_found",
    )


async def test_clocks_move_forward_only(client: httpx.AsyncClient, account: str) -> None:
    """T9: moving the clock does what waiting does; it never goes back."""
    path = f"/v1/accounts/{account}/clock"
    moved = await client.post(path, json={"now": "2026-03-01T00:00:00.5Z"})
    assert (moved.status_code, moved.json()["as_of"]) == (200, "2026-03-01T00:00:00.500000Z"), moved.text
    assert (await client.post(path, json={"now": "2026-02-01T00:00:00Z"})).status_code in (409, 422)
    assert pointers(await client.post(path, json={"now": "soon"})) == {"/now"}
