"""Signing in by OpenID Connect: to the issuer, and back."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from coinpurse.app import oidc
from coinpurse.domain.errors import CoinpurseError
from coinpurse.web.support.identity import HOME, inside, remember
from coinpurse.web.support.signing import form

PATH = f"{HOME}/oidc"
MEANWHILE = "coinpurse_staff_oidc"


async def leave(request: Request) -> Response:
    """GET /support/oidc?next=…"""
    where = inside(request.query_params.get("next"))
    try:
        started = await oidc.start(request.app.state.ctx, where)
    except CoinpurseError as refused:
        return form(request, where, refused.status, refused.detail)
    response = RedirectResponse(started.url, 303)
    # Lax, since the way back from the issuer begins at another site.
    response.set_cookie(
        MEANWHILE,
        started.kept,
        max_age=int(oidc.MEANWHILE.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
        path=PATH,
    )
    return response


async def come_back(request: Request) -> Response:
    """GET /support/oidc/callback"""
    kept = request.cookies.get(MEANWHILE, "")
    try:
        finished = await oidc.finish(request.app.state.ctx, kept, request.query_params)
        response: Response = RedirectResponse(inside(finished.where), 303)
        remember(response, request, finished.token)
    except CoinpurseError as refused:
        response = form(request, HOME, refused.status, refused.detail)
    response.delete_cookie(MEANWHILE, path=PATH)
    return response
