"""What the SQL functions refuse, in words: one place maps their status to an exception."""

from collections.abc import Callable, Mapping
from typing import Any

from coinpurse.domain import errors
from coinpurse.domain.errors import CoinpurseError

Answer = Mapping[str, Any]


def refusal(answer: Answer, account: str) -> CoinpurseError | None:
    """The exception for an answer that is a refusal, else None."""
    make = _REFUSALS.get(answer["status"])
    return make({**answer, "account": account}) if make else None


def raise_refusal(answer: Answer, account: str) -> None:
    """Raises where the answer is a refusal."""
    if refused := refusal(answer, account):
        raise refused


def no_account(account: str) -> CoinpurseError:
    """There is no such account."""
    return errors.AccountNotFound(
        f"There is no account {account!r}. Create it first: PUT /v1/accounts/{{id}}, or put_account().",
        account=account,
    )


def key_conflict() -> CoinpurseError:
    """S8: same key, another request."""
    return errors.IdempotencyConflict(
        "This idempotency key was used before for a different request. Nothing was done: use a new key "
        "for a new request."
    )


def _short(a: Answer) -> CoinpurseError:
    shortfall = a["needed"] - a["available"]
    fields = {
        "needed": a["needed"],
        "available": a["available"],
        "held": a["held"],
        "shortfall": shortfall,
        "top_up_url": a.get("top_up_url"),
    }
    if a["held"] >= shortfall:
        text = (
            f"{a['needed']:,} credits are needed, {a['available']:,} are available and {a['held']:,} "
            "are held by running work. Try again when it ends, or top up."
        )
        return errors.CreditsHeld(text, **fields)
    return errors.InsufficientCredits(
        f"{a['needed']:,} credits are needed and {a['available']:,} are available: {shortfall:,} short. "
        f"Top up to go on.",
        **fields,
    )


def _hold_closed(a: Answer) -> CoinpurseError:
    state = {"capture": "captured", "release": "released", "timeout": "expired"}[a["ended"]]
    detail = f"with {a['amount']:,} credits " if state == "captured" else ""
    return errors.HoldClosed(f"The hold is {state} {detail}already. Nothing was changed.", state=state)


_REFUSALS: dict[str, Callable[[Answer], CoinpurseError]] = {
    "no_account": lambda a: no_account(a["account"]),
    "key_conflict": lambda a: key_conflict(),
    "insufficient": _short,
    "no_hold": lambda a: errors.NotFound("There is no such hold."),
    "hold_closed": _hold_closed,
    "exceeds_hold": lambda a: errors.CaptureExceedsHold(
        f"The hold is of {a['held']:,} credits, and {a['asked']:,} were to be captured. Capture less, or "
        f"ask with 'exceed' to charge the rest.",
        held=a["held"],
        asked=a["asked"],
    ),
    "no_charge": lambda a: errors.NotFound("There is no such charge."),
    "exceeds_charge": lambda a: errors.ReversalExceedsCharge(
        f"{a['asked']:,} credits were to be given back of a charge of {a['charged']:,}, of which "
        f"{a['reversible']:,} are left to give back.",
        charged=a["charged"],
        reversible=a["reversible"],
        asked=a["asked"],
    ),
    "no_grant": lambda a: errors.NotFound("There is no such grant."),
    "grant_closed": lambda a: errors.Conflict(
        f"The grant is {a['closed']} already. Nothing was changed.", state=a["closed"]
    ),
    "exceeds_grant": lambda a: errors.Conflict(
        f"{a['asked']:,} credits were to be taken back, and {a['remaining']:,} are unspent.",
        remaining=a["remaining"],
        asked=a["asked"],
    ),
    "already_expired": lambda a: errors.Invalid.at(
        "/expires_at", f"It must lie in the account's future; its now is {a['now']}."
    ),
    "too_much": lambda a: errors.Conflict(
        "An account can hold 1,000,000,000,000,000 credits at most; this grant would pass that. Give fewer."
    ),
    "payment_elsewhere": lambda a: errors.Conflict(
        "This payment was recorded before, for something else. Nothing was changed."
    ),
    "no_subscription": lambda a: errors.NotFound("There is no such subscription."),
    "subscription_ended": lambda a: errors.Conflict(
        "The subscription has ended. Subscribe again to go on.", state="ended"
    ),
    "too_far_ahead": lambda a: errors.Invalid.at(
        "/periods", "A subscription can be paid a hundred years ahead at most."
    ),
    "cannot_pause": lambda a: errors.Conflict(
        f"Only an active or trialing subscription whose period is paid can be paused; this one is "
        f"{a['state']}.",
        state=a["state"],
    ),
    "cannot_change_now": lambda a: errors.Conflict(
        f"The subscription is {a['state']}, so the change can't take effect now. Ask for policy "
        f"'at_renewal', or settle the payment first.",
        state=a["state"],
    ),
    "cannot_take_back": lambda a: errors.Conflict(
        "A change to fewer credits takes effect 'at_renewal' or by 'restart'; credits already "
        "given are not taken back."
    ),
    "future": lambda a: errors.Invalid.at(
        "/at", f"That instant has not come yet for this account; its now is {a['now']}."
    ),
    "still_told": lambda a: errors.Conflict(
        "A payment provider still speaks of this account: a subscription runs there, a purchase is under "
        "way, or an event waits. End that first, and let the events be worked on. Nothing was erased."
    ),
    "clock_backwards": lambda a: errors.Invalid.at(
        "/now", f"A test clock only moves forward; this account's now is {a['now']}."
    ),
}
