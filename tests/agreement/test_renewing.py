"""Periods that begin for many accounts at once: what `renew_many` does must be what `enter` does for each
alone, and what the model says."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agreement.billing import billed_lives
from agreement.books import faults, tied
from agreement.live import live, same
from agreement.lives import START, Life, Step, lives
from agreement.test_agreement import FEW, SEARCHING
from stories.purse import Engine, Purse

SPANS = [timedelta(days=1), timedelta(days=31), timedelta(days=75)]
#: What the books of two accounts that lived the same may differ in: who they are, and the clock on the wall.
OWN = "{account,hash,chain,written_at}"
TABLES = ("wallets", "acts", "grants", "terms", "subscriptions", "renewals", "outbox")


class Renewed(Purse):
    """An account whose periods are begun as those of many accounts are, wherever that does it."""

    def wait_until(self, instant: datetime) -> None:
        set_clock(self, instant)
        while renew(self.engine, [self]):
            pass
        super().wait_until(instant)


def set_clock(purse: Purse, instant: datetime) -> None:
    """Moves a test clock, and nothing else."""
    purse.engine.rows(
        "UPDATE coinpurse.wallets SET clock = %s WHERE account = %s RETURNING act", instant, purse.digest
    )


def renew(engine: Engine, purses: list[Purse]) -> int:
    """Begins one period each, of those that are so far."""
    found = engine.rows("SELECT coinpurse.renew_many(%s) AS n", [purse.digest for purse in purses])
    return int(found[0]["n"])


@settings(SEARCHING, max_examples=FEW // 3)
@given(life=lives())
def test_t4_renewing_many_agrees(engine: Engine, life: list[Step]) -> None:
    """T3, T4: the model's acts, entries, hashes, grants and terms, whichever way a period begins."""
    live(engine, life, Renewed)


@settings(SEARCHING, max_examples=FEW // 6)
@given(life=billed_lives())
def test_t4_renewing_many_agrees_on_billing(engine: Engine, life: list[Step]) -> None:
    """The same for accounts of which a payment provider speaks."""
    live(engine, life, Renewed)


@settings(SEARCHING, max_examples=FEW // 30)
@given(several=st.lists(lives(most=12), min_size=5, max_size=5), span=st.sampled_from(SPANS))
def test_t4_together_as_each_alone(engine: Engine, several: list[list[Step]], span: timedelta) -> None:
    """Accounts with all kinds of lives behind them are renewed in one call, their twins one by one: every
    row of theirs is the same, with what is announced and what is to be topped up; and the books are
    right."""
    with _somebody_listening(engine):
        pairs = [(_lived(engine, life), _lived(engine, life)) for life in several]
        then = max(life.now for pair in pairs for life in pair) + span
        for one, other in pairs:
            set_clock(one.driver, then)
            set_clock(other.driver, then)
        while renew(engine, [one.driver for one, _ in pairs]):
            pass
        for one, other in pairs:
            one.driver.balance()
            other.driver.balance()
            same(_rows(one.driver), _rows(other.driver), "twins")
            same(faults(one.driver), [], "faults")
            same(*tied(one.driver), "hashes")


class _Lived(Life):
    driver: Purse


def _lived(engine: Engine, life: list[Step]) -> _Lived:
    purse = Purse(engine, START)
    lived = _Lived(purse)
    engine.rows(
        "SELECT coinpurse.put_auto_topup(%s, 'pack', 900, 3, 'manual', 'somebody')::text", purse.digest
    )
    for step in life:
        lived.play(step)
    return lived


def _rows(purse: Purse) -> dict[str, list[Any]]:
    """All that is kept of an account, its name left out."""
    found = {
        table: purse.engine.rows(
            f"SELECT replace((to_jsonb(t) - %s::text[])::text, %s, 'me') AS row FROM coinpurse.{table} t "  # noqa: S608
            "WHERE account = %s ORDER BY 1",
            OWN,
            purse.name,
            purse.digest,
        )
        for table in TABLES
    }
    wanted = "SELECT due_at < 'infinity' AS due FROM coinpurse.auto_topups WHERE account = %s"
    return {**found, "to be topped up": purse.engine.rows(wanted, purse.digest)}


@contextmanager
def _somebody_listening(engine: Engine) -> Iterator[None]:
    engine.rows(
        "INSERT INTO coinpurse.webhook_endpoints (endpoint, url, secret, test, created_at) "
        "VALUES ('ear', 'https://ear.test', 'hush', true, clock_timestamp()) RETURNING endpoint"
    )
    try:
        yield
    finally:
        engine.rows("DELETE FROM coinpurse.webhook_endpoints RETURNING endpoint")
