"""`Coinpurse`: everything that an app asks of its credits, in process or over HTTP."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from coinpurse.app.checkouts import Checkout
from coinpurse.app.ledger import Explanation
from coinpurse.app.portal import Portal
from coinpurse.app.sessions import Session
from coinpurse.app.wallets import MOST_IN_BATCH, ChargeRequest
from coinpurse.client import operations as op
from coinpurse.client.holding import Holding
from coinpurse.client.local import Local
from coinpurse.client.operating import Operating
from coinpurse.client.remote import Remote
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
    """An app's purse. Use it as `async with Coinpurse(…) as purse:`, one for the whole app.

    - `Coinpurse()` uses the database of COINPURSE_DATABASE_URL, or an embedded PostgreSQL if that is not set.
    - `Coinpurse("postgresql://…")` uses that database.
    - `Coinpurse("https://…", key="cp_live_…")` asks a Coinpurse server; `patience` is for how many seconds it
      keeps trying when the server is down or busy.

    Amounts are whole credits, instants are aware datetimes in UTC. Every refusal is a `CoinpurseError` (see
    `coinpurse.domain.errors`). Every write takes `key`, the idempotency key: with the same key, a retry
    answers as the first time and spends nothing (S8).
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        catalog: str | Path | None = None,
        patience: float = 30.0,
    ) -> None:
        if url is not None and url.startswith(("http://", "https://")):
            if not key:
                raise ValueError('Coinpurse("https://…") needs key="cp_live_…" or "cp_test_…".')
            self._way: Local | Remote = Remote(url, key, patience)
        elif key:
            raise ValueError("A key is only for https://… addresses; a database has its password in its URL.")
        else:
            self._way = Local(url, catalog)

    async def open(self) -> Self:
        """Connect; `async with` does it for you. Raises Unavailable where the database can't be reached."""
        await self._way.open()
        return self

    async def close(self) -> None:
        """Let go of all connections (and of the embedded PostgreSQL)."""
        await self._way.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def charge(
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
        return await self._way.call(
            op.CHARGE,
            account=account,
            amount=amount,
            operation=operation,
            quantity=quantity,
            member=member,
            metadata=metadata,
            key=key,
        )

    async def charge_batch(self, items: Sequence[ChargeRequest]) -> list[Charge | CoinpurseError]:
        """Make many charges in one call, each on its own: answers stand in the order of the requests, and a
        refused one is returned as its exception. More than a thousand are sent a thousand at a time."""
        answers: list[Charge | CoinpurseError] = []
        for first in range(0, len(items), MOST_IN_BATCH):
            answers += await self._way.charge_batch(items[first : first + MOST_IN_BATCH])
        return answers

    async def get_charge(self, charge_id: str) -> Charge:
        """A charge as it was made. Raises NotFound."""
        return await self._way.call(op.GET_CHARGE, charge_id=charge_id)

    async def quote(
        self,
        account: str,
        amount: int | None = None,
        *,
        operation: str | None = None,
        quantity: int | None = None,
    ) -> Quote:
        """What a charge would cost and which grants would pay, without making it (S5)."""
        return await self._way.call(
            op.QUOTE, account=account, amount=amount, operation=operation, quantity=quantity
        )

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
    ) -> Holding:
        """Set credits aside for work that can fail (H1); `expires_in` is in seconds (default an hour).

        `async with purse.hold(…) as hold:` captures when the block succeeds and releases when it raises.
        `hold = await purse.hold(…)` leaves that to you. Raises InsufficientCredits (or CreditsHeld).
        """
        return Holding(
            self._way,
            account=account,
            amount=amount,
            operation=operation,
            quantity=quantity,
            member=member,
            metadata=metadata,
            expires_in=expires_in,
            key=key,
        )

    async def capture(
        self, hold_id: str, amount: int | None = None, *, exceed: bool = False, key: str | None = None
    ) -> Hold:
        """Spend what was held, or `amount` of it, and give the rest back (H2). More than was held is possible
        only with `exceed`. Raises HoldClosed, CaptureExceedsHold."""
        return await self._way.call(op.CAPTURE, hold_id=hold_id, amount=amount, exceed=exceed, key=key)

    async def release(self, hold_id: str, *, key: str | None = None) -> Hold:
        """Give back everything that was held (H3). Raises HoldClosed."""
        return await self._way.call(op.RELEASE, hold_id=hold_id, key=key)

    async def get_hold(self, hold_id: str) -> Hold:
        """A hold as it stands now. Raises NotFound."""
        return await self._way.call(op.GET_HOLD, hold_id=hold_id)

    async def reverse(
        self, charge_id: str, amount: int | None = None, *, reason: str | None = None, key: str | None = None
    ) -> Reversal:
        """Give credits of a charge back, all that is left of it or `amount` (F1). Raises
        ReversalExceedsCharge."""
        return await self._way.call(op.REVERSE, charge_id=charge_id, amount=amount, reason=reason, key=key)

    async def grant(
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
        return await self._way.call(
            op.GRANT,
            account=account,
            amount=amount,
            reason=reason,
            kind=kind,
            expires_at=expires_at,
            priority=priority,
            key=key,
        )

    async def revoke(
        self, grant_id: str, amount: int | None = None, *, reason: str, key: str | None = None
    ) -> Grant:
        """Take back what is unspent of a grant, or `amount` of it."""
        return await self._way.call(op.REVOKE, grant_id=grant_id, amount=amount, reason=reason, key=key)

    async def grants(self, account: str) -> list[Grant]:
        """All grants of which something remains, in the order in which they will be spent."""
        return await self._way.call(op.GRANTS, account=account)

    async def balance(self, account: str, at: datetime | None = None) -> Balance:
        """What the account can spend now, or could at a past instant (L3)."""
        return await self._way.call(op.BALANCE, account=account, at=at)

    async def entries(self, account: str, *, limit: int = 50, cursor: str | None = None) -> Page[Entry]:
        """The ledger, newest entry first (L1). `next_cursor` gets the next page."""
        return await self._way.call(op.ENTRIES, account=account, limit=limit, cursor=cursor)

    async def explain(self, account: str) -> Explanation:
        """Where each credit of the balance comes from and what paid for each charge, in plain words (L5)."""
        return await self._way.call(op.EXPLAIN, account=account)

    async def subscribe(
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
        return await self._way.call(
            op.SUBSCRIBE,
            account=account,
            plan=plan,
            interval=interval,
            starts_at=starts_at,
            trial_days=trial_days,
            key=key,
        )

    async def get_subscription(self, subscription_id: str) -> Subscription:
        """A subscription as it stands now. Raises NotFound."""
        return await self._way.call(op.GET_SUBSCRIPTION, id=subscription_id)

    async def subscriptions(self, account: str) -> list[Subscription]:
        """All subscriptions of an account, oldest first, the ended ones included."""
        return await self._way.call(op.SUBSCRIPTIONS, account=account)

    async def pay(
        self,
        subscription_id: str,
        *,
        periods: int = 1,
        reference: str | None = None,
        key: str | None = None,
    ) -> SubscriptionChange:
        """Record a payment made elsewhere: `paid_through` moves by `periods` intervals (T6). A `reference` is
        counted once, whatever the key."""
        return await self._way.call(op.PAY, id=subscription_id, periods=periods, reference=reference, key=key)

    async def cancel(
        self,
        subscription_id: str,
        *,
        at: Literal["period_end", "now"] = "period_end",
        reason: str | None = None,
        key: str | None = None,
    ) -> SubscriptionChange:
        """Cancel at the end of what is paid (B3), or end the monthly credits now (B4)."""
        return await self._way.call(op.CANCEL, id=subscription_id, at=at, reason=reason, key=key)

    async def resume(self, subscription_id: str, *, key: str | None = None) -> SubscriptionChange:
        """Undo a cancellation (B3) or a pause (B11)."""
        return await self._way.call(op.RESUME, id=subscription_id, key=key)

    async def pause(self, subscription_id: str, *, key: str | None = None) -> SubscriptionChange:
        """Give no new periods until resumed; the running one stays until its end (B11)."""
        return await self._way.call(op.PAUSE, id=subscription_id, key=key)

    async def change(
        self,
        subscription_id: str,
        *,
        plan: str,
        interval: Interval | None = None,
        policy: Literal["difference", "prorated", "restart", "at_renewal"] | None = None,
        key: str | None = None,
    ) -> SubscriptionChange:
        """Change to another plan or interval (B5); without a policy, the catalog's."""
        return await self._way.call(
            op.CHANGE, id=subscription_id, plan=plan, interval=interval, policy=policy, key=key
        )

    async def preview(
        self,
        subscription_id: str,
        *,
        plan: str,
        interval: Interval | None = None,
        policy: Literal["difference", "prorated", "restart", "at_renewal"] | None = None,
    ) -> Preview:
        """What `change` would do to credits and dates, without doing it."""
        return await self._way.call(
            op.PREVIEW, id=subscription_id, plan=plan, interval=interval, policy=policy
        )

    async def put_account(
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
        return await self._way.call(
            op.PUT_ACCOUNT,
            id=account,
            name=name,
            email=email,
            currency=currency,
            locale=locale,
            metadata=metadata,
            clock=clock,
        )

    async def get_account(self, account: str) -> Account:
        """Who the account is. Raises AccountNotFound."""
        return await self._way.call(op.GET_ACCOUNT, id=account)

    async def find_accounts(
        self, query: str | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[Account]:
        """Accounts, or those that match `query`."""
        return await self._way.call(op.FIND_ACCOUNTS, query=query, limit=limit, cursor=cursor)

    async def move_clock(self, account: str, now: datetime) -> Balance:
        """Move an account's test clock forward; everything due until then happens (T9)."""
        return await self._way.call(op.MOVE_CLOCK, id=account, now=now)

    async def checkout(
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
        return await self._way.call(
            op.CHECKOUT,
            account=account,
            pack=pack,
            plan=plan,
            interval=interval,
            additional=additional,
            return_url=return_url,
            key=key,
        )

    async def get_checkout(self, checkout_id: str) -> Checkout:
        """A checkout as it stands: open, pending, paid, failed or expired. Raises NotFound."""
        return await self._way.call(op.GET_CHECKOUT, id=checkout_id)

    async def portal(self, account: str, *, return_url: str | None = None) -> Portal:
        """Open the provider's page for cards and invoices: send the customer to its `url` at once."""
        return await self._way.call(op.PORTAL, account=account, return_url=return_url)

    async def create_session(self, account: str, *, seconds: int = 900) -> Session:
        """A short-lived token with which a browser may read this account's balance, and nothing else."""
        return await self._way.call(op.CREATE_SESSION, account=account, seconds=seconds)
