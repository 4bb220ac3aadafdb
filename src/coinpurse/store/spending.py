"""The hot path: charges and holds that wait at the same time travel together in one call of `spend_many`."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from coinpurse.domain.credits import Balance, Charge, Hold, Taken
from coinpurse.domain.errors import CoinpurseError
from coinpurse.domain.ids import make_id
from coinpurse.domain.values import Value
from coinpurse.store import arrays, shapes
from coinpurse.store.coalesce import Coalescer
from coinpurse.store.db import Database
from coinpurse.store.refusals import key_conflict, refusal
from coinpurse.store.shapes import Terms
from coinpurse.store.terms import KnownTerms

SPEND_MANY = "SELECT * FROM coinpurse.spend_many(%s, %s, %s, %s, %s, %s, %s, %s, %s)"

Row = tuple[Any, ...]
Raw = Mapping[str, Any]
Outcome = Charge | Hold | CoinpurseError


class Request(Value):
    """A charge, or (with `expires_in`, in seconds) a hold, that is asked for: priced, validated, and with a
    key."""

    account: str
    digest: UUID
    key: UUID
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

    async def one(self, request: Request) -> Charge | Hold:
        """Makes one charge or hold. Raises what is refused (S4, S8)."""
        outcome = await self._single.submit(request)
        if isinstance(outcome, CoinpurseError):
            raise outcome
        return outcome

    async def many(self, requests: Sequence[Request]) -> list[Outcome]:
        """Makes each on its own, and answers in their order; several of one account are made in their
        order."""
        distinct: dict[tuple[UUID, UUID], Request] = {}
        for request in requests:
            distinct.setdefault((request.digest, request.key), request)
        outcomes = await self._distinct(list(distinct.values()))
        # Of two with one key, the second is looked at when the first is done: it is a replay, a conflict, or
        # (where the first was refused, which uses no key up) made (S8).
        return [
            outcomes[pair] if distinct[pair] is request else await self._carefully(request)
            for request in requests
            for pair in ((request.digest, request.key),)
        ]

    async def _distinct(self, requests: list[Request]) -> dict[tuple[UUID, UUID], Outcome]:
        requests.sort(key=lambda request: request.digest.bytes)  # stable: each account's own order stays
        rows: dict[int, Row] = {row[0]: row for row in await self._db.tuples(SPEND_MANY, _columns(requests))}
        made = {number: row for number, row in rows.items() if row[1] == "done"}
        terms = await self._terms.of(
            {
                (requests[number - 1].digest, row[8]): requests[number - 1].account
                for number, row in made.items()
            }
        )
        others = await self._others(requests, made)
        return {
            (request.digest, request.key): _made(
                request, made[number], terms[request.digest, made[number][8]], others.get(number, [])
            )
            if number in made
            else await self._unmade(request, rows.get(number))
            for number, request in enumerate(requests, 1)
        }

    async def _unmade(self, request: Request, row: Row | None) -> Outcome:
        # A conflict is known; what is replayed, unsure, or of no known account is looked at by itself.
        return key_conflict() if row is not None and row[1] == "conflict" else await self._carefully(request)

    async def _others(self, requests: Sequence[Request], made: Mapping[int, Row]) -> dict[int, list[Raw]]:
        """Promotional and compensation credits after each act, kind by kind: read once per account, after its
        last act, and from there reckoned back."""
        found: dict[int, list[Raw]] = {}
        digest, kinds = None, dict[str, Raw]()
        for number in sorted(made, reverse=True):
            request, row = requests[number - 1], made[number]
            if request.digest != digest:
                digest, kinds = request.digest, {}
                if row[10] or row[13]:
                    read = await self._db.call("read_others", account=digest, act=row[2])
                    kinds = {one["kind"]: one for one in read}
            if kinds:  # most accounts have none
                found[number] = _shown(kinds)
            for kind, amount in zip(row[7], row[6] or (), strict=True):
                if kind in "pc":
                    _put_back(kinds, shapes.KINDS[kind], amount, held=request.expires_in is not None)
        return found

    async def _carefully(self, request: Request) -> Outcome:
        more = {} if request.expires_in is None else {"expires_in": request.expires_in}
        answer = await self._db.call(
            "charge" if request.expires_in is None else "hold",
            account=request.digest,
            key=request.key,
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


def _columns(requests: Sequence[Request]) -> Row:
    return (
        arrays.uuids([r.digest for r in requests]),
        arrays.uuids([r.key for r in requests]),
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


def row_balance(account: str, row: Row, terms: Terms, others: Sequence[Raw] = ()) -> Balance:
    """The balance after an act out of a row of the hot path: as_of, sequence, and nine sums."""
    at, sequence, monthly, other, addon, held_monthly, held_other, held_addon, *frozen = row
    numbers = {
        "sequence": sequence,
        "monthly": monthly,
        "other": other,
        "addon": addon,
        "held_monthly": held_monthly,
        "held_other": held_other,
        "held_addon": held_addon,
        "frozen_monthly": frozen[0],
        "frozen_other": frozen[1],
        "frozen_addon": frozen[2],
        "others": others,
    }
    return shapes.balance_of(account, at, numbers, terms)


def row_taken(digest: UUID, grants: Sequence[int], kinds: str, amounts: Sequence[int]) -> list[Taken]:
    """The parts of an act out of a row of the hot path."""
    parts = zip(grants or (), kinds, amounts or (), strict=True)
    return [Taken(make_id("gr", digest, grant), shapes.KINDS[kind], amount) for grant, kind, amount in parts]


def _made(request: Request, row: Row, terms: Terms, others: Sequence[Raw]) -> Charge | Hold:
    _, _, act, sequence, at, grants, amounts, kinds, _, *sums = row
    details = request.details or {}
    common: dict[str, Any] = {
        "account": request.account,
        "amount": request.amount,
        "operation": request.operation,
        "quantity": request.quantity,
        "member": details.get("member"),
        "metadata": details.get("metadata"),
        "taken": row_taken(request.digest, grants, kinds, amounts),
        "balance": row_balance(request.account, (at, sequence, *sums), terms, others),
        "created_at": at,
    }
    if request.expires_in is None:
        return Charge(id=make_id("ch", request.digest, act), **common)
    until = at + timedelta(seconds=request.expires_in)
    return Hold(id=make_id("ho", request.digest, act), status="held", expires_at=until, **common)
