"""The SQL and the domain reckon months alike (T1)."""

import random
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from coinpurse.domain.periods import month_start


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"])
def test_t1_month_start_is_the_domains(module_database_url: str, zone: str) -> None:
    """For a thousand anchors, the last days of months and leap days among them, and months up to a century
    ahead and behind, whatever the session's time zone."""
    chance = random.Random(zone)
    start = datetime(2019, 12, 25, 23, 59, 59, 999_999, tzinfo=UTC)
    anchors = [
        start + timedelta(days=chance.randrange(2500), microseconds=chance.randrange(10**6))
        for _ in range(900)
    ]
    anchors += [datetime(2024, 2, 29, 12, tzinfo=UTC) + timedelta(days=n) for n in range(-50, 50)]
    months = [chance.choice([0, 1, 2, 11, 12, 13, 47, 48, 1200, -1, -13]) for _ in anchors]
    with psycopg.connect(module_database_url) as conn:
        conn.execute("SELECT set_config('timezone', %s, false)", [zone])
        rows = conn.execute(
            "SELECT array_agg(coinpurse.month_start(anchor, n) ORDER BY i) "
            "FROM unnest(%s::timestamptz[], %s::int[]) WITH ORDINALITY AS t(anchor, n, i)",
            [anchors, months],
            binary=True,
        ).fetchone()
    assert rows
    assert rows[0] == [month_start(anchor, n) for anchor, n in zip(anchors, months, strict=True)]
