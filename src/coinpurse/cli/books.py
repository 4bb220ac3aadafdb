"""Commands about the whole deployment: its catalog, its schema and its books."""

from pathlib import Path

import click

from coinpurse.app import checks
from coinpurse.app.context import Context
from coinpurse.cli.running import as_json, database, in_context, kind_errors, settings
from coinpurse.cli.saying import WRONG, Progress, Said, say
from coinpurse.domain.errors import CatalogError
from coinpurse.store import migrate as store


@click.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@as_json
def check(path: Path | None, as_json: bool) -> None:
    """Check the catalog (the file at PATH, or the one in use) and name every problem with its line."""
    from coinpurse.wiring import load_catalog

    path = path or settings().catalog
    try:
        catalog = load_catalog(path)
    except CatalogError as error:
        lines = [f"{path}:{p['line']}: {p['where'] or 'the file'}: {p['detail']}" for p in error.problems]
        count = f"{len(lines)} problem{'' if len(lines) == 1 else 's'}."
        say(Said({"catalog": str(path), "problems": error.problems}, [*lines, count], WRONG), as_json)
    counts = f"{len(catalog.plans)} plans, {len(catalog.packs)} packs, {len(catalog.operations)} operations"
    value = {"catalog": str(path), "version": catalog.version, "problems": []}
    say(Said(value, [f"{path} is in order: {counts}."]), as_json)


@click.command()
@as_json
def migrate(as_json: bool) -> None:
    """Bring the database to this version's schema. (Every other command does so by itself.)"""
    with kind_errors(as_json), database(settings()) as url:
        applied = store.migrate(url)
    lines = [f"Applied {name}." for name in applied] or ["The database is at this version already."]
    say(Said({"applied": applied}, lines), as_json)


@click.command()
@in_context
async def verify(ctx: Context) -> Said:
    """Check the books: work every balance out again from the ledger, and compare."""
    progress = Progress("Accounts verified:")
    try:
        problems = await checks.verify(ctx, progress)
    finally:
        progress.end()
    if not problems:
        return Said({"problems": []}, ["The books are right."])
    more = [f"{len(problems):,} problems in all; --json lists them."] if len(problems) > 1 else []
    return Said({"problems": problems}, [str(problems[0]), *more], WRONG)
