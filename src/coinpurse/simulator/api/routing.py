"""Which address is answered by which function, and which parameters it knows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from coinpurse.simulator.errors import StripeError, invalid
from coinpurse.simulator.params import Params
from coinpurse.simulator.tables import Obj
from coinpurse.simulator.world import World

Handler = Callable[..., Obj]


@dataclass(frozen=True, slots=True)
class Route:
    """An address. `known` are the parameters that mean something here, `passed` those that Stripe knows and
    that change nothing in the simulator; any other is refused, as Stripe does."""

    method: str
    parts: tuple[str, ...]
    handler: Handler
    known: frozenset[str]
    passed: frozenset[str]


ROUTES: list[Route] = []
PAGES = "limit starting_after ending_before"
LISTS = f"{PAGES} created"


def route(method: str, path: str, known: str = "", passed: str = "") -> Callable[[Handler], Handler]:
    """Registers a function `(world, params, *ids)` for an address."""

    def register(handler: Handler) -> Handler:
        names = frozenset(f"expand {known}".split())
        parts = tuple(path.strip("/").split("/"))
        ROUTES.append(Route(method, parts, handler, names, frozenset(passed.split())))
        return handler

    return register


def find(method: str, path: str) -> tuple[Route, list[str]]:
    """The route of a request with the ids in its path."""
    parts = path.strip("/").split("/")
    for each in ROUTES:
        if each.method == method and len(each.parts) == len(parts):
            pairs = list(zip(each.parts, parts, strict=True))
            if all(part == "*" or part == given for part, given in pairs):
                return each, [given for part, given in pairs if part == "*"]
    raise StripeError(
        404, "invalid_request_error", f"Unrecognized request URL ({method}: {path}).", code="url_invalid"
    )


def answer(w: World, method: str, path: str, values: dict[str, Any]) -> Obj:
    """Calls the route's function with its parameters checked."""
    found, ids = find(method, path)
    for name in values:
        if name not in found.known and name not in found.passed:
            raise invalid(f"Received unknown parameter: {name}", name, "parameter_unknown")
    return found.handler(w, Params(values), *ids)
