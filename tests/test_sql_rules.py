"""Holds the store's SQL to the rules of sql_rules.py, and the rules to what they are for."""

# ruff: noqa: S608  (no SQL in this file is sent to a database)

from pathlib import Path

import pytest

import sql_rules
from sql_reader import Schema, names_of, read_folder

SQL = Path(__file__).parents[1] / "src" / "coinpurse" / "store" / "sql"
FUNCTION = "CREATE FUNCTION f(a uuid) RETURNS void LANGUAGE plpgsql AS $$ DECLARE r record; BEGIN {} END $$"
ENTRY = FUNCTION.replace("AS", "SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS")
TABLE = "CREATE TABLE wallets (account uuid PRIMARY KEY, at timestamptz);"
TRIGGER = "CREATE TRIGGER t BEFORE UPDATE ON wallets EXECUTE FUNCTION f()"
HELPER = FUNCTION.replace(" f(", " g(").format("SELECT * INTO r FROM wallets;")
LEDGER = "CREATE TABLE acts (account uuid, act bigint, PRIMARY KEY (account, act));"

#: For each rule, SQL that breaks it.
BROKEN: dict[sql_rules.Rule, list[str]] = {
    sql_rules.account_first_in_keys: [
        "CREATE TABLE t (id bigint PRIMARY KEY)",
        "CREATE TABLE t (account uuid, id bigint, PRIMARY KEY (id, account))",
        "CREATE TABLE t (account uuid PRIMARY KEY, id bigint UNIQUE)",
        "CREATE TABLE t (account uuid PRIMARY KEY, id bigint REFERENCES u)",
        "CREATE TABLE t (account uuid)",
        TABLE + "CREATE UNIQUE INDEX i ON wallets (at, account)",
    ],
    sql_rules.own_values_stand_alone: [
        "CREATE TABLE payments (r text PRIMARY KEY, account uuid REFERENCES w)"
    ],
    sql_rules.exact_columns: [
        "CREATE TABLE t (account uuid PRIMARY KEY, n numeric)",
        "CREATE TABLE t (account uuid PRIMARY KEY, n double precision)",
        "CREATE TABLE t (account uuid PRIMARY KEY, n timestamp)",
        "CREATE TABLE t (account uuid PRIMARY KEY, n bigserial)",
        "CREATE TABLE t (account uuid PRIMARY KEY, n bigint GENERATED ALWAYS AS IDENTITY)",
    ],
    sql_rules.exact_functions: [
        FUNCTION.format("PERFORM 1::float8;"),
        FUNCTION.replace("r record", "r numeric").format(""),
        FUNCTION.replace("a uuid", "a timestamp").format(""),
    ],
    sql_rules.one_clock: [FUNCTION.format("r := now();"), FUNCTION.format("PERFORM current_timestamp;")],
    sql_rules.no_session_state: [
        FUNCTION.format("PERFORM pg_advisory_xact_lock(1);"),
        FUNCTION.format("PERFORM set_config('a.b', 'c', true);"),
        FUNCTION.format("SET LOCAL timezone = 'UTC';"),
        FUNCTION.format("r := nextval('s');"),
        "CREATE SEQUENCE s",
    ],
    sql_rules.fixed_surroundings: [
        ENTRY.replace(", pg_temp", "").format(""),
        TABLE + ENTRY.replace("SET TimeZone = 'UTC'", "").format("UPDATE wallets SET at = at;"),
    ],
    sql_rules.no_dynamic_sql: [FUNCTION.format("EXECUTE 'SELECT 1';")],
    sql_rules.triggers_only_refuse: [
        f"{TABLE}{FUNCTION.format('INSERT INTO wallets VALUES (a);')};{TRIGGER}",
        f"{TABLE}{FUNCTION.format('PERFORM g();')};{TRIGGER}",
    ],
    sql_rules.ledger_is_append_only: [
        LEDGER,
        FUNCTION.format("UPDATE acts SET act = 1;"),
        FUNCTION.format("WITH d AS (DELETE FROM acts RETURNING *) SELECT * INTO r FROM d;"),
        FUNCTION.format("TRUNCATE acts;"),
    ],
    sql_rules.accounts_never_move: [FUNCTION.format("UPDATE wallets SET account = a WHERE account = a;")],
    sql_rules.one_account_at_a_time: [
        TABLE + FUNCTION.format("UPDATE wallets SET at = at;"),
        TABLE + FUNCTION.format("PERFORM 1 FROM wallets WHERE at > at FOR UPDATE;"),
    ],
    sql_rules.writes_come_first: [
        TABLE + ENTRY.format("PERFORM 1 FROM wallets WHERE account = a FOR UPDATE;"),
        TABLE + ENTRY.replace("r record", "r record := (SELECT w FROM wallets w)").format(""),
        f"{TABLE}{HELPER};{ENTRY.format('IF g(a) THEN UPDATE wallets SET at = at; END IF;')}",
    ],
    sql_rules.idempotent_scripts: [FUNCTION.format(""), "CREATE VIEW v AS SELECT 1", "DROP TABLE acts"],
}


def read(text: str) -> Schema:
    """A schema of one file."""
    return Schema().read("functions/x.sql", text)


def of_each(rule: sql_rules.Rule) -> str:
    """How a rule is called."""
    return rule.__name__


@pytest.mark.parametrize("rule", sql_rules.RULES, ids=of_each)
def test_the_store_keeps_the_rule(rule: sql_rules.Rule) -> None:
    """Every migration and function keeps every rule."""
    assert list(rule(read_folder(SQL))) == []


@pytest.mark.parametrize("rule", sql_rules.RULES, ids=of_each)
def test_the_rule_finds_what_breaks_it(rule: sql_rules.Rule) -> None:
    """Each rule reports each piece of SQL that was written to break it."""
    assert [sql for sql in BROKEN[rule] if not list(rule(read(sql)))] == []


def test_everything_was_read() -> None:
    """The rules see tables, entry points and helpers; a reader that finds nothing would keep every rule."""
    schema = read_folder(SQL)
    called = {function.name for function in sql_rules.entry_points(schema)}
    assert {"wallets", "acts", "grants"} <= schema.tables.keys()
    assert {"charge", "spend_many", "hold", "capture", "give", "subscribe", "pay"} <= called
    assert {"enter", "post", "advance"} <= {function.name for function in schema.functions} - called


def test_initial_values_run_first() -> None:
    """What a variable is declared with counts as the first statements, records included."""
    function = read(FUNCTION.replace("r record", "r record := g(a)").format("PERFORM h(a);")).functions[0]
    assert [name for s in function.statements for name in names_of(s)] == ["g", "h"]
