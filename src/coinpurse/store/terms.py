"""What balances show besides numbers. A version of an account's terms never changes, so each is read once."""

from collections.abc import Mapping
from uuid import UUID

from coinpurse.store import arrays, shapes
from coinpurse.store.db import Database
from coinpurse.store.shapes import Terms

READ = """
    SELECT t.account, t.version, t.terms FROM unnest(%s::uuid[], %s::bigint[]) AS asked(account, version)
      JOIN coinpurse.terms t USING (account, version)"""
MOST = 50_000

Version = tuple[bytes, int]


class KnownTerms:
    """Versions of accounts' terms, kept once read; at most 50,000 of them."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[Version, Terms] = {}

    async def of(self, wanted: Mapping[Version, str]) -> Mapping[Version, Terms]:
        """The terms of each version that is asked for, by account's digest (as bytes) and number; `wanted`
        names the accounts."""
        missing = [version for version in wanted if version not in self._known]
        if missing:
            await self._read(missing, wanted)
        return self._known

    async def _read(self, missing: list[Version], names: Mapping[Version, str]) -> None:
        if len(self._known) > MOST:
            self._known = {version: self._known[version] for version in names if version in self._known}
        never = [version for version in missing if version[1] == 0]
        self._known.update(
            {version: shapes.terms(names[version], UUID(bytes=version[0]), None) for version in never}
        )
        columns = (
            arrays.packed_uuids([digest for digest, _ in missing]),
            arrays.bigints([number for _, number in missing]),
        )
        for digest, number, raw in await self._db.tuples(READ, columns):
            version = digest.bytes, number
            self._known[version] = shapes.terms(names[version], digest, raw)
