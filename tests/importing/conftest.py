"""Files to import, and the real command line that does it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from serving import coinpurse, invoke

TABLES = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'coinpurse' AND c.relkind = 'r' AND c.relname NOT IN ('catalogs', 'migrations')
     ORDER BY 1"""

EACH = sql.SQL("SELECT t::text FROM coinpurse.{} t")

Import = Callable[..., dict[str, Any]]


@pytest.fixture
def bring(database_url: str, tmp_path: Path) -> Import:
    """Write a file, import it (with `process`: in one of its own), and give the report with its exit code."""

    def run(kind: str, text: str | bytes, *options: str, process: bool = False) -> dict[str, Any]:
        path = tmp_path / "people.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        command = ("import", kind, str(path), *options, "--json")
        if process:
            done = coinpurse(*command, COINPURSE_DATABASE_URL=database_url)
            assert not done.stderr, done.stderr
            return {**json.loads(done.stdout), "code": done.returncode}
        within = invoke(*command, COINPURSE_DATABASE_URL=database_url)
        return {**json.loads(within.stdout), "code": within.exit_code}

    return run


@pytest.fixture
def ask(database_url: str) -> Callable[..., Any]:
    """What a command answers with --json on that database."""

    def run(*arguments: str) -> Any:
        done = invoke(*arguments, "--json", COINPURSE_DATABASE_URL=database_url)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return run


def books(url: str) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    with psycopg.connect(url) as conn:
        names = [name for (name,) in conn.execute(TABLES).fetchall()]
        return {
            name: sorted(row for (row,) in conn.execute(EACH.format(sql.Identifier(name))).fetchall())
            for name in names
        }


def told(report: dict[str, Any]) -> list[tuple[int | None, str | None]]:
    """Where the problems of a report are."""
    return [(problem["line"], problem["about"]) for problem in report["problems"]]
