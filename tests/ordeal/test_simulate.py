"""The ordeal for real: processes that are killed, lines that are cut, and books that must be right.

`coinpurse simulate` runs it for hours; here it is short, with another seed each time.
"""

import asyncio
import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from coinpurse.ordeal.ordeal import Ordeal, Plan
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
