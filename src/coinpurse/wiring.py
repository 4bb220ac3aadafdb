"""The one place where settings, store, catalog and edges meet.

The edges are imported where they are put together: who only opens a context needn't load a web framework.
"""

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio.to_thread
from starlette.types import ASGIApp, Receive, Scope, Send

from coinpurse import worker as worker
from coinpurse.app.context import Context
from coinpurse.app.live import Hub
from coinpurse.domain.catalog import Catalog
from coinpurse.domain.catalog_past import with_past
from coinpurse.domain.errors import CatalogError, Conflict, SettingsError
from coinpurse.domain.importing import Listing
from coinpurse.domain.ports import Provider
from coinpurse.settings import Settings
from coinpurse.store.db import Database
from coinpurse.store.embedded import EmbeddedPostgres
from coinpurse.store.migrate import migrate

CATALOGS = "SELECT content FROM coinpurse.catalogs ORDER BY loaded_at DESC"


@asynccontextmanager
async def open_context(
    settings: Settings, *, size: int = 8, catalog: Catalog | None = None
) -> AsyncIterator[Context]:
    """Everything that a process needs: the database (the embedded one is started where no address is set,
    and ended with us), brought to this version's schema, and the catalog: the one that the settings name, if
    none is given. Raises CatalogError, SettingsError, MigrationError, Unavailable."""
    catalog = catalog or load_catalog(settings.catalog)
    if settings.database_url:
        async with _on(settings.database_url, catalog, settings, size) as ctx:
            yield ctx
        return
    embedded = EmbeddedPostgres(settings.home)
    url = await anyio.to_thread.run_sync(embedded.__enter__)
    try:
        async with _on(url, catalog, settings, size) as ctx:
            yield ctx
    finally:
        await anyio.to_thread.run_sync(embedded.__exit__, None, None, None)


def load_catalog(path: Path) -> Catalog:
    """The catalog in a file. Raises CatalogError, also where the file can't be read."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problems = [{"line": 0, "where": "the file", "detail": f"it can't be read: {error}"}]
        detail = f"The catalog {path} can't be read: {error}. Set COINPURSE_CATALOG to a file that can be."
        raise CatalogError(detail, problems=problems) from error
    return Catalog.parse(text)


@asynccontextmanager
async def _on(url: str, catalog: Catalog, settings: Settings, size: int) -> AsyncIterator[Context]:
    await anyio.to_thread.run_sync(migrate, url)
    async with Database(url, size=size) as db, AsyncExitStack() as stack:
        await db.call("put_catalog", version=catalog.version, content=catalog.content())
        catalog = with_past(catalog, [row["content"] for row in await db.rows(CATALOGS)])
        try:
            providers = _providers(settings, catalog)
        except ValueError as error:
            raise SettingsError(str(error)) from error
        for provider in providers.values():
            stack.push_async_callback(provider.close)
        yield Context(db, catalog, settings, providers)


def _providers(settings: Settings, catalog: Catalog) -> dict[str, Provider]:
    """The payment providers that are configured, by name. Each is loaded only if it is."""
    found: list[Provider] = []
    if settings.stripe.configured:
        from coinpurse.providers.stripe import Stripe

        stripe = settings.stripe
        found.append(
            Stripe(
                catalog,
                secrets=stripe.webhook_secrets,
                api_key=stripe.api_key,
                api_base=stripe.api_base,
                finalize=stripe.finalize,
            )
        )
    if settings.paddle.configured:
        from coinpurse.providers.paddle import Paddle

        paddle = settings.paddle
        found.append(
            Paddle(catalog, secrets=paddle.webhook_secrets, api_key=paddle.api_key, api_base=paddle.api_base)
        )
    if settings.polar.configured:
        from coinpurse.providers.polar import Polar

        polar = settings.polar
        found.append(
            Polar(catalog, secrets=polar.webhook_secrets, api_key=polar.api_key, api_base=polar.api_base)
        )
    if settings.standard.configured:
        from coinpurse.providers.standard import Standard

        found.append(Standard(catalog, secrets=settings.standard.webhook_secrets))
    return {provider.name: provider for provider in found}


def stripe_listing(ctx: Context) -> Listing:
    """What Stripe lists, for importing it. Raises Conflict where Stripe isn't configured."""
    from coinpurse.providers.stripe import Stripe
    from coinpurse.providers.stripe.importing import StripeListing

    stripe = ctx.providers.get("stripe")
    if not isinstance(stripe, Stripe) or not stripe.can_ask:
        raise Conflict("Stripe can't be asked. Set COINPURSE_STRIPE_API_KEY, then run this again.")
    return StripeListing(stripe)


class Server:
    """An ASGI application that opens everything when its server starts (context, live balances, worker), then
    builds the inner one, and closes everything when the server stops."""

    def __init__(self, build: Callable[[Context, Hub], ASGIApp]) -> None:
        self._build = build
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._app is not None:
            await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()  # "lifespan.startup"; the next message is the shutdown
        async with AsyncExitStack() as stack:
            try:
                ctx = await stack.enter_async_context(open_context(Settings.from_env()))
                hub = await stack.enter_async_context(Hub(ctx))
                await stack.enter_async_context(worker.running(ctx))
                self._app = self._build(ctx, hub)
                _spare_what_stays()
            except Exception as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                raise
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


def _spare_what_stays() -> None:
    """What is there when a server starts stays, and is more than all that comes and goes: to search it for
    garbage again and again would make requests wait for tens of milliseconds. What comes is searched less
    often than Python would, too: a charge leaves no cycles behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def create_server_app() -> Server:
    """The API, the web pages and the worker, on what the environment names; for uvicorn's `factory`."""
    from coinpurse.api import create_api
    from coinpurse.web import create_web

    return Server(lambda ctx, hub: create_api(ctx, hub, create_web(ctx)))
