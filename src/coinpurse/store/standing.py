"""Balances that are asked for at the same time are read together."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from coinpurse.store import arrays
from coinpurse.store.coalesce import Coalescer
from coinpurse.store.db import Database
from coinpurse.store.renewing import renew

READ = """
    SELECT asked.n, b.due, b.balance FROM unnest(%s::uuid[]) WITH ORDINALITY AS asked(account, n)
     CROSS JOIN LATERAL coinpurse.balance(asked.account) b"""


class Standings:
    """Accounts as they stand now, with their open grants: one indexed read each, at any age."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._reads = Coalescer(self._read)
        self._renewals = Coalescer(self._renew)

    async def of(self, account: UUID) -> Any:
        """How an account stands, by its digest; what is due is made durable first. None: there is no such
        account."""
        due, balance = await self._reads.submit(account)
        if due:
            await self._renewals.submit(account)
            due, balance = await self._reads.submit(account)
        while due:
            await self._db.call("touch", account=account)
            due, balance = await self._reads.submit(account)
        return balance

    async def _read(self, accounts: Sequence[UUID]) -> list[tuple[bool, Any]]:
        rows = await self._db.tuples(READ, [arrays.uuids(accounts)])
        found = {number: (due, balance) for number, due, balance in rows}
        return [found.get(number, (False, None)) for number in range(1, len(accounts) + 1)]

    async def _renew(self, accounts: Sequence[UUID]) -> list[None]:
        await renew(self._db, accounts)
        return [None] * len(accounts)
