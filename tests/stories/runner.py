"""Plays a story against an engine. README.md beside this file lists the words that a story may use."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from coinpurse.domain import credits
from coinpurse.domain.credits import Kind
from coinpurse.domain.errors import CoinpurseError
from coinpurse.domain.model import Terms
from stories.driver import Driver

HERE = Path(__file__).parent
STORIES = sorted(HERE.glob("*.story"))
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?")


class Wrong(AssertionError):
    """A line of a story did not come true."""


def instant(text: str) -> datetime:
    """An instant of a story, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def play(story: str, start: Callable[[datetime], Driver]) -> None:
    """Plays all lines; `start` gives a fresh account whose clock stands at the story's first instant."""
    player: Player | None = None
    plans: dict[str, Terms] = {}
    for number, line in enumerate(story.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if words[0] == "plan":
            plans[words[1]] = _plan(words[1:])
            continue
        player = player or Player(start(instant(words[0])), plans)
        try:
            player.line(words)
        except (AssertionError, CoinpurseError, pytest.fail.Exception) as error:
            raise Wrong(f"line {number}: {line.strip()}\n    {type(error).__name__}: {error}") from error


def _plan(words: list[str]) -> Terms:
    rest = dict(zip(words[2::2], words[3::2], strict=True))
    return Terms(
        plan=words[0],
        allocation=int(words[1]),
        policy=rest.get("renewal", "provisional"),
        cap=int(rest["cap"]) if "cap" in rest else None,
        trial_allocation=int(rest["trial"]) if "trial" in rest else None,
    )


class Player:
    """Carries out the lines of one story and remembers the names that it gives to things."""

    def __init__(self, driver: Driver, plans: dict[str, Terms]) -> None:
        self.driver, self.plans = driver, plans
        self.named: dict[str, str] = {}
        self.answer: Any = None

    def line(self, words: list[str]) -> None:
        """One line: an instant to wait for, something to do or to check, and perhaps its refusal."""
        if _INSTANT.fullmatch(words[0]):
            self.driver.wait_until(instant(words[0]))
            words = words[1:]
        if "!" in words:
            at = words.index("!")
            self.refused(words[:at], words[at + 1 :])
        elif words:
            self.act(words)

    def act(self, words: list[str]) -> None:
        """Does what the first word says; `as NAME` names what it made."""
        name = None
        if len(words) > 2 and words[-2] == "as":
            name, words = words[-1], words[:-2]
        verb = getattr(self, f"do_{words[0]}", None)
        assert verb, f'no story can say "{words[0]}"'
        verb(*words[1:])
        if name:
            self.named[name] = self._made()

    def _made(self) -> str:
        answer = self.answer
        if isinstance(answer, credits.SubscriptionChange):
            return answer.subscription.id
        if isinstance(answer, credits.Hold) and answer.charge:
            return answer.charge.id
        return cast(str, answer.id)

    def refused(self, words: list[str], expected: list[str]) -> None:
        """The act must be refused with this code and these fields."""
        with pytest.raises(CoinpurseError) as caught:
            self.act(words)
        refusal = caught.value
        assert refusal.code == expected[0], f"refused with {refusal.code}: {refusal}"
        for name, value in (word.split("=") for word in expected[1:]):
            got = refusal.fields.get(name)
            assert str(got) == value, f"{name} is {got}"

    # Acts

    def do_subscribe(self, plan: str, *rest: str) -> None:
        words = list(rest)
        terms = replace(self.plans[plan], interval="year" if "year" in words else "month")
        starts_at = instant(words[words.index("from") + 1]) if "from" in words else None
        trial = int(words[words.index("trial") + 1]) if "trial" in words else 0
        self.answer = self.driver.subscribe(terms, starts_at=starts_at, trial_days=trial)

    def do_pay(self, subscription: str, periods: str = "1") -> None:
        self.answer = self.driver.pay(self.named[subscription], int(periods))

    def do_cancel(self, subscription: str, at: str = "period_end") -> None:
        self.answer = self.driver.cancel(self.named[subscription], at)

    def do_resume(self, subscription: str) -> None:
        self.answer = self.driver.resume(self.named[subscription])

    def do_pause(self, subscription: str) -> None:
        self.answer = self.driver.pause(self.named[subscription])

    def do_change(self, subscription: str, plan: str, *rest: str) -> None:
        terms = replace(self.plans[plan], interval="year" if "year" in rest else "month")
        self.answer = self.driver.change(self.named[subscription], terms, rest[-1])

    def do_charge(self, amount: str, key: str | None = None) -> None:
        self.answer = self.driver.charge(int(amount), key=key)

    def do_hold(self, amount: str, _for: str = "for", seconds: str = "3600") -> None:
        self.answer = self.driver.hold(int(amount), expires_in=int(seconds))

    def do_capture(self, hold: str, *rest: str) -> None:
        amount = int(rest[0]) if rest else None
        self.answer = self.driver.capture(self.named[hold], amount, exceed="exceed" in rest)

    def do_release(self, hold: str) -> None:
        self.answer = self.driver.release(self.named[hold])

    def do_reverse(self, charge: str, *rest: str) -> None:
        numbers = [int(word) for word in rest if word.isdigit()]
        amount = numbers[0] if numbers else None
        self.answer = self.driver.reverse(self.named[charge], amount, compensate="compensate" in rest)

    def do_grant(self, kind: str, amount: str, _until: str = "until", expires: str = "") -> None:
        expires_at = instant(expires) if expires else None
        self.answer = self.driver.grant(cast(Kind, kind), int(amount), expires_at=expires_at, reason="told")

    def do_topup(self, reference: str, amount: str) -> None:
        self.answer = self.driver.topup(reference, int(amount))

    def do_revoke(self, grant: str, amount: str = "") -> None:
        self.answer = self.driver.revoke(self.named[grant], int(amount) if amount else None, reason="told")

    # Checks

    def do_see(self, *words: str) -> None:
        self._compare(shown(self.driver.balance()), words)

    def do_saw(self, at: str, *words: str) -> None:
        self._compare(shown(self.driver.balance_at(instant(at))), words)

    def do_took(self, *words: str) -> None:
        answer = self.answer.charge or self.answer if isinstance(self.answer, credits.Hold) else self.answer
        self._compare_parts(answer.taken, words)

    def do_gave(self, *words: str) -> None:
        lapsed = [("lapsed", self.answer.lapsed)] if self.answer.lapsed else []
        parts = [(part.kind, part.amount) for part in self.answer.returned]
        assert [*parts, *lapsed] == _pairs(words), f"it gave {[*parts, *lapsed]}"

    def do_wrote(self, *words: str) -> None:
        expected = _pairs(words)
        entries = [(entry.kind, entry.amount) for entry in self.driver.entries()[-len(expected) :]]
        assert entries == expected, f"it wrote {entries}"

    def do_renewals(self, *states: str) -> None:
        found = [renewal.state for renewal in self.driver.renewals()]
        assert found == list(states), f"they are {found}"

    def do_unpaid(self, amount: str) -> None:
        assert self.driver.renewals()[-1].unpaid == int(amount)

    def _compare_parts(self, parts: list[credits.Taken], words: tuple[str, ...]) -> None:
        found = [(part.kind, part.amount) for part in parts]
        assert found == _pairs(words), f"it took {found}"

    def _compare(self, found: dict[str, str], words: tuple[str, ...]) -> None:
        expected = dict(zip(words[::2], words[1::2], strict=True))
        wrong = {
            name: found.get(name, "nothing") for name, value in expected.items() if found.get(name) != value
        }
        assert not wrong, "but " + ", ".join(f"{name} is {value}" for name, value in wrong.items())


def _pairs(words: tuple[str, ...]) -> list[tuple[str, int]]:
    return [(kind, int(amount)) for kind, amount in zip(words[::2], words[1::2], strict=True)]


def shown(balance: credits.Balance) -> dict[str, str]:
    """A balance in the words of a story."""
    monthly, subscription = balance.monthly, balance.subscription
    found = {
        "available": balance.available,
        "held": balance.held,
        "monthly": monthly.available,
        "frozen": monthly.frozen,
        "addon": balance.addon.available,
        "allocation": monthly.allocation,
        "renews": _when(monthly.renews_at),
        "from": _when(monthly.period.start if monthly.period else None),
        "until": _when(monthly.period.end if monthly.period else None),
        "provisional": "yes" if monthly.provisional else "no",
        "renewing": "yes" if monthly.renewing else "no",
        "promo": 0,
        "compensation": 0,
    }
    found |= {other.kind: other.available for other in balance.buckets.other}
    found |= _subscription(subscription)
    return {name: str(value) for name, value in found.items()}


def _subscription(subscription: credits.Subscription | None) -> dict[str, Any]:
    if subscription is None:
        return {"status": "none"}
    pending = subscription.pending_change
    return {
        "status": subscription.status,
        "plan": subscription.plan,
        "interval": subscription.interval,
        "paid": _when(subscription.paid_through),
        "ends": _when(subscription.ends_at),
        "pending": pending.plan if pending else "none",
        "changes": _when(pending.at if pending else None),
    }


def _when(at: datetime | None) -> str:
    if at is None:
        return "never"
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="auto")
    return text.removesuffix(":00")
