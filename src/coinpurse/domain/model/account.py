"""The model's face: every act that the engine knows, on one account, with its refusals and its replays."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar, cast

from coinpurse.domain import credits
from coinpurse.domain.credits import MAX_AMOUNT, Kind
from coinpurse.domain.errors import IdempotencyConflict, Invalid, NotFound
from coinpurse.domain.model import holds, spending, subscriptions
from coinpurse.domain.model.lifecycle import advance
from coinpurse.domain.model.state import (
    MOVEMENTS,
    Act,
    ChargeState,
    HoldState,
    Line,
    State,
    SubscriptionState,
    Terms,
)
from coinpurse.domain.model.views import balance, grant_view, renewal_views, subscription_view, taken

A = TypeVar("A", credits.Charge, credits.Hold, credits.Reversal, credits.Grant, credits.SubscriptionChange)
T = TypeVar("T")
LONGEST_HOLD = 604_800
MOST_PERIODS = 120


class Model:
    """One account. Every act and every look first brings it up to its now (T4). Identifiers are `ch_`, `ho_`,
    `gr_`, `re_`, `su_` and the number of the act that made the thing."""

    def __init__(self, account: str, now: datetime) -> None:
        self.state = State(account, now)
        self._keys: dict[str, tuple[Any, Any]] = {}
        self._payments: dict[str, int] = {}

    # Time and looks

    def wait_until(self, instant: datetime) -> None:
        """Moves the clock; it never goes back (T9)."""
        if instant < self.state.now:
            raise Invalid.at("/now", "A clock only moves forward. Name a later instant.")
        self.state.now = instant
        advance(self.state)

    def balance(self) -> credits.Balance:
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
        return [_entry(act, line) for act in self.acts() for line in act.lines]

    def renewals(self) -> list[credits.Renewal]:
        """One line per subscription and period (T7)."""
        advance(self.state)
        return renewal_views(self.state)

    def grants(self) -> list[credits.Grant]:
        advance(self.state)
        return [grant_view(self.state, grant, None) for grant in self.state.grants.values()]

    # Spending and holding

    def charge(self, amount: int, *, key: str | None = None) -> credits.Charge:
        _check_amount(amount, 0)
        return self._once(key, ("charge", amount), lambda: self._charge(spending.charge(self.state, amount)))

    def hold(self, amount: int, *, expires_in: int = 3600, key: str | None = None) -> credits.Hold:
        _check_amount(amount, 1)
        if not _is_whole(expires_in) or not 1 <= expires_in <= LONGEST_HOLD:
            raise Invalid.at("/expires_in", f"A hold lasts from 1 to {LONGEST_HOLD:,} seconds.")
        place = holds.place
        return self._once(
            key, ("hold", amount, expires_in), lambda: self._hold(place(self.state, amount, expires_in))
        )

    def capture(
        self, hold: str, amount: int | None = None, *, exceed: bool = False, key: str | None = None
    ) -> credits.Hold:
        if amount is not None:
            _check_amount(amount, 0)

        def do() -> credits.Hold:
            held = _find(self.state.holds, hold)
            end = ("capture", held.amount if amount is None else amount)
            if holds.refuse_other_end(held, end):
                return self._first_end(held)
            charged = holds.capture(self.state, held, end[1], exceed=exceed)
            return self._ended(held, charged)

        return self._once(key, ("capture", hold, amount, exceed), do)

    def release(self, hold: str, *, key: str | None = None) -> credits.Hold:
        def do() -> credits.Hold:
            held = _find(self.state.holds, hold)
            if holds.refuse_other_end(held, ("release", 0)):
                return self._first_end(held)
            holds.release(self.state, held)
            return self._ended(held, None)

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
        if amount is not None:
            _check_amount(amount, 1)

        def do() -> credits.Reversal:
            charged = _find(self.state.charges, charge)
            done = spending.reverse(self.state, charged, amount, compensate=compensate, reason=reason)
            return self._reversal(charged, done, reason)

        return self._once(key, ("reverse", charge, amount, compensate, reason), do)

    # Grants

    def grant(
        self,
        kind: Kind,
        amount: int,
        *,
        expires_at: datetime | None = None,
        priority: int = 0,
        reason: str | None = None,
        key: str | None = None,
    ) -> credits.Grant:
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
            return grant_view(self.state, made, self._shown())

        return self._once(key, ("grant", kind, amount, expires_at, priority, reason), do)

    def topup(self, reference: str, amount: int, *, key: str | None = None) -> credits.Grant:
        """A paid pack (P1). One payment makes one grant, whatever the key (P2)."""
        _check_amount(amount, 1)
        advance(self.state)
        if reference in self._payments:
            made = self.state.grants[self._payments[reference]]
            shown = self.state.acts[made.number - 1].balance
            return replace(grant_view(self.state, made, shown), replayed=True)

        def do() -> credits.Grant:
            source = {"type": "topup", "reference": reference}
            made = spending.grant(self.state, "topup", "addon", amount, None, source)
            self._payments[reference] = made.number
            return grant_view(self.state, made, self._shown())

        return self._once(key, ("topup", reference, amount), do)

    def revoke(
        self, grant: str, amount: int | None = None, *, reason: str | None = None, key: str | None = None
    ) -> credits.Grant:
        if amount is not None:
            _check_amount(amount, 1)

        def do() -> credits.Grant:
            revoked = _find(self.state.grants, grant)
            spending.revoke(self.state, revoked, amount, reason)
            return grant_view(self.state, revoked, self._shown())

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
        def do() -> credits.SubscriptionChange:
            return self._changed(subscriptions.subscribe(self.state, terms, starts_at, trial_days))

        return self._once(key, ("subscribe", terms, starts_at, trial_days), do)

    def pay(
        self, subscription: str, periods: int = 1, *, key: str | None = None
    ) -> credits.SubscriptionChange:
        if not _is_whole(periods) or not 1 <= periods <= MOST_PERIODS:
            raise Invalid.at("/periods", f"A payment is for 1 to {MOST_PERIODS} periods.")
        return self._on(
            subscription, key, ("pay", periods), lambda s: subscriptions.pay(self.state, s, periods)
        )

    def cancel(
        self, subscription: str, at: str = "period_end", *, key: str | None = None
    ) -> credits.SubscriptionChange:
        if at not in ("period_end", "now"):
            raise Invalid.at("/at", 'Cancel at "period_end" or "now".')
        return self._on(subscription, key, ("cancel", at), lambda s: subscriptions.cancel(self.state, s, at))

    def resume(self, subscription: str, *, key: str | None = None) -> credits.SubscriptionChange:
        return self._on(subscription, key, ("resume",), lambda s: subscriptions.resume(self.state, s))

    def pause(self, subscription: str, *, key: str | None = None) -> credits.SubscriptionChange:
        return self._on(subscription, key, ("pause",), lambda s: subscriptions.pause(self.state, s))

    def change(
        self, subscription: str, terms: Terms, policy: str, *, key: str | None = None
    ) -> credits.SubscriptionChange:
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

    def _shown(self) -> credits.Balance:
        advance(self.state)
        return balance(self.state, self.state.now)

    def _changed(self, subscription: SubscriptionState) -> credits.SubscriptionChange:
        shown = self._shown()
        return credits.SubscriptionChange(subscription_view(self.state, subscription), shown)

    def _charge(self, made: ChargeState) -> credits.Charge:
        return credits.Charge(
            id=f"ch_{made.number}",
            account=self.state.account,
            amount=made.amount,
            operation=None,
            quantity=None,
            member=None,
            metadata=None,
            taken=taken(made.parts),
            balance=self._shown(),
            created_at=self.state.acts[made.number - 1].at,
        )

    def _hold(self, hold: HoldState) -> credits.Hold:
        return credits.Hold(
            id=f"ho_{hold.number}",
            account=self.state.account,
            amount=hold.amount,
            status=hold.status,
            expires_at=hold.expires_at,
            taken=taken(hold.parts),
            balance=self._shown(),
            created_at=hold.created_at,
        )

    def _ended(self, hold: HoldState, charged: ChargeState | None) -> credits.Hold:
        hold.answer = replace(self._hold(hold), charge=self._charge(charged) if charged else None)
        return hold.answer

    def _first_end(self, hold: HoldState) -> credits.Hold:
        assert hold.answer is not None, "a hold that was closed by a call has answered it"
        return replace(hold.answer, replayed=True)

    def _reversal(
        self, charged: ChargeState, done: spending.Returned, reason: str | None
    ) -> credits.Reversal:
        return credits.Reversal(
            id=f"re_{done.number}",
            charge=f"ch_{charged.number}",
            account=self.state.account,
            amount=sum(part for _, part in done.parts) + done.lapsed,
            returned=taken(done.parts),
            lapsed=done.lapsed,
            compensated=done.grant.amount if done.grant else 0,
            compensation=f"gr_{done.grant.number}" if done.grant else None,
            reason=reason,
            balance=self._shown(),
            created_at=self.state.now,
        )


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


def _entry(act: Act, line: Line) -> credits.Entry:
    movement = MOVEMENTS[line.code]
    return credits.Entry(
        sequence=line.sequence,
        kind=movement.kind,
        grant=f"gr_{line.grant.number}",
        bucket=line.grant.kind,
        amount=line.amount,
        moved=line.moved,
        source=movement.source,
        target=movement.target,
        available_after=line.available_after,
        at=act.at,
        cause=credits.Cause(act.kind, act.subject),
        actor=act.actor,
        reason=act.reason,
    )
