"""Charges that go on, by bare SQL: any version of the schema takes them."""

import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from coinpurse.app.context import key_and_fingerprint
from coinpurse.domain.ids import account_digest

ACCOUNTS = 20
PASSING = {"40001", "40P01", "23505", "55P03", "57014"}
STARTER = {
    "plan": "starter",
    "months": 12,
    "allocation": 1000,
    "renewal": "provisional",
    "grace": "24:00:00",
    "late_after": "00:10:00",
    "cap": None,
}


def fill(url: str) -> list[UUID]:
    """Makes accounts with a subscription that began 70 days ago, add-on credits, and a hold that is open."""
    digests = [account_digest(f"user_{n}", test=False) for n in range(ACCOUNTS)]
    with psycopg.connect(url, autocommit=True) as conn:
        for name, digest in enumerate(digests):
            _call(conn, "put_account", digest, f"user_{name}", False, None, None, None, None, None, None)
            began = datetime.now(UTC) - timedelta(days=70)
            _call(
                conn,
                "subscribe",
                digest,
                *_key("subscribe"),
                "manual",
                Jsonb(STARTER),
                began,
                0,
                None,
                "test",
            )
            source = Jsonb({"type": "support"})
            _call(conn, "give", digest, *_key("give"), "addon", 10**6, None, 0, source, "test", "Hello")
            _call(conn, "hold", digest, *_key("hold"), 5, 3600, None, None, None, "test")
    return digests


def _key(*asked: Any) -> tuple[UUID, int]:
    both = key_and_fingerprint(uuid.uuid4().hex, *asked)
    return both["key"], both["fingerprint"]


def _call(conn: psycopg.Connection[Any], function: str, *arguments: Any) -> Any:
    places = ", ".join(["%s"] * len(arguments))
    row = conn.execute(f"SELECT coinpurse.{function}({places})", arguments).fetchone()
    assert row
    return row[0]


@dataclass
class Traffic:
    """Charges that go on from two sides; each is repeated with its key until it is acknowledged."""

    url: str
    accounts: list[UUID]
    made: list[UUID] = field(default_factory=list)
    failed: list[Exception] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Traffic":
        self._threads = [threading.Thread(target=self._charge, args=(n,)) for n in range(2)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def wait_for(self, more: int) -> None:
        """Until this many charges more are made."""
        until, soon = len(self.made) + more, threading.Event()
        for _ in range(600):
            if len(self.made) >= until or self.failed:
                return
            soon.wait(0.05)
        raise AssertionError(f"only {len(self.made)} of {until} charges were made")

    def _charge(self, side: int) -> None:
        number = side
        with psycopg.connect(self.url, autocommit=True) as conn:
            conn.execute("SET default_transaction_isolation = 'read committed'")
            while not self._stop.is_set() and not self.failed:
                number += 1
                try:
                    self._once(conn, self.accounts[number % ACCOUNTS])
                except Exception as error:  # the test says what it was
                    self.failed.append(error)

    def _once(self, conn: psycopg.Connection[Any], account: UUID) -> None:
        key, fingerprint = _key("charge", 3, None, None, None)
        for _ in range(50):
            try:
                answer = _call(conn, "charge", account, key, fingerprint, 3, None, None, None, "test")
            except psycopg.Error as error:
                if error.sqlstate not in PASSING:
                    raise
                continue
            assert answer["status"] in ("done", "replayed"), answer
            self.made.append(key)
            return
        raise AssertionError("a charge was refused 50 times")
