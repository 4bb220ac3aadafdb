"""The blocking twin of `Coinpurse`, made from it by scripts/make_sync.py. Don't edit."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from coinpurse.app.checkouts import Checkout
from coinpurse.app.ledger import Explanation
from coinpurse.app.portal import Portal
from coinpurse.app.sessions import Session
from coinpurse.app.wallets import ChargeRequest
from coinpurse.client.blocking_operating import Operating
from coinpurse.client.loop import OpenHold
from coinpurse.domain.credits import (
    Account,
    Balance,
    Charge,
    Entry,
    Grant,
    Hold,
    Interval,
    Page,
    Preview,
    Quote,
    Reversal,
    Subscription,
    SubscriptionChange,
)
from coinpurse.domain.errors import CoinpurseError


class Coinpurse(Operating):
    """An app's purse. Use it as `with Coinpurse(…) as purse:`, one for the whole app.

    - `Coinpurse()` uses the database of COINPURSE_DATABASE_URL, or an embedded PostgreSQL if that is not set.
    - `Coinpurse("postgresql://…")` uses that database.
    - `Coinpurse("https://…", key="cp_live_…")` asks a Coinpurse server; `patience` is for how many seconds it
      keeps trying when the server is down or busy.

    Amounts are whole credits, instants are aware datetimes in UTC. Every refusal is a `CoinpurseError` (see
    `coinpurse.domain.errors`). Every write takes `key`, the idempotency key: with the same key, a retry
    answers as the first time and spends nothing (S8).
    """

    def charge(
        self,
        account: str,
        amount: int | None = None,
        *,
        operation: str | None = None,
        quantity: int | None = None,
        member: str | None = None,
        metadata: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> Charge:
        """Spend credits: an amount, or an operation that the rate card prices (S1-S5).

        Raises InsufficientCredits (or CreditsHeld) and takes nothing where the balance can't cover it.
        """
        return self._run(
            self._purse.charge(
                account,
                amount,
                operation=operation,
                quantity=quantity,
                member=member,
                metadata=metadata,
                key=key,
            )
        )

    def charge_batch(self, items: Sequence[ChargeRequest]) -> list[Charge | CoinpurseError]:
        """Make many charges in one call, each on its own: answers stand in the order of the requests, and a
        refused one is returned as its exception. More than a thousand are sent a thousand at a time."""
        return self._run(self._purse.charge_batch(items))

    def get_charge(self, charge_id: str) -> Charge:
        """A charge as it was made. Raises NotFound."""
        return self._run(self._purse.get_charge(charge_id))

    def quote(
        self,
        account: str,
        amount: int | None = None,
        *,
        operation: str | None = None,
        quantity: int | None = None,
    ) -> Quote:
        """What a charge would cost and which grants would pay, without making it (S5)."""
        return self._run(self._purse.quote(account, amount, operation=operation, quantity=quantity))

    def hold(
        self,
        account: str,
        amount: int | None = None,
        *,
        operation: str | None = None,
        quantity: int | None = None,
        member: str | None = None,
        metadata: dict[str, Any] | None = None,
        expires_in: int | None = None,
        key: str | None = None,
    ) -> OpenHold:
        """Set credits aside for work that can fail (H1); `expires_in` is in seconds (default an hour).

        `with purse.hold(…) as hold:` captures when the block succeeds and releases when it raises.
        `hold = purse.hold(…)` leaves that to you. Raises InsufficientCredits (or CreditsHeld).
        """
        return OpenHold.begin(
            self._purse.hold(
                account,
                amount,
                operation=operation,
                quantity=quantity,
                member=member,
                metadata=metadata,
                expires_in=expires_in,
                key=key,
            ),
            self._run,
        )

    def capture(
        self, hold_id: str, amount: int | None = None, *, exceed: bool = False, key: str | None = None
    ) -> Hold:
        """Spend what was held, or `amount` of it, and give the rest back (H2). More than was held is possible
        only with `exceed`. Raises HoldClosed, CaptureExceedsHold."""
        return self._run(self._purse.capture(hold_id, amount, exceed=exceed, key=key))

    def release(self, hold_id: str, *, key: str | None = None) -> Hold:
        """Give back everything that was held (H3). Raises HoldClosed."""
        return self._run(self._purse.release(hold_id, key=key))

    def get_hold(self, hold_id: str) -> Hold:
        """A hold as it stands now. Raises NotFound."""
        return self._run(self._purse.get_hold(hold_id))

    def reverse(
        self, charge_id: str, amount: int | None = None, *, reason: str | None = None, key: str | None = None
    ) -> Reversal:
        """Give credits of a charge back, all that is left of it or `amount` (F1). Raises
        ReversalExceedsCharge."""
        return self._run(self._purse.reverse(charge_id, amount, reason=reason, key=key))

    def grant(
        self,
        account: str,
        amount: int,
        *,
        reason: str,
        kind: Literal["addon", "promo", "compensation"] = "addon",
        expires_at: datetime | None = None,
        priority: int = 0,
        key: str | None = None,
    ) -> Grant:
        """Give credits. Add-on credits never expire; promotional and compensation credits may."""
        return self._run(
            self._purse.grant(
                account, amount, reason=reason, kind=kind, expires_at=expires_at, priority=priority, key=key
            )
        )

    def revoke(
        self, grant_id: str, amount: int | None = None, *, reason: str, key: str | None = None
    ) -> Grant:
        """Take back what is unspent of a grant, or `amount` of it."""
        return self._run(self._purse.revoke(grant_id, amount, reason=reason, key=key))

    def grants(self, account: str) -> list[Grant]:
        """All grants of which something remains, in the order in which they will be spent."""
        return self._run(self._purse.grants(account))

    def balance(self, account: str, at: datetime | None = None) -> Balance:
        """What the account can spend now, or could at a past instant (L3)."""
        return self._run(self._purse.balance(account, at))

    def entries(self, account: str, *, limit: int = 50, cursor: str | None = None) -> Page[Entry]:
        """The ledger, newest entry first (L1). `next_cursor` gets the next page."""
        return self._run(self._purse.entries(account, limit=limit, cursor=cursor))

    def explain(self, account: str) -> Explanation:
        """Where each credit of the balance comes from and what paid for each charge, in plain words (L5)."""
        return self._run(self._purse.explain(account))

    def subscribe(
        self,
        account: str,
        *,
        plan: str,
        interval: Interval = "month",
        starts_at: datetime | None = None,
        trial_days: int = 0,
        key: str | None = None,
    ) -> SubscriptionChange:
        """Start a subscription whose first interval is counted as paid (unless it begins with a trial)."""
        return self._run(
            self._purse.subscribe(
                account, plan=plan, interval=interval, starts_at=starts_at, trial_days=trial_days, key=key
            )
        )

    def get_subscription(self, subscription_id: str) -> Subscription:
        """A subscription as it stands now. Raises NotFound."""
        return self._run(self._purse.get_subscription(subscription_id))

    def subscriptions(self, account: str) -> list[Subscription]:
        """All subscriptions of an account, oldest first, the ended ones included."""
        return self._run(self._purse.subscriptions(account))

    def pay(
        self, subscription_id: str, *, periods: int = 1, reference: str | None = None, key: str | None = None
    ) -> SubscriptionChange:
        """Record a payment made elsewhere: `paid_through` moves by `periods` intervals (T6). A `reference` is
        counted once, whatever the key."""
        return self._run(self._purse.pay(subscription_id, periods=periods, reference=reference, key=key))

    def cancel(
        self,
        subscription_id: str,
        *,
        at: Literal["period_end", "now"] = "period_end",
        reason: str | None = None,
        key: str | None = None,
    ) -> SubscriptionChange:
        """Cancel at the end of what is paid (B3), or end the monthly credits now (B4)."""
        return self._run(self._purse.cancel(subscription_id, at=at, reason=reason, key=key))

    def resume(self, subscription_id: str, *, key: str | None = None) -> SubscriptionChange:
        """Undo a cancellation (B3) or a pause (B11)."""
        return self._run(self._purse.resume(subscription_id, key=key))

    def pause(self, subscription_id: str, *, key: str | None = None) -> SubscriptionChange:
        """Give no new periods until resumed; the running one stays until its end (B11)."""
        return self._run(self._purse.pause(subscription_id, key=key))

    def change(
        self,
        subscription_id: str,
        *,
        plan: str,
        interval: Interval | None = None,
        policy: Literal["difference", "prorated", "restart", "at_renewal"] | None = None,
        key: str | None = None,
    ) -> SubscriptionChange:
        """Change to another plan or interval (B5); without a policy, the catalog's."""
        return self._run(
            self._purse.change(subscription_id, plan=plan, interval=interval, policy=policy, key=key)
        )

    def preview(
        self,
        subscription_id: str,
        *,
        plan: str,
        interval: Interval | None = None,
        policy: Literal["difference", "prorated", "restart", "at_renewal"] | None = None,
    ) -> Preview:
        """What `change` would do to credits and dates, without doing it."""
        return self._run(self._purse.preview(subscription_id, plan=plan, interval=interval, policy=policy))

    def put_account(
        self,
        account: str,
        *,
        name: str | None = None,
        email: str | None = None,
        currency: str | None = None,
        locale: str | None = None,
        metadata: dict[str, Any] | None = None,
        clock: datetime | None = None,
    ) -> Account:
        """Create an account, or update what is given of it. `clock` gives a new account a test clock (T9)."""
        return self._run(
            self._purse.put_account(
                account,
                name=name,
                email=email,
                currency=currency,
                locale=locale,
                metadata=metadata,
                clock=clock,
            )
        )

    def get_account(self, account: str) -> Account:
        """Who the account is. Raises AccountNotFound."""
        return self._run(self._purse.get_account(account))

    def find_accounts(
        self, query: str | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[Account]:
        """Accounts, or those that match `query`."""
        return self._run(self._purse.find_accounts(query, limit=limit, cursor=cursor))

    def move_clock(self, account: str, now: datetime) -> Balance:
        """Move an account's test clock forward; everything due until then happens (T9)."""
        return self._run(self._purse.move_clock(account, now))

    def checkout(
        self,
        account: str,
        *,
        pack: str | None = None,
        plan: str | None = None,
        interval: Interval | None = None,
        additional: bool = False,
        return_url: str | None = None,
        key: str | None = None,
    ) -> Checkout:
        """Start buying a pack or a plan: send the customer to the answer's `url`. A plan beside one that runs
        at the provider is refused (change that one) unless it is `additional`, such as a further seat."""
        return self._run(
            self._purse.checkout(
                account,
                pack=pack,
                plan=plan,
                interval=interval,
                additional=additional,
                return_url=return_url,
                key=key,
            )
        )

    def get_checkout(self, checkout_id: str) -> Checkout:
        """A checkout as it stands: open, pending, paid, failed or expired. Raises NotFound."""
        return self._run(self._purse.get_checkout(checkout_id))

    def portal(self, account: str, *, return_url: str | None = None) -> Portal:
        """Open the provider's page for cards and invoices: send the customer to its `url` at once."""
        return self._run(self._purse.portal(account, return_url=return_url))

    def create_session(self, account: str, *, seconds: int = 900) -> Session:
        """A short-lived token with which a browser may read this account's balance, and nothing else."""
        return self._run(self._purse.create_session(account, seconds=seconds))
