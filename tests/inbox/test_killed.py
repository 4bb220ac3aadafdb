"""E1: a process that is killed between any two steps of handling an event leaves it to another, which
finishes it once. The process is the real server, killed with SIGKILL where locks of ours, or a provider that
holds its answer, have stopped it."""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from coinpurse.simulator import Delivery
from inbox.place import CATALOG, SECRET, Place, signed
from serving import coinpurse, environment, free_port, wait_until_ready

pytestmark = pytest.mark.slow

#: Stops whoever writes to an event, by what is being written, for as long as somebody has that advisory lock.
STOPS = """
CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(CASE WHEN TG_OP = 'INSERT' THEN 1
    WHEN NEW.attempts > OLD.attempts THEN 2 WHEN NEW.status = 'applied' THEN 3 ELSE 0 END);
  RETURN NEW;
END $$;
CREATE TRIGGER stop BEFORE INSERT OR UPDATE ON coinpurse.events FOR EACH ROW EXECUTE FUNCTION stop();
"""
BLOCKED = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE %s"""
OTHERS = """
SELECT pid FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE %s AND pid <> pg_backend_pid()"""
DUE = """
UPDATE coinpurse.events SET claimed_until = NULL, next_at = clock_timestamp()
 WHERE status IN ('waiting', 'failed')"""
GRANTS = "SELECT array_agg(amount::bigint) FROM coinpurse.grants WHERE kind = 'addon'"
STATUSES = "SELECT array_agg(DISTINCT status) FROM coinpurse.events"


def wait(happened: Callable[[], Any]) -> None:
    """Until something has happened."""
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline, "it didn't happen"
        time.sleep(0.02)


@dataclass
class Server:
    """`coinpurse serve`, started and killed as often as need be."""

    env: dict[str, str]
    place: Place
    processes: list[subprocess.Popen[Any]] = field(default_factory=list)
    url: str = ""

    def start(self) -> None:
        """A new process that can serve."""
        port = free_port()
        with tempfile.TemporaryFile("w+") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "coinpurse", "serve", "--port", str(port)],
                env=environment(**self.env),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            self.processes.append(process)
            self.url = f"http://127.0.0.1:{port}"
            wait_until_ready(process, self.url, output)

    def kill(self) -> None:
        """SIGKILL: nothing is cleaned up, nothing is said."""
        self.processes[-1].kill()
        self.processes[-1].wait()

    def deliver(self, delivery: Delivery) -> int:
        """The status of the answer; 0 where the connection broke."""
        url = f"{self.url}/v1/webhooks/stripe"
        try:
            return httpx.post(
                url, content=delivery.body, headers=signed(delivery), timeout=30, trust_env=False
            ).status_code
        except httpx.TransportError:
            return 0


@pytest.fixture
def db(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of ours."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(STOPS)
        yield conn


@pytest.fixture
def served(database_url: str, tmp_path: Path, place: Place, db: Any) -> Iterator[Server]:
    """A running server whose account `ann` can be sold to."""
    (tmp_path / "catalog.toml").write_text(CATALOG, "utf-8")
    env = {
        "COINPURSE_DATABASE_URL": database_url,
        "COINPURSE_CATALOG": str(tmp_path / "catalog.toml"),
        "COINPURSE_STRIPE_API_KEY": "sk_test_1",
        "COINPURSE_STRIPE_WEBHOOK_SECRET": SECRET,
        "COINPURSE_STRIPE_API_BASE": place.url,
    }
    assert coinpurse("accounts", "create", "ann", "--test", **env).returncode == 0
    served = Server(env, place)
    served.start()
    yield served
    for process in served.processes:
        process.kill()
        process.wait()


@contextmanager
def locked(database_url: str, *statements: str) -> Iterator[None]:
    """Locks that are ours while the block runs."""
    with psycopg.connect(database_url) as conn:
        for statement in statements:
            conn.execute(statement.encode())
        yield
        conn.rollback()


@contextmanager
def held(place: Place) -> Iterator[None]:
    """A provider that holds its answers while the block runs."""
    place.gate.clear()
    yield
    place.gate.set()


def terminate(db: Any, call: str) -> None:
    """Ends a call that the dead process has left at the database. (By itself, PostgreSQL finishes it.)"""
    db.execute(TERMINATE, [call])


def finish(served: Server, db: Any, database_url: str) -> None:
    """Another process finishes everything, once, and the books are right."""
    wait(lambda: db.execute(OTHERS).fetchall() == [])
    served.start()
    db.execute(DUE)
    wait(lambda: db.execute(STATUSES).fetchone() == (["applied"],))
    assert db.execute(GRANTS).fetchone() == ([500],)
    assert coinpurse("verify", **served.env).returncode == 0
    assert '"available": 500' in coinpurse("balance", "ann", "--test", "--json", **served.env).stdout


def bought(place: Place) -> Delivery:
    """The event of a pack that was paid."""
    place.buys()
    return place.deliveries("checkout.session.completed")[0]


ENDS = pytest.mark.parametrize(
    "dies_too", [False, True], ids=["its last call is done", "its last call is lost"]
)


@ENDS
def test_before_it_is_stored(
    served: Server, db: Any, database_url: str, place: Place, dies_too: bool
) -> None:
    """Nobody was told 200, so it comes again; whether or not the first got through, it counts once."""
    delivery = bought(place)
    answers: list[int] = []
    sender = threading.Thread(target=lambda: answers.append(served.deliver(delivery)))
    with locked(database_url, "SELECT pg_advisory_xact_lock(1)"):
        sender.start()
        wait(lambda: db.execute(BLOCKED, ["%put_event%"]).fetchone()[0])
        served.kill()
        sender.join()
        assert answers == [0]
        if dies_too:
            terminate(db, "%put_event%")
    served.start()
    assert served.deliver(delivery) == 200
    served.kill()
    finish(served, db, database_url)


#: Where it is stopped: by which locks, and in which call it then waits.
STEPS = {
    "before the claim": ("SELECT pg_advisory_xact_lock(2)", "%claim_events%"),
    "at the account's row": ("SELECT FROM coinpurse.wallets FOR UPDATE", "%apply_event%"),
    "amid the books": ("LOCK TABLE coinpurse.payments IN SHARE MODE", "%apply_event%"),
    "before the mark": ("SELECT pg_advisory_xact_lock(3)", "%apply_event%"),
}


@ENDS
@pytest.mark.parametrize("step", STEPS)
def test_at_the_database(
    served: Server, db: Any, database_url: str, place: Place, step: str, dies_too: bool
) -> None:
    """Told 200, then killed: the event is there, and is finished once."""
    statement, call = STEPS[step]
    delivery = bought(place)
    with locked(database_url, statement):
        assert served.deliver(delivery) == 200
        wait(lambda: db.execute(BLOCKED, [call]).fetchone()[0])
        served.kill()
        if dies_too:
            terminate(db, call)
    finish(served, db, database_url)


def test_while_asking(served: Server, db: Any, database_url: str, place: Place) -> None:
    """Killed while the provider is asked: the lease holds others off, then one asks again."""
    delivery = bought(place)
    with held(place):
        assert served.deliver(delivery) == 200
        wait(lambda: place.held)
        served.kill()
    [(left,)] = db.execute("SELECT claimed_until - clock_timestamp() FROM coinpurse.events").fetchall()
    assert left.total_seconds() > 30
    finish(served, db, database_url)


def test_before_waking_others(served: Server, db: Any, database_url: str, place: Place) -> None:
    """Killed when all is applied but those who waited for it weren't woken: they come by their own pauses."""
    customer = place.shop.customer()
    place.shop.pay(place.shop.checkout(customer=customer))
    [waiting] = place.deliveries("checkout.session.completed")
    assert served.deliver(waiting) == 200
    wait(lambda: db.execute(STATUSES).fetchone() == (["failed"],))
    place.shop.call("POST", f"/v1/customers/{customer}", metadata={"coinpurse_account": "ann"})
    [linking] = place.deliveries("customer.updated")
    with locked(database_url, f"SELECT FROM coinpurse.events WHERE event = '{waiting.event}' FOR UPDATE"):
        assert served.deliver(linking) == 200
        wait(lambda: db.execute(BLOCKED, ["%waken%"]).fetchone()[0])
        served.kill()
        terminate(db, "%waken%")
    assert db.execute(GRANTS).fetchone() == (None,)
    finish(served, db, database_url)
