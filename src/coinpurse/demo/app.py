"""Puts the demo together: the studio, Coinpurse's pages and its API on one origin."""

import asyncio

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from coinpurse.api.app import create_api
from coinpurse.app.context import Context
from coinpurse.app.live import Hub
from coinpurse.demo import customers
from coinpurse.demo.studio import ROUTES
from coinpurse.demo.works import Gallery
from coinpurse.domain.errors import CoinpurseError
from coinpurse.web import Brand, create_web
from coinpurse.web.app import on_refusal
from coinpurse.web.headers import SafeHeaders

BRAND = Brand(name="Kreator Studio", home="/", support="contact support@kreator.ai")


def create_studio(ctx: Context, gallery: Gallery) -> Starlette:
    """The studio; what it doesn't know goes to Coinpurse's own pages."""
    studio = Starlette(
        routes=[*ROUTES, Mount("/", create_web(ctx, BRAND))],
        middleware=[Middleware(SafeHeaders)],
        exception_handlers={CoinpurseError: on_refusal},
    )
    studio.state.ctx, studio.state.gallery, studio.state.brand = ctx, gallery, BRAND
    return studio


def create_demo(ctx: Context, hub: Hub) -> ASGIApp:
    """Everything as one ASGI application. Its pictures are kept under COINPURSE_HOME."""
    gallery = Gallery(ctx.settings.home / "studio")
    return create_api(ctx, hub, _MovedIn(create_studio(ctx, gallery), ctx, gallery))


class _MovedIn:
    """Lets the demo's customers move in before the first page is shown, whoever runs the application."""

    def __init__(self, studio: ASGIApp, ctx: Context, gallery: Gallery) -> None:
        self.studio, self.ctx, self.gallery = studio, ctx, gallery
        self.door, self.open = asyncio.Lock(), False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.open:
            async with self.door:
                await customers.ensure(self.ctx, self.gallery)
                self.open = True
        await self.studio(scope, receive, send)
