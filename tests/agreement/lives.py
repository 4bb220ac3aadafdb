"""Random lives of an account: what may happen, and how it is played on any engine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st

from coinpurse.domain import credits
from coinpurse.domain.errors import CoinpurseError
from coinpurse.domain.model import Terms
from stories.driver import Driver, Spend

START = datetime(2026, 1, 31, 10, 0, 0, 123456, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

PLANS = [
    Terms("starter", 1000),
    Terms("studio", 3000, trial_allocation=100),
    Terms("capped", 1000, cap=300, grace=timedelta(days=3)),
    Terms("patient", 700, policy="paid_with_grace", late_after=timedelta(days=2)),
    Terms("strict", 900, policy="strict", interval="year"),
    Terms("rushed", 900, policy="strict", grace=timedelta(minutes=10)),
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
_OFF = st.integers(-1, 1)
_AMOUNT = st.integers(1, 400) | st.integers(0, 400) | st.integers(0, 4000)
_SOME = st.none() | st.integers(1, 500)
_KEY = st.sampled_from([None] * 12 + list("pqrs"))
_PLAN = st.sampled_from(PLANS)
_POLICY = st.sampled_from(["difference", "prorated", "restart", "at_renewal"])
BOUNDARIES = ["period", "period", "late", "grace", "hold", "grant"]


def spending() -> st.SearchStrategy[Step]:
    """What an app does all day."""
    return st.one_of(
        st.tuples(st.just("charge"), _AMOUNT, _KEY),
        st.tuples(
            st.just("together"),
            st.lists(st.tuples(_AMOUNT, st.none(), _KEY), min_size=1, max_size=5)
            | st.lists(st.tuples(st.integers(1, 600), st.sampled_from([None, 1, 60]), _KEY), max_size=5),
        ),
        st.tuples(st.just("capture_together"), st.lists(_WHICH, max_size=4)),
        st.tuples(st.just("hold"), _AMOUNT, st.sampled_from([1, 3600, 604_800]), _KEY),
        st.tuples(st.just("capture"), _WHICH, st.none() | _AMOUNT, st.booleans(), _KEY),
        st.tuples(st.just("release"), _WHICH, _KEY),
        st.tuples(st.just("reverse"), _WHICH, _SOME, st.booleans(), _KEY),
        st.tuples(st.just("topup"), st.integers(0, 9), st.integers(1, 4000)),
        st.tuples(
            st.just("grant"),
            st.sampled_from(["promo", "promo", "compensation", "addon"]),
            _AMOUNT,
            _SOME,
            st.integers(-1, 1),
            _KEY,
        ),
        st.tuples(st.just("revoke"), _WHICH, _SOME, _KEY),
        st.tuples(st.just("quote"), _AMOUNT),
        st.tuples(st.just("again"), st.integers(0, 9)),
        st.tuples(st.just("look_back"), st.integers(0, 20), _OFF),
    )


def waiting() -> st.SearchStrategy[Step]:
    """Time passes, best to where something ends, or a microsecond less or more (T2)."""
    return st.tuples(st.just("wait"), st.sampled_from(WAITS)) | st.tuples(
        st.just("wait_for"), st.sampled_from(BOUNDARIES), _OFF
    )


def subscribing(*, past: bool = True) -> st.SearchStrategy[Step]:
    """What happens to subscriptions; `past` allows those that began before they were recorded."""
    starts = st.none() | st.integers(-100 if past else 0, 40)
    return st.one_of(
        st.tuples(st.just("subscribe"), _PLAN, starts, st.sampled_from([0, 0, 14, 40]), _KEY),
        st.tuples(st.just("pay"), _WHICH, st.sampled_from([1, 1, 1, 2, 13, 119]), _KEY),
        st.tuples(st.just("cancel"), _WHICH, st.sampled_from(["period_end", "period_end", "now"]), _KEY),
        st.tuples(st.sampled_from(["pause", "resume"]), _WHICH, _KEY),
        st.tuples(st.just("change"), _WHICH, _PLAN, _POLICY, _KEY),
        st.tuples(st.just("preview"), _WHICH, _PLAN, _POLICY),
    )


def renewing(*, past: bool = True) -> st.SearchStrategy[Step]:
    """What happens around the instants at which a subscription goes on, or should."""
    starts = st.integers(-40 if past else 0, 0)
    amount, none, recent = st.integers(1, 300), st.none(), st.integers(0, 1)
    return weighted(
        {
            st.tuples(st.just("charge"), amount, none): 3,
            st.tuples(st.just("hold"), amount, st.just(604_800), none): 2,
            st.tuples(st.just("wait_for"), st.sampled_from(BOUNDARIES[:4]), _OFF): 6,
            st.tuples(st.just("pay"), recent, st.sampled_from([1, 1, 2]), none): 2,
            st.tuples(st.just("capture"), recent, none | st.integers(0, 300), st.booleans(), none): 1,
            st.tuples(st.just("release"), recent, none): 1,
            st.tuples(st.just("reverse"), recent, _SOME, st.booleans(), none): 2,
            st.tuples(st.just("revoke"), recent, none | st.integers(1, 50), none): 1,
            st.tuples(st.just("pause"), recent, none): 1,
            st.tuples(st.just("resume"), recent, none): 2,
            st.tuples(st.just("cancel"), recent, st.just("period_end"), none): 1,
            st.tuples(st.just("change"), recent, _PLAN, _POLICY, none): 1,
            st.tuples(st.just("subscribe"), _PLAN, starts, st.just(0), none): 1,
        }
    )


def weighted(choices: dict[st.SearchStrategy[T], int]) -> st.SearchStrategy[T]:
    """One of the strategies, each as often as its weight says."""
    bag = [strategy for strategy, weight in choices.items() for _ in range(weight)]
    return st.sampled_from(bag).flatmap(lambda strategy: strategy)


def lives(*, past: bool = True, most: int = 30) -> st.SearchStrategy[list[Step]]:
    """A whole life: of anything, or one that is all about renewals. It begins with something to spend, so
    that not every act is refused."""
    beginning: list[Step] = [("subscribe", PLANS[0], None, 0, None), ("topup", 0, 500)]
    step = weighted({spending(): 5, waiting(): 2, subscribing(past=past): 2})
    least = min(12, most)
    mixed = st.lists(step, min_size=least, max_size=most).map(lambda rest: [*beginning, *rest])
    first = st.tuples(st.just("subscribe"), _PLAN, st.none(), st.sampled_from([0, 0, 14]), st.none())
    renewed = st.builds(
        lambda begun, rest: [begun, *rest],
        first,
        st.lists(renewing(past=past), min_size=least, max_size=most),
    )
    return mixed | renewed


@dataclass
class Outcome:
    """What came of a step: an answer, or the code of its refusal."""

    answer: Any = None
    refused: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)


def refused(refusal: CoinpurseError) -> Outcome:
    """A refusal, without its words: they may differ from engine to engine."""
    fields = {name: value for name, value in refusal.fields.items() if name != "top_up_url"}
    if "errors" in fields:
        fields["errors"] = [error["pointer"] for error in fields["errors"]]
    return Outcome(refused=refusal.code, fields=fields)


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
        self.instants: list[datetime] = [START]
        self.expiries: list[datetime] = []
        self.calls: list[Callable[[], Any]] = []

    def play(self, step: Step) -> Outcome:
        """One step. What has nothing to act on does nothing."""
        try:
            return Outcome(getattr(self, step[0])(*step[1:]))
        except CoinpurseError as refusal:
            return refused(refusal)

    def wait(self, span: timedelta) -> credits.Balance:
        self.now += span
        self.instants.append(self.now)
        self.driver.wait_until(self.now)
        return self.driver.balance()

    def wait_for(self, what: str, off: int) -> credits.Balance | None:
        coming = [
            at + off * MICROSECOND for at in self._boundaries(what) if at + off * MICROSECOND > self.now
        ]
        return self.wait(min(coming) - self.now) if coming else None

    def _boundaries(self, what: str) -> list[datetime]:
        if what == "hold":
            return [hold.expires_at for hold in self.holds]
        if what == "grant":
            return self.expiries
        terms = {plan.plan: plan for plan in PLANS}
        running = [(s.current_period, terms[s.plan]) for s in self.driver.subscriptions() if s.current_period]
        if what == "period":
            return [period.end for period, _ in running]
        return [
            period.start + (sold.grace if what == "grace" else sold.late_after) for period, sold in running
        ]

    def look_back(self, which: int, off: int) -> credits.Balance:
        return self.driver.balance_at(pick(self.instants, which) + off * MICROSECOND)

    def again(self, which: int) -> Any:
        """An earlier call once more: a replay where it had a key (S8)."""
        return self._told(pick(self.calls, which)()) if self.calls else None

    def charge(self, amount: int, key: str | None) -> Any:
        return self._call(lambda: self.driver.charge(amount, key=key))

    def quote(self, amount: int) -> Any:
        return self.driver.quote(amount)

    def together(self, items: list[Spend]) -> list[Outcome]:
        return self._outcomes(self.driver.spend_together(items))

    def capture_together(self, which: list[int]) -> list[Outcome]:
        holds = [pick(self.holds, one).id for one in which if self.holds]
        return self._outcomes(self.driver.capture_together(holds))

    def _outcomes(self, answers: Sequence[Any]) -> list[Outcome]:
        return [refused(a) if isinstance(a, CoinpurseError) else Outcome(self._told(a)) for a in answers]

    def hold(self, amount: int, seconds: int, key: str | None) -> Any:
        return self._call(lambda: self.driver.hold(amount, expires_in=seconds, key=key))

    def capture(self, which: int, amount: int | None, exceed: bool, key: str | None) -> Any:
        if not self.holds:
            return None
        hold = pick(self.holds, which).id
        return self._call(lambda: self.driver.capture(hold, amount, exceed=exceed, key=key))

    def release(self, which: int, key: str | None) -> Any:
        if not self.holds:
            return None
        hold = pick(self.holds, which).id
        return self._call(lambda: self.driver.release(hold, key=key))

    def reverse(self, which: int, amount: int | None, compensate: bool, key: str | None) -> Any:
        if not self.charges:
            return None
        charge = pick(self.charges, which)
        return self._call(lambda: self.driver.reverse(charge, amount, compensate=compensate, key=key))

    def grant(
        self, kind: credits.Kind, amount: int, hours: int | None, priority: int, key: str | None
    ) -> Any:
        expires_at = self.now + timedelta(hours=hours) if hours else None
        if expires_at:
            self.expiries.append(expires_at)
        return self._call(
            lambda: self.driver.grant(
                kind, amount, expires_at=expires_at, priority=priority, reason="a life", key=key
            )
        )

    def topup(self, reference: int, amount: int) -> Any:
        return self._call(lambda: self.driver.topup(f"pay_{reference}", amount))

    def revoke(self, which: int, amount: int | None, key: str | None) -> Any:
        if not self.grants:
            return None
        grant = pick(self.grants, which)
        return self._call(lambda: self.driver.revoke(grant, amount, reason="a life", key=key))

    def subscribe(self, terms: Terms, days: int | None, trial_days: int, key: str | None) -> Any:
        if len(self.subscriptions) == 3:
            return None
        starts_at = None if days is None else self.now + timedelta(days=days)
        return self._call(
            lambda: self.driver.subscribe(terms, starts_at=starts_at, trial_days=trial_days, key=key)
        )

    def pay(self, which: int, periods: int, key: str | None) -> Any:
        return self._on(which, lambda found: self.driver.pay(found, periods, key=key))

    def cancel(self, which: int, at: str, key: str | None) -> Any:
        return self._on(which, lambda found: self.driver.cancel(found, at, key=key))

    def pause(self, which: int, key: str | None) -> Any:
        return self._on(which, lambda found: self.driver.pause(found, key=key))

    def resume(self, which: int, key: str | None) -> Any:
        return self._on(which, lambda found: self.driver.resume(found, key=key))

    def change(self, which: int, terms: Terms, policy: str, key: str | None) -> Any:
        return self._on(which, lambda found: self.driver.change(found, terms, policy, key=key))

    def preview(self, which: int, terms: Terms, policy: str) -> Any:
        if not self.subscriptions:
            return None
        return self.driver.preview(pick(self.subscriptions, which), terms, policy)

    def _on(self, which: int, do: Callable[[str], Any]) -> Any:
        if not self.subscriptions:
            return None
        found = pick(self.subscriptions, which)
        return self._call(lambda: do(found))

    def _call(self, do: Callable[[], Any]) -> Any:
        self.calls.append(do)
        return self._told(do())

    def _told(self, answer: Any) -> Any:
        """Remembers the names in an answer, so that later steps can use them."""
        if isinstance(answer, credits.Charge):
            _add(self.charges, answer.id)
        elif isinstance(answer, credits.Hold):
            if all(answer.id != hold.id for hold in self.holds):
                self.holds.append(answer)
            if answer.charge:
                _add(self.charges, answer.charge.id)
        elif isinstance(answer, credits.Grant):
            _add(self.grants, answer.id)
        elif isinstance(answer, credits.SubscriptionChange):
            _add(self.subscriptions, answer.subscription.id)
        for part in getattr(answer, "taken", []):  # monthly grants can be revoked too
            _add(self.grants, part.grant)
        return answer


def _add(made: list[str], identifier: str) -> None:
    if identifier not in made:
        made.append(identifier)
