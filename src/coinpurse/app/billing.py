"""What a payment provider says becomes credits: its facts, with what the catalog says of them, go to the
database in one call (docs/billing.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from coinpurse.app.context import Context
from coinpurse.app.plans import terms
from coinpurse.domain.catalog import Plan
from coinpurse.domain.facts import Fact, Paid, PaidWith, Purchase, Returned, Standing
from coinpurse.domain.ids import account_digest
from coinpurse.domain.ports import NotYet

FACTS = {
    "Linked": "linked",
    "Standing": "standing",
    "Paid": "paid",
    "ChangePaid": "change_paid",
    "Unpaid": "unpaid",
    "Purchase": "purchase",
    "PaidWith": "paid_with",
    "Returned": "returned",
}


@dataclass(frozen=True, slots=True)
class Applied:
    """What facts led to. `failed`: nothing was done, because something is not known yet; `outcome` says
    what, in words. `account` is its name, where it is known; `acts` counts what was written into its
    ledger."""

    status: str
    outcome: str
    account: str | None
    acts: int


async def apply(
    ctx: Context,
    provider: str,
    facts: Sequence[Fact],
    *,
    test: bool,
    event: str | None = None,
    rehearse: bool = False,
) -> Applied:
    """Applies facts, all or none, and marks the billing event that told them, in one transaction (E1).
    Without an event: facts that were found by looking. `rehearse` says what it would lead to and changes
    nothing."""
    try:
        known = [told(ctx, fact, test) for fact in facts]
    except NotYet as error:
        return Applied("failed", str(error), None, 0)
    answer = await (ctx.db.rehearse if rehearse else ctx.db.call)(
        "apply_event",
        provider=provider,
        event=event,
        facts={"facts": known},
        actor=f"provider:{provider}",
        upgrade=ctx.catalog.policies.upgrade,
        clawback=ctx.catalog.policies.clawback,
    )
    owner = await _name(ctx, answer["account"])
    return Applied(answer["status"], answer["outcome"], owner, len(answer["acts"]))


async def _name(ctx: Context, digest: str | None) -> str | None:
    rows = await ctx.db.rows("SELECT id FROM coinpurse.accounts WHERE account = %s::uuid", [digest])
    return rows[0]["id"] if rows else None


def told(ctx: Context, fact: Fact, test: bool) -> dict[str, Any]:
    """A fact as the database takes it: with the account's digest, and with what the catalog says of it."""
    words: dict[str, Any] = msgspec.to_builtins(fact)
    words["fact"] = FACTS[type(fact).__name__]
    if not isinstance(fact, PaidWith | Returned) and fact.account is not None:
        words["digest"] = str(account_digest(fact.account, test))
    if isinstance(fact, Standing | Paid):
        words["terms"] = _terms(_sold(ctx, fact.plan), fact)
    elif isinstance(fact, Purchase):
        words |= _pack(ctx, fact)
    return words


def _sold(ctx: Context, plan: str) -> Plan:
    found = ctx.catalog.plan_sold(plan)
    if found is None:
        raise NotYet(f"No catalog ever had the plan {plan!r}. Put it there, or map its price, and retry.")
    return found


def _terms(plan: Plan, fact: Standing | Paid) -> dict[str, Any]:
    """The plan's terms as they are kept with what was sold, with what a trial of it gives."""
    trial = plan.monthly_credits if plan.trial_credits is None else plan.trial_credits
    return terms(plan, fact.interval, fact.quantity) | {"trial_credits": trial * fact.quantity}


def _pack(ctx: Context, fact: Purchase) -> dict[str, Any]:
    pack = ctx.catalog.pack_sold(fact.pack)
    if pack is None:
        raise NotYet(
            f"No catalog ever had the pack {fact.pack!r}. Put it there, or map its price, and retry."
        )
    return {"credits": pack.credits, "name": pack.name, "price": pack.price.text}
