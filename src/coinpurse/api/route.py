"""Routes: what each is, for the OpenAPI document, and how a request becomes the arguments of its function.

FastAPI describes the routes. Reading the request is ours: the same for all, naming every fault, in a fraction
of the time.
"""

import inspect
from collections.abc import Callable, Coroutine, Iterable
from difflib import get_close_matches
from email.message import Message
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Depends, Header, params
from fastapi.routing import APIRoute
from pydantic import StringConstraints, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from coinpurse.api.guard import Call, admit
from coinpurse.api.limits import read_body
from coinpurse.api.problems import PROBLEM, UnsupportedMediaType, invalid
from coinpurse.domain.errors import Invalid

Scope = Literal["read", "spend", "grant", "support", "admin"]
#: One scope, or several of which one suffices; a browser's session; or nothing at all.
Needs = Scope | tuple[Scope, ...] | Literal["session"] | None
HeaderKey = Annotated[
    str | None,
    StringConstraints(min_length=1, max_length=255, pattern=r"^[\x20-\x7e]*$"),
    Header(description="Makes a retry safe for 35 days: the same request and key get the first answer."),
]


def _reading(request: Request) -> Call:
    return Call(request.app.state.ctx, request.scope["state"]["who"])


def _writing(request: Request, idempotency_key: HeaderKey = None) -> Call:
    return Call(request.app.state.ctx, request.scope["state"]["who"], idempotency_key)


Read = Annotated[Call, Depends(_reading)]
Write = Annotated[Call, Depends(_writing)]


def declare(
    model: Any, needs: Needs, *, status: int = 200, refusals: tuple[int, ...] = (), **more: Any
) -> dict[str, Any]:
    """What a route is, for FastAPI: what it answers, who may call it, what it may refuse.

    The scope that the OpenAPI document shows is the very one that `Route` enforces.
    """
    answers: dict[int | str, dict[str, Any]] = dict.fromkeys(sorted({*refusals, *_common(needs)}), PROBLEM)
    return {
        "response_model": model,
        "status_code": status,
        "responses": {**answers, **more.pop("responses", {})},
        "openapi_extra": {"security": _security(needs), **more.pop("openapi_extra", {})},
        **more,
    }


def _common(needs: Needs) -> set[int]:
    return {422, 503} | ({401, 403, 429} if needs else set())


def _security(needs: Needs) -> list[dict[str, list[str]]]:
    if needs is None:
        return []
    if needs == "session":
        return [{"session": []}]
    return [{"apiKey": [scope]} for scope in ((needs,) if isinstance(needs, str) else needs)]


class Route(APIRoute):
    """Authenticates before anything of the request is looked at, then reads it strictly."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        super().__init__(path, endpoint, **more)
        security: list[dict[str, list[str]]] = (self.openapi_extra or {}).get("security", [])
        self.needs = [(scopes or ["session"])[0] for scheme in security for scopes in scheme.values()]
        self.arguments = dict(_arguments(endpoint, self.param_convertors))
        self.query = {field.alias for field in self.dependant.query_params}
        self.takes_body = bool(self.dependant.body_params)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What FastAPI calls."""
        return self.serve

    async def serve(self, request: Request) -> Response:
        """Answer a request whose path has been matched. Raises what is refused."""
        await admit(request, self.needs)
        _check_query(request, self.query)
        body = await _read(request, self.takes_body)
        errors: list[Any] = []
        given = {name: read(request, body, errors) for name, read in self.arguments.items()}
        if errors:
            raise invalid(errors)
        response: Response = await self.endpoint(**given)
        return response


#: Takes one argument out of a request and its parsed body, and notes what is wrong with it.
Reader = Callable[[Request, Any, list[Any]], Any]
_NOTHING: Any = object()


def _arguments(function: Callable[..., Any], in_path: Iterable[str]) -> Iterable[tuple[str, Reader]]:
    """How each argument of a function is read: by its name and annotation, as FastAPI describes it."""
    for name, parameter in inspect.signature(function).parameters.items():
        metadata = getattr(parameter.annotation, "__metadata__", ())
        depends = next((each for each in metadata if isinstance(each, params.Depends)), None)
        if parameter.annotation is Request:
            yield name, lambda request, body, errors: request
        elif depends and depends.dependency:
            yield name, _computed(depends.dependency)
        elif name in ("body", "items"):
            yield name, _checked(parameter, ("body",), lambda request, body: body)
        elif name in in_path:
            yield name, _checked(parameter, ("path", name), _from_path(name))
        elif any(isinstance(each, params.Header) for each in metadata):
            alias = name.replace("_", "-")
            yield name, _checked(parameter, ("header", alias), _from_header(alias))
        else:
            yield name, _checked(parameter, ("query", name), _from_query(name))


def _computed(function: Callable[..., Any]) -> Reader:
    arguments = dict(_arguments(function, ()))
    return lambda request, body, errors: function(
        **{name: read(request, body, errors) for name, read in arguments.items()}
    )


def _from_path(name: str) -> Callable[[Request, Any], Any]:
    return lambda request, body: request.path_params[name]


def _from_header(name: str) -> Callable[[Request, Any], Any]:
    return lambda request, body: request.headers.get(name, _NOTHING)


def _from_query(name: str) -> Callable[[Request, Any], Any]:
    return lambda request, body: (
        request.query_params.get(name, _NOTHING) if request.scope["query_string"] else _NOTHING
    )


def _checked(
    parameter: inspect.Parameter, place: tuple[str, ...], take: Callable[[Request, Any], Any]
) -> Reader:
    """Takes a value, checks it against the annotation and notes every fault with its place."""
    check = TypeAdapter(parameter.annotation).validator.validate_python
    required, default = parameter.default is parameter.empty, parameter.default

    def read(request: Request, body: Any, errors: list[Any]) -> Any:
        value = take(request, body)
        if value is _NOTHING:
            if required:
                errors.append({"type": "missing", "loc": place})
            return default
        try:
            return check(value)
        except ValidationError as error:
            errors += ({**each, "loc": (*place, *each["loc"])} for each in error.errors(include_url=False))
            return None

    return read


def _check_query(request: Request, known: set[str]) -> None:
    """Refuse parameters that would be ignored: a mistyped `limt=5` must not silently list fifty."""
    if not request.scope["query_string"]:
        return
    errors = []
    for name in dict.fromkeys(request.query_params):
        if name not in known:
            close = get_close_matches(name, known, 1)
            hint = f" Did you mean {close[0]}?" if close else ""
            errors.append(
                {"pointer": f"/{name}", "detail": f"There is no such parameter.{hint}", "in": "query"}
            )
    if errors:
        raise Invalid("The query has parameters that are not known here.", errors=errors)


async def _read(request: Request, takes_body: bool) -> Any:
    """The parsed body, or _NOTHING where there is none."""
    raw = await read_body(request)
    if not raw:
        return _NOTHING
    if not takes_body:
        raise Invalid.at("", "This request takes no body.")
    if not _is_json(request.headers.get("content-type", "")):
        raise UnsupportedMediaType("Send the body as JSON, with `Content-Type: application/json`.")
    return parse(raw)


def _is_json(content_type: str) -> bool:
    if content_type == "application/json":
        return True
    message = Message()
    message["content-type"] = content_type
    return (
        message.get_content_type() == "application/json" and message.get_content_charset("utf-8") == "utf-8"
    )


def parse(raw: bytes) -> Any:
    """JSON as the standard has it: no NaN, no lone surrogates, no comments."""
    try:
        return msgspec.json.decode(raw)
    except RecursionError:
        raise Invalid.at("", "The body is nested too deeply.") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Invalid.at("", f"The body is not JSON: {error}") from None
