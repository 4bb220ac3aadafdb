"""What all tests share: real PostgreSQL servers, and a fresh migrated database for whoever asks."""

import itertools
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

import servers
from coinpurse.store.migrate import migrate

TEMPLATE = "coinpurse_template"
_numbers = itertools.count(1)


@pytest.fixture(scope="session", params=servers.wanted())
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a running server that holds a migrated template; each test runs on each server."""
    if reason := servers.missing(request.param):
        pytest.skip(reason)
    with servers.running(request.param) as base:
        _execute(base, "CREATE DATABASE {}", TEMPLATE)
        migrate(url(base, TEMPLATE))
        yield base


@pytest.fixture
def database_url(server: str) -> Iterator[str]:
    """The address of a migrated, empty database of this test's own."""
    yield from _fresh(server, TEMPLATE)


@pytest.fixture(scope="module")
def module_database_url(server: str) -> Iterator[str]:
    """The address of a migrated, empty database that the tests of one module share."""
    yield from _fresh(server, TEMPLATE)


@pytest.fixture
def blank_database_url(server: str) -> Iterator[str]:
    """The address of a database that Coinpurse has never seen."""
    yield from _fresh(server, "template1")


def url(base: str, database: str) -> str:
    """The address of one database of a server, as a URL: all drivers take that form."""
    host = psycopg.conninfo.conninfo_to_dict(base)["host"]
    return f"postgresql://postgres@/{database}?host={host}"


def _fresh(base: str, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    _execute(base, "CREATE DATABASE {} TEMPLATE {}", name, template)
    yield url(base, name)
    _execute(base, "DROP DATABASE {} WITH (FORCE)", name)


def _execute(base: str, statement: str, *names: str) -> None:
    with psycopg.connect(base, dbname="postgres", autocommit=True) as conn:
        conn.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
