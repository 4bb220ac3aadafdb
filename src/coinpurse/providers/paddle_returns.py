"""What Paddle's adjustments mean: how much of each line of a transaction has gone back. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from coinpurse.domain.facts import Fact, Returned
from coinpurse.domain.ports import NotYet
from coinpurse.providers.paddle_facts import amount
from coinpurse.providers.reading import Reader

#: A chargeback that was warned of holds money back; one that came has taken it.
TAKES, GIVES_BACK = "chargeback", "chargeback_reverse"
WARNS, CALLS_OFF = "chargeback_warning", "chargeback_warning_reverse"
ADJUSTMENTS = {"refund", TAKES, GIVES_BACK, WARNS, CALLS_OFF}


def returned(lines: Sequence[Reader], adjustments: Sequence[Reader], as_of: datetime) -> list[Fact]:
    """What has gone back of each line, all in all, by all adjustments of its transaction."""
    parts = [_part(item, adjustment) for adjustment in adjustments for item in adjustment.objects("items")]
    facts: list[Fact] = []
    for line in lines:
        mine = [part for part in parts if part.line == line.text("id")]
        # A line's tax that was given back (a VAT number came later) is no share of what was bought.
        total = amount(line) - _sum(mine, "refund", tax=True)
        facts += _gone(line.text("id"), max(0, total), mine, as_of) if mine else []
    return facts


def believed(adjustment: Reader, as_of: datetime) -> list[Fact]:
    """What one adjustment says where Paddle can't be asked: only one of whole lines says enough."""
    parts = [_part(item, adjustment) for item in adjustment.objects("items")]
    if not all(part.kind == "full" for part in parts):
        raise NotYet(
            "A part of a payment went back, and the adjustment doesn't say of how much. "
            "Set COINPURSE_PADDLE_API_KEY and try again, or take the credits back by hand."
        )
    return [fact for part in parts for fact in _gone(part.line, part.amount, [part], as_of)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What an adjustment does to one line."""

    line: str
    action: str
    status: str
    kind: str
    amount: int


def _part(item: Reader, adjustment: Reader) -> _Part:
    return _Part(
        line=item.text("item_id"),
        action=adjustment.text("action"),
        status=adjustment.text("status"),
        kind=item.text("type"),
        amount=abs(item.object("totals").digits("total")),
    )


def _gone(line: str, total: int, parts: list[_Part], as_of: datetime) -> list[Fact]:
    facts: list[Fact] = []
    if any(part.action == "refund" for part in parts):
        refunded = _sum(parts, "refund")
        facts.append(Returned(payment=line, total=total, refunded=refunded, as_of=as_of))
    if any(part.action in ADJUSTMENTS - {"refund"} for part in parts):
        lost, disputed = _disputed(parts)
        facts.append(
            Returned(payment=line, total=total, disputed=disputed, lost=lost, dispute=line, as_of=as_of)
        )
    return facts


def _disputed(parts: list[_Part]) -> tuple[int, int]:
    """What disputes have taken, and what they hold back. A chargeback that was won shows as its own reverse,
    as a status, or both: it counts once. A warning whose chargeback came holds nothing back any more."""
    taken = _sum(parts, TAKES, statuses=("approved", "reversed"))
    won = max(_sum(parts, GIVES_BACK), _sum(parts, TAKES, statuses=("reversed",)))
    warned = _sum(parts, WARNS, statuses=("approved", "reversed"))
    called_off = max(_sum(parts, CALLS_OFF), _sum(parts, WARNS, statuses=("reversed",)))
    return max(0, taken - won), max(0, warned - called_off - taken)


def _sum(
    parts: list[_Part], action: str, *, tax: bool = False, statuses: tuple[str, ...] = ("approved",)
) -> int:
    return sum(
        part.amount
        for part in parts
        if part.action == action and part.status in statuses and (part.kind == "tax") is tax
    )
