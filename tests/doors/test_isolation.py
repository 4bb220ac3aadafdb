"""Nobody gets through a door that isn't theirs: each route of the OpenAPI document is tried, so that a new
one is covered as soon as it is there."""

from typing import Any

import httpx
import psycopg
import pytest

from api.test_conformance import ACCOUNT, ENDLESS
from coinpurse.domain.ids import account_digest
from doors.conftest import OTHER, House
from serving import answer

SCOPES = ("read", "spend", "grant", "support")
EVERYTHING = """
    SELECT (SELECT count(*) FROM coinpurse.acts), (SELECT count(*) FROM coinpurse.accounts),
           (SELECT md5(string_agg(w::text, ',' ORDER BY account)) FROM coinpurse.wallets w),
           (SELECT md5(string_agg(a::text, ',' ORDER BY account)) FROM coinpurse.accounts a),
           (SELECT md5(string_agg(e::text, ',' ORDER BY endpoint)) FROM coinpurse.webhook_endpoints e),
           (SELECT count(*) FROM coinpurse.checkouts), (SELECT count(*) FROM coinpurse.auto_topups)"""
#: What of the customer's own things an answer to somebody else must never hold.
MARKS = [ACCOUNT, account_digest(ACCOUNT, True).hex]


@pytest.fixture(scope="module")
def key_with(module_database_url: str) -> Any:
    """Makes a key with the scopes that it is given."""

    def make(*scopes: str, test: bool = True) -> str:
        asked = [word for scope in scopes for word in ("--scope", scope)] + ["--test"] * test
        made = answer("keys", "create", *asked, COINPURSE_DATABASE_URL=module_database_url)
        return str(made["key"])

    return make


def state(house: House) -> Any:
    """All that a call could have changed."""
    with psycopg.connect(house.settings.database_url or "") as conn:
        return conn.execute(EVERYTHING).fetchone()


def ask(
    client: httpx.Client, house: House, method: str, path: str, operation: dict[str, Any]
) -> httpx.Response:
    """A call as it would be right, about a thing that exists."""
    body = house.body(operation)
    return (
        client.request(method, house.filled(path), json=body)
        if body is not None
        else client.request(method, house.filled(path))
    )


def scopes_of(operation: dict[str, Any]) -> set[str]:
    """Which scopes suffice; none where it needs a session, or nothing."""
    return {scope for scheme in operation["security"] for scope in scheme.get("apiKey", ())}


@pytest.mark.slow
def test_each_lacking_scope_is_refused(house: House, key_with: Any) -> None:
    """Every route that needs a key, with each scope that doesn't suffice: 403, and nothing changes."""
    before, tried = state(house), 0
    for scope in SCOPES:
        with house.client(key_with(scope)) as client:
            for method, path, operation in house.operations():
                needed = scopes_of(operation)
                if needed and scope not in needed and "read" not in needed:
                    refused = ask(client, house, method, path, operation)
                    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden"), (
                        scope,
                        method,
                        path,
                    )
                    tried += 1
    assert tried > 60
    assert state(house) == before


def test_a_live_key_sees_no_test_account(house: House, key_with: Any) -> None:
    """Every route with a live key that may do everything, about things of a test account: nothing is found,
    said or changed."""
    before, tried = state(house), 0
    with house.client(key_with("admin", test=False)) as client:
        for method, path, operation in house.operations():
            if not scopes_of(operation) or (method, path) == ("PUT", "/v1/accounts/{id}"):
                continue  # making a live account of the same name is right
            response = ask(client, house, method, path, operation)
            text = response.text.replace(house.filled(path).split("/")[3] if "{id}" in path else "", "")
            names_it = "{id}" in path or ACCOUNT in str(house.body(operation))
            if names_it and path != "/v1/charges/batch":
                assert response.status_code in (403, 404, 422), (method, path, response.text)
            assert not any(mark in text for mark in MARKS[1:]), (method, path, response.text)
            tried += names_it
    assert tried > 30
    after = state(house)
    assert after[:4] == before[:4]


def test_a_session_is_for_one_account(house: House) -> None:
    """Every route for browsers, with another's token: what it says is the other's, and nothing of the first
    customer's, even when the request names them."""
    tried = 0
    with house.client(house.other_session) as client:
        for method, path, operation in house.operations():
            if operation["security"] != [{"session": []}] or operation["operationId"] in ENDLESS:
                continue
            for more in ("", f"?account={ACCOUNT}", f"?id={ACCOUNT}", f"?cursor={ACCOUNT}"):
                response = client.request(method, house.filled(path) + more)
                assert not any(mark in response.text.partition('"instance"')[0] for mark in MARKS), (
                    path,
                    more,
                )
                tried += 1
        assert client.get("/v1/me/balance").json()["account"] == OTHER
    assert tried >= 8


def test_a_session_opens_no_route_of_keys(house: House) -> None:
    """Every route that needs a key, with a session of the very account that it is about: 401."""
    before = state(house)
    with house.client(house.session) as client:
        for method, path, operation in house.operations():
            if scopes_of(operation):
                assert ask(client, house, method, path, operation).status_code == 401, (method, path)
    assert state(house) == before


def test_a_key_is_no_session(house: House) -> None:
    """Every route for browsers, with a key that may do everything: 401."""
    with house.client(house.admin) as client:
        for method, path, operation in house.operations():
            if operation["security"] == [{"session": []}]:
                assert client.request(method, house.filled(path)).status_code == 401, (method, path)
