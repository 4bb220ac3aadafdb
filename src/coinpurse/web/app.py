"""Puts the pages together: `/subscriptions`, `/checkout/…`, `/session` and what they load from `/static`."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from coinpurse.app.context import Context
from coinpurse.domain.errors import CoinpurseError
from coinpurse.web import acts, checkout, exporting, pages, session
from coinpurse.web.brand import Brand
from coinpurse.web.headers import SafeHeaders
from coinpurse.web.language import Speaking
from coinpurse.web.refusing import on_http, on_refusal
from coinpurse.web.rendering import ASSETS
from coinpurse.web.support import ROUTES as SUPPORT

ROUTES = [
    Route("/subscriptions", pages.show),
    Route("/subscriptions/history", pages.older),
    Route("/subscriptions/history.csv", exporting.export),
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
    *SUPPORT,
]


def create_web(ctx: Context, brand: Brand | None = None) -> Starlette:
    """The pages, as an ASGI application for the root of the API's origin. They speak of the app as `brand` or
    else the settings say."""
    web = Starlette(
        routes=ROUTES,
        middleware=[Middleware(SafeHeaders), Middleware(Speaking)],
        exception_handlers={CoinpurseError: on_refusal, HTTPException: on_http},
    )
    chosen = ctx.settings
    known = Brand(chosen.app_name, chosen.app_url, chosen.support, chosen.stylesheet)
    web.state.ctx, web.state.brand = ctx, brand or known
    return web
