"""What the tests of the providers share: a catalog, signers of their own, and an API that really listens."""

import base64
import hashlib
import hmac
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import strategies as st

from coinpurse.domain.catalog import Catalog

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
ROOT = Path(__file__).parents[2]

CATALOG_TEXT = """
[plans.starter]
name = "Starter"
monthly_credits = 1000
[plans.starter.prices.month]
amount = "30.00"
currency = "usd"
paddle = "pri_01gsz8x8sawmvhz1pv30nge1ke"
polar = "prod_starter prod_old"
[plans.starter.prices.year]
amount = "500.00"
currency = "usd"
paddle = "pri_01gsz91wy9k1yn7kx82aafwvea"
polar = "prod_year"

[plans.pilot]
name = "Pilot"
monthly_credits = 100
[plans.pilot.prices.month]
amount = "5.00"
currency = "usd"
paddle = "pri_01hv0vax6rv18t4tamj848ne4d"
polar = "prod_pilot"

[packs.small]
name = "500 credits"
credits = 500
[packs.small.price]
amount = "199.00"
currency = "usd"
paddle = "pri_01gsz98e27ak2tyhexptwc58yk, pri_old"
polar = "prod_small"
"""
CATALOG = Catalog.parse(CATALOG_TEXT)


def fixtures() -> Path:
    """Where objects of real providers are kept, beside the checkout. Skips the test where there are none."""
    places = [
        os.environ.get("COINPURSE_FIXTURES"),
        ROOT.parent / "shared/fixtures",
        ROOT.parents[1] / "shared/fixtures",
    ]
    for place in places:
        if place and Path(place).is_dir():
            return Path(place)
    pytest.skip("there are no provider fixtures here; name their folder in COINPURSE_FIXTURES")


def fixture(name: str) -> Any:
    """One object of a real provider."""
    return json.loads((fixtures() / name).read_text("utf-8"))


def at(text: str) -> datetime:
    """An instant."""
    return datetime.fromisoformat(text)


def standard_headers(key: bytes, body: bytes, now: datetime, event_id: str = "msg_1") -> dict[str, str]:
    """Headers by the Standard Webhooks scheme, made here rather than by the code under test."""
    stamp = int(now.timestamp())
    digest = hmac.new(key, f"{event_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": event_id, "webhook-timestamp": str(stamp), "webhook-signature": signature}


def paddle_headers(secret: str, body: bytes, now: datetime) -> dict[str, str]:
    """Headers as Paddle makes them."""
    stamp = int(now.timestamp())
    digest = hmac.new(secret.encode(), f"{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"Paddle-Signature": f"ts={stamp};h1={digest}"}


@dataclass
class Asked:
    """A request that the API got."""

    method: str
    path: str
    query: dict[str, str]
    content: Any
    headers: dict[str, str]


@dataclass
class PretendApi:
    """An API on loopback that answers what it was told to: `answers` maps "GET /path" to a value, to a
    status and a value, or to a function of the request."""

    url: str
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, request: Asked) -> tuple[int, Any]:
        """What to answer a request."""
        self.asked.append(request)
        found = self.answers.get(f"{request.method} {request.path}", (404, {"error": {"code": "not_found"}}))
        found = found(request) if callable(found) else found
        return found if isinstance(found, tuple) else (200, found)

    def made(self) -> list[str]:
        """The requests so far, as "POST /path"."""
        return [f"{one.method} {one.path}" for one in self.asked]


@contextmanager
def pretend_api() -> Iterator[PretendApi]:
    """A real HTTP server of this test's own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(lambda: api))
    api = PretendApi(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(api: Callable[[], PretendApi]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content = json.loads(body) if body else None
            query = dict(parse_qsl(url.query))
            status, value = api().answer(
                Asked(self.command, url.path, query, content, dict(self.headers.items()))
            )
            answer = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PATCH = do_DELETE = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def spoilt(thing: Any) -> st.SearchStrategy[Any]:
    """A thing of which one or two values, anywhere in it, are replaced by others or missing."""
    places = list(_places(thing))
    change = st.tuples(st.sampled_from(places), json_values | st.just(...))
    return st.lists(change, min_size=1, max_size=2).map(lambda changes: _changed(thing, changes))


def _places(thing: Any, so_far: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list) else ()
    for key, value in inner:
        yield (*so_far, key)
        yield from _places(value, (*so_far, key))


def _changed(thing: Any, changes: list[tuple[tuple[Any, ...], Any]]) -> Any:
    copy = json.loads(json.dumps(thing))
    for place, value in changes:
        inner = copy
        try:
            for key in place[:-1]:
                inner = inner[key]
            if value is ...:
                del inner[place[-1]]
            else:
                inner[place[-1]] = value
        except (KeyError, IndexError, TypeError):
            pass
    return copy
