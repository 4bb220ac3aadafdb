"""Short words for facts, for the tests of the model: one provider, one account, one subscription."""

from datetime import UTC, datetime, timedelta
from typing import Any

from coinpurse.domain.facts import Paid, Purchase, Returned, Standing, StandingState
from coinpurse.domain.model import Led, Model, Terms
from coinpurse.domain.periods import month_start

START = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
STARTER = Terms("starter", 1000)
STUDIO = Terms("studio", 3000)
YEARLY = Terms("starter", 1000, interval="year")
SMALL = Terms("small", 400)


def month(n: int, anchor: datetime = START) -> datetime:
    """The start of month n."""
    return month_start(anchor, n)


class Told(Model):
    """A model that is told things in few words."""

    def __init__(self, now: datetime = START, terms: Terms = STARTER) -> None:
        super().__init__("somebody", now)
        self.terms = terms
        self.said = 0

    def stands(
        self,
        state: StandingState = "active",
        terms: Terms | None = None,
        *,
        upgrade: str = "difference",
        **said: Any,
    ) -> Led:
        """The subscription stands so; each time newer than the last, unless `as_of` says otherwise."""
        self.said += 1
        terms = terms or self.terms
        said.setdefault("as_of", START + self.said * timedelta(seconds=1))
        fact = Standing(subscription="sub", state=state, plan=terms.plan, interval=terms.interval, **said)
        return self.standing(fact, terms, upgrade=upgrade)

    def pays(
        self, start: datetime, end: datetime, terms: Terms | None = None, line: str | None = None
    ) -> Led:
        """A line for a stretch is paid, with a payment and an invoice of its own."""
        terms = terms or self.terms
        name = line or f"line {start:%y-%m-%d}"
        fact = Paid(
            subscription="sub",
            line=name,
            plan=terms.plan,
            interval=terms.interval,
            start=start,
            end=end,
            payment=f"payment of {name}",
            invoice=f"invoice of {name}",
        )
        return self.paid(fact, terms)

    def pays_month(self, n: int, terms: Terms | None = None) -> Led:
        """The line of month n is paid."""
        return self.pays(month(n), month(n + 1), terms)

    def buys(self, credits: int, name: str = "cs", state: Any = "paid") -> Led:
        """A pack is bought, paid with `pi_NAME`."""
        fact = Purchase(purchase=name, state=state, pack="pack", payment=f"pi_{name}")
        return self.purchase(fact, credits)

    def goes_back(self, payment: str, *, policy: str = "forgive", total: int = 1000, **said: Any) -> Led:
        """Money of a payment went back, or is in dispute."""
        self.said += 1
        said.setdefault("as_of", START + self.said * timedelta(seconds=1))
        return self.returned(Returned(payment=payment, total=total, **said), clawback=policy)

    @property
    def monthly(self) -> int:
        """Monthly credits that can be spent now."""
        return self.balance().monthly.available

    @property
    def addon(self) -> tuple[int, int, int]:
        """Add-on credits: available, held, frozen."""
        bucket = self.balance().addon
        return bucket.available, bucket.held, bucket.frozen

    @property
    def status(self) -> str:
        """The oldest subscription's, or that of the last one that ended."""
        return self.subscriptions()[-1].status if self.subscriptions() else "none"

    def kinds(self, led: Led) -> list[str]:
        """The kinds of acts that something led to."""
        return [act.kind for act in led.acts]


def subscribed(terms: Terms = STARTER) -> Told:
    """A subscription by the month (or year) that stands and is paid from now on."""
    model = Told(terms=terms)
    model.stands()
    model.pays(START, month(terms.months))
    return model
