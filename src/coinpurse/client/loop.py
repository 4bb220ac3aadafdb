"""What the blocking twin stands on: one event loop in a thread of its own.

All threads of an app share that loop and the async client on it, so that charges which many threads make at
the same time still travel to the database together.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from msgspec.structs import asdict

from coinpurse.client.holding import Holding
from coinpurse.client.purse import Coinpurse
from coinpurse.domain.credits import Hold

T = TypeVar("T")


class LoopThread:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._loop.run_forever, name="coinpurse", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work on the loop and wait for it; what it raises is raised here."""
        if self._pid != os.getpid():  # threads don't survive a fork, so this would wait for ever
            work.close()
            raise RuntimeError("This Coinpurse was opened before a fork. Open one in each process instead.")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C in the waiting thread; no effect where the work itself raised
            raise

    def stop(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class OpenHold(Hold, dict=True, gc=True):
    """A Hold that can also be used as `with purse.hold(…) as hold:`; it is captured when the block succeeds
    and released when it raises."""

    @classmethod
    def begin(cls, holding: Holding, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> Self:
        """Make the hold now."""
        hold = run(holding.begin())
        self = cls(**asdict(hold))
        vars(self).update(holding=holding, run=run)  # beside the fields: they are no part of the value
        return self

    def __enter__(self) -> Hold:
        vars(self)["run"](vars(self)["holding"].enter())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        vars(self)["run"](vars(self)["holding"].finish(error))


class Blocking:
    """Opens and closes the async client on a loop of its own; `coinpurse.sync.Coinpurse` adds the methods."""

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        catalog: str | Path | None = None,
        patience: float = 30.0,
    ) -> None:
        self._purse = Coinpurse(url, key, catalog=catalog, patience=patience)
        self._thread: LoopThread | None = None

    def open(self) -> Self:
        """Connect; `with` does it for you. Raises Unavailable where the database can't be reached."""
        if self._thread is None:
            self._thread = LoopThread()
            try:
                self._run(self._purse.open())
            except BaseException:
                self._stop()
                raise
        return self

    def close(self) -> None:
        """Let go of all connections (and of the embedded PostgreSQL)."""
        if self._thread is not None:
            try:
                self._run(self._purse.close())
            finally:
                self._stop()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._thread is None:
            work.close()
            raise RuntimeError("This Coinpurse is not open. Use it as `with Coinpurse(…) as purse:`.")
        return self._thread.run(work)

    def _stop(self) -> None:
        if self._thread is not None:
            self._thread.stop()
            self._thread = None
