"""The role that an application connects as: it runs everything, and can't touch what is written (L1)."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import given, settings

from agreement.billing import billed_lives
from agreement.live import live
from agreement.lives import Step, lives
from agreement.test_agreement import SEARCHING
from coinpurse.app import accounts, checks, doctor, grants, keys, subscriptions, upkeep, wallets
from coinpurse.app.checkouts import topup
from coinpurse.app.context import Who
from coinpurse.settings import DEFAULT_CATALOG, Settings
from coinpurse.store.migrate import MigrationError, migrate
from coinpurse.wiring import open_context
from stories.purse import Engine, opened

WHO = Who("tests", test=False)
LEDGER = [
    "acts",
    "terms",
    "wallets",
    "grants",
    "holds",
    "subscriptions",
    "renewals",
    "payments",
    "keys",
    "accounts",
]
TRIED = [
    "UPDATE coinpurse.{} SET account = account",
    "DELETE FROM coinpurse.{}",
    "TRUNCATE coinpurse.{}",
    "INSERT INTO coinpurse.{0} SELECT * FROM coinpurse.{0} LIMIT 1",
    "ALTER TABLE coinpurse.{} ADD COLUMN x int",
    "ALTER TABLE coinpurse.{} DISABLE TRIGGER ALL",
    "DROP TABLE coinpurse.{} CASCADE",
    "ALTER TABLE coinpurse.{} OWNER TO CURRENT_USER",
    "CREATE INDEX ON coinpurse.{} (account)",
    "SELECT * FROM coinpurse.{} FOR UPDATE",
    "LOCK TABLE coinpurse.{} IN ACCESS EXCLUSIVE MODE",
    "COPY coinpurse.{} FROM STDIN",
]
OTHER_WAYS = [
    "SET session_replication_role = replica",
    "CREATE TABLE coinpurse.mine (x int)",
    "CREATE FUNCTION coinpurse.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE FUNCTION coinpurse.refuse_change() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN NULL; END'",
    "DROP TRIGGER acts_append_only ON coinpurse.acts",
    "DROP FUNCTION coinpurse.touch(uuid)",
    "ALTER FUNCTION coinpurse.touch(uuid) SECURITY INVOKER",
    "DROP SCHEMA coinpurse CASCADE",
    "SELECT coinpurse.save(w) FROM coinpurse.wallets w",
    "SELECT coinpurse.post(w, 'grant', '', '{}', '{}') FROM coinpurse.wallets w",
    "SET ROLE postgres",
]


@pytest.fixture(scope="module")
def app_url(module_database_url: str) -> Iterator[str]:
    """The address at which an application's role connects; the role goes with the tests."""
    role = f"app_{module_database_url.partition('/test_')[2].partition('?')[0]}"
    with psycopg.connect(module_database_url, autocommit=True) as conn:
        conn.execute(f'CREATE ROLE "{role}" LOGIN')
    assert migrate(module_database_url, grant_to=role) == []
    yield module_database_url.replace("postgres@", f"{role}@")
    with psycopg.connect(module_database_url, autocommit=True) as conn:
        conn.execute(f'DROP OWNED BY "{role}"')
        conn.execute(f'DROP ROLE "{role}"')


@pytest.fixture(scope="module")
def engine(app_url: str) -> Iterator[Engine]:
    """The engine, as the application's role."""
    with opened(app_url) as engine:
        yield engine


def test_l1_everything_works(app_url: str, tmp_path: Path) -> None:
    """L1: acts, keys, the sweep, the checks and doctor work for a role that may write nothing."""
    asyncio.run(_everything(Settings(app_url, tmp_path, DEFAULT_CATALOG)))


async def _everything(chosen: Settings) -> None:
    async with open_context(chosen) as ctx:
        await accounts.put_account(ctx, WHO, "ann", name="Ann")
        began = datetime.now(UTC) - timedelta(days=70)
        await subscriptions.subscribe(ctx, WHO, "ann", plan="starter", interval="year", starts_at=began)
        await topup(ctx, WHO, "ann", credits=500, provider="stripe", reference="pi_1")
        given = await grants.grant(ctx, WHO, "ann", kind="promo", amount=5, reason="Hello")
        await grants.revoke(ctx, WHO, given.id, reason="Goodbye")
        charged = await wallets.charge(ctx, WHO, "ann", amount=7, key="k")
        await wallets.reverse(ctx, WHO, charged.id, reason="Back")
        held = await wallets.hold(ctx, WHO, "ann", amount=3)
        await wallets.capture(ctx, WHO, held.id)
        await keys.create_key(ctx, scopes=["read"], test=False, name="x")
        await upkeep.sweep(ctx)
        await upkeep.forget_keys(ctx)
        assert await checks.watch(ctx)
        assert await checks.verify(ctx) == []
        assert await doctor.examine(ctx)


@settings(SEARCHING, max_examples=12)
@given(life=lives())
def test_l1_lives_are_the_same(engine: Engine, life: list[Step]) -> None:
    """L1: lives at random end as the model says, and the books are right."""
    live(engine, life)


@settings(SEARCHING, max_examples=12)
@given(life=billed_lives())
def test_l1_lives_at_a_provider_are_the_same(engine: Engine, life: list[Step]) -> None:
    """L1: the same where a payment provider speaks."""
    live(engine, life)


@pytest.mark.parametrize("table", LEDGER)
def test_l1_no_table_can_be_changed(app_url: str, table: str) -> None:
    """L1: the role can't write, empty, lock, change or take over any table of the ledger."""
    done = [statement for statement in TRIED if not _refused(app_url, statement.format(table))]
    assert done == []


def test_l1_no_way_around(app_url: str) -> None:
    """L1: nor can it switch triggers off, replace functions, call the inner ones, or become the owner."""
    assert [statement for statement in OTHER_WAYS if not _refused(app_url, statement)] == []


def test_l1_a_table_of_a_later_version_is_no_hole(module_database_url: str, app_url: str) -> None:
    """L1: whatever the owner adds, the role may read it after `migrate`, and still not write it."""
    with psycopg.connect(module_database_url, autocommit=True) as conn:
        conn.execute("CREATE TABLE coinpurse.later (account uuid PRIMARY KEY)")
        conn.execute("UPDATE coinpurse.schema_migrations SET checksum = 'old' WHERE name = 'functions'")
        try:
            with pytest.raises(MigrationError, match="belongs to the role 'postgres'"):
                migrate(app_url)
            assert migrate(module_database_url) == ["functions"]
            with psycopg.connect(app_url) as app:
                assert app.execute("SELECT * FROM coinpurse.later").fetchall() == []
            assert _refused(app_url, "DELETE FROM coinpurse.later")
        finally:
            conn.execute("DROP TABLE coinpurse.later")


def test_l1_functions_with_the_owners_rights_fix_their_path(module_database_url: str) -> None:
    """L1: a function that acts with its owner's rights finds our names first and temporary ones last; and
    none can be called by everybody."""
    with psycopg.connect(module_database_url) as conn:
        rows = conn.execute(
            "SELECT proname, prosecdef, proconfig, proacl::text FROM pg_proc"
            " WHERE pronamespace = 'coinpurse'::regnamespace"
        ).fetchall()
    fixed = [(name, "search_path=coinpurse, pg_temp" in (config or [])) for name, _, config, _ in rows]
    assert fixed == [(name, definer) for name, definer, _, _ in rows]
    assert [name for name, _, _, rights in rows if rights is None or rights.startswith("{=")] == []
    assert sum(definer for _, definer, _, _ in rows) > 50


def _refused(url: str, statement: str) -> bool:
    """Whether a statement is refused for want of rights."""
    with psycopg.connect(url) as conn:
        conn.execute("SET search_path = coinpurse")
        try:
            if statement.startswith("COPY"):
                with conn.cursor().copy(statement):
                    pass
            else:
                conn.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return True
        return False


def test_an_unknown_role_is_named(module_database_url: str) -> None:
    """Granting to a role that isn't there says so, and how to make it."""
    with pytest.raises(MigrationError, match="There is no role 'nobody'"):
        migrate(module_database_url, grant_to="nobody")
