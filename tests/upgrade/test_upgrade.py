"""From each earlier schema to this one, while charging goes on.

`functions/NNNN.sql.gz` has the functions as they were when migration NNNN was the latest; the migrations
themselves never change.
"""

import gzip
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from coinpurse.store.checks import go_through
from coinpurse.store.db import Database
from coinpurse.store.migrate import SQL, migrate
from traffic import ACCOUNTS, Traffic, fill

OLD = Path(__file__).with_name("functions")
VERSIONS = sorted(path.name[:4] for path in OLD.glob("*.sql.gz"))


def _version(number: str) -> Any:
    ends = number in (VERSIONS[0], VERSIONS[-1])
    return pytest.param(number, marks=() if ends else pytest.mark.slow)


@pytest.mark.parametrize("version", list(map(_version, VERSIONS)))
async def test_an_upgrade_under_traffic(blank_database_url: str, tmp_path: Path, version: str) -> None:
    """Nothing that was acknowledged before, during or after the upgrade is lost or doubled, nothing fails for
    long, and the books are right; those from before the chain are marked as such."""
    assert migrate(blank_database_url, _older(tmp_path, version))
    traffic = Traffic(blank_database_url, fill(blank_database_url))
    with traffic:
        traffic.wait_for(60)
        applied = migrate(blank_database_url)
        traffic.wait_for(60)
    assert traffic.failed == []
    latest = max(path.stem for path in (SQL / "migrations").glob("*.sql"))
    assert (applied[-1], version == latest[:4] or latest in applied) == ("functions", True)
    with psycopg.connect(blank_database_url) as conn:
        charged = conn.execute("SELECT count(*) FROM coinpurse.acts WHERE kind = 'charge'").fetchone()
        before = conn.execute("SELECT count(*) FROM coinpurse.unchained").fetchone()
        chained = conn.execute("SELECT count(*) FROM coinpurse.acts WHERE hash IS NOT NULL").fetchone()
    assert charged == (len(traffic.made),)
    assert before == (ACCOUNTS if version < "0006" else 0,)
    assert chained
    assert chained[0] >= 60
    async with Database(blank_database_url) as db:
        report = await go_through(db)
    assert (report.accounts, report.problems) == (ACCOUNTS, [])


def _older(folder: Path, version: str) -> Path:
    """The SQL as it was when this migration was the latest."""
    (folder / "migrations").mkdir()
    (folder / "functions").mkdir()
    for path in (SQL / "migrations").glob("*.sql"):
        if path.name[:4] <= version:
            shutil.copy(path, folder / "migrations")
    text = gzip.decompress((OLD / f"{version}.sql.gz").read_bytes())
    (folder / "functions" / "all.sql").write_bytes(text)
    return folder
