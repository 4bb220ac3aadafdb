"""Signing in and out of the console."""

import hmac
import secrets

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from coinpurse.app import staff
from coinpurse.app.context import Context
from coinpurse.domain.errors import CoinpurseError, Forbidden
from coinpurse.web.identity import CSRF_FIELD, check_site
from coinpurse.web.language import ENGLISH, speak
from coinpurse.web.rendering import render
from coinpurse.web.support.identity import (
    COOKIE,
    HOME,
    MOST_FIELD,
    SIGN_IN,
    Sheet,
    act,
    inside,
    proof,
    remember,
    sit_down,
)

#: Before anybody is signed in a form is proven by a cookie of its own.
VISIT = "coinpurse_staff_visit"


async def show(request: Request) -> Response:
    """GET /support/sign-in"""
    where = inside(request.query_params.get("next"))
    try:
        await sit_down(request)
    except CoinpurseError:
        return form(request, where)
    return RedirectResponse(where, 303)


def form(request: Request, where: str, status: int = 200, refused: str | None = None) -> Response:
    """The sign-in page, with why it didn't work."""
    speak(ENGLISH)
    visit = secrets.token_urlsafe(16)
    ctx: Context = request.app.state.ctx
    by_issuer = ctx.settings.staff.issuer is not None
    response = render(
        request,
        "support/sign_in.html",
        status,
        where=where,
        csrf=proof(visit),
        refused=refused,
        by_issuer=by_issuer,
    )
    response.set_cookie(
        VISIT,
        visit,
        max_age=3600,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
        path=SIGN_IN,
    )
    return response


async def sign_in(request: Request) -> Response:
    """POST /support/sign-in"""
    fields = await request.form(max_files=0, max_fields=10, max_part_size=MOST_FIELD)
    email, password, where, given = (
        value if isinstance(value := fields.get(name), str) else ""
        for name in ("email", "password", "next", CSRF_FIELD)
    )
    try:
        check_site(request)
        expected = proof(request.cookies.get(VISIT, ""))
        if not request.cookies.get(VISIT) or not hmac.compare_digest(given.encode(), expected.encode()):
            raise Forbidden("This page was out of date. Please sign in once more.")
        address = request.client.host if request.client else "nowhere"
        token = await staff.sign_in(request.app.state.ctx, email, password, address)
    except CoinpurseError as refused:
        return form(request, inside(where), refused.status, refused.detail)
    response = RedirectResponse(inside(where), 303)
    remember(response, request, token)
    response.delete_cookie(VISIT, path=SIGN_IN)
    return response


@act("viewer")
async def sign_out(sheet: Sheet) -> Response:
    """POST /support/sign-out"""
    await staff.sign_out(sheet.desk.ctx, sheet.desk.token)
    response = RedirectResponse(SIGN_IN, 303)
    response.delete_cookie(COOKIE, path=HOME)
    return response
