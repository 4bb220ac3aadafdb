"""Periods of prices, in whole seconds since 1970 as Stripe counts them, always reckoned from the anchor:
January 31 gives February 28 (29) and then March 31."""

from calendar import monthrange
from datetime import UTC, datetime

DAY = 86_400
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}


def seconds(instant: datetime | int) -> int:
    """An instant as whole seconds; what is left of a second is dropped."""
    return int(instant.timestamp()) if isinstance(instant, datetime) else instant


def instant(at: int) -> datetime:
    """Whole seconds as an instant in UTC."""
    return datetime.fromtimestamp(at, UTC)


def boundary(anchor: int, interval: str, count: int, n: int) -> int:
    """The n-th boundary of periods of `count` intervals (`day`, `week`, `month`, `year`) from the anchor."""
    if interval in _DAYS:
        return anchor + n * count * _DAYS[interval] * DAY
    start = instant(anchor)
    years, month = divmod(start.month - 1 + n * count * _MONTHS[interval], 12)
    year = start.year + years
    day = min(start.day, monthrange(year, month + 1)[1])
    return seconds(start.replace(year=year, month=month + 1, day=day))


def next_boundary(anchor: int, interval: str, count: int, after: int) -> int:
    """The first boundary later than an instant."""
    if interval in _DAYS:
        n = (after - anchor) // (count * _DAYS[interval] * DAY)
    else:
        a, b = instant(anchor), instant(after)
        n = ((b.year - a.year) * 12 + b.month - a.month) // (count * _MONTHS[interval]) - 1
    while boundary(anchor, interval, count, n) <= after:
        n += 1
    return boundary(anchor, interval, count, n)
