"""A short way into the routes that are asked for most, asked for as nearly everybody asks.

A charge costs PostgreSQL less than reading its request costs Python. What is plain is read here: a key that
was good a moment ago, no query, a whole body of the usual type whose fields are right. Whatever isn't goes
the ordinary way, which says what is wrong with it; nothing has been done by then.
"""

import re
from typing import Any, get_args

import msgspec
from pydantic import BaseModel, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive

from coinpurse.api.guard import Call, Holder, KeyRing
from coinpurse.api.route import Route, Write

HOT = {"charge", "hold", "capture", "release", "get_balance"}
_KEY = re.compile(rb"[\x20-\x7e]{1,255}")
_SCHEME = b"Bearer "


class Lane:
    """A route whose plain requests are read in a hurry."""

    def __init__(self, route: Route) -> None:
        self.route, self.path = route, route.path
        given = route.endpoint.__annotations__
        self.keyed = given["call"] == Write
        self.id = TypeAdapter(given["id"]).validator.validate_python if "id" in given else None
        models = [each for each in (given.get("body"), *get_args(given.get("body"))) if _is_model(each)]
        self.body = TypeAdapter(models[0]).validator.validate_python if models else None
        self.needs_body = models and models[0] is given["body"]

    async def serve(self, request: Request) -> Response:
        """Answer a request whose path has been matched. Raises what is refused."""
        scope, state = request.scope, request.scope["app"].state
        headers = dict(scope["headers"])
        holder, key = _holder(state.keys, headers), headers.get(b"idempotency-key")
        if (
            holder is None
            or holder.scopes.isdisjoint(self.route.needs)
            or (key is not None and not _KEY.fullmatch(key))
            or len(headers) < len(scope["headers"])
            or scope["query_string"]
        ):
            return await self.route.serve(request)
        message = await request.receive()
        arguments = self._arguments(scope, headers, message)
        if arguments is None:
            request._receive = _again(message, request._receive)
            return await self.route.serve(request)
        scope["state"]["actor"] = holder.who.actor
        state.bucket.take(holder.key.id)
        call = Call(state.ctx, holder.who, key.decode() if key and self.keyed else None)
        response: Response = await self.route.endpoint(call=call, **arguments)
        return response

    def _arguments(self, scope: Any, headers: dict[bytes, bytes], message: Message) -> dict[str, Any] | None:
        """What the route's function is given beside the call; None where something isn't plain."""
        if message["type"] != "http.request" or message.get("more_body"):
            return None
        found: dict[str, Any] = {}
        raw: bytes = message.get("body", b"")
        try:
            if self.id:
                found["id"] = self.id(scope["path_params"]["id"])
            if raw and self.body and headers.get(b"content-type") == b"application/json":
                found["body"] = self.body(msgspec.json.decode(raw))
            elif raw or self.needs_body:
                return None
        except (ValueError, RecursionError):  # what is wrong with it, the ordinary way says
            return None
        return found


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _holder(keys: KeyRing, headers: dict[bytes, bytes]) -> Holder | None:
    shown = headers.get(b"authorization", b"")
    return keys.lately(shown[len(_SCHEME) :].decode("latin-1")) if shown.startswith(_SCHEME) else None


def _again(message: Message, receive: Receive) -> Receive:
    """Receives a message that was received already, and then what comes after it."""
    waiting = [message]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again
