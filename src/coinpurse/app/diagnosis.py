"""Why a renewal has not landed, and the one thing to do about it (T7, U3)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from coinpurse.app import events
from coinpurse.app.context import Context, Who
from coinpurse.app.events import UNCONFIRMED, BillingEvent
from coinpurse.app.trail import StaffAct
from coinpurse.domain.credits import Renewal
from coinpurse.domain.errors import CoinpurseError
from coinpurse.domain.ids import parse_id

#: What a provider tells when a renewal is paid, and when its payment failed.
PAYING = {
    "invoice.paid",
    "invoice.payment_succeeded",
    "transaction.paid",
    "transaction.completed",
    "order.paid",
    "subscription.paid",
}
FAILING = {
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "transaction.payment_failed",
    "transaction.past_due",
    "subscription.past_due",
    "subscription.unpaid",
}
SOLD = """
    SELECT subscription, provider, reference, standing->>'state' AS state, as_of
      FROM coinpurse.standings WHERE account = %s AND subscription IS NOT NULL"""

Case = Literal[
    "landed", "skipped", "here", "failed", "working", "ignored", "unpaid", "asked", "missing", "partly"
]
Remedy = Literal["retry", "look_up"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Which case it is, what there is to do (None: nothing), with which event or subscription, and what the
    event's outcome, or the last look-up's, says."""

    case: Case
    remedy: Remedy | None = None
    event: BillingEvent | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Seller:
    """Who sold a subscription: the provider, its name for it, and how it stands there by its latest word."""

    provider: str
    reference: str
    state: str | None


@dataclass(frozen=True, slots=True)
class Explained:
    """A renewal, its subscription's seller (None: it is kept here alone), and why it stands as it does."""

    renewal: Renewal
    seller: Seller | None
    why: Diagnosis


async def sellers(ctx: Context, digest: Any) -> dict[int, Seller]:
    """Who sold an account's subscriptions, by their number."""
    rows = await ctx.db.rows(SOLD, [digest])
    return {row["subscription"]: Seller(row["provider"], row["reference"], row["state"]) for row in rows}


async def explained(
    ctx: Context, who: Who, renewals: Sequence[Renewal], looked_up: Sequence[StaffAct] = ()
) -> list[Explained]:
    """Each renewal with why it stands as it does. `looked_up` are the look-ups that are known."""
    found, known = [], {}
    for renewal in renewals:
        ref = parse_id("su", renewal.subscription)
        if ref.account not in known:
            known[ref.account] = await sellers(ctx, ref.account)
        seller = known[ref.account].get(ref.act)
        told = await _told(ctx, who, renewal, seller)
        why = diagnose(renewal, seller, told, _asked(renewal, looked_up))
        if seller and why.remedy == "look_up" and not _can_ask(ctx, seller):
            why = replace(why, remedy=None)
        found.append(Explained(renewal, seller, why))
    return found


def _can_ask(ctx: Context, seller: Seller) -> bool:
    return seller.provider in ctx.providers and ctx.providers[seller.provider].can_ask


def _asked(renewal: Renewal, looked_up: Sequence[StaffAct]) -> StaffAct | None:
    """The last look-up for a renewal that found nothing."""
    start = renewal.period.start.isoformat()
    for act in looked_up:
        if (act.act, act.target, act.state) == ("looked_up", renewal.subscription, "done"):
            return act if act.asked.get("period") == start else None
    return None


async def _told(ctx: Context, who: Who, renewal: Renewal, seller: Seller | None) -> list[BillingEvent]:
    """The billing events that came for a renewal that isn't confirmed, and may say why."""
    if seller is None:
        return []
    found = []
    for one in renewal.events:
        if one.arrived is not None and (one.status != "applied" or one.type in FAILING):
            try:
                found.append(await events.get_event(ctx, who, one.arrived, provider=seller.provider))
            except CoinpurseError:  # it was there a moment ago
                continue
    return found


def diagnose(
    renewal: Renewal, seller: Seller | None, told: Sequence[BillingEvent], asked: StaffAct | None
) -> Diagnosis:
    """Why a renewal stands as it does. What broke comes first, then what was left aside, then what the
    payment waits for; where nothing came, the provider is asked."""
    if renewal.state not in UNCONFIRMED:
        return Diagnosis("skipped" if renewal.state == "skipped" else "landed")
    if seller is None:
        return Diagnosis("here")
    for case, status, kinds in (
        ("failed", "failed", None),
        ("working", "waiting", None),
        ("ignored", "ignored", PAYING),
    ):
        if event := _first(told, status, kinds):
            remedy: Remedy | None = None if case == "working" else "retry"
            return Diagnosis(case, remedy, event, event.outcome)  # type: ignore[arg-type]
    failing = [one for one in told if one.type in FAILING]
    if failing or seller.state == "past_due":
        return Diagnosis("unpaid", None, failing[0] if failing else None)
    if asked is not None:
        return Diagnosis("asked", "look_up", detail=asked.result)
    came = any(one.arrived for one in renewal.events)
    return Diagnosis("partly" if came else "missing", "look_up")


def _first(told: Sequence[BillingEvent], status: str, kinds: set[str] | None) -> BillingEvent | None:
    """The first event in a status; one of a payment before others."""
    found = [one for one in told if one.status == status and (kinds is None or one.type in kinds)]
    return min(found, key=lambda one: one.type not in PAYING, default=None)
