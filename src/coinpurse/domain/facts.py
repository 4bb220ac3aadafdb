"""What a payment provider tells us, in our words: facts, whatever provider and API version they come from.

A fact says how things stand, never what to do: applying one twice, or late, or after a newer one, ends in
the same books (E2). `docs/billing.md` says what each does. Money is in the currency's smallest unit.
Instants are aware datetimes in UTC. References are the provider's identifiers; `account` is our name for
who holds credits, where the object carries it (`metadata.coinpurse_account`, a client reference).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from coinpurse.domain.credits import Interval

StandingState = Literal["incomplete", "trialing", "active", "past_due", "ended"]
PurchaseState = Literal["pending", "paid", "failed", "expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A customer of the provider belongs to an account."""

    customer: str
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A subscription as the provider has it at `as_of`.

    `quantity` multiplies the plan's allocation. `anchor` is where the provider reckons its months from.
    `trial_start` and `trial_end` are set while, or when, there is or was a trial. `ends_at` is the
    instant of a cancellation that was asked for; `ends_with_period` says that it is the end of what is
    paid. `payment_pending` says that a change was made whose own invoice (`pending_invoice`) is not paid
    yet: an upgrade waits for that. `rank` orders what was said at one instant (created before updated
    before deleted).
    """

    subscription: str
    as_of: datetime
    state: StandingState
    plan: str
    interval: Interval
    quantity: int = 1
    rank: int = 0
    customer: str | None = None
    account: str | None = None
    anchor: datetime | None = None
    trial_start: datetime | None = None
    trial_end: datetime | None = None
    ends_at: datetime | None = None
    ends_with_period: bool = False
    paused: bool = False
    payment_pending: bool = False
    pending_invoice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """A line of an invoice that was paid: it covers `[start, end)` of a subscription. Never a proration,
    never a trial's line of nothing (B6, B8). `line` is the key of the money: one line moves the date once.
    `payment` is what a refund will name, and `amount` what came in by it, by which that is measured."""

    subscription: str
    line: str
    plan: str
    interval: Interval
    start: datetime
    end: datetime
    quantity: int = 1
    amount: int = 0
    currency: str = "usd"
    invoice: str | None = None
    payment: str | None = None
    customer: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePaid:
    """The invoice of a change to a subscription was paid: an upgrade that waited for it takes effect."""

    subscription: str
    invoice: str
    customer: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpaid:
    """A payment for the period that starts at `start` failed; the invoice is still open."""

    subscription: str
    invoice: str
    start: datetime
    customer: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """A top-up being bought. `purchase` is the key of the money (the checkout, or the payment itself where
    there was none): one makes one grant (P2). Only `paid` grants (P1)."""

    purchase: str
    state: PurchaseState
    pack: str
    quantity: int = 1
    amount: int = 0
    currency: str = "usd"
    payment: str | None = None
    customer: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidWith:
    """Which payment paid an invoice, told apart from the invoice: what a refund will name."""

    invoice: str
    payment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """How much of a payment has gone back, all in all, or is in dispute now. `refunded` is cumulative and
    can fall again (a refund that fails); `lost` is what disputes have taken for good, `disputed` what an
    open one holds back; `total` is what was paid. None where this fact doesn't say: refunds and disputes are
    told apart, and what was recorded of the payment stands for its total."""

    payment: str
    total: int | None = None
    refunded: int | None = None
    disputed: int | None = None
    lost: int | None = None
    dispute: str | None = None
    as_of: datetime | None = None


Fact = Linked | Standing | Paid | ChangePaid | Unpaid | Purchase | PaidWith | Returned
