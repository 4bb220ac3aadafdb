"""The answers that Coinpurse gives, as immutable values.

Amounts are integers in credits. Instants are aware datetimes in UTC, to the microsecond.
Identifiers are text: `ch_`, `ho_`, `gr_`, `re_`, `su_` followed by the account's digest and the number of
the act that made the thing.
"""

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from msgspec import field

from coinpurse.domain.values import Value

T = TypeVar("T")
Kind = Literal["monthly", "promo", "compensation", "addon"]
Interval = Literal["month", "year"]
SubscriptionStatus = Literal["trialing", "active", "past_due", "paused", "ended"]
HoldStatus = Literal["held", "captured", "released", "expired"]

#: The largest amount that one call may name, and the largest balance that an account may reach.
MAX_AMOUNT = 1_000_000_000_000_000


class Period(Value):
    """A half-open stretch of time `[start, end)` (T2)."""

    start: datetime
    end: datetime


class Taken(Value):
    """One grant's part of a charge, hold or reversal. `amount` is positive."""

    grant: str
    kind: Kind
    amount: int


class MonthlyBucket(Value):
    """The credits that subscriptions give. `allocation` is what the plans give each period; `renewing` says
    that the running period waits for its payment and has given nothing yet (T7, policies `strict` and
    `paid_with_grace`)."""

    available: int
    held: int
    frozen: int
    allocation: int
    period: Period | None
    renews_at: datetime | None
    provisional: bool
    renewing: bool


class AddonBucket(Value):
    """The credits that top-ups give. They never expire."""

    available: int
    held: int
    frozen: int


class OtherBucket(Value):
    """Promotional or compensation credits, one per kind that has any."""

    kind: Kind
    available: int
    held: int


class Buckets(Value):
    monthly: MonthlyBucket
    addon: AddonBucket
    other: list[OtherBucket]


class PendingChange(Value):
    """A plan change that takes effect at the next renewal."""

    plan: str
    interval: Interval
    allocation: int
    at: datetime


class Subscription(Value):
    """A subscription as it stands. `paid_through` is the instant up to which it is covered by payment (T6);
    `ends_at` is set once it has been cancelled."""

    id: str
    account: str
    plan: str
    interval: Interval
    status: SubscriptionStatus
    allocation: int
    renewal: str
    provider: str
    anchor: datetime
    paid_through: datetime
    current_period: Period | None
    ends_at: datetime | None
    pending_change: PendingChange | None
    created_at: datetime


class Balance(Value):
    """What an account can spend now (`available`, what the pill shows) and where it comes from."""

    account: str
    as_of: datetime
    sequence: int
    available: int
    held: int
    buckets: Buckets
    subscription: Subscription | None

    @property
    def monthly(self) -> MonthlyBucket:
        """Shorthand for `buckets.monthly`."""
        return self.buckets.monthly

    @property
    def addon(self) -> AddonBucket:
        """Shorthand for `buckets.addon`."""
        return self.buckets.addon


class Charge(Value):
    """A charge that was made. `taken` is in the order in which the grants were burnt (S1-S3)."""

    id: str
    account: str
    amount: int
    operation: str | None
    quantity: int | None
    member: str | None
    metadata: dict[str, Any] | None
    taken: list[Taken]
    balance: Balance
    created_at: datetime
    replayed: bool = False


class Hold(Value):
    """Credits set aside for work that can fail (H1-H4). `charge` is there once the hold was captured."""

    id: str
    account: str
    amount: int
    status: HoldStatus
    expires_at: datetime
    taken: list[Taken]
    balance: Balance
    created_at: datetime
    operation: str | None = None
    quantity: int | None = None
    member: str | None = None
    metadata: dict[str, Any] | None = None
    charge: Charge | None = None
    replayed: bool = False


class Reversal(Value):
    """Credits given back (F1). `returned` went back to their grants; `lapsed` could not, because the grant
    had expired; `compensated` says how much of the lapsed amount became the compensation grant
    `compensation`."""

    id: str
    charge: str
    account: str
    amount: int
    returned: list[Taken]
    lapsed: int
    compensated: int
    compensation: str | None
    reason: str | None
    balance: Balance
    created_at: datetime
    replayed: bool = False


class Grant(Value):
    """Credits given once. `source` names what they came from: `{"type": "topup" | "subscription" |
    "support" | …, …}`."""

    id: str
    account: str
    kind: Kind
    amount: int
    remaining: int
    starts_at: datetime
    expires_at: datetime | None
    source: dict[str, Any]
    reason: str | None = None
    revoked: int = 0
    balance: Balance | None = None
    replayed: bool = False


class SubscriptionChange(Value):
    """The answer to every act on a subscription: the subscription after it, and the balance."""

    subscription: Subscription
    balance: Balance
    replayed: bool = False


class Cause(Value):
    """Why an entry was written: a charge, a hold, a subscription's renewal, an agent …"""

    type: str
    id: str | None


class Entry(Value):
    """One immutable line of the ledger (L1): `moved` credits of `grant` went from one place to another;
    `amount` is what that did to `available` (signed, 0 where credits moved between other places) (L2)."""

    sequence: int
    kind: str
    grant: str
    bucket: Kind
    amount: int
    moved: int
    source: str
    target: str
    available_after: int
    at: datetime
    cause: Cause
    actor: str | None
    reason: str | None


class Account(Value):
    """Who holds credits. `test` accounts were made with a test key and may carry a test clock (T9)."""

    id: str
    name: str | None
    email: str | None
    currency: str | None
    locale: str | None
    metadata: dict[str, Any]
    test: bool
    clock: datetime | None
    created_at: datetime


class Quote(Value):
    """What a charge would cost and take, without making it (S5)."""

    account: str
    amount: int
    operation: str | None
    quantity: int | None
    affordable: bool
    shortfall: int
    taken: list[Taken]
    balance: Balance


class Preview(Value):
    """What a plan change would do (U2): credits and dates, before it is made."""

    policy: str
    subscription: Subscription
    balance: Balance
    available_before: int
    available_after: int
    effective_at: datetime


class RenewalEvent(Value):
    """A billing event that a renewal leads one to expect, and the one that arrived, if any."""

    type: str
    arrived: str | None
    status: str | None


class Renewal(Value):
    """One period of a subscription and what became of it (T7). While its payment isn't confirmed, `events`
    says which billing events did and didn't arrive for it."""

    account: str
    subscription: str
    plan: str
    period: Period
    state: Literal["expected", "provisional", "granted", "late", "failed", "skipped"]
    policy: str
    unpaid: int
    changed_at: datetime
    events: list[RenewalEvent] = field(default_factory=list)


class Page(Value, Generic[T]):
    """A page of a list; `next_cursor` is None on the last one."""

    data: list[T] = field(default_factory=list)
    next_cursor: str | None = None
