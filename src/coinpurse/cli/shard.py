"""`coinpurse shard`: spread the schema over a Citus cluster."""

import click

from coinpurse.cli.running import as_json, database, kind_errors, settings
from coinpurse.cli.saying import Said, say
from coinpurse.store import sharding


@click.command()
@click.option("--dry-run", is_flag=True, help="Print the statements, and change nothing.")
@click.option(
    "--shards", type=click.IntRange(1, 4096), default=32, show_default=True, help="Pieces to cut into."
)
@as_json
def shard(dry_run: bool, shards: int, as_json: bool) -> None:
    """Spread the schema over the machines of a Citus cluster, by account. Run it on the coordinator, after
    each `coinpurse migrate`."""
    with kind_errors(as_json), database(settings()) as url:
        found = sharding.plan(url, shards) if dry_run else sharding.shard(url, shards)
    say(Said(found, _planned(found) if dry_run else _done(found)), as_json)


def _planned(found: sharding.Sharding) -> list[str]:
    here = (
        f"Citus {found.citus} is installed here."
        if found.citus
        else "Citus isn't installed in this database."
    )
    return [*(f"{step.statement};" for step in found.steps), f"-- {here} Nothing was changed."]


def _done(found: sharding.Sharding) -> list[str]:
    tables = sum(step.kind in ("distribute", "reference") for step in found.steps)
    return [
        f"Spread {len(found.done)} of {tables} tables and {len(found.steps) - tables} functions; the others "
        "were spread already."
    ]
