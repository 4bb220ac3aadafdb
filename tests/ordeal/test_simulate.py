"""The ordeal for real: processes that are killed, lines that are cut, and books that must be right.

`coinpurse simulate` runs it for hours; here it is short, with another seed each time.
"""

import asyncio
import itertools
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coinpurse.ordeal.account import Fault
from coinpurse.ordeal.ordeal import Ordeal, Plan, Report
from coinpurse.ordeal.shrink import MOST, shrink
from serving import coinpurse


@pytest.mark.slow
def test_s7_nothing_is_lost_doubled_or_unexplained() -> None:
    """Whatever is killed and cut while a crowd of customers does everything that they can."""
    seed = secrets.token_hex(4)
    print(f"seed {seed}")
    options = ["--operations", "2500", "--minutes", "0.5", "--kills", "5", "--accounts", "60"]
    done = coinpurse("simulate", "--seed", seed, *options, "--json")
    assert done.returncode == 0, f"seed {seed}: {done.stdout}{done.stderr}"
    report = json.loads(done.stdout)
    assert report["seed"] == seed
    assert report["faults"] == []
    assert report["operations"] > 500
    assert sum(report["kills"].values()) >= 3
    assert report["counted"]["charge done"] > 300


class Tampered(Ordeal):
    """Somebody gives an account a credit behind everyone's back."""

    async def _audit(self) -> None:
        give = "UPDATE coinpurse.wallets SET addon = addon + 1, remaining[1] = remaining[1] + 1"
        where = "WHERE account = (SELECT account FROM coinpurse.accounts WHERE id = 'customer-9')"
        await asyncio.to_thread(self.it.database.tell, f"{give} {where}")
        await super()._audit()


@pytest.mark.slow
def test_a_credit_too_many_is_found(tmp_path: Path) -> None:
    """By the audit of the account, and by the books' own checks; the report has what it had been through."""
    plan = Plan("planted", operations=60, kills=0, accounts=10)
    seen: list[Any] = []
    report = asyncio.run(Tampered(plan, tmp_path, lambda *done: seen.append(done)).run())
    found = {fault.account: fault for fault in report.faults}
    assert set(found) == {"customer-9", "the books"}
    assert "available" in found["customer-9"].what
    assert found["customer-9"].history
    assert "customer-9" in found["the books"].what


class Short(Ordeal):
    """The books give back one credit too few when a charge is reversed."""

    async def _open(self) -> None:
        await asyncio.to_thread(self.it.database.tell, SPOIL)
        await super()._open()


SPOIL = """
    CREATE FUNCTION coinpurse.less() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN NEW.remaining[1] := NEW.remaining[1] - 1; NEW.addon := NEW.addon - 1; RETURN NEW; END $$;
    CREATE TRIGGER less BEFORE UPDATE ON coinpurse.wallets FOR EACH ROW
      WHEN (NEW.held_addon < OLD.held_addon AND NEW.addon > OLD.addon) EXECUTE FUNCTION coinpurse.less()"""


@pytest.mark.slow
def test_a_plan_that_goes_wrong_is_shrunk(tmp_path: Path) -> None:
    """A hold that gives back one credit too few is found again without kills and disturbances."""
    places = (tmp_path / f"{n}" for n in itertools.count())

    async def attempt(plan: Plan) -> Report:
        home = next(places)
        home.mkdir()
        return await Short(plan, home, lambda *done: None).run()

    async def shrunk() -> tuple[Plan, Report]:
        plan = Plan("short", operations=600, kills=1, accounts=40)
        return await shrink(plan, await attempt(plan), attempt, most=2)

    plan, report = asyncio.run(shrunk())
    assert report.faults
    assert (plan.kills, plan.disturbed) == (0, False)


def report_of(plan: Plan, faults: int) -> Report:
    """What a plan led to."""
    return Report(plan.seed, plan.operations, faults=[Fault("a", "wrong", [])] * faults)


async def gone_through(goes_wrong: Callable[[Plan], bool]) -> tuple[Plan, list[Plan]]:
    """What a plan is shrunk to, where those go wrong for which it is said, and all that were tried."""
    tried: list[Plan] = []

    async def attempt(plan: Plan) -> Report:
        tried.append(plan)
        return report_of(plan, faults=goes_wrong(plan))

    first = Plan("s", operations=10_000, kills=64, accounts=2_000)
    smallest, report = await shrink(first, report_of(first, faults=1), attempt)
    assert report.faults
    return smallest, tried


async def test_a_plan_shrinks_to_what_it_takes() -> None:
    """What needs two kills and a hundred operations keeps about so many, and nothing else."""
    smallest, tried = await gone_through(lambda plan: plan.kills >= 2 and plan.operations >= 100)
    assert (smallest.accounts, smallest.disturbed) == (10, False)
    assert 2 <= smallest.kills < 4
    assert 100 <= smallest.operations < 1_000
    assert len(tried) <= MOST


async def test_what_never_goes_wrong_again_stays_as_it_was() -> None:
    """Each smaller plan gets its tries; then the first one is the smallest that is known."""
    smallest, tried = await gone_through(lambda plan: False)
    assert smallest == Plan("s", operations=10_000, kills=64, accounts=2_000)
    assert 2 <= len(tried) <= MOST
    assert tried[0] == tried[1]
