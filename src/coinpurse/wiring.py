"""The one place where settings, store, catalog and edges meet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread

from coinpurse.app.context import Context
from coinpurse.domain.catalog import Catalog
from coinpurse.settings import Settings
from coinpurse.store.db import Database
from coinpurse.store.embedded import EmbeddedPostgres
from coinpurse.store.migrate import migrate


@asynccontextmanager
async def open_context(settings: Settings, *, size: int = 8) -> AsyncIterator[Context]:
    """Everything that a process needs: the database (the embedded one is started where no address is set, and
    ended with us),
    brought to this version's schema, and the catalog. Raises CatalogError, MigrationError, Unavailable."""
    catalog = Catalog.parse(settings.catalog.read_text("utf-8"))
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


@asynccontextmanager
async def _on(url: str, catalog: Catalog, settings: Settings, size: int) -> AsyncIterator[Context]:
    await anyio.to_thread.run_sync(migrate, url)
    async with Database(url, size=size) as db:
        await db.call("put_catalog", version=catalog.version, content=catalog.content())
        yield Context(db, catalog, settings)
