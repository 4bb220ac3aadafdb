"""What the period's credits went to, as a chart, a table and a sentence about how long the rest will last."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from coinpurse.app.usage import Usage
from coinpurse.domain.credits import Balance
from coinpurse.web import words
from coinpurse.web.language import _, n_

#: The parts of a bar from the bottom up, in burn order; promotional and compensation credits are one.
PARTS = {"monthly": "monthly", "promo": "other", "compensation": "other", "addon": "addon"}
HEIGHT, STEP, WIDTH = 100, 10, 7
#: Fewer days say nothing about a pace.
LEAST_DAYS = 3
FARTHEST = timedelta(days=365)
MOST_WORKS = 5
LOOKBACK = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Block:
    """A rectangle of the chart."""

    part: str
    x: int
    y: float
    height: float
    width: int = WIDTH


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the chart: what each part spent."""

    day: date
    spent: dict[str, int]

    @property
    def sum(self) -> int:
        """All parts."""
        return sum(self.spent.values())


@dataclass(frozen=True, slots=True)
class Share:
    """What one kind of work took."""

    name: str
    credits: int
    charges: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that the section shows. The days to come begin at `ahead`, on the drawing's scale."""

    days: list[Day]
    parts: list[str]
    blocks: list[Block]
    top: int
    ahead: int
    shares: list[Share]
    total: int
    summary: str
    forecast: str | None
    cut: bool

    @property
    def width(self) -> int:
        """Of the drawing."""
        return STEP * len(self.days)


def since(balance: Balance) -> datetime:
    """From when on the chart shows: the running period's start, or a month back."""
    period = balance.monthly.period
    return period.start if period and period.start <= balance.as_of else balance.as_of - LOOKBACK


def chart(balance: Balance, usage: Usage) -> Chart:
    """The chart of an account's running period."""
    days = _days(balance, usage)
    top = max((day.sum for day in days), default=0)
    past = (balance.as_of.astimezone(UTC).date() - days[0].day).days + 1
    used = [part for part in dict.fromkeys(PARTS.values()) if any(day.spent[part] for day in days)]
    return Chart(
        days=days,
        parts=used,
        blocks=[block for x, day in enumerate(days) for block in _blocks(x, day, top)],
        top=top,
        ahead=STEP * min(past, len(days)),
        shares=_shares(usage),
        total=usage.credits,
        summary=_summary(days, usage, used),
        forecast=_forecast(balance, usage),
        cut=usage.cut,
    )


def _days(balance: Balance, usage: Usage) -> list[Day]:
    first = usage.since.astimezone(UTC).date()
    period = balance.monthly.period
    end = period.end if period and period.start == usage.since else balance.as_of
    last = (end - timedelta(microseconds=1)).astimezone(UTC).date()
    count = max((last - first).days + 1, 1)
    days = [Day(first + timedelta(days=n), dict.fromkeys(PARTS.values(), 0)) for n in range(count)]
    for spending in usage.days:
        days[min((spending.day - first).days, count - 1)].spent[PARTS[spending.bucket]] += spending.credits
    return days


def _blocks(x: int, day: Day, top: int) -> list[Block]:
    """A day's parts on top of one another."""
    found, below = [], 0.0
    for part, credits in day.spent.items():
        if credits > 0:
            height = max(round(HEIGHT * credits / top, 2), 1)
            below += height
            found.append(Block(part, STEP * x + (STEP - WIDTH) // 2, round(HEIGHT - below, 2), height))
    return found


def _shares(usage: Usage) -> list[Share]:
    """The weightiest works, and the rest together."""
    named = usage.works[:MOST_WORKS] if len(usage.works) > MOST_WORKS + 1 else usage.works
    rest = usage.works[len(named) :]
    found = [Share(_work(work.operation), work.credits, _times(work.charges)) for work in named]
    if rest:
        times = _times(sum(work.charges for work in rest))
        found.append(Share(_("Everything else"), sum(work.credits for work in rest), times))
    return found


def _work(operation: str | None) -> str:
    return words.operation(operation) if operation else _("Other work")


def _times(charges: int) -> str:
    return n_("%(num)s time", "%(num)s times", charges)


def _summary(days: list[Day], usage: Usage, used: list[str]) -> str:
    first = words.day(usage.since)
    if not usage.credits:
        return _("Nothing has been used since %(day)s.", day=first)
    sums = {part: sum(day.spent[part] for day in days) for part in used}
    kinds = {"monthly": "monthly", "other": "other", "addon": "addon"}
    parts = words.listed(words.credits(count, kinds[part]) for part, count in sums.items())
    return _("Used since %(day)s: %(credits)s.", day=first, credits=parts)


def _forecast(balance: Balance, usage: Usage) -> str | None:
    """How long the rest will last if work goes on as it did; None where that can't be said."""
    elapsed = (balance.as_of - usage.since) / timedelta(days=1)
    if elapsed < LEAST_DAYS or usage.credits <= 0 or not balance.available or usage.cut:
        return None
    a_credit = elapsed * 86_400 / usage.credits
    gone = balance.as_of + _lasts(balance.available, a_credit)
    monthly_gone = balance.as_of + _lasts(balance.monthly.available, a_credit)
    reset = balance.monthly.renews_at
    if reset is None:
        near = gone - balance.as_of < FARTHEST
        return (
            _("At this pace your credits last until around %(day)s.", day=words.day(gone)) if near else None
        )
    if gone < reset:
        return _(
            "At this pace your credits run out around %(day)s, before the reset on %(reset)s.",
            day=words.day(gone),
            reset=words.day(reset),
        )
    if balance.monthly.available and monthly_gone < reset:
        return _(
            "At this pace your monthly credits are used up around %(day)s; the others pay from then on.",
            day=words.day(monthly_gone),
        )
    return _("At this pace your credits last until the reset on %(reset)s.", reset=words.day(reset))


def _lasts(credits: int, a_credit: float) -> timedelta:
    """How long credits last at so many seconds a credit; never beyond what dates can say."""
    return min(timedelta(seconds=min(credits * a_credit, 1e9)), 2 * FARTHEST)
