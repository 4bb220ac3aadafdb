"""What a story needs of an engine: the model has it as it is, the real engine through `purse.Purse`."""

from datetime import datetime
from typing import Protocol

from coinpurse.domain import credits
from coinpurse.domain.credits import Kind
from coinpurse.domain.errors import CoinpurseError
from coinpurse.domain.model import Terms

#: An amount, for how many seconds it is held (None: it is charged), and a key.
Spend = tuple[int, int | None, str | None]


class Driver(Protocol):
    """One account on a test clock. Refusals are CoinpurseErrors."""

    def wait_until(self, instant: datetime) -> None:
        """Moves the clock forward."""

    def balance(self) -> credits.Balance: ...

    def balance_at(self, instant: datetime) -> credits.Balance: ...

    def entries(self) -> list[credits.Entry]: ...

    def renewals(self) -> list[credits.Renewal]: ...

    def grants(self) -> list[credits.Grant]: ...

    def subscriptions(self) -> list[credits.Subscription]: ...

    def charge(self, amount: int, *, key: str | None = None) -> credits.Charge: ...

    def quote(self, amount: int) -> tuple[int, list[credits.Taken]]:
        """What a charge would fall short of, and what would pay for it."""

    def spend_together(self, items: list[Spend]) -> list[credits.Charge | credits.Hold | CoinpurseError]:
        """Charges and holds that are asked for at the same time."""

    def hold(self, amount: int, *, expires_in: int = 3600, key: str | None = None) -> credits.Hold: ...

    def capture(
        self, hold: str, amount: int | None = None, *, exceed: bool = False, key: str | None = None
    ) -> credits.Hold: ...

    def capture_together(self, holds: list[str]) -> list[credits.Hold | CoinpurseError]:
        """Whole captures that are asked for at the same time."""

    def release(self, hold: str, *, key: str | None = None) -> credits.Hold: ...

    def reverse(
        self,
        charge: str,
        amount: int | None = None,
        *,
        compensate: bool = False,
        reason: str | None = None,
        key: str | None = None,
    ) -> credits.Reversal: ...

    def grant(
        self,
        kind: Kind,
        amount: int,
        *,
        expires_at: datetime | None = None,
        priority: int = 0,
        reason: str,
        key: str | None = None,
    ) -> credits.Grant: ...

    def topup(self, reference: str, amount: int) -> credits.Grant: ...

    def revoke(
        self, grant: str, amount: int | None = None, *, reason: str, key: str | None = None
    ) -> credits.Grant: ...

    def subscribe(
        self,
        terms: Terms,
        *,
        starts_at: datetime | None = None,
        trial_days: int = 0,
        key: str | None = None,
    ) -> credits.SubscriptionChange: ...

    def pay(
        self, subscription: str, periods: int = 1, *, key: str | None = None
    ) -> credits.SubscriptionChange: ...

    def cancel(
        self, subscription: str, at: str = "period_end", *, key: str | None = None
    ) -> credits.SubscriptionChange: ...

    def resume(self, subscription: str, *, key: str | None = None) -> credits.SubscriptionChange: ...

    def pause(self, subscription: str, *, key: str | None = None) -> credits.SubscriptionChange: ...

    def preview(self, subscription: str, terms: Terms, policy: str) -> credits.SubscriptionChange:
        """What a change would answer, before it is made."""

    def change(
        self, subscription: str, terms: Terms, policy: str, *, key: str | None = None
    ) -> credits.SubscriptionChange: ...
