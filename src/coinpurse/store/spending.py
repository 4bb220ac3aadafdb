"""The hot path: charges and holds that wait at the same time travel together in one call of `spend_many`."""

import asyncio
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import accumulate, groupby
from typing import Any
from uuid import UUID

import msgspec

from coinpurse.domain.credits import Charge, Hold, Taken
from coinpurse.domain.errors import CoinpurseError
from coinpurse.domain.ids import make_id
from coinpurse.domain.values import Value
from coinpurse.store import arrays, shapes
from coinpurse.store.coalesce import Coalescer
from coinpurse.store.db import Database
from coinpurse.store.refusals import key_conflict, refusal
from coinpurse.store.renewing import renew
from coinpurse.store.shapes import Terms
from coinpurse.store.terms import KnownTerms

READ_ACTS = "SELECT answer FROM coinpurse.read_acts(%s, %s)"
SPEND_MANY = "SELECT * FROM coinpurse.spend_many(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"

#: On how many connections requests are looked at by themselves, several accounts at a time; the others are
#: left for everything else.
ALONE = 4

#: From how many requests on they are sent in two halves, and how many statements may be on their way in each:
#: one that PostgreSQL is at work on, one that is there when it is done.
WORTH_PARTING, UNDER_WAY = 200, 2

Row = tuple[Any, ...]
Raw = Mapping[str, Any]
Outcome = Charge | Hold | CoinpurseError


class Request(Value):
    """A charge, or (with `expires_in`, in seconds) a hold, that is asked for: priced, validated, and with a
    key."""

    account: str
    digest: UUID
    key: bytes
    fingerprint: int
    amount: int
    operation: str | None
    quantity: int | None
    details: dict[str, Any] | None
    actor: str
    expires_in: int | None = None


class Spending:
    """Spends and sets aside. Single requests that wait at the same time share a call; a list goes as it
    is."""

    def __init__(self, db: Database, terms: KnownTerms, top_up_url: str) -> None:
        self._db = db
        self._terms = terms
        self._top_up_url = top_up_url
        self._single = Coalescer(self.many)
        self._alone = asyncio.Semaphore(ALONE)
        self._halves = asyncio.Semaphore(UNDER_WAY), asyncio.Semaphore(UNDER_WAY)

    async def one(self, request: Request) -> Charge | Hold:
        """Makes one charge or hold. Raises what is refused (S4, S8)."""
        outcome = await self._single.submit(request)
        if isinstance(outcome, CoinpurseError):
            raise outcome
        return outcome

    async def many(self, requests: Sequence[Request]) -> list[Outcome]:
        """Makes each on its own, and answers in their order; several of one account are made in their
        order."""
        found = await self._together(requests)
        rest: dict[UUID, tuple[list[int], list[int]]] = {}
        seen: set[bytes] = set()
        for number, request in enumerate(requests):
            name = request.digest.bytes + request.key
            if found[number] is None:
                rest.setdefault(request.digest, ([], []))[name in seen].append(number)
            seen.add(name)

        async def in_turn(numbers: Sequence[int]) -> None:
            for number in numbers:
                found[number] = await self._carefully(requests[number])

        # Of two with one key, the second is looked at when the first is done: it is a replay, a conflict, or
        # (where the first was refused, which uses no key up) made (S8).
        await asyncio.gather(*(in_turn([*once, *again]) for once, again in rest.values()))
        return [outcome for outcome in found if outcome is not None]

    async def _together(self, requests: Sequence[Request]) -> list[Outcome | None]:
        """What became of each in one call; None where it must be looked at by itself."""
        first: dict[bytes, int] = {}
        for number, request in enumerate(requests):
            first.setdefault(request.digest.bytes + request.key, number)
        # Sorted by account, each account's own in their order.
        turns = [first[name] for name in sorted(first, key=_account_of)]
        outcomes = await self._in_halves([requests[number] for number in turns])
        found = dict(zip(turns, outcomes, strict=True))
        return [found.get(number) for number in range(len(requests))]

    async def _in_halves(self, requests: Sequence[Request]) -> list[Outcome | None]:
        """Many go in two statements that have no account in common: PostgreSQL works on both at once, where
        lists that come at the same time would wait for one another's accounts. Where only one half fails,
        that is the answer to its requests."""
        middle = bisect_left(requests, 1, key=_half_of) if len(requests) >= WORTH_PARTING else 0
        if not 0 < middle < len(requests):
            return await self._up_to_now(requests)

        async def half(turn: asyncio.Semaphore, some: Sequence[Request]) -> list[Outcome | None]:
            async with turn:
                return await self._up_to_now(some)

        parts = requests[:middle], requests[middle:]
        first, second = await asyncio.gather(*map(half, self._halves, parts), return_exceptions=True)
        if isinstance(first, BaseException) and isinstance(second, BaseException):
            raise first
        return [*_answered(parts[0], first), *_answered(parts[1], second)]

    async def _up_to_now(self, requests: Sequence[Request]) -> list[Outcome | None]:
        """Those that stood beside a used key are sent once more without it, and those whose account is due,
        all of it together, when its period has begun."""
        outcomes, again, due = await self._distinct(requests)
        if due and await renew(self._db, {requests[number].digest for number in due}):
            again = sorted([*again, *due])
        if again:
            answers, _, _ = await self._distinct([requests[number] for number in again])
            for number, outcome in zip(again, answers, strict=True):
                outcomes[number] = outcome
        return outcomes

    async def _distinct(
        self, requests: Sequence[Request]
    ) -> tuple[list[Outcome | None], list[int], list[int]]:
        """What became of each, and the numbers of those that can be asked for again, at once or when their
        account is up to date: nothing was done for them."""
        rows = sorted(await self._db.tuples(SPEND_MANY, columns(requests)))
        made = [(requests[row[0] - 1], row) for row in rows if row[1] == "done"]
        terms = await self._terms.of(
            {(request.digest.bytes, row[8]): request.account for request, row in made}
        )
        others = await self._others(made)
        outcomes: list[Outcome | None] = [None] * len(requests)
        for request, row in made:
            shown = terms[request.digest.bytes, row[8]]
            outcomes[row[0] - 1] = _made(request, row, shown, others.get(row[0], ()))
        for number, first in await self._first_answers(requests, rows):
            outcomes[number - 1] = first
        for row in rows:
            if row[1] == "conflict":
                outcomes[row[0] - 1] = key_conflict()
        again, due = ([row[0] - 1 for row in rows if row[1] == status] for status in ("again", "due"))
        return outcomes, again, due

    async def _first_answers(
        self, requests: Sequence[Request], rows: Sequence[Row]
    ) -> list[tuple[int, Outcome]]:
        """What was answered when keys were used first (S8), in one read: when its answer was lost, a whole
        batch is repeated, just when the database has enough to do already."""
        again = [(requests[row[0] - 1], row) for row in rows if row[1] == "replayed"]
        if not again:
            return []
        asked = arrays.uuids([r.digest for r, _ in again]), arrays.bigints([row[2] for _, row in again])
        answers = await self._db.tuples(READ_ACTS, asked)
        return [
            (row[0], _shaped(request, raw, True))
            for (request, row), (raw,) in zip(again, answers, strict=True)
        ]

    async def _others(self, made: Sequence[tuple[Request, Row]]) -> dict[int, list[Raw]]:
        """Promotional and compensation credits after each act, kind by kind: read once per account, after its
        last act, and from there reckoned back."""
        found: dict[int, list[Raw]] = {}
        if not any(row[10] or row[13] or "p" in row[7] or "c" in row[7] for _, row in made):
            return found  # most accounts have none
        digest, kinds = None, dict[str, Raw]()
        for request, row in reversed(made):
            if request.digest != digest:
                digest, kinds = request.digest, {}
                if row[10] or row[13]:
                    read = await self._db.call("read_others", account=digest, act=row[2])
                    kinds = {one["kind"]: one for one in read}
            if kinds:
                found[row[0]] = _shown(kinds)
            for kind, amount in zip(row[7], row[6] or (), strict=True):
                if kind in "pc":
                    _put_back(kinds, shapes.KINDS[kind], amount, held=request.expires_in is not None)
        return found

    async def _carefully(self, request: Request) -> Outcome:
        more = {} if request.expires_in is None else {"expires_in": request.expires_in}
        async with self._alone:
            answer = await self._db.call(
                "charge" if request.expires_in is None else "hold",
                account=request.digest,
                key=UUID(bytes=request.key),
                fingerprint=request.fingerprint,
                amount=request.amount,
                operation=request.operation,
                quantity=request.quantity,
                details=request.details,
                actor=request.actor,
                **more,
            )
        refused = refusal({**answer, "top_up_url": self._top_up_url}, request.account)
        return refused or _shaped(request, answer["answer"], answer["status"] == "replayed")


def _shaped(request: Request, raw: Any, replayed: bool) -> Charge | Hold:
    shape = shapes.charge if request.expires_in is None else shapes.hold
    return shape(request.account, raw, replayed=replayed)


def _answered(
    requests: Sequence[Request], found: list[Outcome | None] | BaseException
) -> list[Outcome | None]:
    """What became of one half, where the other may have been made: its own refusal answers each."""
    if isinstance(found, CoinpurseError):
        return [found] * len(requests)
    if isinstance(found, BaseException):
        raise found
    return found


def _account_of(name: bytes) -> bytes:
    return name[:16]


def _half_of(request: Request) -> int:
    return request.digest.int >> 127


def columns(requests: Sequence[Request]) -> Row:
    """Requests, sorted by account, as `spend_many` takes them: beside each what it is within its account."""
    accounts = [request.digest.bytes for request in requests]
    nth: list[int] = []
    count: list[int] = []
    upto: list[int] = []
    total: list[int] = []
    plain: list[bool] = []
    for _, numbers in groupby(range(len(requests)), accounts.__getitem__):
        own = [requests[number] for number in numbers]
        amounts, size = [request.amount for request in own], len(own)
        sums = list(accumulate(amounts))
        nth += range(1, size + 1)
        count += [size] * size
        upto += sums
        total += [sums[-1]] * size
        plain += [min(amounts) > 0 and {request.expires_in for request in own} == {None}] * size
    return (
        arrays.packed_uuids(accounts),
        *(arrays.bigints(each) for each in (nth, count, upto, total)),
        arrays.booleans(plain),
        arrays.packed_uuids([r.key for r in requests]),
        arrays.bigints([r.fingerprint for r in requests]),
        arrays.bigints([r.amount for r in requests]),
        arrays.texts([r.operation for r in requests]),
        arrays.bigints_or_null([r.quantity for r in requests]),
        arrays.texts([msgspec.json.encode(r.details).decode() if r.details else None for r in requests]),
        arrays.texts([r.actor for r in requests]),
        arrays.bigints_or_null([r.expires_in for r in requests]),
    )


def _shown(kinds: Mapping[str, Raw]) -> list[Raw]:
    some = [dict(one) for one in kinds.values() if one["available"] or one["held"]]
    return sorted(some, key=lambda one: str(one["kind"]), reverse=True)


def _put_back(kinds: dict[str, Raw], kind: str, amount: int, *, held: bool) -> None:
    """What was there before an act took an amount."""
    now = kinds.get(kind, {"kind": kind, "available": 0, "held": 0})
    kinds[kind] = {**now, "available": now["available"] + amount, "held": now["held"] - amount * held}


def row_taken(digest: UUID, grants: Sequence[int], kinds: str, amounts: Sequence[int]) -> list[Taken]:
    """The parts of an act out of a row of the hot path."""
    parts = zip(grants or (), kinds, amounts or (), strict=True)
    return [Taken(make_id("gr", digest, grant), shapes.KINDS[kind], amount) for grant, kind, amount in parts]


def _made(request: Request, row: Row, terms: Terms, others: Sequence[Raw]) -> Charge | Hold:
    _, _, act, sequence, at, grants, amounts, kinds, _, *sums = row
    details = request.details or {}
    taken = row_taken(request.digest, grants, kinds, amounts)
    balance = shapes.balance_of(request.account, at, sequence, sums, others, terms)
    asked = request.operation, request.quantity, details.get("member"), details.get("metadata")
    if request.expires_in is None:
        made = make_id("ch", request.digest, act)
        return Charge(made, request.account, request.amount, *asked, taken, balance, at)
    made = make_id("ho", request.digest, act)
    until = at + timedelta(seconds=request.expires_in)
    return Hold(made, request.account, request.amount, "held", until, taken, balance, at, *asked)
