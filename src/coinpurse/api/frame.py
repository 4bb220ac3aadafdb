"""What surrounds every request: its id, the access log, the measurements, safe headers, the last resort."""

import itertools
import logging
import os
import re
import time
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coinpurse.api import metrics
from coinpurse.api.encode import Json
from coinpurse.api.fields import ENCODED_SLASH
from coinpurse.api.problems import InternalError, respond

log = structlog.get_logger("coinpurse.api")
_every = logging.getLogger("coinpurse.api")
SLOW = 1.0  # seconds; what takes longer has its line in the log
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,100}")
# Ids that we give are unique, not secret: this process's number and the request's.
_PROCESS, _NUMBERS = os.urandom(8).hex(), itertools.count()
GONE = 499  # in log and metrics: who asked has hung up before the request was read
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
_JSON_HEADERS = [
    *_HEADERS,
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]


class Frame:
    """The outermost layer. Queries and headers are never logged: tokens travel in them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        scope = dict(scope)  # the server's own stays as it was: it may log the path, and can't write ours
        scope["path"] = decoded_path(scope)
        async with Passage(scope, send) as passage:
            await self.app(scope, receive, passage.send)


class Passage:
    """One request on its way through. In the log one of a `known` route of the API has a line where it was
    refused or slow, and at the level of debug; what else is asked for always has."""

    def __init__(self, scope: Scope, send: Send, known: bool = False) -> None:
        self.scope, self._send, self.api, self.known = scope, send, scope["app"], known
        self.started = time.perf_counter()
        self.seconds = 0.0
        self.status = 0
        self.state: dict[str, Any] = scope.setdefault("state", {})
        self.state["request_id"] = _request_id(scope)

    async def send(self, message: Message) -> None:
        """Send a part of an answer, with our headers."""
        if message["type"] == "http.response.start":
            self.status, self.seconds = message["status"], time.perf_counter() - self.started
            there = dict(message["headers"])
            ours = _JSON_HEADERS if b"json" in there.get(b"content-type", b"") else _HEADERS
            message["headers"] = [
                *message["headers"],
                (b"x-request-id", self.state["request_id"].encode()),
                *(header for header in ours if header[0] not in there),
            ]
        await self._send(message)

    async def send_whole(self, response: Json) -> None:
        """Send an answer that is there at once, and has none of our headers."""
        self.status, self.seconds = response.status_code, time.perf_counter() - self.started
        headers = [
            *response.raw_headers,
            (b"x-request-id", self.state["request_id"].encode()),
            *_JSON_HEADERS,
        ]
        await self._send({"type": "http.response.start", "status": self.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": response.body})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        try:
            if isinstance(error, ClientDisconnect):
                self.status = self.status or GONE
            elif isinstance(error, Exception):
                await self._crash()
        finally:
            self._close()
        return isinstance(error, Exception)

    async def _crash(self) -> None:
        """Say that it went wrong, without saying how: the log knows, by the same request id."""
        log.exception("crash", request_id=self.state["request_id"], method=self.scope["method"])
        if self.status:
            return
        self.scope["app"] = self.api  # the pages put themselves there
        error = InternalError("The request could not be finished. Retry with the same idempotency key.")
        await respond(error, Request(self.scope))(self.scope, _no_body, self.send)

    def _close(self) -> None:
        route = getattr(self.scope.get("route"), "path", "other")
        metrics.answered(self.scope["method"], route, self.status, self.seconds)
        well = self.known and 0 < self.status < 400 and self.seconds < SLOW
        if well and not _every.isEnabledFor(logging.DEBUG):
            return  # a line for each charge would cost more than the charge, which the ledger has anyway
        (log.debug if well else log.info)(
            "request",
            method=self.scope["method"],
            path=self.scope.get("raw_path", b"").partition(b"?")[0].decode("latin-1"),
            route=route,
            status=self.status,
            ms=round((time.perf_counter() - self.started) * 1000, 1),
            request_id=self.state["request_id"],
            actor=self.state.get("actor"),
        )


async def _no_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def decoded_path(scope: Scope) -> str:
    """The path, where an encoded slash stays part of its segment: account ids may contain slashes."""
    raw: bytes | None = scope.get("raw_path")
    if raw is None or not raw.startswith(b"/v1/") or b"%2" not in raw:
        return str(scope["path"])
    segments = raw.partition(b"?")[0].decode("latin-1").split("/")
    return "/".join(unquote(segment).replace("/", ENCODED_SLASH) for segment in segments)


def _request_id(scope: Scope) -> str:
    """The caller's own id, where it is harmless, so that both logs can be laid side by side."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value.decode())
    return f"req_{_PROCESS}{next(_NUMBERS):08x}"
