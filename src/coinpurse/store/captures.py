"""Captures that wait at the same time travel together in one call of `capture_many`."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from coinpurse.domain.credits import Charge, Hold
from coinpurse.domain.errors import CoinpurseError
from coinpurse.domain.ids import make_id
from coinpurse.domain.values import Value
from coinpurse.store import arrays, shapes
from coinpurse.store.coalesce import Coalescer
from coinpurse.store.db import Database
from coinpurse.store.refusals import refusal
from coinpurse.store.renewing import renew
from coinpurse.store.shapes import Terms
from coinpurse.store.spending import Row, row_taken
from coinpurse.store.terms import KnownTerms, Version

CAPTURE_MANY = "SELECT * FROM coinpurse.capture_many(%s, %s, %s, %s, %s)"


class Capture(Value):
    """A capture that is asked for; `amount` None: all that is held."""

    account: str
    digest: UUID
    hold: int
    key: UUID
    fingerprint: int
    amount: int | None
    exceed: bool
    actor: str


class Captures:
    """Captures holds. Those of a whole hold that wait at the same time share a call; others are looked at one
    by one."""

    def __init__(self, db: Database, terms: KnownTerms, top_up_url: str) -> None:
        self._db = db
        self._terms = terms
        self._top_up_url = top_up_url
        self._whole = Coalescer(self._many)

    async def one(self, capture: Capture) -> Hold:
        """Captures a hold. Raises what is refused (H2, H3)."""
        outcome = await (
            self._carefully(capture) if capture.amount is not None else self._whole.submit(capture)
        )
        if isinstance(outcome, CoinpurseError):
            raise outcome
        return outcome

    async def _many(self, captures: Sequence[Capture]) -> list[Hold | CoinpurseError]:
        made, due = await self._together(captures, _firsts(captures))
        if due and await renew(self._db, {captures[number].digest for number in due}):
            again, _ = await self._together(captures, due)
            made |= again
        terms = await self._terms.of(
            {
                (captures[number].digest.bytes, row[5]): captures[number].account
                for number, row in made.items()
            }
        )
        return [
            await self._outcome(capture, made.get(number), terms) for number, capture in enumerate(captures)
        ]

    async def _together(
        self, captures: Sequence[Capture], group: Sequence[int]
    ) -> tuple[dict[int, Row], list[int]]:
        """The rows of those that were made, by their numbers, and the numbers of those whose account is
        due."""
        rows = await self._db.tuples(CAPTURE_MANY, _columns([captures[number] for number in group]))
        made = {group[row[0] - 1]: row for row in rows if row[1] == "done"}
        return made, [group[number - 1] for number in sorted(row[0] for row in rows if row[1] == "due")]

    async def _outcome(
        self, capture: Capture, row: Row | None, terms: Mapping[Version, Terms]
    ) -> Hold | CoinpurseError:
        if row is None:
            return await self._carefully(capture)
        if row[7] or row[10]:  # promotional and compensation credits, kind by kind, are not in the row
            raw = await self._db.call("read_hold", account=capture.digest, hold=capture.hold)
            return shapes.hold(capture.account, raw["answer"], raw["made"])
        return _captured(capture, row, terms[capture.digest.bytes, row[5]])

    async def _carefully(self, capture: Capture) -> Hold | CoinpurseError:
        answer = await self._db.call(
            "capture",
            account=capture.digest,
            hold=capture.hold,
            key=capture.key,
            fingerprint=capture.fingerprint,
            amount=capture.amount,
            exceed=capture.exceed,
            actor=capture.actor,
        )
        refused = refusal({**answer, "top_up_url": self._top_up_url}, capture.account)
        return refused or shapes.hold(
            capture.account, answer["answer"], answer["made"], answer["status"] == "replayed"
        )


def _firsts(captures: Sequence[Capture]) -> list[int]:
    """Where the first capture of each hold and of each key stands, by account: one statement can neither
    spend a hold twice nor write a key twice."""
    seen: set[tuple[UUID, int | UUID]] = set()
    found = []
    for number, capture in enumerate(captures):
        names: set[tuple[UUID, int | UUID]] = {(capture.digest, capture.hold), (capture.digest, capture.key)}
        if not names & seen:
            seen |= names
            found.append(number)
    return sorted(found, key=lambda number: captures[number].digest.bytes)


def _columns(captures: Sequence[Capture]) -> Row:
    return (
        arrays.uuids([c.digest for c in captures]),
        arrays.bigints([c.hold for c in captures]),
        arrays.uuids([c.key for c in captures]),
        arrays.bigints([c.fingerprint for c in captures]),
        arrays.texts([c.actor for c in captures]),
    )


def _captured(capture: Capture, row: Row, terms: Terms) -> Hold:
    _, _, act, sequence, at, _, *sums = row[:15]
    made_at, amount, grants, amounts, kinds, operation, quantity, details = row[15:]
    taken = row_taken(capture.digest, grants, kinds, amounts)
    balance = shapes.balance_of(capture.account, at, sequence, sums, (), terms)
    asked = operation, quantity, details.get("member"), details.get("metadata")
    made = make_id("ch", capture.digest, act)
    charge = Charge(made, capture.account, amount, *asked, taken, balance, at)
    held, until = make_id("ho", capture.digest, capture.hold), shapes.when(details["expires_at"])
    return Hold(held, capture.account, amount, "captured", until, taken, balance, made_at, *asked, charge)
