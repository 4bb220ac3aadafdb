"""The model's face: every act that the engine knows, on one account, with its refusals and its replays."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar, cast

from coinpurse.domain import credits
from coinpurse.domain.burndown import take
from coinpurse.domain.credits import MAX_AMOUNT, Kind
from coinpurse.domain.errors import CoinpurseError, IdempotencyConflict, Invalid, NotFound
from coinpurse.domain.model import holds, spending, subscriptions
from coinpurse.domain.model.billed import Billed
from coinpurse.domain.model.lifecycle import advance
from coinpurse.domain.model.state import (
    Act,
    ChargeState,
    GrantState,
    HoldState,
    State,
    SubscriptionState,
    Terms,
)
from coinpurse.domain.model.views import (
    balance,
    charge_view,
    entry_view,
    grant_view,
    hold_view,
    renewal_views,
    reversal_view,
    subscription_view,
    taken,
)

A = TypeVar("A", credits.Charge, credits.Hold, credits.Reversal, credits.Grant, credits.SubscriptionChange)
T = TypeVar("T")
Spent = credits.Charge | credits.Hold | CoinpurseError
LONGEST_HOLD = 604_800
MOST_PERIODS = 120


class Model(Billed):
    """One account. Every act and every look first brings it up to its now (T4). Identifiers are `ch_`, `ho_`,
    `gr_`, `re_`, `su_` and the number of the act that made the thing."""

    def __init__(
        self, account: str, now: datetime, actor: str | None = None, provider: str = "stripe"
    ) -> None:
        self.state = State(account, now, actor)
        self.provider = provider
        self._keys: dict[str, tuple[Any, Any]] = {}
        self._payments: dict[str, credits.Grant] = {}

    # Time and looks

    def wait_until(self, instant: datetime) -> None:
        """Moves the clock; it never goes back (T9)."""
        if instant < self.state.now:
            raise Invalid.at("/now", "A clock only moves forward. Name a later instant.")
        self.state.now = instant
        advance(self.state)

    def balance(self) -> credits.Balance:
        """The balance now."""
        advance(self.state)
        return balance(self.state, self.state.now)

    def balance_at(self, instant: datetime) -> credits.Balance:
        """What was shown at a past instant, everything due by then included (L3)."""
        advance(self.state)
        if instant > self.state.now:
            raise Invalid.at("/at", "That instant is still to come. Ask for now or for the past.")
        shown = [a.balance for a in self.state.acts if a.at <= instant and a.balance]
        return replace(
            shown[-1] if shown else balance(State(self.state.account, instant), instant), as_of=instant
        )

    def acts(self) -> list[Act]:
        """Everything that ever happened, numbered from 1 without gaps."""
        advance(self.state)
        return list(self.state.acts)

    def entries(self) -> list[credits.Entry]:
        """The ledger, first line first (L1)."""
        return [entry_view(act, line) for act in self.acts() for line in act.lines]

    def renewals(self) -> list[credits.Renewal]:
        """One line per subscription and period (T7)."""
        advance(self.state)
        return renewal_views(self.state)

    def grants(self) -> list[credits.Grant]:
        """The grants with something available, in burn order."""
        advance(self.state)
        return [grant_view(self.state, grant, None) for grant in self.state.spendable() if grant.available]

    def subscriptions(self) -> list[credits.Subscription]:
        """All of them, ended ones too, oldest first."""
        advance(self.state)
        return [subscription_view(self.state, sub) for sub in self.state.subscriptions.values()]

    def quote(self, amount: int) -> tuple[int, list[credits.Taken]]:
        """What a charge would fall short of, and which grants would pay; changes nothing (S5)."""
        _check_amount(amount, 0)
        advance(self.state)
        missing = max(0, amount - self.state.total("available"))
        return missing, [] if missing else taken(take(self.state.spendable(), amount))

    def preview(self, subscription: str, terms: Terms, policy: str) -> credits.SubscriptionChange:
        """What a change would answer, before it is made (U2)."""
        return deepcopy(self).change(subscription, terms, policy)

    # Spending and holding

    def charge(self, amount: int, *, key: str | None = None) -> credits.Charge:
        """S1-S6."""
        _check_amount(amount, 0)
        return self._once(key, ("charge", amount), lambda: self._charged(amount))

    def spend_together(self, items: list[tuple[int, int | None, str | None]]) -> list[Spent]:
        """Charges, and holds of so many seconds, with their keys; each is answered on its own, in order.
        Those whose key another of them has come after all others (S8)."""
        keys = [key for _, _, key in items]
        twins = [n for n, key in enumerate(keys) if key is not None and key in keys[:n]]
        order = [n for n in range(len(items)) if n not in twins] + twins
        answers = {n: _caught(self._spend, *items[n]) for n in order}
        return [answers[n] for n in range(len(items))]

    def _spend(self, amount: int, seconds: int | None, key: str | None) -> credits.Charge | credits.Hold:
        if seconds is None:
            return self.charge(amount, key=key)
        return self.hold(amount, expires_in=seconds, key=key)

    def hold(self, amount: int, *, expires_in: int = 3600, key: str | None = None) -> credits.Hold:
        """H1. `expires_in` is in seconds."""
        _check_amount(amount, 1)
        if not _is_whole(expires_in) or not 1 <= expires_in <= LONGEST_HOLD:
            raise Invalid.at("/expires_in", f"A hold lasts from 1 to {LONGEST_HOLD:,} seconds.")
        return self._once(key, ("hold", amount, expires_in), lambda: self._held(amount, expires_in))

    def capture(
        self, hold: str, amount: int | None = None, *, exceed: bool = False, key: str | None = None
    ) -> credits.Hold:
        """H2, H3. Without an amount, all that is held."""
        if amount is not None:
            _check_amount(amount, 0)

        def do() -> credits.Hold:
            held = _find(self.state.holds, hold)
            end = ("capture", held.amount if amount is None else amount)
            if holds.refuse_other_end(held, end):
                return self._first_end(held)
            charged = holds.capture(self.state, held, end[1], exceed=exceed)
            return self._ended(held, charged.number, charged)

        return self._once(key, ("capture", hold, amount, exceed), do)

    def capture_together(self, captured: list[str]) -> list[credits.Hold | CoinpurseError]:
        """Whole captures, each answered on its own, in order."""
        return [_caught(self.capture, hold) for hold in captured]

    def release(self, hold: str, *, key: str | None = None) -> credits.Hold:
        """H3."""

        def do() -> credits.Hold:
            held = _find(self.state.holds, hold)
            if holds.refuse_other_end(held, ("release", 0)):
                return self._first_end(held)
            return self._ended(held, holds.release(self.state, held))

        return self._once(key, ("release", hold), do)

    def reverse(
        self,
        charge: str,
        amount: int | None = None,
        *,
        compensate: bool = False,
        reason: str | None = None,
        key: str | None = None,
    ) -> credits.Reversal:
        """F1, F2. Without an amount, all that is left."""
        if amount is not None:
            _check_amount(amount, 1)

        def do() -> credits.Reversal:
            charged = _find(self.state.charges, charge)
            done = spending.reverse(self.state, charged, amount, compensate=compensate, reason=reason)
            return reversal_view(self.state, charged, done, self._shown(done.number))

        return self._once(key, ("reverse", charge, amount, reason), do)

    # Grants

    def grant(
        self,
        kind: Kind,
        amount: int,
        *,
        expires_at: datetime | None = None,
        priority: int = 0,
        reason: str,
        key: str | None = None,
    ) -> credits.Grant:
        """Credits by support or through the API."""
        _check_amount(amount, 1)
        if kind not in ("addon", "promo", "compensation"):
            raise Invalid.at(
                "/kind", "Grants are addon, promo or compensation; monthly credits come from plans."
            )
        if kind == "addon" and expires_at is not None:
            raise Invalid.at(
                "/expires_at", "Add-on credits never expire. Leave it out, or grant promo credits."
            )

        def do() -> credits.Grant:
            if expires_at is not None and expires_at <= self.state.now:
                raise Invalid.at("/expires_at", "The expiry must lie in the future.")
            source = {"type": "support"}
            made = spending.grant(
                self.state, "grant", kind, amount, expires_at, source, priority=priority, reason=reason
            )
            return self._given(made)

        return self._once(key, ("grant", kind, amount, expires_at, priority, reason), do)

    def topup(self, reference: str, amount: int) -> credits.Grant:
        """A paid pack (P1). One payment makes one grant: the second time is a replay (P2)."""
        _check_amount(amount, 1)
        advance(self.state)
        if reference in self._payments:
            return replace(self._payments[reference], replayed=True)
        source = {"type": "topup", "provider": "manual", "reference": reference}
        made = spending.grant(self.state, "topup", "addon", amount, None, source)
        self._payments[reference] = self._given(made)
        return self._payments[reference]

    def revoke(
        self, grant: str, amount: int | None = None, *, reason: str, key: str | None = None
    ) -> credits.Grant:
        """Takes back what is unspent: all of it, or an amount."""
        if amount is not None:
            _check_amount(amount, 1)

        def do() -> credits.Grant:
            revoked = _find(self.state.grants, grant)
            gone = spending.revoke(self.state, revoked, amount, reason)
            return grant_view(self.state, revoked, self._shown(), gone)

        return self._once(key, ("revoke", grant, amount, reason), do)

    # Subscriptions

    def subscribe(
        self,
        terms: Terms,
        *,
        starts_at: datetime | None = None,
        trial_days: int = 0,
        key: str | None = None,
    ) -> credits.SubscriptionChange:
        """Starts a subscription, at `starts_at` or now, after a trial of so many days of 24 hours."""

        def do() -> credits.SubscriptionChange:
            return self._changed(subscriptions.subscribe(self.state, terms, starts_at, trial_days))

        return self._once(key, ("subscribe", terms, starts_at, trial_days), do)

    def pay(
        self, subscription: str, periods: int = 1, *, key: str | None = None
    ) -> credits.SubscriptionChange:
        """Records a payment for so many intervals (T6)."""
        if not _is_whole(periods) or not 1 <= periods <= MOST_PERIODS:
            raise Invalid.at("/periods", f"A payment is for 1 to {MOST_PERIODS} periods.")
        return self._on(
            subscription, key, ("pay", periods), lambda s: subscriptions.pay(self.state, s, periods)
        )

    def cancel(
        self, subscription: str, at: str = "period_end", *, key: str | None = None
    ) -> credits.SubscriptionChange:
        """B3, B4."""
        if at not in ("period_end", "now"):
            raise Invalid.at("/at", 'Cancel at "period_end" or "now".')
        return self._on(subscription, key, ("cancel", at), lambda s: subscriptions.cancel(self.state, s, at))

    def resume(self, subscription: str, *, key: str | None = None) -> credits.SubscriptionChange:
        """Takes back a cancellation or a pause (B3, B11)."""
        return self._on(subscription, key, ("resume",), lambda s: subscriptions.resume(self.state, s))

    def pause(self, subscription: str, *, key: str | None = None) -> credits.SubscriptionChange:
        """B11."""
        return self._on(subscription, key, ("pause",), lambda s: subscriptions.pause(self.state, s))

    def change(
        self, subscription: str, terms: Terms, policy: str, *, key: str | None = None
    ) -> credits.SubscriptionChange:
        """B5, B9."""
        if policy not in ("difference", "prorated", "restart", "at_renewal"):
            raise Invalid.at("/policy", "The policy is difference, prorated, restart or at_renewal.")
        return self._on(
            subscription,
            key,
            ("change", terms, policy),
            lambda s: subscriptions.change(self.state, s, terms, policy),
        )

    # Answers

    def _once(self, key: str | None, fingerprint: tuple[Any, ...], do: Callable[[], A]) -> A:
        """S8: the same key and request gets the first answer again; a refused request leaves no trace."""
        advance(self.state)
        if key is None:
            return do()
        if key in self._keys:
            first, answer = self._keys[key]
            if first != fingerprint:
                raise IdempotencyConflict(f'The key "{key}" was used for another request. Use a new one.')
            return cast(A, replace(answer, replayed=True))
        answer = do()
        self._keys[key] = (fingerprint, answer)
        return answer

    def _on(
        self,
        subscription: str,
        key: str | None,
        fingerprint: tuple[Any, ...],
        do: Callable[[SubscriptionState], None],
    ) -> credits.SubscriptionChange:
        def act() -> credits.SubscriptionChange:
            found = _find(self.state.subscriptions, subscription)
            do(found)
            return self._changed(found)

        return self._once(key, (*fingerprint, subscription), act)

    def _shown(self, number: int | None = None) -> credits.Balance:
        """The balance that an answer carries: after the latest act that the call led to, or after the act
        that was asked for, where debts were collected behind it."""
        advance(self.state)
        if number is None:
            return balance(self.state, self.state.acts[-1].at)
        shown = self.state.acts[number - 1].balance
        assert shown is not None, "an act that was written has its balance"
        return shown

    def _given(self, made: GrantState) -> credits.Grant:
        """A new grant as it was made: what it pays of debts comes behind."""
        return replace(grant_view(self.state, made, self._shown(made.number)), remaining=made.amount)

    def _changed(self, subscription: SubscriptionState) -> credits.SubscriptionChange:
        shown = self._shown()
        return credits.SubscriptionChange(subscription_view(self.state, subscription), shown)

    def _charged(self, amount: int) -> credits.Charge:
        made = spending.charge(self.state, amount)
        return charge_view(self.state, made, self._shown())

    def _held(self, amount: int, expires_in: int) -> credits.Hold:
        made = holds.place(self.state, amount, expires_in)
        return hold_view(self.state, made, self._shown())

    def _ended(self, hold: HoldState, number: int, charged: ChargeState | None = None) -> credits.Hold:
        shown = self._shown(number)
        hold.answer = replace(
            hold_view(self.state, hold, shown),
            charge=charge_view(self.state, charged, shown) if charged else None,
        )
        return hold.answer

    def _first_end(self, hold: HoldState) -> credits.Hold:
        assert hold.answer is not None, "a hold that was closed by a call has answered it"
        return replace(hold.answer, replayed=True)


def _caught(do: Callable[..., T], *arguments: Any) -> T | CoinpurseError:
    try:
        return do(*arguments)
    except CoinpurseError as refusal:
        return refusal


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_amount(amount: object, least: int) -> None:
    """S6: refused before anything happens."""
    if not isinstance(amount, int) or isinstance(amount, bool) or not least <= amount <= MAX_AMOUNT:
        raise Invalid.at("/amount", f"The amount must be a whole number from {least} to {MAX_AMOUNT:,}.")


def _find(things: dict[int, T], identifier: str) -> T:
    number = identifier.partition("_")[2]
    if not number.isdigit() or int(number) not in things:
        raise NotFound(f'There is no "{identifier}" on this account.')
    return things[int(number)]
