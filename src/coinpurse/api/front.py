"""The way of nearly all requests: a look into a table finds the route, and nothing stands between the two.

FastAPI's layers, and trying each route in turn as routers do, cost more than a charge. To them is left what
isn't in the table: wrong paths and methods, the pages, and browsers on other sites.
"""

from collections.abc import Iterable
from functools import cache

from fastapi import APIRouter
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from coinpurse.api import problems
from coinpurse.api.encode import Json
from coinpurse.api.frame import Passage, decoded_path
from coinpurse.api.lane import HOT, Lane
from coinpurse.api.route import Route
from coinpurse.domain.errors import CoinpurseError


class Front:
    """The routes by method and path; those of `open` are found with and without `/v1`. `elsewhere` says that
    browsers on other sites may ask: what they send goes through the layer that tells them so."""

    def __init__(self, routers: Iterable[APIRouter], open: APIRouter, *, elsewhere: bool) -> None:
        placed = [(route.path, route) for router in (*routers, open) for route in _routes(router)]
        placed += [("/v1" + route.path, route) for route in _routes(open)]
        self._table = {
            (method, path): Lane(route) if route.name in HOT else route
            for path, route in placed
            for method in route.methods or ()
        }
        self._elsewhere = elsewhere

    def find(self, scope: Scope) -> Route | Lane | None:
        """The route of a request, whose path parameters are noted in the scope."""
        if scope["type"] != "http":
            return None
        if self._elsewhere and any(name == b"origin" for name, _ in scope["headers"]):
            return None
        method, path = scope["method"], decoded_path(scope)
        if route := self._table.get((method, path)):
            return route
        steps = path.split("/")
        if len(steps) < 4 or not steps[3]:
            return None
        identifier, steps[3] = steps[3], "{id}"
        if route := self._table.get((method, "/".join(steps))):
            scope["path"], scope["path_params"] = path, {"id": identifier}
        return route

    async def serve(self, route: Route | Lane, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request of this route."""
        scope["route"] = route
        async with Passage(scope, send, known=True) as passage:
            request = Asked(scope, receive)
            try:
                response = await route.serve(request)
            except CoinpurseError as refused:
                response = problems.respond(refused, request)
            if isinstance(response, Json):
                await passage.send_whole(response)
            else:
                await response(scope, receive, passage.send)


def _routes(router: APIRouter) -> list[Route]:
    return [route for route in router.routes if isinstance(route, Route)]


class Asked(Request):
    """A request whose headers are looked up, instead of being searched through each time."""

    @property
    def headers(self) -> Headers:
        """As in any request; of several of one name `get` gives the first."""
        if not hasattr(self, "_headers"):
            self._headers = _Looked(raw=self.scope["headers"])
        return self._headers


class _Looked(Headers):
    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        super().__init__(raw=raw)
        self._first = dict(reversed(raw))

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        found = self._first.get(_packed(key))
        return default if found is None else found.decode("latin-1")


@cache
def _packed(name: str) -> bytes:
    return name.lower().encode("latin-1")
