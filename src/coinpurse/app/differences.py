"""What differs between a payment provider and the books, in words for support (E4)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from coinpurse.app.context import Context
from coinpurse.domain.facts import (
    ChangePaid,
    Fact,
    Linked,
    Paid,
    PaidWith,
    Purchase,
    Returned,
    Standing,
    Unpaid,
)
from coinpurse.domain.ports import Found

MOST_TOLD = 3  # events named with one difference; the newest say what became of it

#: Which types of events tell of a fact, whatever the provider calls them.
TELLING = {
    Standing: r"subscription\.",
    Paid: "paid|succeeded|completed",
    ChangePaid: "paid|succeeded|completed",
    Purchase: r"checkout\.|paid|succeeded|completed",
    Returned: "refund|dispute|adjustment|chargeback",
}
TOLD = """
    SELECT event AS id, type, status, outcome, received_at FROM coinpurse.events
     WHERE provider = %s AND objects && %s::text[] AND type ~ %s AND created_at >= %s AND created_at < %s
     ORDER BY created_at DESC, event DESC LIMIT %s"""
OURS = """
    SELECT s.status, s.plan, s.months, s.ends_at
      FROM coinpurse.standings k JOIN coinpurse.subscriptions s USING (account, subscription)
     WHERE k.provider = %s AND k.reference = %s"""


@dataclass(frozen=True, slots=True)
class Told:
    """A billing event that should have told us, and what became of it."""

    id: str
    type: str
    status: str
    outcome: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `kind`: `missing` (the provider has it, the books don't), `stuck` (it has it, and it
    can't be applied: `effect` says why), `untold` (the books have it, the provider told nothing of it).
    `about` is the provider's identifier; `effect` is what applying it does; `events` are those that should
    have told us. `at` is when it was made there, or recorded here. `healed`: it was applied just now."""

    kind: Literal["missing", "stuck", "untold"]
    provider: str
    about: str
    account: str | None
    test: bool
    at: datetime
    words: str
    effect: str | None
    healed: bool
    events: list[Told]


async def tellers(ctx: Context, provider: str, found: Found, since: datetime, until: datetime) -> list[Told]:
    """The events that told of it, the newest first. How a subscription stands is told by those of the
    window: it may be years old."""
    kinds = {TELLING[type(fact)] for fact in found.facts if type(fact) in TELLING}
    names = [found.about, *(fact.payment for fact in found.facts if isinstance(fact, Returned))]
    stands = any(isinstance(fact, Standing) for fact in found.facts)
    after = max(found.at, since) if stands else found.at
    # To the second, as providers date their events.
    span = (after.replace(microsecond=0), until)
    rows = await ctx.db.rows(TOLD, [provider, names, "|".join(sorted(kinds)) or "^$", *span, MOST_TOLD])
    return [Told(**row) for row in rows]


async def describe(ctx: Context, provider: str, found: Found, events: Sequence[Told]) -> str:
    """The difference in a few sentences: what the provider has, what is here, who should have told."""
    has = "; ".join(filter(None, map(_has, found.facts)))
    here = [await _here(ctx, provider, fact) for fact in found.facts]
    lacks = " ".join(dict.fromkeys(filter(None, here)))
    return f"{provider} has {found.summary}: {has}. {lacks} {said(events)}".replace("  ", " ")


def said(events: Iterable[Told]) -> str:
    """What became of the events that should have told us."""
    words = [f"{one.id} ({one.type}) arrived {_day(one.received_at)} and {_became(one)}" for one in events]
    return " ".join(words) if words else "No event that tells so has arrived."


def _became(one: Told) -> str:
    if one.status == "waiting":
        return "waits to be worked on."
    return f"{'was ' * (one.status != 'failed')}{one.status}: {one.outcome or 'without a reason'}"


def _has(fact: Fact) -> str:
    """A fact in words."""
    if isinstance(fact, Standing):
        return _stands(fact)
    if isinstance(fact, Paid):
        what = f"{fact.plan} by the {fact.interval}{_times(fact.quantity)}"
        return f"{what}, paid from {_day(fact.start)} to {_day(fact.end)} with {money(fact)}"
    if isinstance(fact, Purchase):
        return f"the pack {fact.pack}{_times(fact.quantity)}, {fact.state}, for {money(fact)}"
    if isinstance(fact, ChangePaid):
        return f"a change to {fact.subscription} that is paid"
    if isinstance(fact, Unpaid):
        return f"a period of {fact.subscription} from {_day(fact.start)} whose payment failed"
    return _returned(fact) if isinstance(fact, Returned) else ""


def _stands(fact: Standing) -> str:
    ends = "" if fact.ends_at is None or fact.state == "ended" else f", ends {_day(fact.ends_at)}"
    plan = f"{fact.plan} by the {fact.interval}{_times(fact.quantity)}"
    waits = ", a change waits for its payment" * fact.payment_pending
    return f"{fact.state}, {plan}{', paused' * fact.paused}{ends}{waits}"


def _returned(fact: Returned) -> str:
    of = "" if fact.total is None else f" of {fact.total:,}"
    parts = (("refunded", fact.refunded), ("in dispute", fact.disputed), ("lost to disputes", fact.lost))
    said = [f"{amount:,}{of} {name}" for name, amount in parts if amount]
    return f"{', '.join(said) or 'nothing gone back'} of the payment {fact.payment} (in its smallest unit)"


async def _here(ctx: Context, provider: str, fact: Fact) -> str:
    """What the books have instead."""
    if isinstance(fact, Standing):
        rows = await ctx.db.rows(OURS, [provider, fact.subscription])
        return _ours(rows[0]) if rows else "Here it is not known."
    if isinstance(fact, Paid):
        return "Here that payment is not counted."
    if isinstance(fact, Purchase):
        return "Here its credits were not given."
    if isinstance(fact, ChangePaid):
        return "Here the change still waits for that."
    return "" if isinstance(fact, Linked | PaidWith) else "Here that has not had its effect."


def _ours(row: dict[str, Any]) -> str:
    ends = f", ends {_day(row['ends_at'])}" if row["ends_at"] and row["status"] != "ended" else ""
    return (
        f"Here it is {row['status']}, {row['plan']} by the {'month' if row['months'] == 1 else 'year'}{ends}."
    )


def money(fact: Paid | Purchase) -> str:
    """An amount of money as providers count it."""
    return f"{fact.amount:,} {fact.currency} (in its smallest unit)"


def _times(quantity: int) -> str:
    return "" if quantity == 1 else f" × {quantity:,}"


def _day(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")
