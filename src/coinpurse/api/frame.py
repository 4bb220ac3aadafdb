"""What surrounds every request: its id, the access log, the measurements, safe headers, the last resort."""

import re
import secrets
import time
from typing import Any
from urllib.parse import unquote

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coinpurse.api import metrics
from coinpurse.api.fields import ENCODED_SLASH
from coinpurse.api.problems import InternalError, respond

log = structlog.get_logger("coinpurse.api")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,100}")
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
        passage = _Passage(scope, send)
        try:
            await self.app(scope, receive, passage.send)
        except ClientDisconnect:
            passage.status = passage.status or GONE
        except Exception:
            await passage.crash()
        finally:
            passage.close()


class _Passage:
    """One request on its way through."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope, self._send, self.api = scope, send, scope["app"]
        self.started = time.perf_counter()
        self.seconds = 0.0
        self.status = 0
        scope["path"] = _path(scope)
        self.state: dict[str, Any] = scope.setdefault("state", {})
        self.state["request_id"] = _request_id(scope)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.seconds = message["status"], time.perf_counter() - self.started
            headers = message["headers"] = list(message["headers"])
            there = dict(headers)
            headers.append((b"x-request-id", self.state["request_id"].encode()))
            ours = _JSON_HEADERS if b"json" in there.get(b"content-type", b"") else _HEADERS
            headers += [header for header in ours if header[0] not in there]
        await self._send(message)

    async def crash(self) -> None:
        """Say that it went wrong, without saying how: the log knows, by the same request id."""
        log.exception("crash", request_id=self.state["request_id"], method=self.scope["method"])
        if self.status:
            return
        self.scope["app"] = self.api  # the pages put themselves there
        error = InternalError("The request could not be finished. Retry with the same idempotency key.")
        await respond(error, Request(self.scope))(self.scope, _no_body, self.send)

    def close(self) -> None:
        route = getattr(self.scope.get("route"), "path", "other")
        metrics.answered(self.scope["method"], route, self.status, self.seconds)
        log.info(
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


def _path(scope: Scope) -> str:
    """The decoded path, where an encoded slash stays part of its segment: account ids may contain slashes."""
    raw: bytes | None = scope.get("raw_path")
    if raw is None or not raw.startswith(b"/v1/") or b"%2" not in raw:
        return str(scope["path"])
    segments = raw.partition(b"?")[0].decode("latin-1").split("/")
    return "/".join(unquote(segment).replace("/", ENCODED_SLASH) for segment in segments)


def _request_id(scope: Scope) -> str:
    """The caller's own id, where it is harmless, so that both logs can be laid side by side."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else "req_" + secrets.token_hex(12)
