"""Operations carried out in this process, on a database."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from coinpurse.app import wallets
from coinpurse.app.context import Context, Who
from coinpurse.app.wallets import ChargeRequest
from coinpurse.client.operations import Operation
from coinpurse.domain.credits import Charge
from coinpurse.domain.errors import CoinpurseError
from coinpurse.settings import Settings

T = TypeVar("T")
WHO = Who("library")


class Local:
    """Calls app functions. Without a URL the database is the environment's, or an embedded one."""

    def __init__(self, url: str | None, catalog: str | Path | None) -> None:
        settings = Settings.from_env()
        self._settings = replace(
            settings,
            database_url=url or settings.database_url,
            catalog=Path(catalog).absolute() if catalog else settings.catalog,
        )
        self._stack = AsyncExitStack()
        self._context: Context | None = None

    async def open(self) -> None:
        """Connect, migrate and load the catalog."""
        from coinpurse.wiring import open_context  # wiring knows everything; at the top it would be a circle

        if self._context is None:
            self._context = await self._stack.enter_async_context(open_context(self._settings))

    async def close(self) -> None:
        """Close the connections."""
        self._context = None
        await self._stack.aclose()

    async def call(self, operation: Operation[T], /, **fields: Any) -> T:
        """Carry one operation out."""
        return await operation.here(self._open(), WHO, **fields)

    async def charge_batch(self, items: Sequence[ChargeRequest]) -> list[Charge | CoinpurseError]:
        """Many charges in one call."""
        return await wallets.charge_batch(self._open(), WHO, list(items))

    def _open(self) -> Context:
        if self._context is None:
            raise RuntimeError("This Coinpurse is not open. Use it as `async with Coinpurse(…) as purse:`.")
        return self._context
