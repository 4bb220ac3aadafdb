"""Keeps a simulator in a file, so that a program that is ended, in whatever way, finds it as it was."""

import os
import pickle
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coinpurse.simulator.courier import Courier
from coinpurse.simulator.deliveries import Delivery
from coinpurse.simulator.simulator import Simulator


@dataclass(slots=True, kw_only=True)
class Kept:
    """A simulator, the notes of the program that runs it, and the delivery that is being posted."""

    simulator: Simulator
    notes: dict[str, Any] = field(default_factory=dict)
    under_way: Delivery | None = None

    def keep(self, file: Path) -> None:
        """Writes all of it, in one step: a reader finds what was there before, or this."""
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f"{file.name}.part")
        with open(partial, "wb", opener=_private) as opened:
            pickle.dump(self, opened, pickle.HIGHEST_PROTOCOL)
            opened.flush()
            os.fsync(opened.fileno())
        partial.replace(file)

    @classmethod
    def load(cls, file: Path) -> "Kept | None":
        """What was kept, or None where there is none, or none that this version can read. A file that
        somebody else could have written must not be given: reading it runs what it says."""
        if not file.is_file():
            return None
        try:
            found = pickle.loads(file.read_bytes())
        except Exception:  # whatever a damaged file, or one of another version, leads to
            return None
        if not isinstance(found, cls):
            return None
        if found.under_way is not None:  # nobody knows whether it arrived, so it goes out again
            found.simulator.world.deliveries.outbox.appendleft(found.under_way)
            found.under_way = None
        return found


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class KeepingCourier(Courier):
    """Posts deliveries to `url`, wherever they were addressed before a restart, and keeps what came of it."""

    def __init__(self, kept: Kept, file: Path, url: str) -> None:
        super().__init__(kept.simulator)
        self._kept, self._file, self._url = kept, file, url

    async def flush(self) -> int:
        """Delivers all that is due now, in order; answers how many."""
        count = await super().flush()
        if count:
            self._kept.keep(self._file)
        return count

    async def _over_http(self, delivery: Delivery) -> int:
        self._kept.under_way = delivery
        try:
            return await super()._over_http(replace(delivery, url=self._url))
        finally:
            self._kept.under_way = None


class Keeping:
    """Around the simulator's application: what a request changed is kept before its answer goes out, so that
    nobody knows of anything that the simulator has forgotten."""

    def __init__(self, app: ASGIApp, kept: Kept, file: Path) -> None:
        self._app, self._kept, self._file = app, kept, file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def keep_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._kept.keep(self._file)
            await send(message)

        reads = scope["type"] != "http" or scope["method"] == "GET"
        await self._app(scope, receive, send if reads else keep_and_send)
