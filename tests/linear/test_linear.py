"""Single accounts are linearizable: whatever many clients do at once, and through several server processes,
there is one order that explains all answers and lies within the times at which they were given."""

import asyncio
import os
import random
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from linear.checker import Operation, linearizable, purse, spend
from serving import answer, serving

HISTORIES = int(os.environ.get("COINPURSE_TEST_HISTORIES", "25"))
CLIENTS = 6
EACH = 5
CREDITS = 60


@pytest.fixture(scope="module")
def api(module_database_url: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Two server processes, and a key."""
    made = answer("keys", "create", "--scope", "admin", "--test", COINPURSE_DATABASE_URL=module_database_url)
    with serving("serve", "--workers", "2", COINPURSE_DATABASE_URL=module_database_url) as url:
        yield url, {"Authorization": f"Bearer {made['key']}"}


class Recorder:
    """Clients of one account, who write down what they asked and were answered, and when."""

    def __init__(self, client: httpx.AsyncClient, account: str, seed: str) -> None:
        self.client, self.account = client, account
        self.random = random.Random(seed)
        self.history: list[Operation] = []
        self.holds: list[str] = []

    async def live(self) -> None:
        """One client."""
        for _ in range(EACH):
            await self.ask(self.choose())
            await asyncio.sleep(self.random.choice([0, 0, 0.002]))

    def choose(self) -> tuple[Any, ...]:
        """What to ask: mostly what competes for the last credits."""
        dice, amount = self.random.random(), self.random.choice([1, 7, 20, 30])
        if dice < 0.35:
            return "charge", amount
        if dice < 0.6 or not self.holds:
            return "hold", amount
        if dice < 0.85:
            return self.random.choice(["capture", "release"]), self.random.choice(self.holds)
        return ("read",)

    async def ask(self, asked: tuple[Any, ...]) -> None:
        """Asks, and notes."""
        called = time.monotonic()
        told = await self._tell(*asked)
        self.history.append(Operation(called, time.monotonic(), asked, told))

    async def _tell(self, what: str, *about: Any) -> tuple[Any, ...]:
        if what == "read":
            balance = (await self.client.get(f"/accounts/{self.account}/balance")).json()
            return balance["available"], balance["held"]
        if what in ("charge", "hold"):
            body = {"account": self.account, "amount": about[0]}
            response = await self.client.post(f"/{what}s", json=body)
        else:
            response = await self.client.post(f"/holds/{about[0]}/{what}")
        got = response.json()
        if response.status_code == 409:
            assert got["code"] == "hold_closed"
            return ("closed",)
        if response.status_code == 402:
            return "refused", got["available"], got["held"]
        balance = got["balance"]
        if what == "hold":
            self.holds.append(got["id"])
            return "done", balance["available"], balance["held"], got["id"]
        if response.headers.get("Idempotent-Replayed"):
            return ("closed",)  # the same end again is answered as the first time (H3)
        return "done", balance["available"], balance["held"]


@pytest.mark.slow
async def test_s7_histories_of_single_accounts_are_linearizable(api: tuple[str, dict[str, str]]) -> None:
    """Charges, holds, captures, releases and reads at once, on the last credits of an account."""
    url, headers = api
    seed = random.randrange(2**32)
    limits = httpx.Limits(max_connections=32)
    kinds = set()
    async with httpx.AsyncClient(base_url=f"{url}/v1", headers=headers, limits=limits, timeout=60) as client:
        for n in range(HISTORIES):
            account = f"linear-{seed}-{n}"
            await client.put(f"/accounts/{account}", json={})
            grant = {"account": account, "kind": "addon", "amount": CREDITS, "reason": "test"}
            assert (await client.post("/grants", json=grant)).status_code == 201
            recorder = Recorder(client, account, f"{seed} {n}")
            await asyncio.gather(*(recorder.live() for _ in range(CLIENTS)))
            assert linearizable(recorder.history, purse(CREDITS), spend), f"seed {seed}: {recorder.history}"
            kinds |= {(o.asked[0], o.answered[0] if o.asked[0] != "read" else "") for o in recorder.history}
    assert {
        ("charge", "done"),
        ("charge", "refused"),
        ("hold", "done"),
        ("capture", "done"),
        ("read", ""),
    } <= kinds


def op(called: float, returned: float, *asked: Any, told: Any) -> Operation:
    """An operation of a history that was made up."""
    return Operation(called, returned, asked, told)


WRONG = {
    "two charges at once that both saw the same balance": [
        op(0, 2, "charge", 30, told=("done", 30, 0)),
        op(1, 3, "charge", 30, told=("done", 30, 0)),
    ],
    "a read that is older than an answer before it": [
        op(0, 1, "charge", 10, told=("done", 50, 0)),
        op(2, 3, "read", told=(60, 0)),
    ],
    "a read that knows what hasn't been asked yet": [
        op(0, 1, "read", told=(50, 0)),
        op(2, 3, "charge", 10, told=("done", 50, 0)),
    ],
    "a charge that was lost after its answer": [
        op(0, 1, "charge", 10, told=("done", 50, 0)),
        op(2, 3, "charge", 5, told=("done", 55, 0)),
    ],
    "a refusal although there was enough, whatever the order": [
        op(0, 3, "charge", 10, told=("done", 50, 0)),
        op(1, 2, "charge", 45, told=("refused", 40, 0)),
    ],
    "a hold that was captured and released": [
        op(0, 1, "hold", 20, told=("done", 40, 20, "h")),
        op(2, 4, "capture", "h", told=("done", 40, 0)),
        op(3, 5, "release", "h", told=("done", 60, 0)),
    ],
    "two reads that saw two charges in different orders": [
        op(0, 9, "charge", 10, told=("done", 50, 0)),
        op(0, 9, "charge", 1, told=("done", 49, 0)),
        op(1, 2, "read", told=(59, 0)),
        op(3, 4, "read", told=(50, 0)),
    ],
}


@pytest.mark.parametrize("what", WRONG)
def test_the_checker_rejects_what_cant_be(what: str) -> None:
    """Each of these planted histories is wrong, and found to be."""
    assert not linearizable(WRONG[what], purse(60), spend)


def test_the_checker_accepts_what_can_be() -> None:
    """Overlapping operations may be explained in another order than that of their calls; one without an
    answer may have happened, or not."""
    assert linearizable(
        [op(0, 9, "charge", 10, told=("done", 45, 0)), op(1, 2, "charge", 5, told=("done", 55, 0))],
        purse(60),
        spend,
    )
    unheard = op(0, float("inf"), "charge", 10, told=None)
    for seen in (60, 50):
        assert linearizable([unheard, op(5, 6, "read", told=(seen, 0))], purse(60), spend)
    later = [op(5, 6, "read", told=(60, 0)), op(7, 8, "read", told=(50, 0))]
    assert linearizable([unheard, *later], purse(60), spend)
    assert not linearizable([unheard, later[1], op(9, 10, "read", told=(60, 0))], purse(60), spend)


@given(
    st.lists(st.tuples(st.integers(1, 40), st.floats(0, 3), st.floats(0, 3)), min_size=1, max_size=9),
    st.data(),
)
@bounded(max_examples=60, deadline=None)
def test_the_checker_knows_a_true_history_from_a_changed_one(
    charges: list[tuple[int, float, float]], data: st.DataObject
) -> None:
    """Charges one after another, each said to have taken longer than it did, are linearizable; with one
    balance changed to what it never was, they are not."""
    left, history = 100, []
    for n, (amount, before, after) in enumerate(charges):
        if amount <= left:
            left -= amount
            told: Any = ("done", left, 0)
        else:
            told = ("refused", left, 0)
        history.append(Operation(n - before, n + after, ("charge", amount), told))
    assert linearizable(history, purse(100), spend)
    which = data.draw(st.integers(0, len(history) - 1))
    wrong = (history[which].answered[0], -1, 0)
    history[which] = Operation(history[which].called, history[which].returned, history[which].asked, wrong)
    assert not linearizable(history, purse(100), spend)
