"""What the model remembers of one account."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from coinpurse.domain.burndown import in_burn_order
from coinpurse.domain.credits import Balance, Hold, HoldStatus, Interval, Kind, Period, SubscriptionStatus
from coinpurse.domain.facts import PurchaseState, Standing
from coinpurse.domain.periods import month_start

Place = Literal["issued", "available", "held", "frozen", "spent", "expired", "revoked"]
PLACES: tuple[Place, ...] = ("issued", "available", "held", "frozen", "spent", "expired", "revoked")
RenewalState = Literal["expected", "provisional", "granted", "late", "failed", "skipped"]
MONTHS: dict[Interval, int] = {"month": 1, "year": 12}


class Movement(NamedTuple):
    kind: str
    source: Place
    target: Place


#: What each entry moves, by its code.
MOVEMENTS: dict[str, Movement] = {
    "g": Movement("grant", "issued", "available"),
    "c": Movement("charge", "available", "spent"),
    "h": Movement("hold", "available", "held"),
    "k": Movement("charge", "held", "spent"),
    "r": Movement("release", "held", "available"),
    "l": Movement("expiry", "held", "expired"),
    "w": Movement("revocation", "held", "revoked"),
    "q": Movement("freeze", "held", "frozen"),
    "x": Movement("expiry", "available", "expired"),
    "v": Movement("revocation", "available", "revoked"),
    "u": Movement("revocation", "frozen", "revoked"),
    "b": Movement("reversal", "spent", "available"),
    "n": Movement("reversal", "spent", "expired"),
    "e": Movement("reversal", "spent", "frozen"),
    "o": Movement("reversal", "spent", "revoked"),
    "f": Movement("freeze", "available", "frozen"),
    "t": Movement("thaw", "frozen", "available"),
    "z": Movement("expiry", "frozen", "expired"),
    "y": Movement("adjustment", "revoked", "available"),
}


@dataclass
class GrantState:
    """Credits given once, and where they are now. `places` sum to zero at all times (L2).

    Since its money went back: `asked_back` is to be taken of it in all, `taken_back` was, `repaid` by later
    grants; a dispute holds `disputed`. `by_hand` is what support took (P3)."""

    number: int
    kind: Kind
    amount: int
    starts_at: datetime
    expires_at: datetime | None
    source: dict[str, Any]
    priority: int = 0
    subscription: int | None = None
    reason: str | None = None
    provisional: bool = False
    frozen: bool = False
    closed: Literal["expired", "revoked"] | None = None
    places: dict[Place, int] = field(default_factory=lambda: dict.fromkeys(PLACES, 0))
    asked_back: int | None = None
    taken_back: int = 0
    repaid: int = 0
    disputed: int = 0
    by_hand: int = 0
    clawback: str = "forgive"

    @property
    def available(self) -> int:
        """What can be spent of it, unless it is frozen or closed."""
        return self.places["available"]

    @property
    def shortfall(self) -> int:
        """What can't be taken back because it was spent (P3)."""
        return max(0, (self.asked_back or 0) - self.taken_back - self.repaid)


Parts = list[tuple[GrantState, int]]


@dataclass
class HoldState:
    """Credits set aside. `end` is how it was closed: the same end again is a replay (H3)."""

    number: int
    amount: int
    parts: Parts
    created_at: datetime
    expires_at: datetime
    status: HoldStatus = "held"
    end: tuple[str, int] | None = None
    answer: Hold | None = None


@dataclass
class ChargeState:
    """A charge or a capture, and what is left of it to give back."""

    number: int
    amount: int
    parts: Parts
    left: Parts


class Returned(NamedTuple):
    """What a reversal did: credits by grant, and those that lapsed; `grant` made good for them."""

    number: int
    parts: Parts
    lapsed: int
    grant: GrantState | None
    reason: str | None


@dataclass
class Line:
    """An entry: one movement of one grant's credits."""

    sequence: int
    code: str
    grant: GrantState
    moved: int
    amount: int
    available_after: int


@dataclass
class Act:
    """Something that happened. `balance` is what was shown right after it (L3)."""

    number: int
    kind: str
    at: datetime
    actor: str | None
    reason: str | None
    subject: str | None
    lines: list[Line] = field(default_factory=list)
    balance: Balance | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What was sold (P5): kept with the subscription, whatever the catalog says later."""

    plan: str
    allocation: int
    interval: Interval = "month"
    policy: str = "provisional"
    grace: timedelta = timedelta(hours=24)
    late_after: timedelta = timedelta(minutes=10)
    cap: int | None = None
    trial_allocation: int | None = None
    quantity: int | None = None

    @property
    def months(self) -> int:
        """How many periods one payment covers (T6)."""
        return MONTHS[self.interval]

    @property
    def on_trial(self) -> int:
        """What a trial gives (B8)."""
        return self.allocation if self.trial_allocation is None else self.trial_allocation

    @property
    def unconfirmed(self) -> int:
        """What a provisional period gives."""
        return self.allocation if self.cap is None else min(self.cap, self.allocation)


@dataclass
class Slice:
    """A period of a subscription and what became of it (T7); number -1 is the trial."""

    number: int
    period: Period
    plan: str
    policy: str
    state: RenewalState
    changed_at: datetime
    given: int = 0
    unpaid: int = 0


@dataclass
class SubscriptionState:
    """A subscription. `running` is the period that runs, None before the first and after the end."""

    number: int
    terms: Terms
    anchor: datetime
    starts_at: datetime
    created_at: datetime
    paid_months: int
    trial: bool
    running: Slice | None = None
    slices: list[Slice] = field(default_factory=list)
    paused: bool = False
    past_due: bool = False
    ended: bool = False
    ends_at: datetime | None = None
    ends_fixed: bool = False
    pending: tuple[int, Terms] | None = None
    provider: str = "manual"

    def start(self, n: int) -> datetime:
        """s(n): where period n starts (T1)."""
        return month_start(self.anchor, n)

    @property
    def paid_through(self) -> datetime:
        """The instant up to which it is covered by payment (T6)."""
        return self.start(self.paid_months)

    def end_with_payment(self) -> None:
        """An end that was asked for moves with what is paid, unless it is fixed."""
        if self.ends_at is not None and not self.ends_fixed:
            self.ends_at = self.paid_through

    @property
    def waiting(self) -> bool:
        """The running period is unconfirmed, and its grace runs."""
        return (
            self.running is not None
            and self.running.state in ("expected", "provisional", "late")
            and not self.paused
            and not self.ended
        )

    @property
    def confirmed(self) -> bool:
        """A paid period runs: the only ground for a difference or a share of it."""
        running = self.running
        return running is not None and running.number >= 0 and running.state == "granted" and not self.paused

    @property
    def standing(self) -> str:
        """Its state in the word that a refusal gives for it."""
        if self.running is None and not self.ended:
            return "not started"
        return "unpaid" if self.status == "active" and not self.confirmed else self.status

    @property
    def status(self) -> SubscriptionStatus:
        """Its state in one word."""
        if self.ended:
            return "ended"
        if self.paused:
            return "paused"
        if self.past_due:
            return "past_due"
        beginning = self.running is None or self.running.number < 0
        return "trialing" if self.trial and beginning else "active"


@dataclass
class Known:
    """A subscription by the provider's word: its latest standing, the terms that this names until they were
    followed, and the number of the subscription here that follows it."""

    subscription: int | None = None
    latest: Standing | None = None
    terms: Terms | None = None


@dataclass
class Payment:
    """Money that came: for a subscription's line, or for a grant. `payment` is what a refund names."""

    payment: str | None
    invoice: str | None = None
    covers: Period | None = None
    subscription: int | None = None
    grant: int | None = None
    amount: int = 0


@dataclass
class Backflow:
    """Money of one payment that went back, or is in dispute: by dispute (disputed, lost, as of)."""

    total: int = 0
    refunded: int = 0
    as_of: datetime | None = None
    disputes: dict[str, tuple[int, int, datetime | None]] = field(default_factory=dict)

    @property
    def gone(self) -> int:
        """What went back for good."""
        return min(self.total, self.refunded + sum(lost for _, lost, _ in self.disputes.values()))

    @property
    def open(self) -> int:
        """What may still go."""
        return min(self.total - self.gone, sum(disputed for disputed, *_ in self.disputes.values()))


@dataclass
class State:
    """One account. `now` is its clock; everything in `acts` is final; `actor` is who acts, if not time."""

    account: str
    now: datetime
    actor: str | None = None
    grants: dict[int, GrantState] = field(default_factory=dict)
    holds: dict[int, HoldState] = field(default_factory=dict)
    charges: dict[int, ChargeState] = field(default_factory=dict)
    subscriptions: dict[int, SubscriptionState] = field(default_factory=dict)
    acts: list[Act] = field(default_factory=list)
    sequence: int = 0
    standings: dict[str, Known] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    offered: dict[tuple[str, str], int] = field(default_factory=dict)
    purchases: dict[str, PurchaseState] = field(default_factory=dict)
    paid_with: set[tuple[str, str]] = field(default_factory=set)
    returns: dict[str, Backflow] = field(default_factory=dict)

    def total(self, place: Place, kind: Kind | None = None) -> int:
        """How many credits are in a place, of one kind or of all."""
        return sum([g.places[place] for g in self.grants.values() if kind is None or g.kind == kind])

    def spendable(self) -> list[GrantState]:
        """The grants that burn, in burn order."""
        return in_burn_order(g for g in self.grants.values() if not g.closed and not g.frozen)

    def owned(self, subscription: SubscriptionState) -> list[GrantState]:
        """The open grants of a subscription, in burn order."""
        mine = (g for g in self.grants.values() if g.subscription == subscription.number and not g.closed)
        return in_burn_order(mine)

    def date(self, due: datetime) -> datetime:
        """When something due at an instant is dated: then, but never before the latest act."""
        return max(due, self.acts[-1].at) if self.acts else due
