"""What a payment provider may say in a random life, and how it is told to any engine."""

from calendar import monthrange
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol, cast

from hypothesis import strategies as st

from agreement.lives import BOUNDARIES, PLANS, Life, Step, pick, spending, waiting, weighted
from coinpurse.domain.facts import ChangePaid, Fact, Paid, PaidWith, Purchase, Returned, Standing, Unpaid
from coinpurse.domain.model import Led, Model, Terms
from coinpurse.domain.model.book import TIME
from coinpurse.domain.periods import month_start, period_number
from stories.driver import Driver

DAY = timedelta(days=1)
TOTAL = 1000
#: What is sold by subscription: plans as they are, and two by the year.
SOLD = [*PLANS[:6], replace(PLANS[0], interval="year"), replace(PLANS[1], interval="year"), PLANS[7]]
LINES = [
    "next",
    "next",
    "next",
    "running",
    "running",
    "now",
    "year",
    "shifted",
    "odd",
    "long",
    "ahead",
    "past",
]
_SUB = st.sampled_from(["s0", "s0", "s0", "s1"])
_SOLD = st.sampled_from([SOLD[0]] * 3 + SOLD)
_STATES = st.sampled_from(["active"] * 5 + ["trialing", "trialing", "past_due", "ended", "incomplete"])
_QUANTITY = st.sampled_from([1, 1, 1, 2])
_CLAWBACK = st.sampled_from(["forgive", "debt"])


class Teller(Driver, Protocol):
    """A driver that can be told what a provider says."""

    def tell(
        self,
        fact: Fact,
        *,
        sold: Terms | None = None,
        credits: int = 0,
        upgrade: str = "difference",
        clawback: str = "forgive",
    ) -> tuple[bool, int]:
        """A fact, with the plan that it names, or the credits of its pack. Says whether it was applied, and
        how many acts it wrote itself, leaving out what time did behind it."""


class ToldModel(Model):
    """The model, told as any engine is."""

    def tell(
        self,
        fact: Fact,
        *,
        sold: Terms | None = None,
        credits: int = 0,
        upgrade: str = "difference",
        clawback: str = "forgive",
    ) -> tuple[bool, int]:
        led = self._led_by(fact, sold, credits, upgrade, clawback)
        return led.what != "not_yet", sum(act.actor != TIME for act in led.acts)

    def _led_by(self, fact: Fact, sold: Terms | None, credits: int, upgrade: str, clawback: str) -> Led:
        match fact:
            case Standing() if sold:
                return self.standing(fact, times(sold, fact.quantity), upgrade=upgrade)
            case Paid() if sold:
                return self.paid(fact, times(sold, fact.quantity), upgrade=upgrade)
            case ChangePaid():
                return self.change_paid(fact, upgrade=upgrade)
            case Unpaid():
                return self.unpaid(fact)
            case Purchase():
                return self.purchase(fact, credits * fact.quantity)
            case PaidWith():
                return self.paid_with(fact)
            case Returned():
                return self.returned(fact, clawback=clawback)
        raise AssertionError(f"nobody tells {fact}")


def standing() -> st.SearchStrategy[Step]:
    """How a subscription stands, with whatever is said of it; mostly the newest, mostly what was bought."""
    details = st.fixed_dictionaries(
        {},
        optional={
            "trial": st.sampled_from([-1, 0, 5, 14]),
            "anchor": st.sampled_from(["first", "first", "month before", "now"]),
            "end": st.sampled_from(["period", "period", "fixed", "soon", "past"]),
            "paused": st.just(True),
            "pending": st.sampled_from(["in_c0", "in_c1"]),
        },
    )
    upgrade = st.sampled_from(["difference", "prorated", "restart", "at_renewal"])
    off = st.sampled_from([0, 0, 0, 0, -1])
    return st.tuples(
        st.just("stands"),
        _SUB,
        _STATES,
        _SOLD,
        _QUANTITY,
        st.just({}) | details,
        off,
        st.integers(0, 1),
        upgrade,
    )


def money() -> st.SearchStrategy[Step]:
    """Money that came, or didn't."""
    return weighted(
        {
            st.tuples(
                st.just("pays"), _SUB, st.sampled_from(LINES), st.none() | _SOLD, _QUANTITY, st.booleans()
            ): 6,
            st.tuples(st.just("owes"), _SUB, st.sampled_from([0, 0, 0, 5, -40, 40])): 1,
            st.tuples(st.just("pays_change"), _SUB, st.integers(0, 1)): 1,
            st.tuples(
                st.just("buys"),
                st.integers(0, 3),
                st.sampled_from(["paid"] * 4 + ["pending", "failed", "expired"]),
                st.sampled_from([7, 300, 1000]),
                _QUANTITY,
            ): 2,
        }
    )


def going_back() -> st.SearchStrategy[Step]:
    """Money that goes back."""
    dispute = st.none() | st.tuples(
        st.integers(0, 1), st.sampled_from([0, 300, TOTAL]), st.sampled_from([0, 0, 200, TOTAL])
    )
    refunded = st.none() | st.sampled_from([0, 1, 333, 500, TOTAL, TOTAL])
    off = st.sampled_from([0, 0, 0, -1])
    return st.tuples(st.just("goes_back"), st.integers(0, 5), refunded, dispute, off, _CLAWBACK) | st.tuples(
        st.just("pays_with"), st.integers(0, 5)
    )


def telling() -> st.SearchStrategy[Step]:
    """What a provider says, and says again."""
    return weighted(
        {standing(): 4, money(): 6, going_back(): 3, st.tuples(st.just("retell"), st.integers(0, 9)): 1}
    )


def managing() -> st.SearchStrategy[Step]:
    """What support does meanwhile."""
    which, none = st.integers(0, 1), st.none()
    return st.one_of(
        st.tuples(st.just("pay"), which, st.just(1), none),
        st.tuples(st.just("cancel"), which, st.sampled_from(["period_end", "now"]), none),
        st.tuples(st.sampled_from(["pause", "resume"]), which, none),
        st.tuples(
            st.just("change"), which, _SOLD, st.sampled_from(["difference", "restart", "at_renewal"]), none
        ),
    )


def billed_lives(most: int = 30) -> st.SearchStrategy[list[Step]]:
    """A life at a provider: it is told things, credits are spent and held, time passes."""
    boundary = st.tuples(st.just("wait_for"), st.sampled_from([*BOUNDARIES, "end"]), st.integers(-1, 1))
    step = weighted({telling(): 7, boundary: 3, waiting(): 1, spending(): 4, managing(): 1})
    begun: list[Step] = [("pays", "s0", "now", SOLD[0], 1, True), ("buys", 0, "paid", 1000, 1)]
    rest = st.lists(step, min_size=min(10, most), max_size=most)
    return st.booleans().flatmap(lambda paid: rest.map(lambda steps: [*begun, *steps] if paid else steps))


class BilledLife(Life):
    """Plays what a provider says, too, and remembers what it has billed for."""

    def __init__(self, driver: Teller) -> None:
        super().__init__(driver)
        self.teller = driver
        self.facts: list[Callable[[], Any]] = []
        self.lines: dict[str, list[tuple[datetime, datetime]]] = {"s0": [], "s1": []}
        self.sold: dict[str, Terms] = {}
        self.payments: list[str] = []
        self.invoices: list[str] = []

    def stands(
        self,
        sub: str,
        state: str,
        sold: Terms,
        quantity: int,
        details: dict[str, Any],
        off: int,
        rank: int,
        upgrade: str,
    ) -> Any:
        trial = details.get("trial", 7 if state == "trialing" else None)
        fact = Standing(
            subscription=sub,
            as_of=self.now + off * DAY,
            rank=rank,
            state=cast(Any, state),
            plan=sold.plan,
            interval=sold.interval,
            quantity=quantity,
            anchor=self._anchor(sub, details.get("anchor")),
            trial_end=None if trial is None else self.now + trial * DAY,
            ends_at=self._end(details.get("end")),
            ends_with_period=details.get("end") == "period",
            paused="paused" in details,
            payment_pending="pending" in details,
            pending_invoice=details.get("pending"),
        )
        return self._tell(fact, sold, upgrade=upgrade)

    def _anchor(self, sub: str, what: str | None) -> datetime | None:
        if what is None or not self.lines[sub]:
            return None
        first = self.lines[sub][0][0]
        if what == "month before":
            before = month_start(first, -1)
            return before.replace(day=monthrange(before.year, before.month)[1])
        return first if what == "first" else self.now

    def _end(self, what: str | None) -> datetime | None:
        if what == "period":
            ends = [s.current_period.end for s in self.driver.subscriptions() if s.current_period]
            return ends[-1] if ends else self.now + 20 * DAY
        return None if what is None else self.now + {"fixed": 45, "soon": 3, "past": -1}[what] * DAY

    def pays(self, sub: str, kind: str, sold: Terms | None, quantity: int, noted: bool) -> Any:
        sold = sold or self.sold.get(sub, SOLD[0])
        self.sold[sub] = sold
        start, end = self._stretch(sub, kind, sold)
        self.lines[sub].append((start, end))
        name = f"{sub}-{len(self.lines[sub])}"
        self.payments.append(f"pi_{name}")
        self.invoices.append(name)
        fact = Paid(
            subscription=sub,
            line=f"il_{name}",
            plan=sold.plan,
            interval=sold.interval,
            quantity=quantity,
            start=start,
            end=end,
            amount=TOTAL,
            invoice=f"in_{name}",
            payment=f"pi_{name}" if noted else None,
        )
        return self._tell(fact, sold)

    def _stretch(self, sub: str, kind: str, sold: Terms) -> tuple[datetime, datetime]:
        """What the line covers: the months behind the last line, the running period, or something else."""
        anchor = self.lines[sub][0][0] if self.lines[sub] else self.now
        if kind == "running":
            periods = [s.current_period for s in self.driver.subscriptions() if s.current_period]
            start = periods[-1].start if periods else self.now
            anchor = start if period_number(anchor, start) < 0 else anchor
        elif kind == "next":
            start = max((end for _, end in self.lines[sub]), default=self.now)
        else:
            days = {"now": 0, "year": 0, "odd": -4, "long": -40, "shifted": -3, "ahead": 9, "past": -70}[kind]
            start = self.now + days * DAY
        if kind in ("odd", "long"):
            return start, start + (10 if kind == "odd" else 45) * DAY
        n = period_number(anchor, start)
        aligned = month_start(anchor, n) == start
        months = 12 if kind == "year" else sold.months
        return start, month_start(anchor, n + months) if aligned else month_start(start, months)

    def owes(self, sub: str, days: int) -> Any:
        periods = [s.current_period for s in self.driver.subscriptions() if s.current_period]
        start = periods[-1].start if periods else self.now
        return self._tell(Unpaid(subscription=sub, invoice="in_open", start=start + days * DAY))

    def pays_change(self, sub: str, which: int) -> Any:
        return self._tell(ChangePaid(subscription=sub, invoice=f"in_c{which}"))

    def buys(self, which: int, state: str, credits: int, quantity: int) -> Any:
        self.payments.append(f"pi_{which}")
        fact = Purchase(
            purchase=f"cs_{which}",
            state=cast(Any, state),
            pack="pack",
            quantity=quantity,
            amount=TOTAL,
            payment=f"pi_{which}",
        )
        return self._tell(fact, credits=credits)

    def pays_with(self, which: int) -> Any:
        if not self.invoices:
            return None
        name = pick(self.invoices, which)
        return self._tell(PaidWith(invoice=f"in_{name}", payment=f"pi_{name}"))

    def goes_back(
        self, which: int, refunded: int | None, dispute: tuple[int, int, int] | None, off: int, clawback: str
    ) -> Any:
        payment = pick(self.payments, which) if self.payments else "pi_unknown"
        name, disputed, lost = dispute or (None, None, None)
        fact = Returned(
            payment=payment,
            total=TOTAL,
            refunded=refunded,
            dispute=None if name is None else f"dp_{payment}_{name}",
            disputed=disputed,
            lost=lost,
            as_of=self.now + off * DAY,
        )
        return self._tell(fact, clawback=clawback)

    def retell(self, which: int) -> Any:
        return pick(self.facts, which)() if self.facts else None

    def _tell(self, fact: Fact, sold: Terms | None = None, *, credits: int = 0, **said: Any) -> Any:
        self.facts.append(lambda: self.teller.tell(fact, sold=sold, credits=credits, **said))
        return self.facts[-1]()

    def _boundaries(self, what: str) -> list[datetime]:
        if what == "end":
            return [sub.ends_at for sub in self.driver.subscriptions() if sub.ends_at]
        return super()._boundaries(what)


def times(sold: Terms, quantity: int) -> Terms:
    """What so many of a plan give."""
    return replace(
        sold,
        quantity=quantity,
        allocation=sold.allocation * quantity,
        cap=None if sold.cap is None else sold.cap * quantity,
        trial_allocation=None if sold.trial_allocation is None else sold.trial_allocation * quantity,
    )
