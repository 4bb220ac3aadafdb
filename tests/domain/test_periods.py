"""Months from an anchor (T1, T2)."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinpurse.domain.periods import month_start, period, period_number

ANCHORS = st.datetimes(datetime(1990, 1, 1), datetime(2080, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
MONTHS = st.integers(-60, 600)


def at(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("months", "expected"),
    [
        (0, "2026-01-31T10:30:00.000001"),
        (1, "2026-02-28T10:30:00.000001"),
        (2, "2026-03-31T10:30:00.000001"),
        (3, "2026-04-30T10:30:00.000001"),
        (12, "2027-01-31T10:30:00.000001"),
        (25, "2028-02-29T10:30:00.000001"),
        (-1, "2025-12-31T10:30:00.000001"),
        (-2, "2025-11-30T10:30:00.000001"),
    ],
)
def test_t1_the_last_day_is_clipped_and_never_worn_down(months: int, expected: str) -> None:
    """T1: January 31 gives February 28 (29), March 31, April 30."""
    assert month_start(at("2026-01-31T10:30:00.000001"), months) == at(expected)


def test_t1_the_time_of_day_is_the_anchors_in_utc() -> None:
    """T1: an anchor given in another zone is reckoned in UTC."""
    anchor = datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    assert month_start(anchor, 1) == at("2026-03-28T22:30")


@given(ANCHORS, MONTHS)
def test_t1_every_start_is_the_anchors_day_or_the_months_last(anchor: datetime, months: int) -> None:
    """T1: the day is the anchor's, or the last of a shorter month; the time of day is the anchor's."""
    start = month_start(anchor, months)
    last = monthrange(start.year, start.month)[1]
    assert start.day == min(anchor.day, last)
    assert start.timetz() == anchor.timetz()
    assert (start.year - anchor.year) * 12 + start.month - anchor.month == months


@given(ANCHORS, MONTHS)
def test_t2_periods_meet_without_gap_or_overlap(anchor: datetime, months: int) -> None:
    """T2: each period ends where the next one starts, and is 28 to 31 days long."""
    one, other = period(anchor, months), period(anchor, months + 1)
    assert one.end == other.start
    assert timedelta(days=28) <= one.end - one.start <= timedelta(days=31)


@given(ANCHORS, MONTHS)
def test_t2_an_end_belongs_to_the_next_period(anchor: datetime, months: int) -> None:
    """T2: half-open: the first instant is in, the end is out."""
    start = month_start(anchor, months)
    assert period_number(anchor, start) == months
    assert period_number(anchor, start - timedelta(microseconds=1)) == months - 1
