"""Puts the API together."""

from functools import partial
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from coinpurse import __version__
from coinpurse.api import openapi, problems
from coinpurse.api.frame import Frame
from coinpurse.api.front import Front
from coinpurse.api.guard import KeyRing
from coinpurse.api.limits import Bucket
from coinpurse.api.routes import (
    accounts,
    auto_topup,
    billing_events,
    charges,
    checkouts,
    endpoints,
    grants,
    holds,
    me,
    operations,
    portal,
    reconcile,
    sessions,
    subscriptions,
    webhooks,
)
from coinpurse.app.context import Context
from coinpurse.app.live import Hub
from coinpurse.domain.errors import CoinpurseError

ROUTERS = (
    *(charges, holds, accounts, auto_topup, grants, subscriptions, checkouts, portal, sessions, me),
    *(webhooks, billing_events, reconcile, endpoints, operations),
)


def create_api(ctx: Context, hub: Hub, pages: ASGIApp | None = None) -> FastAPI:
    """The HTTP API. Paths outside of `/v1` that it doesn't know go to `pages`, if given: one server has both,
    and request ids, log and measurements surround both."""
    api = _Api(
        title="Coinpurse",
        version=__version__,
        summary=openapi.SUMMARY,
        description=openapi.DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    api.state.ctx, api.state.hub = ctx, hub
    api.state.keys, api.state.bucket = KeyRing(ctx), Bucket(ctx.settings.rate_limit)
    for module in ROUTERS:
        api.include_router(module.router)
    api.include_router(operations.open_router, prefix="/v1")
    api.include_router(operations.open_router, include_in_schema=False)
    api.openapi = _once(partial(openapi.document, api, api.openapi))  # type: ignore[method-assign]
    api.router.default = _Elsewhere(pages)
    _handle_errors(api)
    _surround(api)
    return api


def _once(build: Any) -> Any:
    made: list[dict[str, Any]] = []

    def document() -> dict[str, Any]:
        if not made:
            made.append(build())
        return made[0]

    return document


def _handle_errors(api: FastAPI) -> None:
    api.add_exception_handler(CoinpurseError, problems.on_refusal)
    api.add_exception_handler(HTTPException, problems.on_http)
    api.add_exception_handler(ClientDisconnect, problems.on_gone)


def _surround(api: FastAPI) -> None:
    """Browsers on other sites may use sessions where the settings name them; keys are not for browsers."""
    origins = api.state.ctx.settings.allowed_origins
    routers = [module.router for module in ROUTERS]
    api.state.front = Front(routers, operations.open_router, elsewhere=bool(origins))
    if origins:
        api.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET"],
            allow_headers=["Authorization", "Last-Event-ID"],
            expose_headers=["X-Request-Id", "Retry-After"],
            max_age=3600,
        )
    api.add_middleware(Frame)


class _Api(FastAPI):
    """FastAPI, behind the front."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        own = {
            **scope,
            "app": self,
        }  # the server's stays as it was: it may log the path, and can't write ours
        if route := self.state.front.find(own):
            await self.state.front.serve(route, own, receive, send)
        else:
            await super().__call__(scope, receive, send)


class _Elsewhere:
    """What is asked for a path that the API doesn't have."""

    def __init__(self, pages: ASGIApp | None) -> None:
        self.pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if scope["type"] != "http":
            return
        if self.pages is None or path == "/v1" or path.startswith("/v1/"):
            raise HTTPException(404)
        await self.pages(scope, receive, send)
