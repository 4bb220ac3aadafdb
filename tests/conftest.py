"""What all tests share: real PostgreSQL servers, and a fresh migrated database for whoever asks."""

import itertools
from binascii import crc32
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

import servers
from coinpurse.store.migrate import migrate

TEMPLATE = "coinpurse_template"
#: What is above the engine and its SQL is tested on one server or the other, file by file: it can't tell them
#: apart. All else is tested on each.
BY_TURNS = {"api", "client", "e2e", "providers", "simulator", "web"}
_numbers = itertools.count(1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """On which servers a test runs."""
    own = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "server" not in metafunc.fixturenames or "server" in own:
        return
    wanted, file = servers.wanted(), Path(metafunc.module.__file__)
    if BY_TURNS & set(file.relative_to(Path(__file__).parent).parts):
        wanted = [wanted[crc32(file.name.encode()) % len(wanted)]]
    metafunc.parametrize("server", wanted, indirect=True, scope="session")


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a running server that holds a migrated template."""
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
