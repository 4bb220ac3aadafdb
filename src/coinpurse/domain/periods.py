"""Months reckoned from an anchor (T1). Periods are half-open and in UTC (T2)."""

from calendar import monthrange
from datetime import UTC, datetime

from coinpurse.domain.credits import Period


def month_start(anchor: datetime, months: int) -> datetime:
    """The instant `anchor + months`, reckoned from the anchor itself and clipped to the month's last day:
    January 31 gives February 28 (29), March 31, April 30. The time of day stays the anchor's, in UTC."""
    anchor = anchor.astimezone(UTC)
    years, month = divmod(anchor.month - 1 + months, 12)
    year = anchor.year + years
    day = min(anchor.day, monthrange(year, month + 1)[1])
    return anchor.replace(year=year, month=month + 1, day=day)


def period(anchor: datetime, n: int) -> Period:
    """Credit period n: `[anchor + n months, anchor + (n + 1) months)`."""
    return Period(month_start(anchor, n), month_start(anchor, n + 1))


def period_number(anchor: datetime, instant: datetime) -> int:
    """The number of the period that holds an instant; negative before the anchor."""
    anchor, instant = anchor.astimezone(UTC), instant.astimezone(UTC)
    months = (instant.year - anchor.year) * 12 + instant.month - anchor.month
    return months if month_start(anchor, months) <= instant else months - 1
