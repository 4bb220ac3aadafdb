"""Which grants pay, in which order, and where credits go back to (S1-S3, H2, F1)."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from coinpurse.domain.credits import Kind

#: Buckets burn in this order: monthly, then promo and compensation together, then add-on.
RANK: dict[Kind, int] = {"monthly": 0, "promo": 1, "compensation": 1, "addon": 2}
_NEVER = datetime.max.replace(tzinfo=UTC)


class Burnable(Protocol):
    """What the burn order looks at: `number` is that of the grant's act, `expires_at` None is never."""

    @property
    def kind(self) -> Kind:
        """The bucket it belongs to."""
        ...

    @property
    def priority(self) -> int:
        """Lower burns first within a bucket."""
        ...

    @property
    def expires_at(self) -> datetime | None:
        """The sooner, the earlier it burns."""
        ...

    @property
    def number(self) -> int:
        """The older, the earlier it burns."""
        ...


class Spendable(Burnable, Protocol):
    """What taking looks at besides: the credits of a grant that can be spent."""

    @property
    def available(self) -> int:
        """Credits, never negative."""
        ...


B = TypeVar("B", bound=Burnable)
S = TypeVar("S", bound=Spendable)
P = TypeVar("P")


def burn_key(grant: Burnable) -> tuple[Any, ...]:
    """Sorts grants in burn order (S3): bucket, priority, soonest expiry, oldest."""
    return (RANK[grant.kind], grant.priority, grant.expires_at or _NEVER, grant.number)


def in_burn_order(grants: Iterable[B]) -> list[B]:
    """The grants, first to burn first."""
    return sorted(grants, key=burn_key)


def take(grants: Iterable[S], amount: int) -> list[tuple[S, int]]:
    """What each grant pays of an amount, in burn order; grants that pay nothing are left out (S1, S2).
    Raises ValueError if all of them together can't pay: the caller has to ask first (S4)."""
    parts: list[tuple[S, int]] = []
    for grant in in_burn_order(grants):
        part = min(amount, grant.available)
        if part > 0:
            parts.append((grant, part))
            amount -= part
    if amount:
        raise ValueError(f"{amount} credits are missing")
    return parts


def split(parts: Sequence[tuple[P, int]], amount: int) -> tuple[list[tuple[P, int]], list[tuple[P, int]]]:
    """Cuts what was taken in two: the first-taken `amount` in burn order, the rest last-taken first (H2)."""
    first, rest = [], []
    for owner, part in parts:
        kept = min(part, amount)
        amount -= kept
        if kept:
            first.append((owner, kept))
        if part > kept:
            rest.append((owner, part - kept))
    return first, rest[::-1]


def give_back(parts: Sequence[tuple[P, int]], amount: int) -> list[tuple[P, int]]:
    """Where `amount` of what was taken goes back to, last-taken first (F1)."""
    return split(parts, sum(part for _, part in parts) - amount)[1]
