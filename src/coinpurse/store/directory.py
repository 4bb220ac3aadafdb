"""Which account is meant, and whose a thing is. Names and digests never change, so what was found once is
kept."""

from typing import NamedTuple
from uuid import UUID

from coinpurse.domain.errors import NotFound
from coinpurse.domain.ids import Ref, account_digest, parse_id
from coinpurse.store.db import Database
from coinpurse.store.refusals import no_account

BY_DIGEST = "SELECT account, id, test FROM coinpurse.accounts WHERE account = ANY(%s)"
KNOWN = 200_000


class Known(NamedTuple):
    """An account: its name, its mode, its digest."""

    id: str
    test: bool
    digest: UUID


class Directory:
    """Finds accounts. `test` says which a caller may see: True test accounts, False live ones, None both
    (live first)."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[UUID, Known] = {}

    async def account(self, name: str, test: bool | None) -> UUID:
        """The digest of an account that the caller names. Where both modes are allowed and neither exists:
        the live one."""
        if test is not None:
            return account_digest(name, test)
        live, sandbox = account_digest(name, False), account_digest(name, True)
        if live not in self._known and sandbox not in self._known:
            await self._look_up([live, sandbox])
        return sandbox if live not in self._known and sandbox in self._known else live

    async def existing(self, name: str, test: bool | None) -> Known:
        """An account that must exist. Raises AccountNotFound."""
        digest = await self.account(name, test)
        if digest not in self._known:
            await self._look_up([digest])
        if digest not in self._known:
            raise no_account(name)
        return self._known[digest]

    async def owner(self, prefix: str, identifier: str, test: bool | None) -> tuple[Known, Ref]:
        """Whose the thing with an identifier is. Raises NotFound, also where the caller may not see it."""
        ref = parse_id(prefix, identifier)
        if ref.account not in self._known:
            await self._look_up([ref.account])
        known = self._known.get(ref.account)
        if known is None or test not in (None, known.test):
            raise NotFound(f"There is nothing with the identifier {identifier!r}.")
        return known, ref

    async def names(self, digests: list[UUID]) -> dict[UUID, Known]:
        """Whose the digests are."""
        missing = [digest for digest in digests if digest not in self._known]
        if missing:
            await self._look_up(missing)
        return {digest: self._known[digest] for digest in digests}

    def met(self, name: str, test: bool | None, digest: UUID) -> None:
        """Keep an account that something was just done to: it exists, and needn't be looked up."""
        if test is not None and digest not in self._known:
            self._keep(Known(name, test, digest))

    async def _look_up(self, digests: list[UUID]) -> None:
        for row in await self._db.rows(BY_DIGEST, [digests]):
            self._keep(Known(row["id"], row["test"], row["account"]))

    def _keep(self, known: Known) -> None:
        if len(self._known) > KNOWN:
            self._known.clear()
        self._known[known.digest] = known
