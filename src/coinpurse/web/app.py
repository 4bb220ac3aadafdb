"""Puts the pages together: `/subscriptions`, `/checkout/…`, `/session` and what they load from `/static`."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from coinpurse.app.context import Context
from coinpurse.domain.errors import CoinpurseError
from coinpurse.web import acts, checkout, pages, session
from coinpurse.web.brand import Brand
from coinpurse.web.headers import SafeHeaders
from coinpurse.web.rendering import ASSETS, render

ROUTES = [
    Route("/subscriptions", pages.show),
    Route("/subscriptions/history", pages.older),
    Route("/subscriptions/plan", pages.consider_plan),
    Route("/subscriptions/plan", acts.take_plan, methods=["POST"]),
    Route("/subscriptions/topup", acts.top_up, methods=["POST"]),
    Route("/subscriptions/cancel", pages.consider_cancel),
    Route("/subscriptions/cancel", acts.cancel, methods=["POST"]),
    Route("/subscriptions/pause", pages.consider_pause),
    Route("/subscriptions/pause", acts.pause, methods=["POST"]),
    Route("/subscriptions/resume", acts.resume, methods=["POST"]),
    Route("/subscriptions/keep", acts.keep, methods=["POST"]),
    Route("/subscriptions/portal", acts.manage, methods=["POST"]),
    Route("/session", session.show),
    Route("/session", session.start, methods=["POST"]),
    Route("/session", session.end, methods=["DELETE"]),
    Route("/checkout/{id}", checkout.show),
    Route("/checkout/{id}", checkout.pay, methods=["POST"]),
    Route("/checkout/{id}/leave", checkout.leave, methods=["POST"]),
    Route("/static/{name}", ASSETS.serve),
]


def create_web(ctx: Context, brand: Brand | None = None) -> Starlette:
    """The pages, as an ASGI application for the root of the API's origin. They speak of the app as `brand` or
    else the settings say."""
    web = Starlette(
        routes=ROUTES,
        middleware=[Middleware(SafeHeaders)],
        exception_handlers={CoinpurseError: on_refusal, HTTPException: on_http},
    )
    chosen = ctx.settings
    known = Brand(chosen.app_name, chosen.app_url, chosen.support, chosen.stylesheet)
    web.state.ctx, web.state.brand = ctx, brand or known
    return web


def on_refusal(request: Request, refused: Exception) -> Response:
    """A refusal as a page that says what happened and what to do."""
    assert isinstance(refused, CoinpurseError)
    template = "signed_out.html" if refused.status == 401 else "refused.html"
    return render(request, template, refused.status, title=refused.title, detail=refused.detail)


def on_http(request: Request, error: Exception) -> Response:
    """A page that isn't there, or a method that it doesn't have."""
    assert isinstance(error, HTTPException)
    found = "There is no such page." if error.status_code == 404 else "This page can't be used in that way."
    return render(
        request,
        "refused.html",
        error.status_code,
        title=found,
        detail="Perhaps the address was shortened or is out of date.",
    )
