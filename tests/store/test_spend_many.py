"""The batch function under rivals that hold the same accounts."""

import threading
import uuid
from typing import Any

import psycopg
import pytest

from coinpurse.domain.ids import account_digest
from coinpurse.store import arrays
from coinpurse.store.spending import SPEND_MANY, Request, columns

WALLET = """
    SELECT act, monthly + addon, (SELECT max(act) FROM coinpurse.acts WHERE account = w.account)
      FROM coinpurse.wallets w WHERE account = %s"""


def connect(url: str) -> psycopg.Connection[Any]:
    """A connection that can send packed arrays, with short statements' isolation."""
    conn: psycopg.Connection[Any] = psycopg.connect(url, autocommit=True)
    conn.execute("SET default_transaction_isolation = 'read committed'")
    arrays.register(conn.adapters)
    return conn


def charge(conn: psycopg.Connection[Any], accounts: list[str]) -> list[Any]:
    """Charges 4 credits for each name in the list."""
    digests = sorted((account_digest(name, False) for name in accounts), key=lambda digest: digest.bytes)
    asked = [Request("", digest, uuid.uuid4().bytes, 1, 4, None, None, None, "test") for digest in digests]
    return conn.execute(SPEND_MANY, columns(asked), binary=True).fetchall()


@pytest.fixture
def rivals(database_url: str) -> Any:
    """Two connections, and three accounts with 1,000 credits each."""
    with connect(database_url) as one, connect(database_url) as other:
        for name in ("a", "b", "c"):
            digest = account_digest(name, False)
            one.execute(
                "SELECT coinpurse.put_account(%s, %s, false, null, null, null, null, null, null)",
                [digest, name],
            )
            one.execute(
                "SELECT coinpurse.give(%s, %s, 1, 'addon', 1000, null, 0, '{}', 'test', 'x')",
                [digest, uuid.uuid4()],
            )
        yield one, other


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["a"], ["a"]),
        (["a"], ["a", "a"]),
        (["a", "b"], ["b", "a"]),
        (["a"], ["a", "b"]),
        (["a", "b", "c"], ["c", "b", "b"]),
    ],
)
def test_s7_a_charge_that_waited_for_a_rival_is_carried_into_the_wallet(
    rivals: Any, first: list[str], second: list[str]
) -> None:
    """Both charges stand in the ledger and in the wallet, whoever had to wait."""
    one, other = rivals
    one.execute("BEGIN")
    charge(one, first)
    answers: list[list[Any]] = []
    waiting = threading.Thread(target=lambda: answers.append(charge(other, second)))
    waiting.start()
    until_blocked(one, other)
    one.execute("COMMIT")
    waiting.join()
    assert [row[1] for row in answers[0]] == ["done"] * len(second)
    for name in {*first, *second}:
        times = [*first, *second].count(name)
        assert one.execute(WALLET, [account_digest(name, False)]).fetchone() == (
            1 + times,
            1000 - 4 * times,
            1 + times,
        )


def until_blocked(watcher: psycopg.Connection[Any], waiter: psycopg.Connection[Any]) -> None:
    """Waits until one connection waits for the other."""
    for _ in range(2000):
        row = watcher.execute("SELECT pg_blocking_pids(%s)", [waiter.info.backend_pid]).fetchone()
        if row and row[0]:
            return
    raise AssertionError("the second call never had to wait")


def test_s8_beside_a_used_key_the_other_requests_of_the_account_are_asked_for_again(rivals: Any) -> None:
    """Nothing is done for them in that call; other accounts' requests are made."""
    one, _ = rivals
    a, b = sorted((account_digest(name, False) for name in ("a", "b")), key=lambda digest: digest.bytes)
    first = [Request("", a, b"k" * 16, 1, 4, None, None, None, "test")]
    assert [row[1] for row in one.execute(SPEND_MANY, columns(first), binary=True).fetchall()] == ["done"]
    asked = [
        *first,
        *(Request("", digest, uuid.uuid4().bytes, 1, 4, None, None, None, "test") for digest in (a, b)),
    ]
    assert [row[1] for row in sorted(one.execute(SPEND_MANY, columns(asked), binary=True).fetchall())] == [
        "replayed",
        "again",
        "done",
    ]
    assert one.execute(WALLET, [a]).fetchone()[:2] == (2, 996)
