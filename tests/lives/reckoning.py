"""What the journal of one customer implies: which months were paid, and what each gives.

It shares nothing with Coinpurse but the catalog: the journal says what was paid, refunded, disputed,
cancelled and when; the help center says what that means. What is delivered late is known late: where that
decides, a month is uncertain, or may give anything within bounds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from coinpurse.simulator.world import Truth
from lives.market import PACKS, PLANS

#: A pause may be known so long after it began or ended.
SLACK = timedelta(days=4)
MICROSECOND = timedelta(microseconds=1)
NEVER = datetime.max.replace(tzinfo=UTC)
#: (type, object) -> when Coinpurse had surely worked on an event of that type about it
Told = Mapping[tuple[str, str], datetime]


def instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def month(anchor: datetime, n: int) -> datetime:
    """n months from an anchor, clipped to the month's last day."""
    total = anchor.year * 12 + anchor.month - 1 + n
    year, number = divmod(total, 12)
    for day in (anchor.day, 30, 29, 28):
        try:
            if day <= anchor.day:
                return anchor.replace(year=year, month=number + 1, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


@dataclass
class Line:
    """What was paid for a subscription: [start, end), when, at how many credits a month."""

    subscription: str
    key: str
    start: datetime
    end: datetime
    paid_at: datetime
    told_at: datetime
    credits: int
    months: int
    intent: str | None
    anchor: datetime


@dataclass
class Slice:
    """A month that was paid: how many credits it gives in all (at least, at most), and whether it is certain
    that it does."""

    subscription: str
    start: datetime
    end: datetime
    credits: tuple[int, int]
    certain: bool


@dataclass
class Upgrade:
    """A change to so many credits a month, paid and told then."""

    subscription: str
    paid_at: datetime
    told_at: datetime
    credits: int


@dataclass
class Truths:
    """The journal of one customer, sorted out."""

    lines: list[Line] = field(default_factory=list)
    packs: dict[str, tuple[int, str]] = field(default_factory=dict)
    refunded: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    disputed: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    gone_at: dict[str, datetime] = field(default_factory=dict)
    returned_at: dict[str, datetime] = field(default_factory=dict)
    notes: dict[str, list[tuple[datetime, Any]]] = field(default_factory=dict)
    upgrades: list[Upgrade] = field(default_factory=list)


class Reckoning:
    """Sorts the journal of one customer, and reckons the months."""

    def __init__(
        self,
        journal: list[Truth],
        told: Told,
        sold: Mapping[str, str],
        policies: Mapping[str, str],
        now: datetime,
    ) -> None:
        self._told, self._sold, self._now = told, sold, now
        self._prorated = policies.get("upgrade") == "prorated"
        self.truths = self._sort(journal)

    def _sort(self, journal: list[Truth]) -> Truths:
        truths = Truths()
        prices: dict[str, list[tuple[str, int]]] = {}
        for t in journal:
            if t.kind == "checkout" and t.detail["mode"] == "payment":
                prices[t.id] = [tuple(p) for p in t.detail["prices"]]
            elif t.kind == "payment" and t.detail["session"]:
                truths.packs[t.detail["session"]] = (0, t.id)
                truths.totals[t.id] = t.amount
            elif t.kind == "payment":
                truths.totals[t.id] = t.amount
            elif t.kind == "invoice_paid":
                self._invoice(truths, t)
            elif t.kind == "subscription":
                truths.notes.setdefault(t.id, []).append((instant(t.at), t.detail))
            else:
                self._return(truths, t)
        for session, (_, intent) in truths.packs.items():
            credits = sum(PACKS[self._sold[p]][0] * q for p, q in prices[session] if self._sold[p] in PACKS)
            truths.packs[session] = (credits, intent)
        return truths

    def _return(self, truths: Truths, t: Truth) -> None:
        intent = str(t.detail.get("payment_intent"))
        truths.returned_at[intent] = instant(t.at)
        if t.kind in ("refund", "refund_failed"):
            truths.refunded[intent] = t.detail["amount_refunded"]
        elif t.kind == "dispute_opened":
            truths.disputed[intent] = t.amount
        elif t.kind in ("dispute_won", "dispute_lost"):
            truths.disputed.pop(intent, None)
            if t.kind == "dispute_lost":
                truths.lost[intent] = truths.lost.get(intent, 0) + t.amount
        gone = truths.refunded.get(intent, 0) + truths.lost.get(intent, 0)
        if intent in truths.totals and gone >= truths.totals[intent]:
            truths.gone_at.setdefault(intent, instant(t.at))

    def _invoice(self, truths: Truths, t: Truth) -> None:
        names = ("invoice.paid", "invoice.payment_succeeded")
        told = min(self._told.get((name, t.id), NEVER) for name in names)
        for line in t.detail["lines"]:
            name = self._sold.get(line["price"] or "", "")
            plan, _, interval = name.partition(" ")
            if plan not in PLANS or not interval:
                continue
            credits = PLANS[plan][0] * (line.get("quantity") or 1)
            first = t.detail["billing_reason"] == "subscription_create"
            if line["proration"] and not first:
                if line["amount"] > 0:
                    at = instant(t.at)
                    truths.upgrades.append(Upgrade(t.detail["subscription"], at, told, credits))
                continue
            if line["amount"] <= 0:
                continue
            start = instant(line["start"])
            truths.lines.append(
                Line(
                    t.detail["subscription"], f"{t.id}/{line['price']}/{line['start']}", start,
                    instant(line["end"]), instant(t.at), told, credits, 12 if interval == "year" else 1,
                    t.detail["payment_intent"],
                    self._anchor(truths.lines, t.detail["subscription"], start),
                )
            )  # fmt: skip

    @staticmethod
    def _anchor(lines: list[Line], subscription: str, start: datetime) -> datetime:
        """Where the months are reckoned from: a line that starts where an earlier one's months do goes on
        with its anchor, any other starts anew."""
        for line in reversed(lines):
            if line.subscription == subscription:
                near = (start.year - line.anchor.year) * 12 + start.month - line.anchor.month
                if month(line.anchor, near) == start:
                    return line.anchor
        return start

    def months(self) -> Iterator[Slice]:
        """The months that were paid."""
        truths = self.truths
        for n, line in enumerate(truths.lines):
            later = [x for x in truths.lines[n + 1 :] if x.subscription == line.subscription]
            reset = min((x.start for x in later if x.anchor != line.anchor), default=None)
            for k in range(line.months):
                first = (line.start.year - line.anchor.year) * 12 + line.start.month - line.anchor.month
                start, end = month(line.anchor, first + k), month(line.anchor, first + k + 1)
                if reset is not None and start >= reset:
                    break
                kept = self._kept(line, start, end, min(end, reset or end))
                if kept is not None:
                    yield kept

    def _kept(self, line: Line, start: datetime, whole: datetime, end: datetime) -> Slice | None:
        """Whether a paid month is granted: the subscription lives at its start, isn't paused, the money
        came in time and is still there. `end` is where it ended, `whole` where it was to."""
        over = self._over(self.truths, line)
        if over is not None and over <= start:
            return None
        if start > self._now or line.paid_at >= end:
            return None
        known, end = max(line.told_at, start), min(end, over or end)
        certain = known < end and not self._paused(self.truths, line.subscription, start, end)
        return Slice(line.subscription, start, end, self._credits(line, start, whole, end), certain)

    def _credits(self, line: Line, start: datetime, whole: datetime, end: datetime) -> tuple[int, int]:
        """What the month gives: the line's credits, and what upgrades add that were paid until then."""
        least = most = highest = line.credits
        for each in self.truths.upgrades:
            if each.subscription == line.subscription and min(line.paid_at, line.start) <= each.paid_at < end:
                more = max(each.credits - highest, 0)
                highest += more
                known = max(each.told_at, line.told_at)
                most += self._share(more, each.paid_at, start, whole)[1]
                least += self._share(more, known, start, whole)[0] if known < end else 0
        return least, most

    def _share(self, more: int, at: datetime, start: datetime, end: datetime) -> tuple[int, int]:
        """What of an upgrade counts in a month, rounded down and up."""
        if at <= start or not self._prorated:
            return more, more
        whole, left = (end - start) // MICROSECOND, (end - at) // MICROSECOND
        return more * left // whole, -(-more * left // whole)

    def _over(self, truths: Truths, line: Line) -> datetime | None:
        """When the subscription ended, or the money of this line went back."""
        ends = [
            at
            for at, d in truths.notes.get(line.subscription, [])
            if d["status"] in ("canceled", "incomplete_expired")
        ]
        if line.intent in truths.gone_at:
            ends.append(max(truths.gone_at[line.intent], line.start))
        return min(ends, default=None)

    def _paused(self, truths: Truths, subscription: str, start: datetime, end: datetime) -> bool:
        """Whether it was paused at any time from shortly before the month until its end."""
        state = False
        for at, detail in truths.notes.get(subscription, []):
            if at >= end:
                break
            was, state = state, bool(detail["pause_collection"]) or detail["status"] == "paused"
            if (was or state) and at >= start - SLACK:
                return True
        return state
