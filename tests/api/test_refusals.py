"""Bad input, whatever it is, is refused as a problem that names each fault; it never breaks the server."""

from collections.abc import AsyncIterator

import httpx
import pytest

from api.helpers import pointers, refused
from coinpurse.api.fields import show_cursor

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"account": "\\ud800"}',
        b'{"account": "a", "amount": NaN}',
        b'{"account": "a", "amount": -Infinity}',
        b'{"account": "a", "amount": 1e999}',
        b'{"account": "a", "amount": ' + b"9" * 6000 + b"}",
        b"{'account': 'a'}",
        b'{"account": "a",}',
    ],
)
async def test_what_is_not_a_json_object_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    """A body that can't be understood is refused as a whole."""
    pointers(await client.post("/v1/charges", content=body, headers=JSON))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("amount", True),
        ("amount", 1.0),
        ("amount", "1"),
        ("amount", -1),
        ("amount", 10**15 + 1),
        ("amount", 10**300),
        ("amount", [1]),
        ("account", ""),
        ("account", "a\0"),
        ("account", "x" * 201),
        ("account", 7),
        ("account", None),
        ("quantity", -1),
        ("operation", "x" * 201),
        ("member", "x" * 201),
        ("metadata", []),
        ("metadata", {"a": "\0"}),
        ("metadata", {"a": "x" * 9000}),
        ("ammount", 1),
        ("a/b~c", 1),
    ],
)
async def test_each_bad_field_is_pointed_at(client: httpx.AsyncClient, member: str, value: object) -> None:
    """The pointer leads to the field, misspelt names included."""
    body = {"account": "u", "amount": 1, member: value}
    expected = "/" + member.replace("~", "~0").replace("/", "~1")
    assert pointers(await client.post("/v1/charges", json=body)) == {expected}


async def test_all_bad_fields_are_pointed_at_at_once(client: httpx.AsyncClient) -> None:
    """Nobody has to repair a request one field at a time."""
    body = {"amount": "1", "operation": 1, "colour": "red"}
    assert pointers(await client.post("/v1/charges", json=body)) == {
        "/account",
        "/amount",
        "/operation",
        "/colour",
    }


@pytest.mark.parametrize("body", [{}, {"amount": 1, "operation": "x"}, {"amount": 1, "quantity": 2}])
@pytest.mark.parametrize("path", ["/v1/charges", "/v1/quotes", "/v1/holds"])
async def test_an_amount_or_an_operation(
    client: httpx.AsyncClient, account: str, path: str, body: dict[str, object]
) -> None:
    """S5: exactly one of the two says what it costs."""
    refused(await client.post(path, json={"account": account, **body}), 422, "invalid_request")


async def test_queries_and_paths_are_checked_too(client: httpx.AsyncClient) -> None:
    """What is wrong outside of the body is named with the place where it is."""
    answer = await client.get("/v1/accounts/a%00b/entries?limit=0")
    errors = refused(answer, 422, "invalid_request")["errors"]
    assert {(error["in"], error["pointer"]) for error in errors} == {
        ("path", "/id"),
        ("query", "/limit"),
    }


async def test_unknown_parameters_are_refused(client: httpx.AsyncClient, account: str) -> None:
    """A misspelt parameter is not silently ignored."""
    answer = await client.get(f"/v1/accounts/{account}/entries?limt=5")
    (error,) = refused(answer, 422, "invalid_request")["errors"]
    assert error["in"] == "query"
    assert "limit" in error["detail"]


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "naïve"])
async def test_idempotency_keys_are_checked(client: httpx.AsyncClient, account: str, key: str) -> None:
    """S8: a key is 1 to 255 printable ASCII characters."""
    headers = {b"Idempotency-Key": key.encode("latin-1")}
    answer = await client.post("/v1/charges", json={"account": account, "amount": 1}, headers=headers)
    (error,) = refused(answer, 422, "invalid_request")["errors"]
    assert (error["in"], error["pointer"]) == ("header", "/idempotency-key")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "", "x"],
)
async def test_other_content_types_are_refused(client: httpx.AsyncClient, content_type: str) -> None:
    """Only JSON in UTF-8 is read, so that no form on another site can post."""
    headers = {"Content-Type": content_type}
    answer = await client.post("/v1/charges", content=b'{"account":"u","amount":1}', headers=headers)
    refused(answer, 415, "unsupported_media_type")


async def test_bodies_over_a_mebibyte_are_refused(client: httpx.AsyncClient) -> None:
    """With a length announced, and without one."""
    body = b" " * (1024 * 1024 + 1)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * 65_536

    refused(await client.post("/v1/charges", content=body, headers=JSON), 413, "body_too_large")
    refused(await client.post("/v1/charges", content=chunks(), headers=JSON), 413, "body_too_large")


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/", "/nothing", "/v1/charges/", "/v1//charges"])
async def test_unknown_paths_are_problems(client: httpx.AsyncClient, path: str) -> None:
    """There is no such thing, said as a problem."""
    refused(await client.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/charges", "POST"),
        ("DELETE", "/v1/accounts/u", "GET, PUT"),
        ("POST", "/health/live", "GET"),
        ("OPTIONS", "/v1/me/balance", "GET"),
    ],
)
async def test_wrong_methods_are_problems(
    client: httpx.AsyncClient, method: str, path: str, allow: str
) -> None:
    """The answer says which methods the path takes."""
    answer = await client.request(method, path)
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allow


@pytest.mark.parametrize(
    "path",
    [
        "/charges/{}",
        "/holds/{}",
        "/subscriptions/{}",
        "/accounts/{}",
        "/accounts/{}/balance",
        "/accounts/{}/explain",
    ],
)
@pytest.mark.parametrize(
    "id",
    [
        "x",
        "ch_",
        "ch_zz_1",
        "ho_1",
        "%F0%9F%AA%99",
        "a" * 200,
        "ch_" + "9" * 100,
        "-1",
        "%ED%A0%80",
        "%ff%2F%c0%af",
        "..%2F..",
    ],
)
async def test_ids_that_nobody_gave_are_not_found(client: httpx.AsyncClient, path: str, id: str) -> None:
    """Whatever it looks like, an id that we didn't make is unknown."""
    answer = await client.get("/v1" + path.format(id))
    refused(answer, 404, "account_not_found" if "accounts" in path else "not_found")


async def test_a_cursor_that_we_did_not_make_is_refused(client: httpx.AsyncClient, account: str) -> None:
    """Cursors can't be guessed at."""
    for cursor in ("x", "-1", "9" * 400, "a\u200bb"):
        answer = await client.get(f"/v1/accounts/{account}/entries", params={"cursor": cursor})
        refused(answer, 422, "invalid_request")
        refused(await client.get("/v1/accounts", params={"cursor": cursor}), 422, "invalid_request")
        refused(await client.get("/v1/renewals", params={"cursor": cursor}), 422, "invalid_request")


@pytest.mark.parametrize(
    "cursor",
    [
        "0001-01-01T00:00:00+14:00 x",
        "2026-01-01T00:00:00+00:00 x 1",
        "2026-01-01T00:00:00+00:00 00000000-0000-0000-0000-000000000000 " + "9" * 30,
        "2026-01-01T00:00:00+00:00 00000000-0000-0000-0000-000000000000 \u0661",
        "infinity x 1",
        " ",
        "9" * 18,
        "0",
    ],
)
@pytest.mark.parametrize("path", ["/v1/accounts", "/v1/renewals", "/v1/accounts/{}/entries"])
async def test_a_forged_cursor_breaks_nothing(
    client: httpx.AsyncClient, account: str, path: str, cursor: str
) -> None:
    """Even one that looks right is refused, or leads to a page."""
    answer = await client.get(path.format(account), params={"cursor": show_cursor(cursor)})
    assert answer.status_code in (200, 422), answer.text


async def test_request_ids_of_callers_are_kept(client: httpx.AsyncClient) -> None:
    """Both sides' logs can be laid side by side; ids that could forge a log line are replaced."""
    kept = await client.get("/v1/nothing", headers={"X-Request-Id": "job-7.a_b"})
    replaced = await client.get("/v1/nothing", headers={"X-Request-Id": "a b\tc"})
    assert kept.headers["x-request-id"] == kept.json()["request_id"] == "job-7.a_b"
    assert replaced.headers["x-request-id"].startswith("req_")
