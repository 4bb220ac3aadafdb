"""Everything that is kept, as files that any program reads."""

from pathlib import Path

from coinpurse.app.context import Context, Who
from coinpurse.domain.errors import Conflict
from coinpurse.store import exporting
from coinpurse.store.exporting import Form, Progress


async def export(
    ctx: Context,
    who: Who,
    folder: Path,
    *,
    form: Form = "jsonl",
    account: str | None = None,
    progress: Progress | None = None,
) -> dict[str, int]:
    """Writes all tables (of one account: what belongs to it) into a new or empty folder, and says how
    many rows each has. Raises AccountNotFound, Conflict."""
    digest = (await ctx.directory.existing(account, who.test)).digest if account is not None else None
    _check_empty(folder)
    return await exporting.export(ctx.db, folder, form, account=digest, progress=progress)


def _check_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"{folder} is there already, and not an empty folder. Name another one.")
