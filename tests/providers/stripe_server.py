"""A tiny HTTP server in Stripe's place: it holds objects, lists them newest first in pages, and notes what it
is asked. What it answers to writes is the object that it holds, or what a test has prepared."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
Answer = tuple[int, Json]

PLACES = {
    "subscription": "/v1/subscriptions",
    "invoice": "/v1/invoices",
    "checkout.session": "/v1/checkout/sessions",
    "payment_intent": "/v1/payment_intents",
    "charge": "/v1/charges",
    "refund": "/v1/refunds",
    "dispute": "/v1/disputes",
    "customer": "/v1/customers",
    "invoice_payment": "/v1/invoice_payments",
}


@dataclass
class Asked:
    """A request that came in."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]


@dataclass
class Stage:
    """What the server holds and has seen."""

    url: str = ""
    objects: dict[str, Json] = field(default_factory=dict)
    lists: dict[str, list[Json]] = field(default_factory=dict)
    writes: dict[tuple[str, str], Callable[[Asked], Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def put(self, *things: Json) -> None:
        """Holds objects, each where its kind is found."""
        for thing in things:
            self.objects[f"{PLACES[thing['object']]}/{thing['id']}"] = thing

    def on(self, method: str, path: str, answer: Callable[[Asked], Answer] | Json, status: int = 200) -> None:
        """Prepares the answer to a write."""
        self.writes[method, path] = answer if callable(answer) else lambda asked: (status, answer)

    def writing(self) -> list[Asked]:
        """The writes that came in."""
        return [asked for asked in self.asked if asked.method != "GET"]

    def answer(self, asked: Asked) -> Answer:
        """What to say to a request."""
        self.asked.append(asked)
        if prepared := self.writes.get((asked.method, asked.path)):
            return prepared(asked)
        if asked.path in self.objects:
            return 200, self.objects[asked.path]
        if asked.path in self.lists or asked.path in PLACES.values():
            return 200, self._page(asked)
        error = {"type": "invalid_request_error", "code": "resource_missing", "message": "No such object"}
        return 404, {"error": error}

    def _page(self, asked: Asked) -> Json:
        things = self.lists.get(asked.path)
        if things is None:
            inside = f"{asked.path}/"
            things = [o for path, o in self.objects.items() if path.startswith(inside)]
        things = sorted(things, key=lambda o: -o.get("created", 0))
        things = [thing for thing in things if _fits(thing, asked.params)]
        if after := asked.params.get("starting_after"):
            ids = [thing["id"] for thing in things]
            things = things[ids.index(after) + 1 :]
        limit = int(asked.params.get("limit", "10"))
        return {"object": "list", "data": things[:limit], "has_more": len(things) > limit}


def _fits(thing: Json, params: dict[str, str]) -> bool:
    made = thing.get("created", 0)
    if not int(params.get("created[gte]", 0)) <= made < int(params.get("created[lt]", 2**40)):
        return False
    if params.get("status", "all") not in ("all", thing.get("status")):
        return False
    named = ("subscription", "payment_intent", "charge", "invoice")
    return all(params[name] in (thing.get(name), _id(thing.get(name))) for name in named if name in params)


def _id(thing: Any) -> Any:
    return thing.get("id") if isinstance(thing, dict) else None


@contextmanager
def running() -> Iterator[Stage]:
    """The server, on a port of its own, while the block runs."""
    stage = Stage()

    class Handler(BaseHTTPRequestHandler):
        """Hands requests to the stage."""

        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            address = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            pairs = parse_qs(address.query, keep_blank_values=True) | parse_qs(body, keep_blank_values=True)
            params = {name: values[-1] for name, values in pairs.items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = stage.answer(Asked(self.command, address.path, params, headers))
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _do

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    stage.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield stage
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
