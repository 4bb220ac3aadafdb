"""Who pays, in which order, and where credits go back (S1-S3, H2, F1)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinpurse.domain.burndown import RANK, burn_key, give_back, in_burn_order, split, take
from coinpurse.domain.credits import Kind

DAY_0 = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Purse:
    """The least that can be burnt."""

    kind: Kind
    available: int
    number: int = 1
    priority: int = 0
    expires_at: datetime | None = None


EXPIRIES = st.none() | st.integers(0, 3).map(lambda days: DAY_0 + timedelta(days=days))
PURSES = st.lists(
    st.builds(
        Purse,
        kind=st.sampled_from(sorted(RANK)),
        available=st.integers(0, 50),
        number=st.integers(1, 1000),
        priority=st.integers(0, 2),
        expires_at=EXPIRIES,
    ),
    unique_by=lambda purse: purse.number,
    max_size=8,
)
PARTS = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 40)), max_size=6)


def test_s3_the_burn_order() -> None:
    """S3: bucket, then priority, then soonest expiry (never last), then oldest."""
    later = DAY_0 + timedelta(days=1)
    ordered = [
        Purse("monthly", 1, 9, -1),
        Purse("monthly", 1, 8, 0, DAY_0),
        Purse("monthly", 1, 7, 0, later),
        Purse("promo", 1, 6, 0, DAY_0),
        Purse("compensation", 1, 5, 0, later),
        Purse("promo", 1, 3),
        Purse("compensation", 1, 4),
        Purse("addon", 1, 1),
        Purse("addon", 1, 2),
    ]
    assert in_burn_order(ordered[::-1]) == ordered


@given(PURSES, st.data())
def test_s1_a_later_grant_pays_only_when_all_earlier_ones_are_empty(
    purses: list[Purse], data: st.DataObject
) -> None:
    """S1, S2: taking is exact, and whoever stands before a payer pays all that it has."""
    amount = data.draw(st.integers(0, sum(p.available for p in purses)))
    parts = take(purses, amount)
    assert sum(part for _, part in parts) == amount
    assert all(0 < part <= purse.available for purse, part in parts)
    assert [burn_key(purse) for purse, _ in parts] == sorted(burn_key(purse) for purse, _ in parts)
    if parts:
        last = burn_key(parts[-1][0])
        paid = {purse.number: part for purse, part in parts}
        assert all(paid.get(p.number, 0) == p.available for p in purses if burn_key(p) < last)


@given(PURSES)
def test_s4_taking_more_than_there_is_raises(purses: list[Purse]) -> None:
    """S4: never more than there is."""
    with pytest.raises(ValueError, match="missing"):
        take(purses, sum(p.available for p in purses) + 1)


@given(PARTS, st.data())
def test_h2_a_split_keeps_the_first_and_returns_the_last_first(
    parts: list[tuple[str, int]], data: st.DataObject
) -> None:
    """H2: what is kept and what goes back are together what was taken, cut at one place."""
    amount = data.draw(st.integers(0, sum(part for _, part in parts)))
    first, rest = split(parts, amount)
    assert sum(part for _, part in first) == amount
    units = [owner for owner, part in parts for _ in range(part)]
    assert [owner for owner, part in first for _ in range(part)] == units[:amount]
    assert [owner for owner, part in rest for _ in range(part)] == units[amount:][::-1]
    assert give_back(parts, len(units) - amount) == rest
