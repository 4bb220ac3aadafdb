"""How the hot statements look into tables. Their plans are kept, and may have been made when the tables were
small: then reading all of a table is the cheapest way, and stays it while the table grows."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from coinpurse.app import accounts, grants, wallets
from coinpurse.app.context import Who
from coinpurse.settings import DEFAULT_CATALOG, Settings
from coinpurse.wiring import open_context

FUNCTIONS = ("spend_many", "capture_many")
#: The variables that the functions have beside their arguments.
VARIABLES = {"slot_now": "int", "slot_before": "int", "settled": "boolean"}
VALUES = ["1", "0", "true"]
#: Tables with a row for each endpoint, or one row in all.
SMALL = {"webhook_endpoints", "announcing"}
#: Tables of which an account may have very many rows.
NUMBERED = {"holds", "acts", "keys", "grants"}
SOURCE = """
    SELECT prosrc, proargnames, proargtypes::regtype[]::text[], proconfig
      FROM pg_proc WHERE proname = %s AND pronamespace = 'coinpurse'::regnamespace"""
SET = "SELECT set_config(split_part(%(one)s, '=', 1), substr(%(one)s, strpos(%(one)s, '=') + 1), true)"
WHO = Who("tests", False)


async def use(url: str, home: Path) -> None:
    """Three accounts with a charge and a hold each."""
    async with open_context(Settings(url, home, DEFAULT_CATALOG)) as ctx:
        for name in ("a", "b", "c"):
            await accounts.put_account(ctx, WHO, name)
            await grants.grant(ctx, WHO, name, kind="addon", amount=100, reason="to spend")
            await wallets.charge(ctx, WHO, name, amount=1)
            await wallets.hold(ctx, WHO, name, amount=1)


def scans(conn: psycopg.Connection[Any], function: str) -> list[dict[str, Any]]:
    """Every scan of a table in the plan of a function's statement, as a session would keep it."""
    ((source, names, given, settings),) = conn.execute(SOURCE, [function]).fetchall()
    types = [*given, *VARIABLES.values()]
    text = source[source.index("WITH locked") : source.rindex("END")].strip().removesuffix(";")
    for number, name in enumerate([*names[: len(given)], *VARIABLES], 1):
        text = re.sub(rf"\b{name}\b", f"${number}", text)
    for setting in settings:
        conn.execute(SET, {"one": setting})
    conn.execute(f"PREPARE asked ({', '.join(types)}) AS {text}".encode())
    values = ", ".join([*("NULL" for _ in given), *VALUES])
    ((plan,),) = conn.execute(f"EXPLAIN (FORMAT JSON) EXECUTE asked ({values})".encode()).fetchall()
    conn.execute("DEALLOCATE asked")
    return [
        node for node in nodes(plan[0]["Plan"]) if "Relation Name" in node and "Scan" in node["Node Type"]
    ]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's nodes."""
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


@pytest.mark.parametrize("rows", ["none", "a few", "a few, counted"])
@pytest.mark.parametrize("function", FUNCTIONS)
async def test_a_kept_plan_looks_for_accounts(
    database_url: str, tmp_path: Path, function: str, rows: str
) -> None:
    """However few rows there were when the plan was made, it goes into each table by account, and to what an
    account has many of by its number."""
    if rows != "none":
        await use(database_url, tmp_path)
    with psycopg.connect(database_url) as conn:
        if rows == "a few, counted":
            conn.execute("ANALYZE")
        found = scans(conn, function)
        conn.rollback()
    assert {scan["Relation Name"] for scan in found} >= {"wallets", "keys_0", "keys_1"}
    assert [told(scan) for scan in found if not by_its_key(scan)] == []


def by_its_key(scan: dict[str, Any]) -> bool:
    """Whether a scan looks for accounts, and for what an account has many of by its number."""
    table, by = scan["Relation Name"], condition(scan)
    one = table.rstrip("_012") not in NUMBERED or re.search(r"\b\"?(hold|act|key|grant)\"? >?=", by)
    return table in SMALL or ("account" in by and bool(one))


def condition(scan: dict[str, Any]) -> str:
    """What a scan goes into its index with."""
    return str(scan.get("Index Cond") or scan.get("Recheck Cond") or "")


def told(scan: dict[str, Any]) -> str:
    """A scan in a line."""
    return f"{scan['Node Type']} of {scan['Relation Name']} by {condition(scan)}, filter {scan.get('Filter')}"
