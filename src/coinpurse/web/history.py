"""The history: the ledger's entries, gathered into what a customer would call one thing that happened, each
in a sentence."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Literal

from coinpurse.domain.credits import Charge, Entry
from coinpurse.web import words
from coinpurse.web.language import _, later

Tone = Literal["spent", "given", "back", "gone", "still"]
ORDER = ("monthly", "promo", "compensation", "addon")
ALL_FROM = {
    "monthly": later("all from monthly"),
    "addon": later("all from add-on"),
    "promo": later("all from promotional"),
    "compensation": later("all from compensation"),
}
TO = {
    "monthly": later("%(num)s to monthly"),
    "addon": later("%(num)s to add-on"),
    "promo": later("%(num)s to promotional"),
    "compensation": later("%(num)s to compensation"),
}
GIVEN = {
    "monthly": later("Monthly credits"),
    "addon": later("Add-on credits"),
    "promo": later("Promotional credits"),
    "compensation": later("Compensation credits"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the history. `shares` is what each bucket gave (negative) or got, in burn order."""

    at: datetime
    tone: Tone
    title: str
    sentence: str
    amount: int
    shares: list[tuple[str, int]]
    after: int


@dataclass(frozen=True, slots=True)
class Act:
    """The entries that one act wrote, in the order in which they were written."""

    kind: str
    id: str | None
    at: datetime
    entries: list[Entry]

    @property
    def first(self) -> Entry:
        """The entry that was written first."""
        return self.entries[0]

    @property
    def last(self) -> Entry:
        """The entry that was written last."""
        return self.entries[-1]

    @property
    def told(self) -> bool:
        """Whether it has a line of its own. A hold is told by how it ended."""
        return self.first.kind != "hold"

    def moved(self, kind: str | None = None, bucket: str | None = None, target: str | None = None) -> int:
        """The sum of what moved, of one kind, bucket and target (None: of any)."""
        return sum(
            e.moved
            for e in self.entries
            if kind in (None, e.kind) and bucket in (None, e.bucket) and target in (None, e.target)
        )

    def by_bucket(self, kind: str) -> list[tuple[str, int]]:
        """What entries of a kind moved, bucket by bucket, in burn order."""
        return [(bucket, self.moved(kind, bucket)) for bucket in ORDER if self.moved(kind, bucket)]


def acts(entries: Sequence[Entry]) -> list[Act]:
    """Gathers entries (newest first) into acts (newest first)."""
    # A hold and its release have one cause, and under a test clock that stands still one instant.
    grouped = groupby(entries, key=lambda e: (e.cause.type, e.cause.id, e.at, e.kind == "hold"))
    return [Act(kind, id, at, list(group)[::-1]) for (kind, id, at, _hold), group in grouped]


def line(act: Act, charges: Mapping[str, Charge]) -> Line | None:
    """The line for an act; None for one that has none."""
    if not act.told:
        return None
    build = BUILDERS.get(act.kind, _other)
    return build(act, charges.get(act.id or ""))


def _charge(act: Act, charge: Charge | None) -> Line:
    spent = act.moved("charge")
    shares = act.by_bucket("charge")
    sentence = (
        _("%(credits)s: %(shares)s.", credits=words.credits(spent), shares=_from(shares))
        if spent
        else _("This cost nothing.")
    )
    if back := act.moved("release"):
        sentence += " " + _("%(credits)s that had been set aside came back.", credits=words.credits(back))
    return Line(
        act.at,
        "spent",
        _title(charge),
        sentence,
        -spent,
        [(b, -n) for b, n in shares],
        act.last.available_after,
    )


def _title(charge: Charge | None) -> str:
    if charge is None:
        return _("Spent")
    said = (charge.metadata or {}).get("description")
    if isinstance(said, str) and said.strip():
        return said.strip()[:120]
    return words.operation(charge.operation, charge.quantity) if charge.operation else _("Spent")


def _from(shares: list[tuple[str, int]]) -> str:
    if len(shares) == 1:
        return _(ALL_FROM[shares[0][0]])
    return words.each_bucket(words.FROM, shares)


def _release(act: Act, charge: Charge | None) -> Line:
    back, lost = act.moved("release"), act.moved(target="expired")
    credits = words.credits(back + lost)
    if lost:
        sentence = _(
            "%(credits)s had been set aside for work that did not finish; %(back)s came back. %(lost)s "
            "belonged to a period that is over.",
            credits=credits,
            back=words.number(back),
            lost=words.number(lost),
        )
    else:
        sentence = _(
            "%(credits)s had been set aside for work that did not finish and came back in full.",
            credits=credits,
        )
    return Line(act.at, "back", _("Not charged"), sentence, 0, [], act.last.available_after)


def _replaced(act: Act) -> str:
    """What became of the monthly bucket where an act replaced it (T3), and that the rest stayed (U4)."""
    given = act.moved("grant")
    rest = act.last.available_after - given
    numbers = {"before": words.number(act.moved("expiry")), "after": words.number(given)}
    if rest:
        return _(
            "Monthly went from %(before)s to %(after)s; your other %(rest)s stayed.",
            **numbers,
            rest=words.number(rest),
        )
    return _("Monthly went from %(before)s to %(after)s.", **numbers)


def _renew(act: Act, charge: Charge | None) -> Line:
    given = act.moved("grant")
    if not act.moved("expiry"):
        text = _("%(credits)s for this period.", credits=words.credits(given))
        return _plain(act, "given", _("Monthly credits"), text)
    if given:
        return _plain(act, "given", _("Monthly credits renewed"), _replaced(act))
    return _plain(act, "gone", _("Monthly period ended"), _replaced(act))


def _net(act: Act) -> list[tuple[str, int]]:
    """What each bucket's available credits gained or lost, in burn order."""
    sums = [(bucket, sum(e.amount for e in act.entries if e.bucket == bucket)) for bucket in ORDER]
    return [(bucket, change) for bucket, change in sums if change]


def _end(act: Act, charge: Charge | None) -> Line:
    sentence = _(
        "%(credits)s ended with the plan. Add-on credits stay.",
        credits=words.credits(act.moved("expiry"), "monthly"),
    )
    return _plain(act, "gone", _("Plan ended"), sentence)


def _fail(act: Act, charge: Charge | None) -> Line:
    if frozen := act.moved("freeze"):
        text = _(
            "%(credits)s wait until it is settled. Add-on credits stay.",
            credits=words.credits(frozen, "monthly"),
        )
    else:
        text = _(
            "%(credits)s of the last period ended. Add-on credits stay.",
            credits=words.credits(act.moved("expiry")),
        )
    return _plain(act, "gone", _("Payment missing"), text)


def _pay(act: Act, charge: Charge | None) -> Line:
    return _plain(act, "given", _("Payment received"), _arrived(act))


def _resume(act: Act, charge: Charge | None) -> Line:
    return _plain(act, "given", _("Plan resumed"), _arrived(act))


def _change(act: Act, charge: Charge | None) -> Line:
    return _plain(act, "given", _("Plan changed"), _arrived(act))


def _trial(act: Act, charge: Charge | None) -> Line:
    return _plain(act, "given", _("Trial credits"), _arrived(act))


def _arrived(act: Act) -> str:
    """What came into the monthly bucket, and how."""
    if act.moved("expiry"):
        return _replaced(act)
    given, thawed = act.moved("grant"), act.moved("thaw")
    parts = [_("%(credits)s can be spent again.", credits=words.credits(thawed))] if thawed else []
    parts += (
        [_("%(credits)s joined this period's monthly credits.", credits=words.credits(given))]
        if given
        else []
    )
    return " ".join(parts)


def _reason(act: Act) -> str:
    """Why somebody did it, in their own words."""
    return f" {act.last.reason.strip().rstrip('.')}." if act.last.reason else ""


def _grant(act: Act, charge: Charge | None) -> Line:
    (kind, amount), *_more = act.by_bucket("grant")
    text = _("%(credits)s added.", credits=words.credits(amount))
    if kind == "addon":
        text += " " + _("They never expire.")
    title = _("Top-up") if act.kind == "topup" else _(GIVEN[kind])
    return _plain(act, "given", title, text + _reason(act))


def _reverse(act: Act, charge: Charge | None) -> Line:
    back, lapsed = _net(act), act.moved("reversal", target="expired")
    said = [_("Given back: %(shares)s.", shares=words.each_bucket(TO, back))] if back else []
    if lapsed:
        text = _("%(credits)s belonged to a period that is over and lapsed.", credits=words.credits(lapsed))
        said.append(text)
    return _plain(act, "back", _("Given back"), " ".join(said))


def _revoke(act: Act, charge: Charge | None) -> Line:
    text = _("Taken back: %(credits)s.", credits=words.credits(act.moved()))
    return _plain(act, "gone", _("Taken back"), text + _reason(act))


def _refund(act: Act, charge: Charge | None) -> Line:
    """What became of a top-up's credits when its money went back, or is in dispute (P3)."""
    said = [*_undone(act), *_restored(act)]
    tone, title, _text = said[0]
    return _plain(act, tone, title, " ".join(text for _tone, _title, text in said))


def _undone(act: Act) -> Iterator[tuple[Tone, str, str]]:
    if taken := act.moved("revocation"):
        # Frozen credits are those of a dispute.
        disputed = any(e.kind == "revocation" and e.source == "frozen" for e in act.entries)
        credits = words.credits(taken)
        if disputed:
            text = _(
                "The disputed payment of your top-up went back. Taken back: %(credits)s.", credits=credits
            )
        else:
            text = _("The payment of your top-up was refunded. Taken back: %(credits)s.", credits=credits)
        yield "gone", _("Refund"), text
    if frozen := act.moved("freeze"):
        text = _(
            "The payment of your top-up is in dispute. Frozen until that is decided: %(credits)s.",
            credits=words.credits(frozen),
        )
        yield "gone", _("Payment in dispute"), text


def _restored(act: Act) -> Iterator[tuple[Tone, str, str]]:
    if back := act.moved("adjustment"):
        text = _(
            "A refund of your top-up did not go through. Back again: %(credits)s.",
            credits=words.credits(back),
        )
        yield "back", _("Given back"), text
    if thawed := act.moved("thaw"):
        text = _("The dispute was won: %(credits)s can be spent again.", credits=words.credits(thawed))
        yield "back", _("Dispute won"), text


def _repay(act: Act, charge: Charge | None) -> Line:
    text = _(
        "%(credits)s paid for earlier ones that were spent before their payment went back.",
        credits=words.credits(act.moved()),
    )
    return _plain(act, "gone", _("Paid what was owed"), text)


def _expire(act: Act, charge: Charge | None) -> Line:
    gone = words.listed(words.credits(count, kind) for kind, count in act.by_bucket("expiry"))
    return _plain(act, "gone", _("Expired"), _("%(credits)s expired.", credits=gone))


def _other(act: Act, charge: Charge | None) -> Line:
    title = act.kind.replace("_", " ").capitalize()
    return _plain(act, "still", title, _("%(credits)s moved.", credits=words.credits(act.moved())))


def _plain(act: Act, tone: Tone, title: str, sentence: str) -> Line:
    net = _net(act)
    return Line(
        act.at, tone, title, sentence, sum(change for _bucket, change in net), net, act.last.available_after
    )


BUILDERS = {
    "charge": _charge,
    "hold": _release,
    "renewal": _renew,
    "cancellation": _end,
    "payment_failure": _fail,
    "payment": _pay,
    "plan_change": _change,
    "resumption": _resume,
    "trial": _trial,
    "grant": _grant,
    "topup": _grant,
    "reversal": _reverse,
    "revocation": _revoke,
    "refund": _refund,
    "repayment": _repay,
    "expiry": _expire,
}
