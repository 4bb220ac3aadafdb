"""One customer's account: what it must look like, what was asked of it, and how an answer is judged."""

import random
from collections import deque
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from coinpurse.domain.ids import account_digest
from coinpurse.ordeal.life import Life
from coinpurse.ordeal.purse import Pattern, Purse

START = datetime(2026, 1, 31, 10, tzinfo=UTC)
REMEMBERED = 60
PACK = 500

Call = tuple[Any, ...]


class Wrong(Exception):
    """An answer that can't be, or a state that nothing explains."""


@dataclass
class Fault:
    """What was wrong with one account, and what it had been through."""

    account: str
    what: str
    history: list[str]


class Asked(NamedTuple):
    """A call that was made, for asking it again: it must answer the same."""

    call: Call
    key: str
    pattern: Pattern


class Request(NamedTuple):
    """A call as a request."""

    method: str
    path: str
    body: Any


class Account:
    """`living` accounts have subscriptions and a clock that moves. `pending` is a top-up that was told, and
    may be in the books or not; `lost` says that it was wrong once, and is not looked at any more."""

    def __init__(self, name: str, living: bool, seed: str) -> None:
        self.name = name
        self.digest = account_digest(name, test=True).hex
        self._within = f"_{self.digest}_".encode()
        self.random = random.Random(f"{seed} {name}")
        self.truth: Purse | Life = Life(name, START) if living else Purse(name, self.digest)
        self.recent: deque[Asked] = deque(maxlen=12)
        self.history: deque[tuple[Any, ...]] = deque(maxlen=REMEMBERED)
        self.pending = False
        self.lost = False
        self._keys = 0

    def key(self) -> str:
        """A key that was never used."""
        self._keys += 1
        return f"{self.name}:{self._keys}"

    def foretell(self, call: Call) -> Pattern:
        """What the call must answer, and does to the account."""
        if isinstance(self.truth, Life):
            return self.truth.do(*call)
        pattern: Pattern = getattr(self.truth, call[0])(*call[1:])
        return pattern

    def tidy(self) -> None:
        """Lets go of what lies far back; not while calls are under way."""
        if isinstance(self.truth, Purse):
            self.truth.forget()

    def judge(self, call: Call, key: str | None, status: int, body: Any, note: str = "") -> Pattern:
        """Compares an answer with what it must be. Raises Wrong."""
        self.remember(call, key, note, status, body)
        before = deepcopy(self.truth) if self.pending else None
        pattern = self.foretell(call)
        if why := differs(pattern, status, body):
            if not isinstance(before, Purse):
                raise Wrong(why)
            before.top_up(PACK)
            self.truth = before
            pattern = self.foretell(call)
            if differs(pattern, status, body):
                raise Wrong(f"{why} (with or without the top-up that may have come)")
            self.pending = False
        if key is not None and status < 400:
            self.recent.append(Asked(call, key, pattern))
        return pattern

    def remember(self, call: Call, key: str | None, note: str, status: int, body: Any) -> None:
        """What was asked and answered, for the report. The body as text: millions of small objects would be
        the garbage collector's to go through, again and again."""
        self.history.append((call, key, note, status, msgspec.json.encode(body)))

    def request(self, call: Call) -> Request:
        """The call as a request."""
        name, *rest = call
        method, path, body = getattr(self, f"_{name}")(*rest)
        return Request(method, f"/v1{path}", body)

    def read(self, content: bytes) -> Any:
        """An answer's body; of a living account without the account in its identifiers, as the model says
        them."""
        if isinstance(self.truth, Life):
            content = content.replace(self._within, b"_")
        return msgspec.json.decode(content) if content else None

    def fault(self, what: str) -> Fault:
        """Gives the account up."""
        self.lost = True
        return Fault(self.name, what, [_line(*one) for one in self.history])

    # How calls are made over HTTP

    def _id(self, identifier: str) -> str:
        prefix, _, number = identifier.rpartition("_")
        return identifier if "_" in prefix else f"{prefix}_{self.digest}_{number}"

    def _charge(self, amount: int) -> tuple[Any, ...]:
        return "POST", "/charges", {"account": self.name, "amount": amount}

    def _hold(self, amount: int, seconds: int) -> tuple[Any, ...]:
        return "POST", "/holds", {"account": self.name, "amount": amount, "expires_in": seconds}

    def _capture(self, hold: str, amount: int | None, exceed: bool) -> tuple[Any, ...]:
        return "POST", f"/holds/{self._id(hold)}/capture", {"amount": amount, "exceed": exceed}

    def _release(self, hold: str) -> tuple[Any, ...]:
        return "POST", f"/holds/{self._id(hold)}/release", None

    def _reverse(self, charge: str, amount: int | None) -> tuple[Any, ...]:
        return "POST", f"/charges/{self._id(charge)}/reversals", {"amount": amount}

    def _grant(self, kind: str, amount: int, days: int | None = None) -> tuple[Any, ...]:
        body = {"account": self.name, "kind": kind, "amount": amount, "reason": "ordeal"}
        if days is not None:
            assert isinstance(self.truth, Life), "only living accounts know when it is"
            # The clock stands still between two calls, so that what is asked for can be said beforehand.
            at = self.truth.now.timestamp() + days * 86_400
            body["expires_at"] = datetime.fromtimestamp(at, UTC).isoformat()
        return "POST", "/grants", body

    def _revoke(self, grant: str, amount: int | None) -> tuple[Any, ...]:
        return "POST", f"/grants/{self._id(grant)}/revoke", {"amount": amount, "reason": "ordeal"}

    def _subscribe(self, plan: str, interval: str, trial_days: int) -> tuple[Any, ...]:
        body = {"account": self.name, "plan": plan, "interval": interval, "trial_days": trial_days}
        return "POST", "/subscriptions", body

    def _pay(self, subscription: str, periods: int) -> tuple[Any, ...]:
        return "POST", f"/subscriptions/{self._id(subscription)}/payments", {"periods": periods}

    def _cancel(self, subscription: str, at: str) -> tuple[Any, ...]:
        return "POST", f"/subscriptions/{self._id(subscription)}/cancel", {"at": at}

    def _resume(self, subscription: str) -> tuple[Any, ...]:
        return "POST", f"/subscriptions/{self._id(subscription)}/resume", None

    def _pause(self, subscription: str) -> tuple[Any, ...]:
        return "POST", f"/subscriptions/{self._id(subscription)}/pause", None

    def _change(self, subscription: str, plan: str, interval: str, policy: str) -> tuple[Any, ...]:
        body = {"plan": plan, "interval": interval, "policy": policy}
        return "POST", f"/subscriptions/{self._id(subscription)}/change", body

    def _clock(self, seconds: int) -> tuple[Any, ...]:
        assert isinstance(self.truth, Life), "only living accounts have a clock that moves"
        now = datetime.fromtimestamp(self.truth.now.timestamp() + seconds, UTC)
        return "POST", f"/accounts/{self.name}/clock", {"now": now.isoformat()}

    def _balance(self) -> tuple[Any, ...]:
        return "GET", f"/accounts/{self.name}/balance", None


def differs(pattern: Pattern, status: int, body: Any) -> str | None:
    """What of an answer isn't as foretold."""
    if pattern[0] == status and _fits(pattern[1], body):
        return None
    if pattern[0] != status:
        return f"status {status} instead of {pattern[0]} {_short(pattern[1])}: {_short(body)}"
    return _differs(pattern[1], body, "")


def _fits(wanted: Any, got: Any) -> bool:
    """Whether `_differs` has nothing to say: quick, for nearly all answers are right."""
    if wanted == got:
        return True
    if isinstance(wanted, dict) and isinstance(got, dict):
        return all(value == got.get(name) or _fits(value, got.get(name)) for name, value in wanted.items())
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        return all(map(_fits, wanted, got))
    return False


def _differs(wanted: Any, got: Any, where: str) -> str | None:
    if isinstance(wanted, dict) and isinstance(got, dict):
        for name, value in wanted.items():
            if why := _differs(value, got.get(name), f"{where}/{name}"):
                return why
        return None
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for number, (one, other) in enumerate(zip(wanted, got, strict=True)):
            if why := _differs(one, other, f"{where}/{number}"):
                return why
        return None
    return None if wanted == got else f"{where} is {_short(got)} instead of {_short(wanted)}"


def _line(call: Call, key: str | None, note: str, status: int, body: bytes) -> str:
    words = " ".join(map(str, call))
    return f"{words} [{key}]{' ' + note if note else ''} -> {status} {_cut(body.decode())}"


def _short(value: Any) -> str:
    return _cut(msgspec.json.encode(value).decode())


def _cut(text: str) -> str:
    return text if len(text) < 600 else f"{text[:600]}…"
