"""Numbers, money and dates in words."""

from datetime import UTC, datetime

import pytest

from coinpurse.domain.credits import Taken
from coinpurse.domain.money import Price
from coinpurse.web import words


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0"),
        (99_999, "99,999"),
        (100_000, "100K"),
        (123_999, "123.9K"),
        (999_999, "999.9K"),
        (1_000_000, "1M"),
        (1_999_999, "1.9M"),
        (10**15, "1000T"),
    ],
)
def test_compact(count: int, said: str) -> None:
    """In full up to 99,999, then compact, and never more than there is."""
    assert words.compact(count) == said


@pytest.mark.parametrize(
    ("text", "currency", "credits", "said"),
    [
        ("6.00", "usd", 500, "$0.012"),
        ("16.00", "usd", 1500, "$0.0107"),
        ("5.00", "usd", 1, "$5.00"),
        ("500", "jpy", 1000, "¥0.5"),
        ("9.00", "chf", 1000, "CHF\u00a00.009"),
    ],
)
def test_price_per_credit(text: str, currency: str, credits: int, said: str) -> None:
    """The price of one credit, to a hundredth of the smallest coin."""
    assert words.per_credit(Price(text, currency), credits) == f"{said} per credit"


def test_money() -> None:
    """Money with its sign, or its code."""
    assert words.money(Price("1200.00", "usd")) == "$1,200.00"
    assert words.money(Price("500", "jpy")) == "¥500"
    assert words.money(Price("5.00", "sek")) == "SEK\u00a05.00"


def test_dates() -> None:
    """Dates and instants, with their zone."""
    instant = datetime(2026, 12, 4, 9, 5, tzinfo=UTC)
    assert words.day(instant) == "4 December 2026"
    assert words.moment(instant) == "4 December 2026, 09:05 UTC"
    assert words.machine(instant) == "2026-12-04T09:05:00Z"


def test_shares() -> None:
    """What paid, bucket by bucket."""
    taken = [Taken("a", "monthly", 3), Taken("b", "addon", 1), Taken("c", "addon", 2)]
    assert words.shares(taken) == "3 from monthly and 3 from add-on"


def test_plural() -> None:
    """One credit, two credits."""
    assert words.credits(1) == "1 credit"
    assert words.credits(2, "monthly") == "2 monthly credits"
