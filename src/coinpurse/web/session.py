"""The browser's session: set from a token that the app's own server made with `create_session`, and lent to
the pill."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from coinpurse.app import sessions
from coinpurse.domain.errors import CoinpurseError, Invalid
from coinpurse.web import words
from coinpurse.web.identity import MOST_TOKEN, forget, reader, remember

MOST_BODY = 16_384


async def start(request: Request) -> Response:
    """POST /session {token, next?}: takes a token from the body (never from the address) and keeps it in a
    cookie. A form is led on to `next`, a path on this site, by default the Subscriptions page; JSON is
    answered 204."""
    try:
        fields, is_form = await _body(request)
        token, where = fields.get("token"), fields.get("next") or "/subscriptions"
        if not isinstance(token, str) or not 0 < len(token) <= MOST_TOKEN:
            raise Invalid.at("/token", "Send the token that your server made for this reader.")
        await sessions.visitor(request.app.state.ctx, token)
    except CoinpurseError as refused:
        if _wants_json(request):
            return _problem(refused)
        raise
    response = RedirectResponse(_local(where), 303) if is_form else Response(status_code=204)
    remember(response, request, token)
    return response


async def _body(request: Request) -> tuple[Any, bool]:
    if _wants_json(request):
        raw = await request.body()
        try:
            fields = json.loads(raw) if len(raw) <= MOST_BODY else None
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            raise Invalid.at("", "Send a JSON object with a token.")
        return fields, False
    return await request.form(max_files=0, max_fields=10, max_part_size=MOST_BODY), True


def _wants_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _local(where: Any) -> str:
    """A path on this site; anything else would lead readers astray."""
    safe = (
        isinstance(where, str)
        and where.startswith("/")
        and not where.startswith(("//", "/\\"))
        and where.isprintable()
    )
    return where if safe else "/subscriptions"


async def show(request: Request) -> Response:
    """GET /session: the token, lent to the pill on our own pages: {token, expires_at}. Other sites can't
    read it."""
    try:
        who = await reader(request.app.state.ctx, request)
    except CoinpurseError as refused:
        return _problem(refused)
    return JSONResponse({"token": who.token, "expires_at": words.machine(who.expires_at)})


async def end(request: Request) -> Response:
    """DELETE /session: forgets the reader in this browser."""
    response = Response(status_code=204)
    forget(response)
    return response


def _problem(refused: CoinpurseError) -> Response:
    body = {
        "type": "about:blank",
        "title": refused.title,
        "status": refused.status,
        "code": refused.code,
        "detail": refused.detail,
    }
    return JSONResponse({**body, **refused.fields}, refused.status, media_type="application/problem+json")
