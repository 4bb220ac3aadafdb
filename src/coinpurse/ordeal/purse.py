"""What an account without subscriptions must look like after each call, in a few microseconds: a second
engine, written from the rules alone, for the many accounts on which the crowd charges, holds and gives back.

Answers are patterns: a status, and those members of the body that can be foretold.
"""

from dataclasses import dataclass, field
from typing import Any

Pattern = tuple[int, dict[str, Any]]
MANY, MANY_POTS = 80, 14
RANK = {"promo": 1, "compensation": 1, "addon": 2}


class Pot:
    """A grant: what is left of it, and what of it is held."""

    __slots__ = ("closed", "held", "kind", "left", "number")

    def __init__(self, number: int, kind: str, left: int) -> None:
        self.number, self.kind, self.left = number, kind, left
        self.held = 0
        self.closed = False


Parts = list[tuple[Pot, int]]


@dataclass
class Held:
    """A hold, and how it was closed with which answer."""

    amount: int
    parts: Parts
    end: tuple[str, int] | None = None
    state: str = "held"
    answer: dict[str, Any] = field(default_factory=dict)


@dataclass
class Charged:
    """A charge, and what of it can be given back."""

    amount: int
    left: Parts


class Purse:
    """One account. Each method is a call, and gives the pattern of its answer."""

    def __init__(self, name: str, digest: str) -> None:
        self.name, self.digest = name, digest
        self.acts = self.sequence = self.available = self.held = 0
        self.pots: list[Pot] = []
        self.holds: dict[str, Held] = {}
        self.charges: dict[str, Charged] = {}

    # Calls

    def charge(self, amount: int) -> Pattern:
        """S1-S6."""
        if amount > self.available:
            return self._refuse(amount, self.held)
        identifier, parts = self._next("ch"), self._take(amount)
        self.charges[identifier] = Charged(amount, list(parts))
        return 201, {"id": identifier, "amount": amount, "taken": self._parts(parts), **self._shown()}

    def hold(self, amount: int, seconds: int) -> Pattern:
        """H1. It outlasts the ordeal: this account's clock stands still."""
        if amount > self.available:
            return self._refuse(amount, self.held)
        identifier, parts = self._next("ho"), self._take(amount)
        for pot, part in parts:
            pot.held += part
        self.held += amount
        self.holds[identifier] = Held(amount, parts)
        taken = self._parts(parts)
        return 201, {"id": identifier, "amount": amount, "status": "held", "taken": taken, **self._shown()}

    def capture(self, identifier: str, amount: int | None, exceed: bool) -> Pattern:
        """H2, H3."""
        hold = self.holds[identifier]
        amount = hold.amount if amount is None else amount
        if closed := self._closed(hold, ("capture", amount)):
            return closed
        rest = max(0, amount - hold.amount)
        if rest and not exceed:
            return 409, {"code": "capture_exceeds_hold", "held": hold.amount, "asked": amount}
        if rest > self.available:
            return self._refuse(rest, self.held - hold.amount)
        charge = self._next("ch")
        spent = self._end_hold(hold, amount)
        more = self._take(rest)
        self.charges[charge] = Charged(amount, spent + more)
        made = {"id": charge, "amount": amount, "taken": self._parts(spent + more)}
        answer = {"id": identifier, "status": "captured", "charge": made, **self._shown()}
        hold.end, hold.state, hold.answer = ("capture", amount), "captured", answer
        return 200, answer

    def release(self, identifier: str) -> Pattern:
        """H3."""
        hold = self.holds[identifier]
        if closed := self._closed(hold, ("release", 0)):
            return closed
        self.acts += 1
        self._end_hold(hold, 0)
        answer = {"id": identifier, "status": "released", **self._shown()}
        hold.end, hold.state, hold.answer = ("release", 0), "released", answer
        return 200, answer

    def reverse(self, identifier: str, amount: int | None) -> Pattern:
        """F1, F2."""
        charged = self.charges[identifier]
        left = sum(part for _, part in charged.left)
        asked = (charged.amount if amount is None else amount) if not left or (amount or 0) > left else amount
        if not left or (asked or 0) > left:
            code = {"code": "reversal_exceeds_charge", "charged": charged.amount, "reversible": left}
            return 409, {**code, "asked": asked}
        asked = left if asked is None else asked
        reversal = self._next("re")
        charged.left, back = _cut(charged.left, left - asked)
        for pot, part in back:
            self._put_back(pot, part)
        returned = [(pot, part) for pot, part in back if not pot.closed]
        lapsed = sum(part for pot, part in back if pot.closed)
        parts = {"returned": self._parts(returned), "lapsed": lapsed}
        return 201, {"id": reversal, "amount": asked, **parts, **self._shown()}

    def grant(self, kind: str, amount: int) -> Pattern:
        """A grant that never expires."""
        identifier = self._next("gr")
        self._add(Pot(self.acts, kind, amount))
        made = {"id": identifier, "kind": kind, "amount": amount, "remaining": amount}
        return 201, {**made, **self._shown()}

    def top_up(self, amount: int) -> None:
        """P1: told by the payment's provider, so that nobody answers."""
        self.acts += 1
        self._add(Pot(self.acts, "addon", amount))

    def revoke(self, identifier: str, amount: int | None) -> Pattern:
        """B10."""
        pot = next(p for p in self.pots if identifier.endswith(f"_{p.number}"))
        if pot.closed:
            return 409, {"code": "conflict", "state": "revoked"}
        part = pot.left if amount is None else amount
        if part > pot.left:
            return 409, {"code": "conflict", "remaining": pot.left, "asked": part}
        self.acts += 1
        self.sequence += part > 0
        pot.left -= part
        self.available -= part
        pot.closed = amount is None
        return 200, {"id": identifier, "revoked": part, "remaining": pot.left, **self._shown()}

    def balance(self) -> Pattern:
        """What can be spent."""
        addon = [(p.left, p.held) for p in self.pots if p.kind == "addon"]
        bucket = {"available": sum(left for left, _ in addon), "held": sum(held for _, held in addon)}
        return 200, {**self._shown()["balance"], "buckets": {"addon": bucket}}

    # Parts of calls

    def _next(self, prefix: str) -> str:
        self.acts += 1
        return f"{prefix}_{self.digest}_{self.acts}"

    def _shown(self) -> dict[str, Any]:
        return {
            "account": self.name,
            "balance": {"sequence": self.sequence, "available": self.available, "held": self.held},
        }

    def _parts(self, parts: Parts) -> list[dict[str, Any]]:
        return [
            {"grant": f"gr_{self.digest}_{pot.number}", "kind": pot.kind, "amount": part}
            for pot, part in parts
        ]

    def _refuse(self, amount: int, held: int) -> Pattern:
        code = "credits_held" if self.available + held >= amount else "insufficient_credits"
        numbers = {"needed": amount, "available": self.available, "held": held}
        return 402, {"code": code, **numbers, "shortfall": amount - self.available}

    def _add(self, pot: Pot) -> None:
        self.pots.append(pot)
        self.pots.sort(key=lambda one: (RANK[one.kind], one.number))
        self.available += pot.left
        self.sequence += 1

    def _take(self, amount: int) -> Parts:
        parts: Parts = []
        self.available -= amount
        for pot in self.pots:
            if not amount:
                break
            if part := min(pot.left, amount):
                pot.left -= part
                amount -= part
                parts.append((pot, part))
        self.sequence += len(parts)
        return parts

    def _put_back(self, pot: Pot, part: int) -> None:
        self.sequence += 1
        if not pot.closed:
            pot.left += part
            self.available += part

    def _closed(self, hold: Held, end: tuple[str, int]) -> Pattern | None:
        if hold.state == "held":
            return None
        if hold.end == end:
            return 200, hold.answer
        return 409, {"code": "hold_closed", "state": hold.state}

    def _end_hold(self, hold: Held, amount: int) -> Parts:
        """The first-taken `amount` is spent; the rest goes back, last-taken first."""
        spent, back = _cut(hold.parts, amount)
        for pot, part in hold.parts:
            pot.held -= part
        self.held -= hold.amount
        self.sequence += len(spent)
        for pot, part in back:
            self._put_back(pot, part)
        return spent

    def forget(self) -> None:
        """Lets go of what no call will name again, where there is much of it: a long life needs no more
        memory than a short one."""
        if len(self.charges) < MANY and len(self.holds) < MANY and len(self.pots) < MANY_POTS:
            return
        for old in [name for name, hold in self.holds.items() if hold.state != "held"][:-10]:
            del self.holds[old]
        for old in list(self.charges)[:-40]:
            del self.charges[old]
        named = {id(pot) for charged in self.charges.values() for pot, _ in charged.left}
        self.pots = [p for p in self.pots if p.left or p.held or id(p) in named]


def _cut(parts: Parts, amount: int) -> tuple[Parts, Parts]:
    """The first `amount` of the parts, in their order, and the rest, last first."""
    first, rest = [], []
    for pot, part in parts:
        kept = min(part, amount)
        amount -= kept
        if kept:
            first.append((pot, kept))
        if part > kept:
            rest.append((pot, part - kept))
    return first, rest[::-1]
