"""The hot path: charges, one or many, travel together in one call of `charge_many`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import msgspec

from coinpurse.domain.credits import Charge, Taken
from coinpurse.domain.errors import CoinpurseError, IdempotencyConflict
from coinpurse.domain.ids import make_id
from coinpurse.store import arrays, shapes
from coinpurse.store.coalesce import Coalescer
from coinpurse.store.db import Database
from coinpurse.store.refusals import key_conflict, refusal
from coinpurse.store.shapes import Terms

CHARGE_MANY = "SELECT * FROM coinpurse.charge_many(%s, %s, %s, %s, %s, %s, %s, %s)"
TERMS = """
    SELECT t.account, t.version, t.terms FROM unnest(%s::uuid[], %s::bigint[]) AS asked(account, version)
      JOIN coinpurse.terms t USING (account, version)"""
KNOWN_TERMS = 50_000

TermsKnown = dict[tuple[UUID, int], Terms]
NO_TERMS = shapes.terms("", UUID(int=0), None)


@dataclass(frozen=True, slots=True)
class Request:
    """One charge that is asked for: priced, validated, and with a key."""

    account: str
    digest: UUID
    key: UUID
    fingerprint: int
    amount: int
    operation: str | None
    quantity: int | None
    details: str | None
    actor: str


Outcome = Charge | CoinpurseError


class Charges:
    """Charges accounts. Single charges that wait at the same time share a call; a list goes as it is."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._terms: TermsKnown = {}
        self._single = Coalescer(self.many)

    async def one(self, request: Request) -> Charge:
        """Makes one charge. Raises what is refused (S4, S8)."""
        outcome = await self._single.submit(request)
        if isinstance(outcome, CoinpurseError):
            raise outcome
        return outcome

    async def many(self, requests: Sequence[Request]) -> list[Outcome]:
        """Makes charges, each on its own, and answers in their order; several of one account are made in
        their order."""
        distinct: dict[tuple[UUID, UUID], Request] = {}
        for request in requests:
            distinct.setdefault((request.digest, request.key), request)
        outcomes = await self._distinct(list(distinct.values()))
        return list(_for_each(requests, distinct, outcomes))

    async def _distinct(self, requests: list[Request]) -> dict[tuple[UUID, UUID], Outcome]:
        requests.sort(key=lambda request: request.digest.bytes)  # stable: each account's own order stays
        rows = {row[0]: row for row in await self._db.tuples(CHARGE_MANY, _columns(requests))}
        terms = await self._terms_of(requests, rows.values())
        outcomes: dict[tuple[UUID, UUID], Outcome] = {}
        for number, request in enumerate(requests, 1):
            row = rows.get(number)
            if row is not None and row[1] == "done":
                outcome: Outcome = await self._made(request, row, terms)
            elif row is not None and row[1] == "conflict":
                outcome = key_conflict()
            else:  # replayed, unsure, or no such account
                outcome = await self._careful(request)
            outcomes[request.digest, request.key] = outcome
        return outcomes

    async def _made(self, request: Request, row: tuple[Any, ...], terms: TermsKnown) -> Charge:
        if row[10] or row[13]:  # promotional or compensation credits, kind by kind, are not in the row
            return shapes.charge(
                request.account, await self._db.call("read_act", account=request.digest, act=row[2])
            )
        return _charge(request, row, terms)

    async def _careful(self, request: Request) -> Outcome:
        answer = await self._db.call(
            "charge",
            account=request.digest,
            key=request.key,
            fingerprint=request.fingerprint,
            amount=request.amount,
            operation=request.operation,
            quantity=request.quantity,
            details=msgspec.json.decode(request.details) if request.details else None,
            actor=request.actor,
        )
        refused = refusal(answer, request.account)
        return refused or shapes.charge(request.account, answer["answer"], answer["status"] == "replayed")

    async def _terms_of(self, requests: Sequence[Request], rows: Iterable[tuple[Any, ...]]) -> TermsKnown:
        """Versions of the terms never change, so each is read once."""
        names = {
            (r.digest, row[8]): r.account
            for row in rows
            if row[1] == "done" and row[8]
            for r in (requests[row[0] - 1],)
        }
        missing = [pair for pair in names if pair not in self._terms]
        if missing:
            if len(self._terms) > KNOWN_TERMS:
                self._terms = {}
            columns = (
                arrays.uuids([account for account, _ in missing]),
                arrays.bigints([version for _, version in missing]),
            )
            for account, version, terms in await self._db.tuples(TERMS, columns):
                self._terms[account, version] = shapes.terms(names[account, version], account, terms)
        return self._terms


def _columns(requests: Sequence[Request]) -> tuple[Any, ...]:
    return (
        arrays.uuids([r.digest for r in requests]),
        arrays.uuids([r.key for r in requests]),
        arrays.bigints([r.fingerprint for r in requests]),
        arrays.bigints([r.amount for r in requests]),
        arrays.texts([r.operation for r in requests]),
        arrays.bigints_or_null([r.quantity for r in requests]),
        arrays.texts([r.details for r in requests]),
        arrays.texts([r.actor for r in requests]),
    )


def _for_each(
    requests: Sequence[Request],
    distinct: dict[tuple[UUID, UUID], Request],
    outcomes: dict[tuple[UUID, UUID], Outcome],
) -> Iterable[Outcome]:
    """Each request's own answer: of two with one key, the second is a replay, or a conflict (S8)."""
    for request in requests:
        pair = (request.digest, request.key)
        outcome = outcomes[pair]
        if distinct[pair] is request or isinstance(outcome, IdempotencyConflict):
            yield outcome
        elif distinct[pair].fingerprint != request.fingerprint:
            yield key_conflict()
        else:
            yield replace(outcome, replayed=True) if isinstance(outcome, Charge) else outcome


def _charge(request: Request, row: tuple[Any, ...], terms: TermsKnown) -> Charge:
    (
        _,
        _,
        act,
        sequence,
        at,
        grants,
        amounts,
        kinds,
        version,
        monthly,
        other,
        addon,
        held_monthly,
        held_other,
        held_addon,
        frozen_monthly,
        frozen_other,
        frozen_addon,
    ) = row
    details = msgspec.json.decode(request.details) if request.details else {}
    numbers = {
        "sequence": sequence,
        "monthly": monthly,
        "other": other,
        "addon": addon,
        "held_monthly": held_monthly,
        "held_other": held_other,
        "held_addon": held_addon,
        "frozen_monthly": frozen_monthly,
        "frozen_other": frozen_other,
        "frozen_addon": frozen_addon,
        "others": (),
    }
    shown = terms[request.digest, version] if version else NO_TERMS
    return Charge(
        id=make_id("ch", request.digest, act),
        account=request.account,
        amount=request.amount,
        operation=request.operation,
        quantity=request.quantity,
        member=details.get("member"),
        metadata=details.get("metadata"),
        taken=[
            Taken(make_id("gr", request.digest, grant), shapes.KINDS[kind], amount)
            for grant, kind, amount in zip(grants or (), kinds, amounts or (), strict=True)
        ],
        balance=shapes.balance_of(request.account, at, numbers, shown),
        created_at=at,
    )
