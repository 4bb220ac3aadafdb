"""The demo's payment provider: a simulated Stripe on a port of its own, with a clock of its own. Coinpurse
knows it as it would know Stripe: by its API, its pages and its signed webhooks."""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from coinpurse.app import events, inbox
from coinpurse.app.context import Context, Who
from coinpurse.demo.prices import priced
from coinpurse.domain.catalog import Catalog
from coinpurse.settings import ProviderSettings, Settings
from coinpurse.simulator import Simulator
from coinpurse.simulator.keeping import Keeping, KeepingCourier, Kept
from coinpurse.simulator.server import create_app
from coinpurse.simulator.tables import Obj

STUDIO = Who("studio", test=True)
#: Moves the customers' clocks.
Clocks = Callable[[datetime], Awaitable[None]]
LONGEST = 15.0  # seconds in which everything that was told is worked off
FILE = Path("studio", "provider.kept")


class Provider:
    """The simulator, found as it was left. `url` is where its pages are, `app_url` where the demo is.
    `fresh`: nothing was kept. `catalog` is the demo's, with a price here for all that it sells."""

    def __init__(self, home: Path, url: str, app_url: str, catalog: Catalog) -> None:
        self._file = home / FILE
        self.url, self._tells = url, f"{app_url}/v1/webhooks/stripe"
        self._secret = f"whsec_{secrets.token_hex(16)}"
        self._moving = asyncio.Lock()
        kept = Kept.load(self._file)
        self.fresh = kept is None
        if kept is None:
            self.catalog = catalog
            self.begin(datetime.now(UTC))
        else:
            self._take(kept, catalog)
            self._secret = next(iter(self.simulator.world.deliveries.secrets.values()))

    def begin(self, start: datetime, **notes: Any) -> None:
        """Begins anew, at an instant, with no customers."""
        # Its names for things are never those of an earlier one, of which a database may know.
        simulator = Simulator(seed=secrets.randbits(64), start=start)
        self._take(Kept(simulator=simulator, notes=notes), self.catalog)
        simulator.listen(self._tells, self._secret)

    def _take(self, kept: Kept, catalog: Catalog) -> None:
        self._kept, self.simulator = kept, kept.simulator
        self.simulator.world.base_url = self.url
        self.catalog = priced(catalog, self.simulator)
        self.courier = KeepingCourier(kept, self._file, self._tells)

    @property
    def app(self) -> ASGIApp:
        """Its API and its pages."""
        return Keeping(create_app(self.simulator, courier=self.courier), self._kept, self._file)

    @property
    def now(self) -> datetime:
        """Its clock, by which all the studio's customers live."""
        return datetime.fromtimestamp(self.simulator.now, UTC)

    @property
    def notes(self) -> dict[str, Any]:
        """What the demo notes down with the simulator; kept by `keep`."""
        return self._kept.notes

    def keep(self) -> None:
        """Writes down how everything stands."""
        self._kept.keep(self._file)

    def settings(self, settings: Settings) -> Settings:
        """The settings with this provider and no other, so that a demo never touches real money."""
        here = ProviderSettings(
            api_key="sk_test_studio", webhook_secrets=(self._secret,), api_base=self.url, finalize=True
        )
        none = ProviderSettings()
        return replace(settings, stripe=here, paddle=none, polar=none, standard=none)

    async def travel(self, ctx: Context, to: datetime, clocks: Clocks) -> None:
        """Lets time pass up to an instant. At each at which something is due here, `clocks` moves the
        customers' clocks first, and what is told is worked off before time goes on."""
        async with self._moving:
            while (due := self.simulator.world.next_due()) is not None and due <= to.timestamp():
                await clocks(datetime.fromtimestamp(due, UTC))
                await self.courier.advance(due)
                await self.settle(ctx)
            await clocks(to)
            await self.courier.advance(int(to.timestamp()))
            self.keep()

    def control(self, act: str, **params: Any) -> Obj:
        """What a customer or a bank does (`simulator/control.py`)."""
        done: Obj = self.simulator.control(act, params)
        self.keep()
        return done

    async def settle(self, ctx: Context) -> None:
        """Lets everything arrive that was told, and waits until it has been worked off."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST):
                # Answers to what is asked while working may bring more, and the worker works on some of it.
                while (  # noqa: ASYNC110 - nothing tells when an event is done
                    await self.courier.flush() or await inbox.work(ctx) or await _waiting(ctx)
                ):
                    await asyncio.sleep(0.01)

    def customers(self, account: str) -> list[Obj]:
        """Who an account is here."""
        found = self.simulator.world.tables.customers
        return [one for one in found if one["metadata"].get("coinpurse_account") == account]


async def _waiting(ctx: Context) -> bool:
    page = await events.billing_events(ctx, STUDIO, status="waiting", provider="stripe", limit=1)
    return bool(page.data)
