"""Large files, and imports that are killed."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from serving import coinpurse, environment

ROWS = 20_000
MEGABYTE = 1024
SUMS = """
    SELECT count(*), sum(addon), sum(act), (SELECT count(*) FROM coinpurse.imports) FROM coinpurse.wallets"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20,000 people."""
    path = tmp_path_factory.mktemp("big") / "people.csv"
    with path.open("w") as out:
        out.write("account,addon,name\n")
        out.writelines(f"user-{n},{n % 700 + 1},Somebody with a name {n}\n" for n in range(ROWS))
    return path


def command(path: Path) -> list[str]:
    """Import a file."""
    return [sys.executable, "-m", "coinpurse", "import", "balances", str(path), "--apply", "--skip-errors"]


def sums(url: str) -> Any:
    """Accounts, credits, acts and imported rows."""
    with psycopg.connect(url) as conn:
        return conn.execute(SUMS).fetchone()


@pytest.mark.slow
def test_killed_and_run_again(file: Path, database_url: str) -> None:
    """Killed in the middle, twice, and run again: as one run would have ended."""
    env = environment(COINPURSE_DATABASE_URL=database_url)
    for enough in (1_000, 4_000):
        process = subprocess.Popen(command(file), env=env, stdout=subprocess.DEVNULL)
        while sums(database_url)[3] < enough and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert enough <= sums(database_url)[3] < ROWS
    done = coinpurse(*command(file)[3:], "--json", COINPURSE_DATABASE_URL=database_url)
    report = json.loads(done.stdout)
    assert (done.returncode, report["rows"], report["wrong"]) == (0, ROWS, 0)
    assert report["created"] + report["skipped"] == ROWS
    assert report["skipped"] >= 4_000
    assert sums(database_url) == (ROWS, sum(n % 700 + 1 for n in range(ROWS)), ROWS, ROWS)


@pytest.mark.slow
def test_memory_is_bounded(file: Path, database_url: str, tmp_path: Path) -> None:
    """20,000 rows take no more memory than 200, a few megabytes aside; a rehearsal changes nothing."""
    small = tmp_path / "few.csv"
    small.write_text("".join(file.open().readlines()[:201]))
    few, many = (_peak(path, database_url) for path in (small, file))
    assert many < few + 12 * MEGABYTE
    assert sums(database_url) == (0, None, None, 0)


def _peak(path: Path, url: str) -> int:
    """The most memory that a rehearsal took, in kilobytes."""
    arguments = ["import", "balances", str(path)]
    program = (
        "import resource, sys\n"
        "from coinpurse.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(COINPURSE_DATABASE_URL=url),
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.splitlines()[-1])
