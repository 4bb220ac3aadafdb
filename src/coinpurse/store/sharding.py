"""Spreads the schema over the machines of a Citus cluster: what belongs to an account goes by its account,
what is unique across accounts is on every machine, and calls about one account run where it is.

The plan is read from the database itself, so that no table and no function is forgotten.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import Connection, sql

from coinpurse.domain.errors import Conflict
from coinpurse.store.migrate import _connect, pending

ANCHOR = "coinpurse.wallets"
#: Tells which migrations ran, on the machine where they run.
LOCAL = {"schema_migrations"}
TABLES = """
    SELECT c.relname AS name,
           EXISTS (SELECT FROM pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attname = 'account' AND NOT a.attisdropped
                      AND a.atttypid = 'uuid'::regtype) AS has_account,
           coalesce((SELECT array_agg(a.attname::text ORDER BY i.indexrelid)
                       FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
                      WHERE i.indrelid = c.oid AND i.indisunique), '{}') AS first_in_keys,
           EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS has_key
      FROM pg_class c
     WHERE c.relnamespace = 'coinpurse'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
     ORDER BY c.relname"""
FUNCTIONS = """
    SELECT p.oid::regprocedure::text AS name, p.proname AS called, p.proconfig IS NOT NULL AS entry,
           p.proargnames[1] = 'p_account' AND p.proargtypes[0] = 'uuid'::regtype AS of_account
      FROM pg_proc p WHERE p.pronamespace = 'coinpurse'::regnamespace ORDER BY 1"""
CITUS = "SELECT extversion FROM pg_extension WHERE extname = 'citus'"
DISTRIBUTED = "SELECT logicalrelid::text FROM pg_dist_partition"
UNSAFE_TRIGGERS = "SET LOCAL citus.enable_unsafe_triggers = on"
SEQUENTIAL = "SET LOCAL citus.multi_shard_modify_mode = 'sequential'"

Kind = Literal["distribute", "reference", "delegate", "copy"]


@dataclass(frozen=True, slots=True)
class Step:
    """What is done with one table or function, and the statement that does it."""

    kind: Kind
    name: str
    statement: str


@dataclass(frozen=True, slots=True)
class Sharding:
    """The plan, and what became of it: `citus` is its version here, None where it isn't installed."""

    citus: str | None
    steps: list[Step]
    done: list[str]


def plan(conninfo: str, shards: int = 32) -> Sharding:
    """What `shard` would do; changes nothing. Raises Conflict where the schema isn't at this version, or
    breaks a rule."""
    with _at_this_version(conninfo) as conn:
        return Sharding(_citus(conn), _steps(conn, shards), [])


def shard(conninfo: str, shards: int = 32) -> Sharding:
    """Does it, in one transaction; what is spread already is left alone. Raises Conflict where Citus isn't
    installed, too."""
    with _at_this_version(conninfo) as conn:
        citus, steps = _citus(conn), _steps(conn, shards)
        if citus is None:
            raise Conflict(
                "Citus isn't installed in this database. Nothing was changed. On the coordinator of a Citus "
                "cluster (its package on every machine, shared_preload_libraries = 'citus'), run CREATE "
                "EXTENSION citus, add the workers with citus_add_node, and call this again. One PostgreSQL "
                "needs no sharding."
            )
        known = {name for (name,) in conn.execute(DISTRIBUTED).fetchall()}
        todo = [step for step in steps if step.name not in known]
        for statement in (UNSAFE_TRIGGERS, SEQUENTIAL, *(step.statement for step in todo)):
            conn.execute(statement.encode())
        return Sharding(citus, steps, [step.name for step in todo])


def _at_this_version(conninfo: str) -> Connection[Any]:
    if names := pending(conninfo):
        raise Conflict(
            f"The schema isn't at this version: {', '.join(names)} not applied. Run: coinpurse migrate"
        )
    return _connect(conninfo)


def _citus(conn: Connection[Any]) -> str | None:
    row = conn.execute(CITUS).fetchone()
    return str(row[0]) if row else None


def _steps(conn: Connection[Any], shards: int) -> list[Step]:
    tables = conn.execute(TABLES).fetchall()
    mine = [name for name, has_account, first, _ in tables if has_account and set(first) == {"account"}]
    _refuse_broken_rules(tables, mine)
    others = [name for name, *_ in tables if name not in mine and name not in LOCAL]
    return [
        *_distributed(conn, sorted(mine, key=lambda name: (name != "wallets", name)), shards),
        *(
            _step(conn, "reference", f"coinpurse.{n}", "create_reference_table({})", f"coinpurse.{n}")
            for n in others
        ),
        *_functions(conn),
    ]


def _refuse_broken_rules(tables: Sequence[tuple[Any, ...]], mine: Sequence[str]) -> None:
    """The account is first in every key of account data; what is unique by something else stands alone."""
    broken = [
        f"{name} ({', '.join(first)})"
        for name, has_account, first, has_key in tables
        if not has_key or (has_account and "account" in first and name not in mine)
    ]
    if broken or "wallets" not in mine:
        raise Conflict(
            "These tables can't be spread by account, which isn't first in all their keys: "
            f"{', '.join(broken)}. Nothing was changed. The schema was changed by hand: compare it with that "
            "of a fresh database."
        )


def _distributed(conn: Connection[Any], names: Sequence[str], shards: int) -> Iterator[Step]:
    for name in names:
        table = f"coinpurse.{name}"
        if table == ANCHOR:
            text = "create_distributed_table({}, 'account', colocate_with => 'none', shard_count => {})"
            yield _step(conn, "distribute", table, text, table, shards)
        else:
            text = "create_distributed_table({}, 'account', colocate_with => {})"
            yield _step(conn, "distribute", table, text, table, ANCHOR)


def _functions(conn: Connection[Any]) -> Iterator[Step]:
    """A call about one account runs on the account's machine; what it may use is on all of them."""
    for name, _, entry, of_account in conn.execute(FUNCTIONS).fetchall():
        if entry and of_account:
            text = "create_distributed_function({}, 'p_account', colocate_with => {})"
            yield _step(conn, "delegate", name, text, name, ANCHOR)
        else:
            yield _step(conn, "copy", name, "create_distributed_function({})", name)


def _step(conn: Connection[Any], kind: Kind, name: str, text: str, *values: object) -> Step:
    called = sql.SQL("SELECT " + text).format(*(sql.Literal(value) for value in values))
    return Step(kind, name, called.as_string(conn))
