"""Balances as they change: one look a moment for all who watch, however many tabs are open."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self
from uuid import UUID

from coinpurse.app import wallets
from coinpurse.app.context import Context, Who
from coinpurse.domain.credits import Balance

PAUSE = 0.4
CHANGED = """
    SELECT account, act, due_at <= coalesce(clock, clock_timestamp()) AS due, clock FROM
      coinpurse.wallets WHERE account = ANY(%s)"""


class Hub:
    """Watches accounts for any number of watchers. Works by polling, so that it needs no channel of its own
    and works behind any pooler:
    one read of the watched accounts' rows every 0.4 s, and none while nobody watches."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._watchers: dict[UUID, dict[asyncio.Event, None]] = {}
        self._seen: dict[UUID, tuple[int, object]] = {}
        self._someone = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._look_around())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def watch(self, account: str, test: bool | None = None) -> AsyncIterator[Balance]:
        """The balance as it is, and then each time that it has changed, within a second of the commit."""
        who = Who("stream", test)
        known = await self._ctx.directory.existing(account, test)
        changed = asyncio.Event()
        self._watchers.setdefault(known.digest, {})[changed] = None
        self._someone.set()
        try:
            if known.digest not in self._seen:  # else a change right after the first balance went unnoticed
                await self._look([known.digest])
            while True:
                changed.clear()
                yield await wallets.balance(self._ctx, who, account)
                await changed.wait()
        finally:
            self._leave(known.digest, changed)

    def _leave(self, digest: UUID, changed: asyncio.Event) -> None:
        self._watchers[digest].pop(changed)
        if not self._watchers[digest]:
            del self._watchers[digest]
            self._seen.pop(digest, None)
        if not self._watchers:
            self._someone.clear()

    async def _look_around(self) -> None:
        while True:
            await self._someone.wait()
            await asyncio.sleep(PAUSE)
            # A server that is away for a moment must not end the streams: they go on when it is back.
            with contextlib.suppress(Exception):
                await self._look(list(self._watchers))

    async def _look(self, accounts: list[UUID]) -> None:
        for row in await self._ctx.db.rows(CHANGED, [accounts]):
            seen = (row["act"], row["clock"])
            if row["due"] or self._seen.get(row["account"], seen) != seen:
                for changed in self._watchers.get(row["account"], {}):
                    changed.set()
            self._seen[row["account"]] = seen
