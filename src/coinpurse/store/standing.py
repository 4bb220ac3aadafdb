"""Balances that are asked for at the same time are read together."""

from collections.abc import Sequence
from uuid import UUID

from coinpurse.domain.credits import Balance, Subscription
from coinpurse.domain.values import Value
from coinpurse.store import arrays, shapes
from coinpurse.store.coalesce import Coalescer
from coinpurse.store.db import Database
from coinpurse.store.renewing import renew
from coinpurse.store.terms import KnownTerms

READ = "SELECT * FROM coinpurse.balances(%s)"


class Standing(Value):
    """How an account stands: its balance, all its subscriptions (oldest first), and its open grants in burn
    order, each with the letter of its kind and what is left."""

    balance: Balance
    subscriptions: list[Subscription]
    live: list[int]
    kinds: str
    remaining: list[int]


class Asked(Value):
    """Whose standing is asked for."""

    account: str
    digest: UUID


class Standings:
    """Accounts as they stand now: one indexed read each, at any age."""

    def __init__(self, db: Database, terms: KnownTerms) -> None:
        self._db = db
        self._terms = terms
        self._reads = Coalescer(self._read)
        self._renewals = Coalescer(self._renew)

    async def of(self, account: str, digest: UUID) -> Standing | None:
        """How an account stands; what is due is made durable first. None: there is no such account."""
        asked = Asked(account, digest)
        due, found = await self._reads.submit(asked)
        if due:
            await self._renewals.submit(digest)
            due, found = await self._reads.submit(asked)
        while due:
            await self._db.call("touch", account=digest)
            due, found = await self._reads.submit(asked)
        return found

    async def _renew(self, accounts: Sequence[UUID]) -> list[None]:
        await renew(self._db, accounts)
        return [None] * len(accounts)

    async def _read(self, asked: Sequence[Asked]) -> list[tuple[bool, Standing | None]]:
        rows = await self._db.tuples(READ, [arrays.packed_uuids([one.digest.bytes for one in asked])])
        found: list[tuple[bool, Standing | None]] = [(False, None)] * len(asked)
        wanted = [(asked[row[0] - 1], row[4]) for row in rows if not row[1]]
        terms = await self._terms.of({(one.digest.bytes, version): one.account for one, version in wanted})
        for number, due, at, sequence, version, *sums, others, live, kinds, remaining in rows:
            one = asked[number - 1]
            if due:
                found[number - 1] = (True, None)
                continue
            shown = terms[one.digest.bytes, version]
            balance = shapes.balance_of(one.account, at, sequence, sums, others or (), shown)
            found[number - 1] = (False, Standing(balance, shown.subscriptions, live, kinds, remaining))
        return found
