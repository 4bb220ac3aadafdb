"""The timeline: the ledger and the billing events side by side, minute by minute."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from coinpurse.app import ledger
from coinpurse.app.events import BillingEvent
from coinpurse.app.ledger import SubscriptionAct
from coinpurse.web.history import Line
from coinpurse.web.reading import History


@dataclass(slots=True)
class Moment:
    """What happened within a minute, newest first: lines of the ledger, each with who did it; what happened
    to a subscription; the billing events that meant something, and those that were left aside."""

    at: datetime
    lines: list[tuple[Line, str | None]] = field(default_factory=list)
    notes: list[SubscriptionAct] = field(default_factory=list)
    told: list[BillingEvent] = field(default_factory=list)
    aside: list[BillingEvent] = field(default_factory=list)


def moments(
    past: History, lately: Sequence[SubscriptionAct], told: Iterable[BillingEvent], *, first: bool = True
) -> list[Moment]:
    """The timeline, newest first: lines of the ledger and, as far back as those go, what else happened. The
    first page begins with what is newer than its newest line."""
    acts = [act for act in past.acts if act.told]
    lines = [(line, act.first.actor) for line, act in zip(past.lines, acts, strict=False)]
    since = _minute(lines[-1][0].at) if lines and past.older else None
    until = _minute(lines[0][0].at) if lines and not first else None
    moved = {(act.kind, act.at) for act in past.acts}
    found: dict[datetime, Moment] = {}

    def within(at: datetime) -> Moment | None:
        minute = _minute(at)
        if (since and minute < since) or (until and minute > until):
            return None
        return found.setdefault(minute, Moment(minute))

    for line, actor in lines:
        if moment := within(line.at):
            moment.lines.append((line, actor))
    for note in lately:
        cause = ledger.CAUSES.get(note.kind, (note.kind,))[0]
        if (cause, note.at) not in moved and (moment := within(note.at)):
            moment.notes.append(note)
    for event in told:
        if moment := within(event.created_at):
            (moment.aside if event.status == "ignored" else moment.told).append(event)
    return sorted(found.values(), key=lambda one: one.at, reverse=True)


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
