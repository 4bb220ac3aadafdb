"""Throw-away PostgreSQL servers for the tests: ours (18) and Debian's (15), the latter awkward on purpose."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coinpurse.store import serveruser

PG15_PROGRAMS = Path(os.environ.get("COINPURSE_TEST_PG15_BIN", "/usr/lib/postgresql/15/bin"))


@dataclass(frozen=True)
class Flavour:
    """A kind of server: where its programs are, how it is made and what is peculiar about it."""

    programs: Path
    initdb: Sequence[str] = ()
    settings: Sequence[str] = ()


# The suite must not depend on the server's time zone (an odd offset), nor on its language (Turkish:
# lower('I') is not 'i').
FLAVOURS = {
    "pg18": Flavour(
        serveruser.programs(), ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    ),
    "pg15": Flavour(
        PG15_PROGRAMS,
        ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=tr-TR"],
        ["timezone=Asia/Kathmandu", "default_transaction_isolation=serializable", "datestyle=German"],
    ),
}

# No test that uses these servers kills one, so they needn't be durable. Tests that do make their own, with
# EmbeddedPostgres.
FAST = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=200",
    "shared_buffers=128MB",
]


def wanted() -> list[str]:
    """The flavours to test on: all, or only the one that COINPURSE_TEST_PG (18 or 15) names."""
    only = os.environ.get("COINPURSE_TEST_PG")
    return [f"pg{only}"] if only else list(FLAVOURS)


def missing(name: str) -> str | None:
    """Why this server can't run here, or None."""
    programs = FLAVOURS[name].programs
    if (programs / "initdb").exists():
        return None
    return f"PostgreSQL {name[2:]} is not in {programs} (or set COINPURSE_TEST_PG15_BIN)"


@contextmanager
def running(name: str, settings: Sequence[str] = ()) -> Iterator[str]:
    """Run a new server as long as the block lasts; gives its address, without a database's name. Its
    folder is the address's host."""
    flavour = FLAVOURS[name]
    folder = Path(tempfile.mkdtemp(prefix=f"coinpurse-test-{name}-", dir="/tmp"))
    try:
        serveruser.give(folder)
        data = folder / "data"
        how = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", *flavour.initdb]
        _run(flavour, folder, "initdb", "-D", data, *how)
        with (data / "postgresql.conf").open("a") as conf:
            places = ["listen_addresses=''", f"unix_socket_directories='{folder}'"]
            conf.writelines(f"{_quoted(line)}\n" for line in [*FAST, *flavour.settings, *places, *settings])
        _run(flavour, folder, "pg_ctl", "start", "-D", data, "-l", folder / "log", "-w", "-s")
        try:
            yield f"host={folder} user=postgres"
        finally:
            _run(flavour, folder, "pg_ctl", "stop", "-D", data, "-m", "immediate", "-s")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(name: str, folder: Path, program: str, *args: object) -> None:
    """Run one of a flavour's programs as whoever owns the folder."""
    _run(FLAVOURS[name], folder, program, *args)


def _quoted(line: str) -> str:
    name, _, value = line.partition("=")
    return line if value.startswith("'") else f"{name}='{value}'"


def _run(flavour: Flavour, folder: Path, program: str, *args: object) -> None:
    result = serveruser.run(flavour.programs / program, *map(str, args), owner_of=folder)
    log = (folder / "log").read_text() if result.returncode and (folder / "log").exists() else ""
    assert result.returncode == 0, f"{program} failed:\n{result.stdout}\n{log}"
