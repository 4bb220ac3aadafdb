"""`coinpurse verify`: the books, gone through."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import msgspec

from coinpurse.app import checks
from coinpurse.app.context import Context, Who
from coinpurse.cli.running import in_context
from coinpurse.cli.saying import WRONG, Progress, Said
from coinpurse.store.checks import FIRST, Head, Problem, Report

HEADS_AT_ONCE = 1_000


@click.command()
@click.option("--account", metavar="ID", help="Only this account.")
@click.option("--test", is_flag=True, help="With --account: the test account of that id.")
@click.option("--after", type=click.UUID, default=FIRST, help="Go on behind the account with this number.")
@click.option(
    "--heads",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the heads of the chains to a file.",
)
@click.option(
    "--against",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compare with heads that were written earlier.",
)
@in_context
async def verify(
    ctx: Context, account: str | None, test: bool, after: UUID, heads: Path | None, against: Path | None
) -> Said:
    """Check the books: work everything out again from the ledger, and compare."""
    began = time.monotonic()
    with _file(heads) as out:
        if account is not None:
            report = await checks.verify_account(ctx, Who("cli", True if test else None), account)
            out(report)
        else:
            report = await _all(ctx, after, out)
    problems = list(report.problems)
    if against:
        problems += await _since(ctx, against)
    return _said(report, problems, time.monotonic() - began)


@contextmanager
def _file(path: Path | None) -> Iterator[Callable[[Report], Any]]:
    """What writes the heads of the accounts that were checked last, one a line."""
    if path is None:
        yield lambda report: None
        return
    with path.open("wb") as file:
        yield lambda report: file.writelines(msgspec.json.encode(head) + b"\n" for head in report.heads)


async def _all(ctx: Context, after: UUID, out: Callable[[Report], Any]) -> Report:
    progress = Progress("Accounts verified:")
    last = after

    def shown(report: Report) -> None:
        nonlocal last
        last = report.last
        out(report)
        progress(report.accounts)

    try:
        return await checks.go_through(ctx, after, shown)
    except asyncio.CancelledError:
        click.echo(f"Stopped. To go on from here: coinpurse verify --after {last}", err=True)
        raise
    finally:
        progress.end()


async def _since(ctx: Context, written: Path) -> list[Problem]:
    """What became of heads that were written down earlier: the books up to them must still be the same."""
    wrong: list[Problem] = []
    for heads in _read(written):
        for head in await checks.differing(ctx, heads):
            fault = "what was written down earlier is not in the books any more: changed or removed since"
            wrong.append(Problem("heads", "", head.account, head.act, fault))
    return wrong


def _read(written: Path) -> Iterator[list[Head]]:
    with written.open("rb") as lines:
        while some := [
            msgspec.json.decode(line, type=Head) for line, _ in zip(lines, range(HEADS_AT_ONCE), strict=False)
        ]:
            yield some


def _said(report: Report, problems: list[Problem], seconds: float) -> Said:
    rate = report.accounts / max(seconds, 0.001)
    value = {
        "problems": problems,
        "accounts": report.accounts,
        "seconds": round(seconds, 3),
        "accounts_per_second": round(rate),
        "last": report.last,
    }
    if not problems:
        count = f"{report.accounts:,} accounts in {seconds:,.1f} s, {rate:,.0f} a second."
        return Said(value, ["The books are right.", count])
    first = problems[0]
    who = repr(first.account) if first.account else str(first.digest)
    line = f"Account {who}, act {first.act}: {first.fault} ({first.check})."
    more = [f"{len(problems):,} problems in all; --json lists them."] if len(problems) > 1 else []
    return Said(value, [line, *more], WRONG)
