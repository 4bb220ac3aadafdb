"""`coinpurse export`: everything, in open formats."""

from pathlib import Path

import click

from coinpurse.app import exporting
from coinpurse.app.context import Context, Who
from coinpurse.cli.running import in_context
from coinpurse.cli.saying import Progress, Said
from coinpurse.store.exporting import Form


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option("--account", metavar="ID", help="Only what belongs to this account.")
@click.option("--test", is_flag=True, help="With --account: the test account of that id.")
@in_context
async def export(ctx: Context, folder: Path, form: Form, account: str | None, test: bool) -> Said:
    """Write everything that is kept into FOLDER: a file for each table, and what `import` reads."""
    progress = Progress("Rows written:")
    done = 0

    def shown(name: str, rows: int) -> None:
        nonlocal done
        done += rows
        progress(done)

    try:
        who = Who("cli", True if test else None)
        counts = await exporting.export(ctx, who, folder, form=form, account=account, progress=shown)
    finally:
        progress.end()
    return Said(
        {"folder": str(folder), "rows": counts}, [f"{done:,} rows in {len(counts)} files are in {folder}."]
    )
