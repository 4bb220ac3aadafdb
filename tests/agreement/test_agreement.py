"""The model and PostgreSQL were written apart from the same page; here they live the same lives.

COINPURSE_TEST_LIVES=N lives N of them, and COINPURSE_TEST_RANDOM=1 other ones than the last time.
"""

import os
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings

from agreement.billing import billed_lives
from agreement.live import live
from agreement.lives import Step, lives
from stories.purse import Engine, Purse

#: Always the same lives, so that what fails on one machine fails on all.
SEARCHING = settings(
    deadline=None,
    derandomize=not os.environ.get("COINPURSE_TEST_RANDOM"),
    database=None,
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
FEW = int(os.environ.get("COINPURSE_TEST_LIVES", "300"))
MANY = int(os.environ.get("COINPURSE_TEST_LIVES", "1500"))
LOOKS = 9


class Watched(Purse):
    """An account at which somebody looks again and again while time passes (T4)."""

    def __init__(self, engine: Engine, now: datetime) -> None:
        super().__init__(engine, now)
        self.now = now

    def wait_until(self, instant: datetime) -> None:
        span = (instant - self.now) / LOOKS
        for look in range(1, LOOKS):
            super().wait_until(self.now + look * span)
            self.balance()
        super().wait_until(instant)
        self.now = instant


@settings(SEARCHING, max_examples=FEW)
@given(life=lives())
def test_both_engines_agree(engine: Engine, life: list[Step]) -> None:
    """Every answer, act, entry, renewal and past balance is the same on the model and on PostgreSQL."""
    live(engine, life)


@settings(SEARCHING, max_examples=FEW // 4)
@given(life=lives())
def test_t4_looking_often_changes_nothing(engine: Engine, life: list[Step]) -> None:
    """T4, T5: a life in which somebody looks all the time equals the model's, in which nobody does."""
    live(engine, life, Watched)


@settings(SEARCHING, max_examples=FEW)
@given(life=billed_lives())
def test_both_engines_agree_on_billing(engine: Engine, life: list[Step]) -> None:
    """The same for accounts of which a payment provider speaks."""
    live(engine, life)


@pytest.mark.slow
@settings(SEARCHING, max_examples=MANY)
@given(life=billed_lives(most=50))
def test_both_engines_agree_on_billing_for_long(engine: Engine, life: list[Step]) -> None:
    """The same for thousands of lives, and longer ones."""
    live(engine, life)


@pytest.mark.slow
@settings(SEARCHING, max_examples=MANY)
@given(life=lives(most=50))
def test_both_engines_agree_for_long(engine: Engine, life: list[Step]) -> None:
    """The same for thousands of lives, and longer ones."""
    live(engine, life)


def test_the_books_are_right_after_all_lives(engine: Engine) -> None:
    """L1, L2: `verify` finds nothing wrong with any of the accounts that have lived here."""
    assert engine.verify() == []
