"""The token bucket, by a clock of the test's own."""

from typing import Any

import pytest
from fastapi import FastAPI

from coinpurse.api.limits import Bucket
from coinpurse.api.problems import RateLimited


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_no_limit_unless_set() -> None:
    """Zero requests per second means that there is no limit."""
    bucket = Bucket(0)
    for _ in range(1000):
        bucket.take("ak_1")


def test_a_key_that_asks_too_often_waits() -> None:
    """As many as per second at once, then one each time that its share of a second has passed."""
    clock = Clock()
    bucket = Bucket(2, clock)
    bucket.take("ak_1")
    bucket.take("ak_1")
    with pytest.raises(RateLimited) as refusal:
        bucket.take("ak_1")
    assert refusal.value.retry_after == 1
    clock.now = 0.5
    bucket.take("ak_1")


def test_slow_rates_say_how_long_to_wait() -> None:
    """One request in ten seconds: the next one is ten seconds away."""
    bucket = Bucket(0.1, Clock())
    bucket.take("ak_1")
    with pytest.raises(RateLimited) as refusal:
        bucket.take("ak_1")
    assert refusal.value.retry_after == 10


def test_keys_do_not_share() -> None:
    """One key's haste costs no other key anything."""
    bucket = Bucket(1, Clock())
    bucket.take("ak_1")
    bucket.take("ak_2")


def test_a_rested_key_has_no_more_than_a_second_of_credit() -> None:
    """An hour of silence allows no flood."""
    clock = Clock()
    bucket = Bucket(3, clock)
    bucket.take("ak_1")
    clock.now = 3600
    for _ in range(3):
        bucket.take("ak_1")
    with pytest.raises(RateLimited):
        bucket.take("ak_1")


async def test_whoever_leaves_is_no_error(api: FastAPI) -> None:
    """A browser that goes away in the middle of its request is answered 499, to nobody, and nothing is
    raised."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/webhooks/standard",
        "query_string": b"",
        "headers": [],
    }
    sent: list[Any] = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await api({**scope, "query_string": b"", "scheme": "http", "server": ("x", 80)}, receive, send)
    assert sent[0]["status"] == 499
