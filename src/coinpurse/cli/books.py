"""Commands about the whole deployment: its catalog and its schema."""

from pathlib import Path

import click

from coinpurse.cli.running import as_json, database, kind_errors, settings
from coinpurse.cli.saying import WRONG, Said, say
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
@click.option("--grant-to", metavar="ROLE", help="Let this database role run Coinpurse, without more rights.")
@as_json
def migrate(grant_to: str | None, as_json: bool) -> None:
    """Bring the database to this version's schema. (Every other command does so by itself.)"""
    with kind_errors(as_json), database(settings()) as url:
        applied = store.migrate(url, grant_to=grant_to)
    lines = [f"Applied {name}." for name in applied] or ["The database is at this version already."]
    if grant_to:
        lines.append(f"The role {grant_to} may call functions and read, and change nothing but by them.")
    say(Said({"applied": applied}, lines), as_json)
