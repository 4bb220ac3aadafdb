"""Puts the demo together: the studio, Coinpurse's pages and its API on one origin."""

import asyncio

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from coinpurse.api.app import create_api
from coinpurse.app.live import Hub
from coinpurse.demo.customers import Studio
from coinpurse.demo.studio import ROUTES
from coinpurse.domain.errors import CoinpurseError
from coinpurse.web import Brand, create_web
from coinpurse.web.headers import SafeHeaders
from coinpurse.web.refusing import on_refusal

BRAND = Brand(name="Kreator Studio", home="/", support="support@kreator.ai")


def create_studio(studio: Studio) -> Starlette:
    """The studio; what it doesn't know goes to Coinpurse's own pages."""
    app = Starlette(
        routes=[*ROUTES, Mount("/", create_web(studio.ctx, BRAND))],
        middleware=[Middleware(SafeHeaders)],
        exception_handlers={CoinpurseError: on_refusal},
    )
    app.state.studio, app.state.brand = studio, BRAND
    return app


def create_demo(studio: Studio, hub: Hub) -> ASGIApp:
    """Everything but the provider as one ASGI application."""
    return _Door(create_api(studio.ctx, hub, create_studio(studio)), studio.moved_in)


class _Door:
    """Opens when the customers have moved in. Until then all wait but the provider, whose word they need."""

    def __init__(self, app: ASGIApp, moved_in: asyncio.Event) -> None:
        self.app, self.moved_in = app, moved_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/v1/webhooks/"):
            await self.moved_in.wait()
        await self.app(scope, receive, send)
