"""Random lives of an account: what may happen, and how it is played on any engine."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st

from coinpurse.domain import credits
from coinpurse.domain.errors import CoinpurseError
from coinpurse.domain.model import Terms
from stories.driver import Driver

START = datetime(2026, 1, 31, 10, 0, 0, 123456, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

PLANS = [
    Terms("starter", 1000),
    Terms("studio", 3000, trial_allocation=100),
    Terms("capped", 1000, cap=300, grace=timedelta(days=3)),
    Terms("patient", 700, policy="paid_with_grace", late_after=timedelta(days=2)),
    Terms("strict", 900, policy="strict", interval="year"),
    Terms("yearly", 1000, interval="year"),
    Terms("nothing", 0),
]
WAITS = [
    MICROSECOND,
    timedelta(seconds=59),
    timedelta(minutes=10),
    timedelta(hours=24),
    timedelta(days=11),
    timedelta(days=31),
    timedelta(days=100),
]

T = TypeVar("T")
#: A step is a word and what it needs; numbers that name things count from the latest one made.
Step = tuple[Any, ...]
_WHICH = st.integers(0, 3)
_AMOUNT = st.integers(1, 400) | st.integers(0, 400) | st.integers(0, 4000)
_SOME = st.none() | st.integers(1, 500)
_KEY = st.none() | st.none() | st.sampled_from("pq")
_PLAN = st.sampled_from(PLANS)


def steps(*, past: bool = True) -> st.SearchStrategy[Step]:
    """One thing that can happen; `past` allows subscriptions that began before they were recorded."""
    starts = st.integers(-100 if past else 0, 40) | st.none() | st.none()
    return st.one_of(
        st.tuples(st.just("wait"), st.sampled_from(WAITS)),
        st.tuples(st.just("wait_for"), st.sampled_from(["period", "hold"]), st.integers(-1, 1)),
        st.tuples(st.just("charge"), _AMOUNT, _KEY),
        st.tuples(st.just("hold"), _AMOUNT, st.sampled_from([1, 3600, 604_800]), _KEY),
        st.tuples(st.just("capture"), _WHICH, st.none() | _AMOUNT, st.booleans()),
        st.tuples(st.just("release"), _WHICH),
        st.tuples(st.just("reverse"), _WHICH, _SOME, st.booleans()),
        st.tuples(
            st.just("grant"), st.sampled_from(["promo", "compensation"]), _AMOUNT, _SOME, st.integers(0, 1)
        ),
        st.tuples(st.just("topup"), st.integers(0, 9), _AMOUNT),
        st.tuples(st.just("revoke"), _WHICH, _SOME),
        st.tuples(st.just("subscribe"), _PLAN, starts, st.sampled_from([0, 0, 14, 40])),
        st.tuples(st.just("pay"), _WHICH, st.sampled_from([1, 1, 1, 2, 13])),
        st.tuples(st.just("cancel"), _WHICH, st.sampled_from(["period_end", "period_end", "now"])),
        st.tuples(st.sampled_from(["pause", "resume"]), _WHICH),
        st.tuples(
            st.just("change"),
            _WHICH,
            _PLAN,
            st.sampled_from(["difference", "prorated", "restart", "at_renewal"]),
        ),
    )


def lives(*, past: bool = True, most: int = 30) -> st.SearchStrategy[list[Step]]:
    """A whole life. It begins with something to spend, so that not every act is refused."""
    beginning: list[Step] = [("subscribe", PLANS[0], None, 0), ("topup", 0, 500)]
    return st.lists(steps(past=past), min_size=min(12, most), max_size=most).map(
        lambda rest: [*beginning, *rest]
    )


@dataclass
class Outcome:
    """What came of a step: an answer, or the code of its refusal."""

    answer: Any = None
    refused: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)


def pick(things: list[T], which: int) -> T:
    """One of the things, counted from the latest."""
    return things[-1 - which % len(things)]


class Life:
    """Plays steps on an engine and remembers what they made."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.now = START
        self.holds: list[credits.Hold] = []
        self.charges: list[str] = []
        self.grants: list[str] = []
        self.subscriptions: list[str] = []

    def play(self, step: Step) -> Outcome:
        """One step. What has nothing to act on does nothing."""
        try:
            return Outcome(getattr(self, step[0])(*step[1:]))
        except CoinpurseError as refusal:
            return Outcome(refused=refusal.code, fields=refusal.fields)

    def wait(self, span: timedelta) -> None:
        self.now += span
        self.driver.wait_until(self.now)

    def wait_for(self, what: str, off: int) -> None:
        """Waits until the running period or a hold ends, or a microsecond less or more (T2)."""
        period = self.driver.balance().monthly.period
        ends = [period.end] if period else []
        if what == "hold":
            ends = [hold.expires_at for hold in self.holds]
        coming = [end + off * MICROSECOND for end in ends if end + off * MICROSECOND > self.now]
        if coming:
            self.wait(min(coming) - self.now)

    def charge(self, amount: int, key: str | None) -> credits.Charge:
        made = self.driver.charge(amount, key=key)
        self._remember(self.charges, made.id)
        return made

    def hold(self, amount: int, seconds: int, key: str | None) -> credits.Hold:
        made = self.driver.hold(amount, expires_in=seconds, key=key)
        if all(made.id != hold.id for hold in self.holds):
            self.holds.append(made)
        return made

    def capture(self, which: int, amount: int | None, exceed: bool) -> credits.Hold | None:
        if not self.holds:
            return None
        ended = self.driver.capture(pick(self.holds, which).id, amount, exceed=exceed)
        if ended.charge:
            self._remember(self.charges, ended.charge.id)
        return ended

    def release(self, which: int) -> credits.Hold | None:
        return self.driver.release(pick(self.holds, which).id) if self.holds else None

    def reverse(self, which: int, amount: int | None, compensate: bool) -> credits.Reversal | None:
        if not self.charges:
            return None
        return self.driver.reverse(pick(self.charges, which), amount, compensate=compensate)

    def grant(self, kind: credits.Kind, amount: int, hours: int | None, priority: int) -> credits.Grant:
        expires_at = self.now + timedelta(hours=hours) if hours else None
        made = self.driver.grant(kind, amount, expires_at=expires_at, priority=priority, reason="a life")
        self._remember(self.grants, made.id)
        return made

    def topup(self, reference: int, amount: int) -> credits.Grant:
        made = self.driver.topup(f"pay_{reference}", amount)
        self._remember(self.grants, made.id)
        return made

    def revoke(self, which: int, amount: int | None) -> credits.Grant | None:
        return self.driver.revoke(pick(self.grants, which), amount, reason="a life") if self.grants else None

    def subscribe(self, terms: Terms, days: int | None, trial_days: int) -> credits.SubscriptionChange | None:
        if len(self.subscriptions) == 3:
            return None
        starts_at = None if days is None else self.now + timedelta(days=days)
        made = self.driver.subscribe(terms, starts_at=starts_at, trial_days=trial_days)
        self._remember(self.subscriptions, made.subscription.id)
        return made

    def pay(self, which: int, periods: int) -> credits.SubscriptionChange | None:
        found = self._subscription(which)
        return self.driver.pay(found, periods) if found else None

    def cancel(self, which: int, at: str) -> credits.SubscriptionChange | None:
        found = self._subscription(which)
        return self.driver.cancel(found, at) if found else None

    def pause(self, which: int) -> credits.SubscriptionChange | None:
        found = self._subscription(which)
        return self.driver.pause(found) if found else None

    def resume(self, which: int) -> credits.SubscriptionChange | None:
        found = self._subscription(which)
        return self.driver.resume(found) if found else None

    def change(self, which: int, terms: Terms, policy: str) -> credits.SubscriptionChange | None:
        found = self._subscription(which)
        return self.driver.change(found, terms, policy) if found else None

    def _subscription(self, which: int) -> str | None:
        return pick(self.subscriptions, which) if self.subscriptions else None

    def _remember(self, made: list[str], identifier: str) -> None:
        if identifier not in made:
            made.append(identifier)
