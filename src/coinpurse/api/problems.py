"""Refusals on the wire: `application/problem+json` of RFC 9457, each with a stable `code`."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from coinpurse.api import metrics
from coinpurse.api.encode import Json, encode
from coinpurse.domain.errors import CoinpurseError, InsufficientCredits, Invalid, NotFound, Unauthorized

MEDIA_TYPE = "application/problem+json"


class MethodNotAllowed(CoinpurseError):
    """The path is right but doesn't take this method; `Allow` names those that it takes."""

    code = "method_not_allowed"
    status = 405
    title = "This path does not take that method"


class BodyTooLarge(CoinpurseError):
    """The request's body is larger than 1 MiB. Split a batch in two."""

    code = "body_too_large"
    status = 413
    title = "The body is too large"


class UnsupportedMediaType(CoinpurseError):
    """The body isn't announced as JSON."""

    code = "unsupported_media_type"
    status = 415
    title = "Send JSON"


class RateLimited(CoinpurseError):
    """The key has used up its requests per second. Attribute: retry_after, in seconds."""

    code = "rate_limited"
    status = 429
    title = "Too many requests"


class InternalError(CoinpurseError):
    """Something broke on our side. It is unknown whether the request took effect: retry with the same key."""

    code = "internal_error"
    status = 500
    title = "Something went wrong on our side"


#: How the OpenAPI document describes any refusal.
PROBLEM: dict[str, Any] = {
    "description": "Refused",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class FieldError(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(extra="allow")

    pointer: str
    detail: str


class Problem(BaseModel):
    """What was refused and why. `code` is stable; further members depend on it."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str
    request_id: str
    errors: list[FieldError] | None = None


def render(error: CoinpurseError, request: Request) -> dict[str, Any]:
    """The members of a problem; those that the error brings never replace the standard ones."""
    metrics.PROBLEMS.labels(error.code).inc()
    base = public_url(request)
    members = dict(error.fields)
    if isinstance(error, InsufficientCredits):
        members["top_up_url"] = members.get("top_up_url") or f"{base}/subscriptions"
    standard = {
        "type": f"{base}/docs#{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "instance": request.scope.get("raw_path", b"").partition(b"?")[0].decode("latin-1")
        or request.url.path,
        "request_id": request.state.request_id,
    }
    return standard | {name: value for name, value in members.items() if name not in standard}


def respond(error: CoinpurseError, request: Request) -> Response:
    """The whole answer to a refused request."""
    response = Json(encode(render(error, request)), error.status, MEDIA_TYPE.encode())
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = "Bearer"
    if "retry_after" in error.fields:
        response.headers["Retry-After"] = str(error.fields["retry_after"])
    if "allow" in error.fields:
        response.headers["Allow"] = ", ".join(error.fields["allow"])
    return response


def public_url(request: Request) -> str:
    """Where people reach this deployment."""
    url: str = request.app.state.ctx.settings.public_url
    return url


def invalid(errors: Iterable[Any]) -> Invalid:
    """A refusal that names every field which pydantic found wrong."""
    found = [_field_error(error) for error in errors]
    where = ", ".join(dict.fromkeys(error["pointer"] or "the body" for error in found))
    return Invalid(f"Not valid: {where}. See errors for each.", errors=found)


def _field_error(error: Any) -> dict[str, str]:
    place, *path = error["loc"] or ("body",)
    found = {"pointer": pointer(path), "detail": _explain(error)}
    return found if place == "body" else {**found, "in": place}


def pointer(path: Sequence[str | int]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _explain(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "There is no such field here; check its spelling against the documentation."
    if error["type"] == "missing":
        return "This is required."
    if error["type"] == "string_pattern_mismatch":
        return f"Has characters or a form that are not allowed here; it must match {error['ctx']['pattern']}"
    if error["type"] == "int_type":
        return "Give an integer, as a JSON number without fraction or exponent."
    return str(error["msg"])


async def on_refusal(request: Request, error: Exception) -> Response:
    """Coinpurse refused."""
    assert isinstance(error, CoinpurseError)
    return respond(error, request)


async def on_http(request: Request, error: Exception) -> Response:
    """The router found no such path or method."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return respond(_wrong_method(request), request)
    if error.status_code == 404:
        return respond(
            NotFound(f"There is nothing at {request.url.path}. GET /openapi.json lists all."), request
        )
    return respond(Invalid(str(error.detail), errors=[]), request)


def _wrong_method(request: Request) -> MethodNotAllowed:
    route = getattr(request.scope.get("route"), "path", "")
    paths = request.app.openapi()["paths"]
    allowed = sorted(method.upper() for method in paths.get(route) or paths.get("/v1" + route, {}))
    return MethodNotAllowed(
        f"{request.method} is not possible here, only {', '.join(allowed)}.", allow=allowed
    )


async def on_gone(request: Request, error: Exception) -> Response:
    """Whoever left before having asked to the end gets no answer; in logs that is called 499."""
    return Response(status_code=499)
