"""Spending, setting aside, giving back: what an app does with an account's credits."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from coinpurse.app.context import (
    Context,
    Who,
    check_amount,
    details,
    fingerprint,
    key_and_fingerprint,
    packed_key,
    priced,
)
from coinpurse.domain.credits import Balance, Charge, Hold, Quote, Reversal, Taken
from coinpurse.domain.errors import CoinpurseError, Invalid, NotFound
from coinpurse.domain.ids import make_id, parse_id
from coinpurse.domain.values import Value
from coinpurse.store import shapes
from coinpurse.store.captures import Capture
from coinpurse.store.refusals import no_account, raise_refusal
from coinpurse.store.spending import Request
from coinpurse.store.standing import Standing

HOLD_SECONDS = 3_600
MOST_HOLD_SECONDS = 604_800
MOST_IN_BATCH = 1_000
CHARGES = """
    SELECT coinpurse.read_act(account, act) AS answer FROM coinpurse.acts
     WHERE account = %s AND act = ANY(%s) AND kind IN ('charge', 'capture')"""


class ChargeRequest(Value):
    """One charge of a batch."""

    account: str
    amount: int | None = None
    operation: str | None = None
    quantity: int | None = None
    member: str | None = None
    metadata: dict[str, Any] | None = None
    key: str | None = None


async def balance(ctx: Context, who: Who, account: str, at: datetime | None = None) -> Balance:
    """The balance now, or as it was at a past instant (T4, L3)."""
    digest = await ctx.directory.account(account, who.test)
    if at is not None:
        answer = await ctx.db.call("balance_at", account=digest, at=at)
        raise_refusal(answer, account)
        return shapes.balance(account, digest, answer["balance"])
    return (await standing(ctx, account, digest)).balance


async def standing(ctx: Context, account: str, digest: UUID) -> Standing:
    """The account as it stands now, with its open grants; what is due is made durable first."""
    found = await ctx.standings.of(account, digest)
    if found is None:
        raise no_account(account)
    return found


async def charge(
    ctx: Context,
    who: Who,
    account: str,
    *,
    amount: int | None = None,
    operation: str | None = None,
    quantity: int | None = None,
    member: str | None = None,
    metadata: dict[str, Any] | None = None,
    key: str | None = None,
) -> Charge:
    """Spends credits: monthly first, then add-on, all or nothing (S1-S8). Raises InsufficientCredits,
    IdempotencyConflict, AccountNotFound, Invalid."""
    asked = ChargeRequest(account, amount, operation, quantity, member, metadata, key)
    made = await ctx.spending.one(await _request(ctx, who, asked))
    assert isinstance(made, Charge), "a charge was asked for"
    return made


async def charge_batch(
    ctx: Context, who: Who, items: Sequence[ChargeRequest]
) -> list[Charge | CoinpurseError]:
    """Makes up to 1,000 charges, each answered on its own, in order; one that is refused doesn't touch its
    neighbours."""
    if not 1 <= len(items) <= MOST_IN_BATCH:
        raise Invalid.at("", f"A batch has 1 to {MOST_IN_BATCH:,} charges.")
    answers: list[Charge | Hold | CoinpurseError | None] = [None] * len(items)
    asked: dict[int, Request] = {}
    for number, item in enumerate(items):
        try:
            asked[number] = await _request(ctx, who, item)
        except CoinpurseError as refused:
            answers[number] = refused
    for number, answer in zip(asked, await ctx.spending.many(list(asked.values())), strict=True):
        answers[number] = answer
    return [answer for answer in answers if isinstance(answer, Charge | CoinpurseError)]


async def _request(ctx: Context, who: Who, asked: ChargeRequest) -> Request:
    amount, quantity = priced(ctx, asked.amount, asked.operation, asked.quantity)
    carried = details(asked.member, asked.metadata)
    return Request(
        asked.account,
        await ctx.directory.account(asked.account, who.test),
        packed_key(asked.key),
        fingerprint("charge", asked.amount, asked.operation, quantity, carried),
        amount,
        asked.operation,
        quantity,
        carried,
        who.actor,
    )


async def get_charge(ctx: Context, who: Who, charge_id: str) -> Charge:
    """A charge as it was answered. Raises NotFound."""
    known, ref = await ctx.directory.owner("ch", charge_id, who.test)
    found = await ctx.db.call("read_act", account=known.digest, act=ref.act)
    if found is None or found["kind"] not in ("charge", "capture"):
        raise NotFound(f"There is no charge {charge_id!r}.")
    return shapes.charge(known.id, found)


async def charges(ctx: Context, who: Who, account: str, ids: Iterable[str]) -> dict[str, Charge]:
    """Charges of one account by their ids, each as it was answered; those that it doesn't have are left
    out."""
    known = await ctx.directory.existing(account, who.test)
    refs = (parse_id("ch", id) for id in ids)
    mine = [ref.act for ref in refs if ref.account == known.digest]
    rows = await ctx.db.rows(CHARGES, [known.digest, mine]) if mine else []
    found = [shapes.charge(known.id, row["answer"]) for row in rows]
    return {charge.id: charge for charge in found}


async def quote(
    ctx: Context,
    who: Who,
    account: str,
    *,
    amount: int | None = None,
    operation: str | None = None,
    quantity: int | None = None,
) -> Quote:
    """What a charge would cost and which grants would pay; changes nothing (S5)."""
    cost, quantity = priced(ctx, amount, operation, quantity)
    digest = await ctx.directory.account(account, who.test)
    stands = await standing(ctx, account, digest)
    now = stands.balance
    affordable = cost <= now.available
    return Quote(
        account=account,
        amount=cost,
        operation=operation,
        quantity=quantity,
        affordable=affordable,
        shortfall=max(0, cost - now.available),
        taken=_would_take(digest, stands, cost) if affordable else [],
        balance=now,
    )


def _would_take(digest: UUID, stands: Standing, cost: int) -> list[Taken]:
    parts = []
    for grant, letter, remaining in zip(stands.live, stands.kinds, stands.remaining, strict=True):
        part = min(remaining, cost)
        if part > 0:
            parts.append(Taken(make_id("gr", digest, grant), shapes.KINDS[letter], part))
        cost -= part
    return parts


async def hold(
    ctx: Context,
    who: Who,
    account: str,
    *,
    amount: int | None = None,
    operation: str | None = None,
    quantity: int | None = None,
    member: str | None = None,
    metadata: dict[str, Any] | None = None,
    expires_in: int | None = None,
    key: str | None = None,
) -> Hold:
    """Sets credits aside for work that can fail (H1). `expires_in` is in seconds: 1 to 604,800, by default
    3,600."""
    asked = amount
    amount, quantity = priced(ctx, amount, operation, quantity)
    check_amount(amount, least=1)
    seconds = HOLD_SECONDS if expires_in is None else expires_in
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 1 <= seconds <= MOST_HOLD_SECONDS:
        raise Invalid.at(
            "/expires_in", f"It must be a whole number of seconds from 1 to {MOST_HOLD_SECONDS:,}."
        )
    carried = details(member, metadata)
    digest = await ctx.directory.account(account, who.test)
    made = await ctx.spending.one(
        Request(
            account,
            digest,
            packed_key(key),
            fingerprint("hold", asked, operation, quantity, carried, seconds),
            amount,
            operation,
            quantity,
            carried,
            who.actor,
            seconds,
        )
    )
    assert isinstance(made, Hold), "a hold was asked for"
    ctx.directory.met(account, who.test, digest)  # whoever captures it will ask
    return made


async def capture(
    ctx: Context,
    who: Who,
    hold_id: str,
    *,
    amount: int | None = None,
    exceed: bool = False,
    key: str | None = None,
) -> Hold:
    """Spends a hold, all of it or `amount`; the rest goes back (H2). More than was held only with
    `exceed`."""
    if amount is not None:
        check_amount(amount)
    known, ref = await ctx.directory.owner("ho", hold_id, who.test)
    return await ctx.captures.one(
        Capture(
            account=known.id,
            digest=known.digest,
            hold=ref.act,
            amount=amount,
            exceed=exceed,
            actor=who.actor,
            **key_and_fingerprint(key, "capture", hold_id, amount, exceed),
        )
    )


async def release(ctx: Context, who: Who, hold_id: str, *, key: str | None = None) -> Hold:
    """Gives a hold back (H3)."""
    known, ref = await ctx.directory.owner("ho", hold_id, who.test)
    answer = await ctx.db.call(
        "release",
        account=known.digest,
        hold=ref.act,
        actor=who.actor,
        **key_and_fingerprint(key, "release", hold_id),
    )
    raise_refusal(answer, known.id)
    return shapes.hold(known.id, answer["answer"], answer["made"], answer["status"] == "replayed")


async def get_hold(ctx: Context, who: Who, hold_id: str) -> Hold:
    """A hold as it stands now; one whose time has run out is expired, whether or not anybody has looked
    (T4)."""
    known, ref = await ctx.directory.owner("ho", hold_id, who.test)
    await standing(ctx, known.id, known.digest)
    found = await ctx.db.call("read_hold", account=known.digest, hold=ref.act)
    if found is None:
        raise NotFound(f"There is no hold {hold_id!r}.")
    return shapes.hold(known.id, found["answer"], found["made"])


async def reverse(
    ctx: Context,
    who: Who,
    charge_id: str,
    *,
    amount: int | None = None,
    reason: str | None = None,
    key: str | None = None,
) -> Reversal:
    """Gives credits of a charge back to the grants they came from, all that is left or `amount` (F1, F2)."""
    if amount is not None:
        check_amount(amount, least=1)
    known, ref = await ctx.directory.owner("ch", charge_id, who.test)
    answer = await ctx.db.call(
        "reverse",
        account=known.digest,
        charge=ref.act,
        amount=amount,
        compensate=ctx.catalog.policies.reverse_expired == "compensate",
        actor=who.actor,
        reason=reason,
        **key_and_fingerprint(key, "reverse", charge_id, amount, reason),
    )
    raise_refusal(answer, known.id)
    return shapes.reversal(known.id, answer["answer"], answer["status"] == "replayed")
