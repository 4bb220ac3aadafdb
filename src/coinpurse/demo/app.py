"""Puts the demo together: the studio, Coinpurse's pages and its API on one origin."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.types import ASGIApp

from coinpurse.api.app import create_api
from coinpurse.app.context import Context
from coinpurse.app.live import Hub
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
    return create_api(ctx, hub, create_studio(ctx, Gallery(ctx.settings.home / "studio")))
