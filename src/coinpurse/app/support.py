"""What support does (U3): credits given and taken back, exceptions, subscriptions ended, events tried again
and providers asked. Each act is noted before it is done, with who and why, and how it ended after it; what
goes beyond somebody's limit is done once a second person has agreed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import structlog

from coinpurse.app import events, grants, inbox, subscriptions
from coinpurse.app.context import Context, Who, check_amount, check_text
from coinpurse.app.staff import Role, Staff
from coinpurse.app.trail import StaffAct, find_act
from coinpurse.domain.errors import CoinpurseError, Conflict, Forbidden, Invalid, NotFound, Unavailable
from coinpurse.store.db import instant

LEAST_REASON = 4  # characters
MOST_REASON = 500
NOT_YOURS = "This takes a {}, and you are here as {}. Ask a colleague."
log = structlog.get_logger("coinpurse.staff")


@dataclass(frozen=True, slots=True)
class Asked:
    """An act as it is asked for. `amount` is in credits, where limits count it; `more` is what else it
    needs."""

    act: str
    account: UUID | None
    target: str | None
    amount: int | None
    reason: str | None
    more: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an act: done, with the result in words, or waiting for a second person."""

    state: Literal["done", "waiting"]
    result: str


def limit_of(ctx: Context, role: Role) -> int:
    """Credits that a role may give and take within a day without a second person."""
    return ctx.settings.staff.limits.get(role, 0)


def demand(me: Staff, role: Role) -> None:
    """Raises Forbidden unless somebody is of that role or above it."""
    if not me.may(role):
        raise Forbidden(NOT_YOURS.format(role, me.role))


def _why(reason: str | None) -> str:
    check_text(reason, "/reason")
    said = (reason or "").strip()
    if not LEAST_REASON <= len(said) <= MOST_REASON:
        raise Invalid.at(
            "/reason", f"Say why, in {LEAST_REASON} to {MOST_REASON} characters: it is kept in the books."
        )
    return said


async def give(
    ctx: Context,
    me: Staff,
    id: UUID,
    account: str,
    *,
    test: bool,
    kind: str,
    amount: int,
    reason: str | None,
    expires_at: datetime | None = None,
    exception: bool = False,
) -> Done:
    """Gives credits. Raises Invalid, Forbidden, Conflict."""
    check_amount(amount, least=1)
    known = await ctx.directory.existing(account, test)
    more = {"kind": kind, "expires_at": expires_at.isoformat() if expires_at else None}
    act = "exception_given" if exception else "given"
    return await _do(ctx, me, id, Asked(act, known.digest, None, amount, _why(reason), more))


async def take_back(
    ctx: Context,
    me: Staff,
    id: UUID,
    grant: str,
    *,
    amount: int | None,
    reason: str | None,
    exception: bool = False,
) -> Done:
    """Takes back what is unspent of a grant, all of it (which closes it) or `amount`. Raises Invalid,
    NotFound, Forbidden, Conflict."""
    if amount is not None:
        check_amount(amount, least=1)
    known, ref = await ctx.directory.owner("gr", grant, None)
    counted = amount if amount is not None else await grants.unspent(ctx, known.digest, ref.act)
    act = "exception_taken" if exception else "taken_back"
    more = {"whole": amount is None}
    return await _do(ctx, me, id, Asked(act, known.digest, grant, counted, _why(reason), more))


async def end_subscription(
    ctx: Context, me: Staff, id: UUID, subscription: str, *, reason: str | None
) -> Done:
    """Ends a subscription, and its monthly credits, now (B4): a lead's act, or one for a second person."""
    known, _ = await ctx.directory.owner("su", subscription, None)
    return await _do(ctx, me, id, Asked("ended", known.digest, subscription, None, _why(reason), {}))


async def look_up(ctx: Context, me: Staff, id: UUID, subscription: str, *, period: str | None = None) -> Done:
    """Asks the provider how a subscription stands, and applies that. `period` is the start of the renewal
    that it is asked for."""
    known, _ = await ctx.directory.owner("su", subscription, None)
    return await _do(
        ctx, me, id, Asked("looked_up", known.digest, subscription, None, None, {"period": period})
    )


async def retry(
    ctx: Context, me: Staff, id: UUID, event: str, *, provider: str, account: UUID | None = None
) -> Done:
    """Has a billing event worked on once more. `account` is whose it seems to be, where it doesn't say."""
    found = await events.get_event(ctx, me.who, event, provider=provider)
    if found.account:
        account = (await ctx.directory.existing(found.account, found.test)).digest
    elif account is not None:
        await owner_of(ctx, account)
    asked = Asked("retried", account, event, None, None, {"provider": provider})
    return await _do(ctx, me, id, asked)


async def _do(ctx: Context, me: Staff, id: UUID, asked: Asked) -> Done:
    """Notes an act and does it, or leaves it to a second person."""
    demand(me, "agent")
    begun = await ctx.db.call(
        "begin_staff_act",
        id=id,
        staff=me.email,
        act=asked.act,
        account=asked.account,
        target=asked.target,
        amount=asked.amount,
        reason=asked.reason,
        asked=asked.more,
        limit=_limit(ctx, me, asked),
    )
    return await _go_on(ctx, id, begun["status"], begun.get("result"))


def _limit(ctx: Context, me: Staff, asked: Asked) -> int | None:
    """None: there is none; -1: it always takes a second person."""
    if asked.act == "ended":
        return None if me.may("lead") else -1
    return limit_of(ctx, me.role) if asked.amount is not None else None


async def _go_on(ctx: Context, id: UUID, status: str, result: str | None) -> Done:
    if status == "under_way":
        return await _perform(ctx, await find_act(ctx, id))
    if status == "waiting":
        return Done("waiting", "It waits for a second person.")
    if status == "done":
        return Done("done", result or "")
    raise Conflict(REFUSED.get(status) or result or "It was declined. Nothing was changed.")


REFUSED = {
    "no_staff": "Your account is disabled. Nothing was changed.",
    "another": "This form was used before, for something else. Open the page anew. Nothing was changed.",
    "not_waiting": "This doesn't wait any more: somebody has decided it. Nothing was changed.",
    "own": "You asked for this yourself, so somebody else has to agree. Nothing was changed.",
    "too_old": "This has waited for more than a week. Have it asked for anew. Nothing was changed.",
    "beyond": "This is more than you may agree to within a day. An admin has to. Nothing was changed.",
}


async def decide(ctx: Context, me: Staff, id: UUID, *, approve: bool, why: str | None) -> Done:
    """Agrees to what a colleague has asked for, and does it, or declines it. Who asked may withdraw it.
    Raises Forbidden, Conflict."""
    act = await find_act(ctx, id)
    if act.staff != me.email or approve:
        demand(me, "lead")
    said = _why(why) if not approve else (why or "").strip()[:MOST_REASON] or None
    check_text(said, "/why")
    status = await ctx.db.call(
        "decide_staff_act",
        id=id,
        staff=me.email,
        approve=approve,
        decision=said,
        limit=None if me.may("admin") else limit_of(ctx, me.role),
    )
    if status != "decided":
        raise Conflict(REFUSED[status])
    log.info("staff act decided", actor=f"staff:{me.email}", id=str(id), approved=approve)
    return await _perform(ctx, await find_act(ctx, id)) if approve else Done("done", "Declined.")


async def finish(ctx: Context, me: Staff, id: UUID) -> Done:
    """Does once more what was cut off before its end was known: done is done once (S8)."""
    demand(me, "agent")
    act = await find_act(ctx, id)
    if act.state != "under_way":
        raise Conflict("How this ended is known. Nothing was changed.")
    return await _perform(ctx, act)


async def _perform(ctx: Context, act: StaffAct) -> Done:
    """Does what was noted. What is refused is noted as that; of what breaks off the end stays open."""
    names = act.staff if act.decided_by is None else f"{act.staff}+{act.decided_by}"
    words = log.bind(actor=f"staff:{names}", act=act.act, target=act.target, id=str(act.id))
    try:
        result = await PERFORM[act.act](ctx, Who(f"staff:{names}", act.test), act)
    except Unavailable:
        raise
    except CoinpurseError as refused:
        await ctx.db.call("end_staff_act", id=act.id, state="refused", result=refused.detail)
        words.info("staff act refused", why=refused.detail)
        raise
    await ctx.db.call("end_staff_act", id=act.id, state="done", result=result)
    words.info("staff act", reason=act.reason, result=result)
    return Done("done", result)


async def _give(ctx: Context, who: Who, act: StaffAct) -> str:
    made = await grants.grant(
        ctx,
        who,
        act.account or "",
        kind=act.asked["kind"],
        amount=act.amount or 0,
        expires_at=instant(act.asked["expires_at"]),
        reason=act.reason,
        exception=act.act == "exception_given",
        key=_key(act),
    )
    return f"{made.amount:,} {made.kind} credits given: {made.id}"


async def _take_back(ctx: Context, who: Who, act: StaffAct) -> str:
    amount = None if act.asked["whole"] else act.amount
    exception = "Exception: " if act.act == "exception_taken" else ""
    made = await grants.revoke(
        ctx, who, act.target or "", amount=amount, reason=f"{exception}{act.reason}", key=_key(act)
    )
    return f"{made.revoked:,} credits taken back of {made.id}"


async def _end(ctx: Context, who: Who, act: StaffAct) -> str:
    made = await subscriptions.cancel(ctx, who, act.target or "", at="now", reason=act.reason, key=_key(act))
    return f"The subscription is {made.subscription.status}."


async def _look_up(ctx: Context, who: Who, act: StaffAct) -> str:
    found = await inbox.look_up(ctx, who, act.target or "")
    return found.outcome if found.acts else f"{found.outcome} It changed nothing."


async def _retry(ctx: Context, who: Who, act: StaffAct) -> str:
    found = await events.retry_event(ctx, who, act.target or "", provider=act.asked["provider"])
    return f"{found.type} is worked on again."


def _key(act: StaffAct) -> str:
    return f"staff:{act.id}"


PERFORM: dict[str, Callable[[Context, Who, StaffAct], Awaitable[str]]] = {
    "given": _give,
    "exception_given": _give,
    "taken_back": _take_back,
    "exception_taken": _take_back,
    "ended": _end,
    "looked_up": _look_up,
    "retried": _retry,
}


async def owner_of(ctx: Context, digest: UUID) -> tuple[str, bool]:
    """The name and mode of the account with a number. Raises NotFound."""
    try:
        known = (await ctx.directory.names([digest]))[digest]
    except KeyError:
        raise NotFound("There is no such account.") from None
    return known.id, known.test
