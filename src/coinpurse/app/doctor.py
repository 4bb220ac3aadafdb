"""Is this deployment sound? What an operator should know of it, and what to do where something is amiss."""

import platform
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from coinpurse import __version__
from coinpurse.app import asking, checks, events
from coinpurse.app.context import Context
from coinpurse.domain.ports import NotOurs, NotYet, Provider, ProviderError

LEAST_POSTGRES = 150000
MOST_SKEW = 2.0  # seconds
MOST_LAG = 60.0  # seconds
SAFE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
#: Stricter than needed is fine too.
ALSO_SAFE = {"synchronous_commit": ("remote_write", "remote_apply")}

SERVER = """
    SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version,
           extract(epoch FROM clock_timestamp())::float8 AS now, current_database() AS database,
           (SELECT max(name) FROM coinpurse.schema_migrations WHERE name <> 'functions') AS schema,
           (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connections,
           current_setting('max_connections')::int AS most_connections, pg_is_in_recovery() AS standby"""
SETTINGS = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)"
OVERDUE = """
    SELECT count(*) AS accounts,
           coalesce(extract(epoch FROM clock_timestamp() - min(due_at)), 0)::float8 AS seconds
      FROM coinpurse.wallets WHERE due_at <= clock_timestamp() AND clock IS NULL"""
RENEWALS = """
    SELECT count(*) FILTER (WHERE state = 'late') AS late, count(*) FILTER (WHERE state = 'failed') AS failed
      FROM coinpurse.renewals"""

#: What nobody works on, because its provider isn't configured.
ORPHANS = """
    SELECT provider, count(*) AS events FROM coinpurse.events
     WHERE status IN ('waiting', 'failed') AND next_at < 'infinity' AND provider <> ALL (%s)
     GROUP BY provider"""
NEWEST = "SELECT reference FROM coinpurse.standings WHERE provider = %s ORDER BY as_of DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `advice` says what to do where `state` is not `ok`."""

    name: str
    state: Literal["ok", "note", "wrong"]
    value: Any
    words: str
    advice: str | None = None


async def examine(ctx: Context) -> list[Finding]:
    """Look at everything; changes nothing."""
    return [finding async for finding in _findings(ctx)]


async def _findings(ctx: Context) -> AsyncIterator[Finding]:
    yield Finding("coinpurse", "ok", __version__, f"{__version__} on Python {platform.python_version()}")
    before = time.time()
    server = (await ctx.db.rows(SERVER))[0]
    after = time.time()
    yield _version(server)
    yield _place(ctx, server)
    yield Finding("schema", "ok", server["schema"], f"{server['schema']}, this version's")
    yield _clock(server["now"], before, after)
    for row in await ctx.db.rows(SETTINGS, [list(SAFE)]):
        yield _setting(row["name"], row["setting"])
    yield _connections(server)
    yield _lag((await ctx.db.rows(OVERDUE))[0])
    for provider in ctx.providers.values():
        yield await _provider(ctx, provider)
    tallies = await events.tally(ctx)
    yield _inbox(tallies)
    yield _failed(tallies)
    yield _orphans({row["provider"]: row["events"] for row in await ctx.db.rows(ORPHANS, [[*ctx.providers]])})
    yield _renewals((await ctx.db.rows(RENEWALS))[0])
    yield await _books(ctx)
    yield _catalog(ctx)


def _version(server: Any) -> Finding:
    if server["number"] >= LEAST_POSTGRES:
        return Finding("postgresql", "ok", server["version"], server["version"])
    advice = "Coinpurse needs PostgreSQL 15 or later: upgrade the server."
    return Finding("postgresql", "wrong", server["version"], server["version"], advice)


def _place(ctx: Context, server: Any) -> Finding:
    if ctx.settings.database_url is None:
        place = str(ctx.settings.home / "postgres")
        return Finding("database", "ok", place, f"embedded, in {place}: this folder is what to back up")
    return Finding(
        "database",
        "ok",
        server["database"],
        f"{server['database']!r} on the server of COINPURSE_DATABASE_URL",
    )


def _clock(database: float, before: float, after: float) -> Finding:
    """How far apart the clocks are at least: the database read its own between our two looks."""
    skew = max(before - database, database - after, 0.0)
    words = f"{skew:.3f} s between here and the database"
    if skew <= MOST_SKEW:
        return Finding("clock", "ok", skew, words)
    advice = "The database's clock is the one that counts. Let both machines follow a time server (NTP)."
    return Finding("clock", "wrong", skew, words, advice)


def _setting(name: str, value: str) -> Finding:
    if value == SAFE[name] or value in ALSO_SAFE.get(name, ()):
        return Finding(name, "ok", value, value)
    advice = (
        f"Charges that were acknowledged can be lost in a crash. Set {name} = {SAFE[name]} in PostgreSQL."
    )
    return Finding(name, "wrong", value, value, advice)


def _connections(server: Any) -> Finding:
    used, most = server["connections"], server["most_connections"]
    words = f"{used:,} of at most {most:,}"
    if used < 0.9 * most:
        return Finding("connections", "ok", used, words)
    return Finding("connections", "note", used, words, "Raise max_connections, or put pgbouncer in front.")


def _lag(overdue: Any) -> Finding:
    accounts, seconds = overdue["accounts"], overdue["seconds"]
    words = (
        f"{accounts:,} accounts wait to be written down, the longest for {seconds:,.0f} s"
        if accounts
        else "nothing waits"
    )
    if seconds <= MOST_LAG:
        return Finding("sweep", "ok", seconds, words)
    advice = "Every answer is right all the same. To write it down in time, run: coinpurse worker (or serve)"
    return Finding("sweep", "note", seconds, words, advice)


def _renewals(count: Any) -> Finding:
    value = {"late": count["late"], "failed": count["failed"]}
    words = f"{count['late']:,} late, {count['failed']:,} failed"
    if not count["late"]:
        return Finding("renewals", "ok", value, words)
    advice = (
        "Their payments have not come. GET /v1/renewals?state=late lists them, with the billing events that "
        "did and didn't arrive: retry a failed one, or have the subscription looked up."
    )
    return Finding("renewals", "note", value, words, advice)


async def _provider(ctx: Context, provider: Provider) -> Finding:
    """Whether a payment provider is set up in full, and answers."""
    name, prefix = provider.name, f"COINPURSE_{provider.name.upper()}"
    if not getattr(ctx.settings, name).webhook_secrets:
        advice = f"Its deliveries are all refused. Set {prefix}_WEBHOOK_SECRET."
        return Finding(name, "wrong", "no secret", "configured without a webhook secret", advice)
    if name == "standard":
        return Finding(name, "ok", "told", "tells; nobody can be asked")
    if not provider.can_ask:
        advice = f"Deliveries are believed, by their dates; what is missing can't be asked: {prefix}_API_KEY."
        return Finding(name, "note", "told", "tells, and can't be asked: it has no API key", advice)
    return await _reached(ctx, provider)


async def _reached(ctx: Context, provider: Provider) -> Finding:
    """Asks for the subscription that was told of last. Any answer but one about the key is an answer."""
    rows = await ctx.db.rows(NEWEST, [provider.name])
    reference, now = rows[0]["reference"] if rows else "sub_unknown", await asking.now(ctx)
    key = f"COINPURSE_{provider.name.upper()}_API_KEY"
    try:
        await asking.in_time(provider.name, provider.look_up(reference, now))
    except ProviderError as error:
        if error.passing:
            return Finding(provider.name, "note", "silent", "it can't be asked just now", str(error))
        if key in str(error):
            return Finding(provider.name, "wrong", "refused", "it refuses the API key", str(error))
    except (NotOurs, NotYet):
        pass
    return Finding(provider.name, "ok", "answers", "tells, and answers when asked")


def _inbox(tallies: Sequence[events.Tally]) -> Finding:
    waiting = [one for one in tallies if one.status == "waiting"]
    count, seconds = sum(one.events for one in waiting), max((one.oldest for one in waiting), default=0.0)
    words = f"{count:,} wait, the longest for {seconds:,.0f} s" if count else "nothing waits"
    if seconds <= MOST_LAG:
        return Finding("billing events", "ok", seconds, words)
    advice = "Nobody works on them. Run coinpurse serve, or coinpurse worker, with the providers' settings."
    return Finding("billing events", "wrong", seconds, words, advice)


def _failed(tallies: Sequence[events.Tally]) -> Finding:
    value = {"live": 0, "test": 0} | {
        "test" if one.test else "live": one.events for one in tallies if one.status == "failed"
    }
    words = f"{value['live']:,} failed, and {value['test']:,} of test money"
    if not value["live"] + value["test"]:
        return Finding("failed events", "ok", value, "none")
    advice = "Why: coinpurse events list --status failed. Put that right, then: coinpurse events retry ID"
    return Finding("failed events", "note", value, words, advice)


def _orphans(found: dict[str, int]) -> Finding:
    if not found:
        return Finding("providers", "ok", found, "each one that has told something is configured")
    words = ", ".join(f"{count:,} events of {name}" for name, count in sorted(found.items()))
    advice = f"{words} wait for a provider that isn't configured here. Set its COINPURSE_… variables again."
    return Finding("providers", "wrong", found, "not every one is configured", advice)


async def _books(ctx: Context) -> Finding:
    """What the worker has found, going through the books a slice at a time (L4)."""
    faults, through = await checks.watched(ctx)
    if faults:
        first = (await checks.faults(ctx, limit=1))[0]
        words = f"{faults:,} faults; the first: account {first.account!r}, act {first.act}: {first.fault}"
        advice = "Compare with a backup before you change anything. Each fault: coinpurse verify --account ID"
        return Finding("books", "wrong", faults, words, advice)
    if through is None:
        return Finding("books", "ok", 0, "nothing wrong so far; the worker is not through yet")
    return Finding("books", "ok", 0, f"nothing wrong; all checked by {through:%Y-%m-%d %H:%M} UTC")


def _catalog(ctx: Context) -> Finding:
    words = f"{ctx.settings.catalog}, version {ctx.catalog.version}"
    return Finding("catalog", "ok", ctx.catalog.version, words)
