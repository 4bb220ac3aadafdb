"""All that an engine knows of an account, in one form for both engines."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from agreement.chain import chain
from agreement.lives import MICROSECOND
from coinpurse.domain import credits
from coinpurse.domain.model import Model
from coinpurse.domain.model.state import PLACES, Act, ChargeState, GrantState
from coinpurse.domain.model.views import charge_view, hold_view
from coinpurse.store import checks
from stories.driver import Driver
from stories.purse import Purse

Book = dict[str, Any]
ACTS = "SELECT * FROM coinpurse.acts WHERE account = %s ORDER BY act"
GRANTS = 'SELECT * FROM coinpurse.grants WHERE account = %s ORDER BY "grant"'
TERMS = "SELECT version, terms::text AS terms FROM coinpurse.terms WHERE account = %s"
#: How many past instants are asked for at the end of a life.
LOOKS_BACK = 6


def of_model(model: Model) -> Book:
    """What the model says in the end."""
    acts = model.acts()
    holds = [hold_view(model.state, hold, model.balance()) for hold in model.state.holds.values()]
    return {
        "acts": [_model_act(act) for act in acts],
        "grants": [_model_grant(grant) for grant in model.state.grants.values()],
        "holds": [(hold.id, hold.status, hold.amount, hold.expires_at, hold.taken) for hold in holds],
        "charges": [_model_charge(model, made) for made in model.state.charges.values()],
        "places": {
            f"gr_{grant.number}": tuple(grant.places[place] for place in PLACES[1:])
            for grant in model.state.grants.values()
        },
        **_shown(model, [act.at for act in acts]),
    }


def of_purse(purse: Purse) -> Book:
    """What PostgreSQL says in the end."""
    purse.balance()
    acts = purse.engine.rows(ACTS, purse.digest)
    grants = purse.engine.rows(GRANTS, purse.digest)
    holds = [purse.get_hold(f"ho_{act['act']}") for act in acts if act["kind"] == "hold"]
    return {
        "acts": [_stored_act(act) for act in acts],
        "grants": [_stored_grant(grant) for grant in grants],
        "holds": [(hold.id, hold.status, hold.amount, hold.expires_at, hold.taken) for hold in holds],
        "charges": [purse.get_charge(f"ch_{a['act']}") for a in acts if a["kind"] in ("charge", "capture")],
        "places": {
            one.grant: tuple(getattr(one, place) for place in PLACES[1:]) for one in purse.explain().grants
        },
        **_shown(purse, [act["at"] for act in acts]),
    }


def tied(purse: Purse) -> tuple[list[bytes | None], list[bytes | None]]:
    """The hashes that stand with an account's acts and in its wallet, and what they should be (L4)."""
    acts = purse.engine.rows(ACTS.replace("*", "*, details::text AS details"), purse.digest)
    grants = purse.engine.rows(GRANTS.replace("*", "*, source::text AS source"), purse.digest)
    terms = purse.engine.rows(TERMS, purse.digest)
    wallet = purse.engine.rows("SELECT chain FROM coinpurse.wallets WHERE account = %s", purse.digest)[0]
    stored = [act["hash"] for act in acts if act["hash"] is not None]
    reckoned = list(chain(purse.digest, acts, grants, terms))
    return [*stored, wallet["chain"]], [*reckoned, reckoned[-1] if reckoned else None]


def faults(purse: Purse) -> list[str]:
    """What the checks of the books find wrong with one account."""
    report = purse.engine.run(checks.check_account(purse.ctx.db, purse.digest))
    return [problem.fault for problem in report.problems]


def _shown(driver: Driver, instants: Sequence[datetime]) -> Book:
    step = max(1, len(instants) // LOOKS_BACK)
    past = {at - off * MICROSECOND for at in instants[::step] for off in (0, 1)}
    return {
        "balance": driver.balance(),
        "entries": [replace(one, reason=_words(one.actor, one.reason)) for one in driver.entries()],
        "renewals": sorted(
            map(_unannounced, driver.renewals()), key=lambda one: (one.subscription, one.period.start)
        ),
        "subscriptions": driver.subscriptions(),
        "open grants": driver.grants(),
        "past": {at: driver.balance_at(at) for at in sorted(past)},
    }


def _model_act(act: Act) -> Book:
    assert act.balance is not None, "an act that was written has its balance"
    monthly, addon, other = act.balance.monthly, act.balance.addon, act.balance.buckets.other
    return {
        "act": act.number,
        "kind": act.kind,
        "at": act.at,
        "actor": act.actor,
        "reason": _words(act.actor, act.reason),
        "entries": [(line.code, line.grant.number, line.moved) for line in act.lines],
        "sequence": act.balance.sequence,
        "monthly": (monthly.available, monthly.held, monthly.frozen),
        "other": (sum(one.available for one in other), sum(one.held for one in other)),
        "addon": (addon.available, addon.held, addon.frozen),
    }


def _stored_act(row: dict[str, Any]) -> Book:
    def numbers(*names: str) -> tuple[int, ...]:
        return tuple(row[name] or 0 for name in names)

    return {
        **{name: row[name] for name in ("act", "kind", "at", "actor")},
        "reason": _words(row["actor"], row["reason"]),
        "entries": list(zip(row["moves"], row["grants"] or [], row["amounts"] or [], strict=True)),
        "sequence": row["sequence"],
        "monthly": numbers("monthly", "held_monthly", "frozen_monthly"),
        "other": numbers("other", "held_other"),
        "addon": numbers("addon", "held_addon", "frozen_addon"),
    }


def _unannounced(renewal: credits.Renewal) -> credits.Renewal:
    """Which deliveries came for it is not a matter of credits."""
    return replace(renewal, events=[])


def _words(actor: str | None, reason: str | None) -> str | None:
    """Each engine gives the reasons of a provider's acts in words of its own."""
    return reason if actor == "somebody" else None


def _model_charge(model: Model, made: ChargeState) -> credits.Charge:
    shown = model.state.acts[made.number - 1].balance
    assert shown is not None, "an act that was written has its balance"
    return charge_view(model.state, made, shown)


def _model_grant(grant: GrantState) -> Book:
    is_open = grant.closed is None
    return {
        "grant": grant.number,
        "kind": grant.kind,
        "amount": grant.amount,
        "priority": grant.priority,
        "starts_at": grant.starts_at,
        "expires_at": grant.expires_at,
        "subscription": grant.subscription,
        "reason": grant.reason,
        "closed": grant.closed,
        "provisional": is_open and grant.provisional,
        "frozen": grant.places["frozen"] if is_open and (grant.frozen or grant.disputed) else None,
        "back": (grant.asked_back, grant.taken_back, grant.repaid, grant.disputed, grant.clawback)
        if grant.asked_back is not None
        else None,
    }


def _stored_grant(row: dict[str, Any]) -> Book:
    is_open = row["closed"] is None
    return {
        **{name: row[name] for name in ("grant", "kind", "amount", "priority", "starts_at", "expires_at")},
        **{name: row[name] for name in ("subscription", "reason", "closed")},
        "provisional": is_open and row["provisional"],
        "frozen": row["frozen"] if is_open else None,
        "back": tuple(row[name] for name in ("asked_back", "taken_back", "repaid", "disputed", "clawback"))
        if row["asked_back"] is not None
        else None,
    }
