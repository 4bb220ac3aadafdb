"""Hostile input, for real: it is refused, or kept word for word; nothing answers 500."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from api.test_conformance import ACCOUNT
from doors.conftest import House

HOSTILE = [
    "'; DROP TABLE coinpurse.acts; --",
    "' OR '1'='1",
    "\\'; SELECT pg_sleep(9); --",
    "%s %(x)s {0} {x} ${x} %n",
    "$$; RAISE; $$",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}} {% raw %} ${7*7} #{7*7}",
    '=HYPERLINK("http://evil.example")',
    "+1+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "a\r\nSet-Cookie: x=1",
    "line\nINFO forged log line",
    "\x1b[2J\x1b[31mred",
    "../../../../etc/passwd",
    "http://169.254.169.254/latest/meta-data",
    "\u202etxt.exe",
    "\u0000nul",
    "z\u0300\u0301\u0302" * 20,
    "\U0001f4b8" * 50,
    "\ufeff\ufffe\uffff",
]
BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"1e999",
    b"NaN",
    b'{"amount": NaN}',
    b'{"amount": 1e400}',
    b'{"amount": -0.0}',
    b'{"amount": 1' + b"0" * 5000 + b"}",
    b'{"account": "a", "account": "b", "amount": 1}',
    b'{"account": "\\ud800", "amount": 1}',
    b'{"account": "\xff\xfe", "amount": 1}',
    b'{"account": "\xed\xa0\x80", "amount": 1}',
    b'\xef\xbb\xbf{"account": "a", "amount": 1}',
    b'{"account": "a\\u0000b", "amount": 1}',
    '{"account": "a", "amount": 1}'.encode("utf-16"),
    b"[" * 100_000,
    b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    b'{"account": "a", "amount": 1, "metadata": ' + b"[" * 9_000 + b"]" * 9_000 + b"}",
    b'{"metadata": {"' + b"k" * 70_000 + b'": 1}}',
    b"[" + b"{}," * 2_000 + b"{}]",
    b'{"account": "' + b"x" * 1_100_000 + b'"}',
]
TYPES = [
    "application/json",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16",
    "",
    '"',
    "a/b/c",
]
FINE = {200, 201, 400, 401, 402, 403, 404, 405, 409, 413, 415, 422, 502}


@pytest.fixture
def client(house: House) -> Iterator[httpx.Client]:
    """One that may do everything."""
    with house.client(house.admin) as opened:
        yield opened


def writing(house: House) -> list[tuple[str, str]]:
    """Every route that takes a body."""
    return [
        (method, house.filled(path))
        for method, path, operation in house.operations()
        if method in ("POST", "PUT")
    ]


@pytest.mark.slow
def test_hostile_bodies_are_refused_everywhere(house: House, client: httpx.Client) -> None:
    """Each of them at each route that takes one: an answer that says what is wrong, never 500."""
    for method, path in writing(house):
        for body in BODIES:
            answer = client.request(method, path, content=body, headers={"content-type": "application/json"})
            assert answer.status_code in FINE, (method, path, body[:60], answer.text[:300])
            assert answer.status_code >= 400 or body in (b"", b"null"), (
                method,
                path,
                body[:60],
                answer.text[:300],
            )


def test_wrong_types_are_refused_everywhere(house: House, client: httpx.Client) -> None:
    """JSON that doesn't say so isn't read."""
    for method, path in writing(house):
        for kind in TYPES:
            headers = {"content-type": kind} if kind else {}
            answer = client.request(method, path, content=b'{"x": 1}', headers=headers)
            assert 400 <= answer.status_code < 500, (method, path, kind, answer.text[:300])


def test_hostile_text_is_kept_or_refused(client: httpx.Client) -> None:
    """In every member that holds text: refused with 422 and a pointer, or read back as it came."""
    for n, text in enumerate(HOSTILE):
        name = f"hostile-{n}"
        put = client.put(f"/v1/accounts/{name}", json={"name": text, "metadata": {"note": text}})
        assert put.status_code in (201, 422), (text, put.text)
        if put.status_code == 422:
            assert {error["pointer"] for error in put.json()["errors"]} <= {"/name", "/metadata"}
            client.put(f"/v1/accounts/{name}", json={}).raise_for_status()
        else:
            assert client.get(f"/v1/accounts/{name}").json()["metadata"] == {"note": text}
            assert put.json()["name"] == text
        _give(client, name, text)
        charge = client.post(
            "/v1/charges", json={"account": name, "amount": 1, "member": text, "metadata": {"t": text}}
        )
        assert charge.status_code in (201, 422), (text, charge.text)
        if charge.status_code == 201:
            assert (charge.json()["member"], charge.json()["metadata"]) == (text, {"t": text})
        for path in ("entries", "explain", "balance", "grants", "events"):
            assert client.get(f"/v1/accounts/{name}/{path}").status_code == 200
        assert client.post("/v1/quotes", json={"account": name, "operation": text}).status_code == 422


def _give(client: httpx.Client, name: str, reason: str) -> None:
    grant = {"account": name, "kind": "addon", "amount": 10, "reason": reason}
    made = client.post("/v1/grants", json=grant)
    assert made.status_code in (201, 422), (reason, made.text)
    if made.status_code == 201:
        assert client.get(f"/v1/accounts/{name}/entries").json()["data"][0]["reason"] == reason
    else:
        client.post("/v1/grants", json={**grant, "reason": "fine"}).raise_for_status()


def test_hostile_text_in_addresses_finds_nothing(house: House, client: httpx.Client) -> None:
    """As an id in a path, as a cursor, as a search, as a filter: nothing is found, and nothing breaks."""
    for text in HOSTILE:
        for method, path, operation in house.operations():
            if "{id}" in path and operation["security"] != [{"session": []}]:
                url = house.url + path.replace("{id}", _quoted(text))
                answer = client.request(method, url, json=house.body(operation) or None)
                assert answer.status_code in FINE, (method, url, answer.text[:300])
        for query in ("query", "cursor", "status", "account", "state", "limit", "at"):
            answer = client.get("/v1/accounts", params={query: text})
            assert answer.status_code in (200, 422), (query, text, answer.text[:300])


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def test_the_tables_are_still_there(house: House) -> None:
    """And the books are right (this file's tests run in their order)."""
    with psycopg.connect(house.settings.database_url or "") as conn:
        [count] = conn.execute("SELECT count(*) FROM coinpurse.acts").fetchone() or [0]
    assert count > 10


RAW = [
    b"GET /v1/accounts/x\r\nX: y HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/catalog HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\x00b\r\nConnection: close\r\n\r\n",
    b"GET /v1/catalog HTTP/1.1\r\nHost: a\r\nX-Request-Id: " + b"z" * 9000 + b"\r\n\r\n",
    b"POST /v1/charges HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\nConnection: close\r\n\r\n{}",
    b"POST /v1/charges HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    b"GET /%ff%fe/%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET //evil.example/%2e%2e/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET /v1/catalog HTTP/9.9\r\nHost: a\r\n\r\n",
    b"\x00\x01\x02\x03\r\n\r\n",
]


@pytest.mark.parametrize("message", RAW, ids=range(len(RAW)))
def test_hostile_messages_are_refused(house: House, message: bytes) -> None:
    """What no client library would send: refused or answered, the header that was smuggled isn't there, and
    the server goes on."""
    host, port = house.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as conn:
        conn.sendall(message)
        conn.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := conn.recv(65536):
            answer += piece
    assert b" 500 " not in answer[:40]
    assert b"\r\nx: y" not in answer.lower()
    assert httpx.get(f"{house.url}/health/live").status_code == 200


def test_a_request_id_can_forge_nothing(client: httpx.Client) -> None:
    """The caller's own id is echoed only where it is harmless."""
    for text in ("fine-1.2_3", "a b", "a\tb", "<b>", "x" * 200, "é"):
        sent = {"X-Request-Id": text.encode()}
        got = client.get("/v1/accounts/nobody", headers=sent).headers["x-request-id"]  # type: ignore[arg-type]
        assert (got == text) == (text == "fine-1.2_3")


def test_replayed_keys_with_hostile_names(client: httpx.Client) -> None:
    """Keys are any printable text, and each is itself only."""
    _give(client, ACCOUNT, "keys")
    made: dict[str, Any] = {}
    for key in ("'", "' OR 1=1", "%", "_", "a%", "*", "\\", "{}", "a" * 255):
        body = {"account": ACCOUNT, "amount": 1}
        answer = client.post("/v1/charges", json=body, headers={"Idempotency-Key": key})
        assert answer.status_code == 201, answer.text
        made[key] = answer.json()["id"]
    assert len(set(made.values())) == len(made)


def test_json_answers_are_never_pages(client: httpx.Client) -> None:
    """What came in as a script goes out as JSON that no browser runs."""
    answer = client.get("/v1/accounts/%3Cscript%3Eshow(1)%3C%2Fscript%3E")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert json.loads(answer.text)["status"] == 404
