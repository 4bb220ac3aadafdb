"""`coinpurse shard`. Citus itself can't be installed here: what is held is that the plan is whole, that its
SQL can be read, and that a plain PostgreSQL is refused and stays as it was."""

import json
from typing import Any

import pglast
import psycopg

from coinpurse.store.sharding import LOCAL, plan
from serving import invoke
from sql_rules import OWN_VALUE

TABLES = """
    SELECT relname FROM pg_class
     WHERE relnamespace = 'coinpurse'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"""
FUNCTIONS = "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'coinpurse'::regnamespace"
EVERYTHING = """
    SELECT 'class', oid::text, relname, relhastriggers FROM pg_class
    UNION ALL SELECT 'proc', oid::text, proname, proconfig IS NULL FROM pg_proc
    UNION ALL SELECT 'extension', oid::text, extname, false FROM pg_extension ORDER BY 1, 2"""


def rows(url: str, query: str) -> list[Any]:
    """What a database says."""
    with psycopg.connect(url) as conn:
        return conn.execute(query.encode()).fetchall()


def test_the_plan_covers_every_table_and_function(database_url: str) -> None:
    """Account data goes by the account beside the wallets; what is unique across accounts is on every
    machine; every function is known everywhere, and calls about one account run where it is."""
    by_kind: dict[str, list[str]] = {"distribute": [], "reference": [], "delegate": [], "copy": []}
    for step in plan(database_url).steps:
        by_kind[step.kind].append(step.name)
    tables = {name for (name,) in rows(database_url, TABLES)}
    assert by_kind["distribute"][0] == "coinpurse.wallets"
    assert {f"coinpurse.{name}" for name in OWN_VALUE & tables} == set(by_kind["reference"])
    assert {f"coinpurse.{name}" for name in tables - OWN_VALUE - LOCAL} == set(by_kind["distribute"])
    functions = {name for (name,) in rows(database_url, FUNCTIONS)}
    assert functions == {*by_kind["delegate"], *by_kind["copy"]}
    assert any(name.startswith("coinpurse.charge(") for name in by_kind["delegate"])
    assert any(name.startswith("coinpurse.spend_many(") for name in by_kind["copy"])


def test_every_statement_of_the_plan_can_be_read(database_url: str) -> None:
    """PostgreSQL's own parser takes each, and each is one call of one of Citus's functions."""
    for step in plan(database_url, 64).steps:
        [statement] = pglast.parse_sql(step.statement)
        select: Any = statement.stmt
        [target] = select.targetList
        called = target.val.funcname[-1].sval
        assert called in {"create_distributed_table", "create_reference_table", "create_distributed_function"}
        assert step.name in step.statement


def test_a_dry_run_prints_the_plan_and_changes_nothing(database_url: str) -> None:
    """Also where there is no Citus, which it says."""
    before = rows(database_url, EVERYTHING)
    done = invoke("shard", "--dry-run", "--shards", "8", COINPURSE_DATABASE_URL=database_url)
    assert done.exit_code == 0
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("SELECT create_distributed_table('coinpurse.wallets', 'account'")
    assert "shard_count => 8" in first
    assert last == "-- Citus isn't installed in this database. Nothing was changed."
    assert rows(database_url, EVERYTHING) == before


def test_a_plain_postgresql_is_refused(database_url: str) -> None:
    """It says what is missing and what to do, ends with 1, and has changed nothing."""
    before = rows(database_url, EVERYTHING)
    done = invoke("shard", "--json", COINPURSE_DATABASE_URL=database_url)
    assert done.exit_code == 1
    assert "CREATE EXTENSION citus" in json.loads(done.stdout)["detail"].replace("\n", " ")
    assert rows(database_url, EVERYTHING) == before


def test_a_database_without_the_schema_is_refused(blank_database_url: str) -> None:
    """It isn't migrated on the way."""
    before = rows(blank_database_url, EVERYTHING)
    done = invoke("shard", COINPURSE_DATABASE_URL=blank_database_url)
    assert done.exit_code == 1
    assert "coinpurse migrate" in done.output
    assert rows(blank_database_url, EVERYTHING) == before


def test_a_table_that_breaks_the_rules_is_named(database_url: str) -> None:
    """A key in which the account isn't first can't be kept by shards."""
    with psycopg.connect(database_url) as conn:
        conn.execute("CREATE TABLE coinpurse.mine (n int PRIMARY KEY, account uuid, UNIQUE (account, n))")
    done = invoke("shard", "--dry-run", COINPURSE_DATABASE_URL=database_url)
    assert done.exit_code == 1
    assert "mine (n, account)" in done.output
