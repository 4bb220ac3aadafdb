"""What an account with subscriptions, expiries and a moving clock must look like: the pure model, asked for
its answers in the form in which the API gives them."""

from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import msgspec

from coinpurse.domain.credits import SubscriptionChange
from coinpurse.domain.errors import CoinpurseError
from coinpurse.domain.model import Model, Terms
from coinpurse.ordeal.purse import Pattern

PLANS = {
    "starter": Terms("starter", 1000),
    "studio": Terms("studio", 3000, trial_allocation=100),
    "capped": Terms("capped", 1000, cap=300, grace=timedelta(days=3)),
    "patient": Terms("patient", 700, policy="paid_with_grace", late_after=timedelta(days=2)),
    "strict": Terms("strict", 900, policy="strict"),
}
CATALOG = """
[plans.starter]
name = "Starter"
monthly_credits = 1000
[plans.studio]
name = "Studio"
monthly_credits = 3000
trial_credits = 100
[plans.capped]
name = "Capped"
monthly_credits = 1000
cap = 300
grace = "72h"
[plans.patient]
name = "Patient"
monthly_credits = 700
renewal = "paid_with_grace"
late_after = "48h"
[plans.strict]
name = "Strict"
monthly_credits = 900
renewal = "strict"
[packs.small]
name = "500 credits"
credits = 500
price = { amount = "6.00", currency = "usd" }
"""
#: Statuses of the calls that make something; all others answer 200.
MADE = {"charge", "hold", "reverse", "grant", "subscribe", "pay"}
KEPT = 20


class Life:
    """One account. `do` is a call by its name, and gives the pattern of its answer."""

    def __init__(self, name: str, now: datetime) -> None:
        self.model = Model(name, now, "somebody")
        self._blank = 0

    @property
    def available(self) -> int:
        """What can be spent, as far as it is known without looking at the clock."""
        return self.model.state.total("available")

    @property
    def acts(self) -> int:
        """How much has happened."""
        return len(self.model.state.acts)

    @property
    def now(self) -> datetime:
        """Its clock."""
        return self.model.state.now

    def do(self, call: str, *arguments: Any) -> Pattern:
        """The status and the body that the API must answer; identifiers without the account in them."""
        try:
            made = getattr(self, call)(*arguments)
        except CoinpurseError as refused:
            body = {name: value for name, value in refused.fields.items() if name != "errors"}
            pattern = refused.status, {"code": refused.code, **body}
        else:
            pattern = (201 if call in MADE else 200), shown(made)
        self._forget()
        return pattern

    def charge(self, amount: int) -> Any:
        return self.model.charge(amount)

    def hold(self, amount: int, seconds: int) -> Any:
        return self.model.hold(amount, expires_in=seconds)

    def capture(self, hold: str, amount: int | None, exceed: bool) -> Any:
        return self.model.capture(hold, amount, exceed=exceed)

    def release(self, hold: str) -> Any:
        return self.model.release(hold)

    def reverse(self, charge: str, amount: int | None) -> Any:
        return self.model.reverse(charge, amount)

    def grant(self, kind: Any, amount: int, days: int | None) -> Any:
        expires_at = None if days is None else self.now + timedelta(days=days)
        return self.model.grant(kind, amount, expires_at=expires_at, reason="ordeal")

    def revoke(self, grant: str, amount: int | None) -> Any:
        return self.model.revoke(grant, amount, reason="ordeal")

    def subscribe(self, plan: str, interval: Any, trial_days: int) -> Any:
        return self.model.subscribe(terms(plan, interval), trial_days=trial_days)

    def pay(self, subscription: str, periods: int) -> Any:
        return self.model.pay(subscription, periods)

    def cancel(self, subscription: str, at: str) -> Any:
        return self.model.cancel(subscription, at)

    def resume(self, subscription: str) -> Any:
        return self.model.resume(subscription)

    def pause(self, subscription: str) -> Any:
        return self.model.pause(subscription)

    def change(self, subscription: str, plan: str, interval: Any, policy: str) -> Any:
        return self.model.change(subscription, terms(plan, interval), policy)

    def clock(self, seconds: int) -> Any:
        self.model.wait_until(self.now + timedelta(seconds=seconds))
        return self.model.balance()

    def balance(self) -> Any:
        return self.model.balance()

    def _forget(self) -> None:
        """Lets go of the past: of acts only their number and the last one's instant are looked at."""
        state = self.model.state
        for number in range(self._blank, len(state.acts) - 1):
            state.acts[number] = state.acts[-1]
        self._blank = max(0, len(state.acts) - 1)
        for things in (state.charges, state.holds):
            closed = [n for n, thing in things.items() if getattr(thing, "status", "") != "held"]
            for old in closed[:-KEPT]:
                del things[old]
        for number, grant in list(state.grants.items()):
            if grant.closed and not grant.places["held"] and not grant.places["frozen"]:
                del state.grants[number]
        for number in [n for n, sub in state.subscriptions.items() if sub.ended][:-2]:
            del state.subscriptions[number]


def terms(plan: str, interval: Any) -> Terms:
    """What a plan of the ordeal's catalog gives."""
    sold = PLANS[plan]
    members = {f.name: getattr(sold, f.name) for f in fields(sold)}
    return Terms(**{**members, "interval": interval})


def shown(answer: Any) -> dict[str, Any]:
    """An answer as the API writes it, without what only its header says."""
    if isinstance(answer, SubscriptionChange):
        return {**shown(answer.subscription), "balance": plain(answer.balance)}
    found: dict[str, Any] = plain(answer)
    return found


def plain(value: Any) -> Any:
    """Values as JSON has them, and nowhere whether they are a replay."""
    return _without(msgspec.to_builtins(value))


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        value.pop("replayed", None)
        for one in value.values():
            _without(one)
    elif isinstance(value, list):
        for one in value:
            _without(one)
    return value
