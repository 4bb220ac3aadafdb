"""Renewing many accounts in one call, under rivals that hold the same accounts."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from coinpurse.domain.ids import account_digest
from store.test_spend_many import charge, connect, until_blocked

BEGAN, ENDED = datetime(2026, 1, 31, 10, tzinfo=UTC), datetime(2026, 2, 28, 10, tzinfo=UTC)
TERMS = {
    "plan": "p",
    "months": 12,
    "allocation": 1000,
    "renewal": "strict",
    "grace": "P1D",
    "late_after": "PT10M",
}
LINES = """
    SELECT moves, amounts, monthly FROM coinpurse.acts
     WHERE account = %s AND kind = 'renew' AND moves LIKE 'x%%'"""
Conn = psycopg.Connection[Any]


def set_clock(conn: Conn, name: str, instant: datetime) -> None:
    """Moves a test clock, and nothing else."""
    conn.execute(
        "UPDATE coinpurse.wallets SET clock = %s WHERE account = %s", [instant, account_digest(name, False)]
    )


@pytest.fixture
def rivals(database_url: str) -> Iterator[tuple[Conn, Conn]]:
    """Two connections, and two accounts whose month has just ended, with 900 of their 1,000 credits left."""
    with connect(database_url) as one, connect(database_url) as other:
        for name in ("a", "b"):
            digest = account_digest(name, False)
            one.execute(
                "SELECT coinpurse.put_account(%s, %s, false, null, null, null, null, null, %s)",
                [digest, name, BEGAN],
            )
            one.execute(
                "SELECT coinpurse.subscribe(%s, %s, 1, 'manual', %s, null, 0, null, 'test')",
                [digest, uuid.uuid4(), json.dumps(TERMS)],
            )
            charge(one, [name] * 25)
            set_clock(one, name, ENDED)
        yield one, other


def renewed(rivals: tuple[Conn, Conn], work: Callable[[Conn], None]) -> int:
    """How many of both are renewed by a call that has to wait until a rival's work is committed."""
    one, other = rivals
    answers: list[int] = []
    both = [account_digest(name, False) for name in ("a", "b")]

    def call() -> None:
        answers.append(other.execute("SELECT coinpurse.renew_many(%s)", [both]).fetchall()[0][0])

    one.execute("BEGIN")
    work(one)
    waiting = threading.Thread(target=call)
    waiting.start()
    until_blocked(one, other)
    one.execute("COMMIT")
    waiting.join()
    return answers[0]


def renewals(conn: Conn, name: str) -> list[Any]:
    """Of the account's second period: the entries, their amounts, and the monthly credits after it."""
    return conn.execute(LINES, [account_digest(name, False)]).fetchall()


def test_t4_who_was_renewed_meanwhile_is_not_renewed_again(rivals: tuple[Conn, Conn]) -> None:
    """A rival brings one of two accounts up to now: only the other is renewed, and each is once."""
    answer = renewed(rivals, lambda one: touch(one, "a"))
    assert answer == 1
    for name in ("a", "b"):
        assert renewals(rivals[0], name) == [("xg", [900, 1000], 1000)]


def test_t3_what_was_spent_meanwhile_does_not_lapse(rivals: tuple[Conn, Conn]) -> None:
    """A rival's charge from before the instant that is committed after it counts: what lapses is the rest."""

    def charge_before(one: Conn) -> None:
        set_clock(one, "a", BEGAN)
        charge(one, ["a"])
        set_clock(one, "a", ENDED)

    assert renewed(rivals, charge_before) == 2
    assert renewals(rivals[0], "a") == [("xg", [896, 1000], 1000)]
    assert renewals(rivals[0], "b") == [("xg", [900, 1000], 1000)]


def touch(conn: Conn, name: str) -> None:
    """Brings one account up to now."""
    conn.execute("SELECT coinpurse.touch(%s)", [account_digest(name, False)])
