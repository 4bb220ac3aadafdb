"""The history: the ledger's entries, gathered into what a customer would call one thing that happened, each
in a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Literal, cast

from coinpurse.domain.credits import Charge, Entry
from coinpurse.web import words

Tone = Literal["spent", "given", "back", "gone", "still"]
ORDER = ("monthly", "promo", "compensation", "addon")


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
    return [Act(kind, id, at, list(group)[::-1]) for (kind, id, at, _), group in grouped]


def line(act: Act, charges: Mapping[str, Charge]) -> Line | None:
    """The line for an act; None for one that has none."""
    if not act.told:
        return None
    build = BUILDERS.get(act.kind, _other)
    return build(act, charges.get(act.id or ""))


def _charge(act: Act, charge: Charge | None) -> Line:
    spent = act.moved("charge")
    shares = act.by_bucket("charge")
    sentence = f"{words.credits(spent)}: {_from(shares)}." if spent else "This cost nothing."
    if back := act.moved("release"):
        sentence += f" {words.credits(back)} that had been set aside came back."
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
        return "Spent"
    said = (charge.metadata or {}).get("description")
    if isinstance(said, str) and said.strip():
        return said.strip()[:120]
    return words.operation(charge.operation, charge.quantity) if charge.operation else "Spent"


def _from(shares: list[tuple[str, int]]) -> str:
    if len(shares) == 1:
        return f"all from {words.bucket(shares[0][0])}"
    return words.listed(f"{words.number(count)} from {words.bucket(kind)}" for kind, count in shares)


def _release(act: Act, charge: Charge | None) -> Line:
    back, lost = act.moved("release"), act.moved(target="expired")
    sentence = f"{words.credits(back + lost)} had been set aside for work that did not finish"
    sentence += f"; {words.number(back)} came back." if lost else " and came back in full."
    if lost:
        sentence += f" {words.number(lost)} belonged to a period that is over."
    return Line(act.at, "back", "Not charged", sentence, 0, [], act.last.available_after)


def _replaced(act: Act) -> str:
    """What became of the monthly bucket where an act replaced it (T3), and that the rest stayed (U4)."""
    before, given = act.moved("expiry"), act.moved("grant")
    rest = act.last.available_after - given
    stayed = f"; your other {words.number(rest)} stayed." if rest else "."
    return f"Monthly went from {words.number(before)} to {words.number(given)}{stayed}"


def _renew(act: Act, charge: Charge | None) -> Line:
    given = act.moved("grant")
    if not act.moved("expiry"):
        return _plain(act, "given", "Monthly credits", f"{words.credits(given)} for this period.")
    return _plain(
        act,
        *(("given", "Monthly credits renewed") if given else ("gone", "Monthly period ended")),
        _replaced(act),
    )


def _net(act: Act) -> list[tuple[str, int]]:
    """What each bucket's available credits gained or lost, in burn order."""
    sums = [(bucket, sum(e.amount for e in act.entries if e.bucket == bucket)) for bucket in ORDER]
    return [(bucket, change) for bucket, change in sums if change]


def _end(act: Act, charge: Charge | None) -> Line:
    gone = act.moved("expiry")
    sentence = f"{words.credits(gone)} of the monthly bucket ended with the plan. Add-on credits stay."
    return _plain(act, "gone", "Plan ended", sentence)


def _fail(act: Act, charge: Charge | None) -> Line:
    if frozen := act.moved("freeze"):
        text = f"{words.credits(frozen, 'monthly')} wait until it is settled. Add-on credits stay."
    else:
        text = f"{words.credits(act.moved('expiry'))} of the last period ended. Add-on credits stay."
    return _plain(act, "gone", "Payment missing", text)


def _pay(act: Act, charge: Charge | None) -> Line:
    return _plain(act, "given", "Payment received", _arrived(act))


def _resume(act: Act, charge: Charge | None) -> Line:
    return _plain(act, "given", "Plan resumed", _arrived(act))


def _change(act: Act, charge: Charge | None) -> Line:
    return _plain(act, "given", "Plan changed", _arrived(act))


def _trial(act: Act, charge: Charge | None) -> Line:
    return _plain(act, "given", "Trial credits", _arrived(act))


def _arrived(act: Act) -> str:
    """What came into the monthly bucket, and how."""
    if act.moved("expiry"):
        return _replaced(act)
    given, thawed = act.moved("grant"), act.moved("thaw")
    parts = [f"{words.credits(thawed)} can be spent again"] if thawed else []
    parts += [f"{words.credits(given)} joined this period's monthly credits"] if given else []
    return f"{words.listed(parts)}."


def _grant(act: Act, charge: Charge | None) -> Line:
    (kind, amount), *_ = act.by_bucket("grant")
    stay = " They never expire." if kind == "addon" else ""
    reason = f" {act.last.reason.strip().rstrip('.')}." if act.last.reason else ""
    title = "Top-up" if act.kind == "topup" else f"{words.bucket(kind).capitalize()} credits"
    return _plain(act, "given", title, f"{words.credits(amount)} added.{stay}{reason}")


def _reverse(act: Act, charge: Charge | None) -> Line:
    back, lapsed = _net(act), act.moved("reversal", target="expired")
    sentence = (
        f"Given back: {words.listed(f'{words.number(n)} to {words.bucket(b)}' for b, n in back)}."
        if back
        else ""
    )
    if lapsed:
        sentence += f" {words.credits(lapsed)} belonged to a period that is over and lapsed."
    return _plain(act, "back", "Given back", sentence.strip())


def _revoke(act: Act, charge: Charge | None) -> Line:
    reason = f" {act.last.reason.strip().rstrip('.')}." if act.last.reason else ""
    return _plain(act, "gone", "Taken back", f"{words.credits(act.moved())} were taken back.{reason}")


def _refund(act: Act, charge: Charge | None) -> Line:
    """What became of a top-up's credits when its money went back, or is in dispute (P3)."""
    taken, frozen, thawed, back = (act.moved(kind) for kind in ("revocation", "freeze", "thaw", "adjustment"))
    said = [
        (taken, "gone", "Refund", _taken(act, taken)),
        (
            frozen,
            "gone",
            "Payment in dispute",
            f"The payment of your top-up is in dispute: {_are(frozen)} frozen until that is decided.",
        ),
        (back, "back", "Given back", f"A refund of your top-up did not go through: {_are(back)} back."),
        (thawed, "back", "Dispute won", f"The dispute was won: {words.credits(thawed)} can be spent again."),
    ]
    told = [(tone, title, text) for count, tone, title, text in said if count]
    tone, title, _ = told[0]
    return _plain(act, cast(Tone, tone), title, " ".join(text for _, _, text in told))


def _taken(act: Act, taken: int) -> str:
    """Frozen credits are those of a dispute."""
    disputed = any(e.kind == "revocation" and e.source == "frozen" for e in act.entries)
    what = (
        "The disputed payment of your top-up went back"
        if disputed
        else "The payment of your top-up was refunded"
    )
    return f"{what}: {words.credits(taken)} {'was' if taken == 1 else 'were'} taken back."


def _are(count: int) -> str:
    return f"{words.credits(count)} {'is' if count == 1 else 'are'}"


def _repay(act: Act, charge: Charge | None) -> Line:
    text = (
        f"{words.credits(act.moved())} paid for earlier ones that were spent before their payment went back."
    )
    return _plain(act, "gone", "Paid what was owed", text)


def _expire(act: Act, charge: Charge | None) -> Line:
    return _plain(
        act,
        "gone",
        "Expired",
        f"{words.listed(f'{n:,} {words.bucket(b)}' for b, n in act.by_bucket('expiry'))} expired.",
    )


def _other(act: Act, charge: Charge | None) -> Line:
    return _plain(
        act, "still", act.kind.replace("_", " ").capitalize(), f"{words.credits(act.moved())} moved."
    )


def _plain(act: Act, tone: Tone, title: str, sentence: str) -> Line:
    net = _net(act)
    return Line(
        act.at, tone, title, sentence, sum(change for _, change in net), net, act.last.available_after
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
