"""`coinpurse reconcile`: are the books what the payment provider has?"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click

from coinpurse.app import reconcile as app
from coinpurse.app.context import Context, Who
from coinpurse.app.differences import Difference
from coinpurse.app.reconcile import Reconciled
from coinpurse.cli.running import in_context
from coinpurse.cli.saying import DONE, WRONG, Progress, Said, when

INSTANT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"])
MARKS = {"missing": "Missing here", "stuck": "Can't be applied", "untold": "Only here"}


@click.command()
@click.option("--provider", help="One provider; else each that can be asked.")
@click.option("--since", type=INSTANT, help="A day or an instant in UTC; else 72 hours before the end.")
@click.option("--until", type=INSTANT, help="The end, exclusive; else now.")
@click.option("--heal", is_flag=True, help="Apply what is missing here.")
@in_context
async def reconcile(ctx: Context, since: datetime | None, until: datetime | None, **options: Any) -> Said:
    """Compare the payment provider's subscriptions and payments with the books.

    Exit code 1 where a difference was found and not healed. Doing it again changes nothing.
    """
    progress = Progress("Compared:")
    try:
        report = await app.reconcile(
            ctx, Who("cli"), since=_in_utc(since), until=_in_utc(until), progress=progress, **options
        )
    finally:
        progress.end()
    return Said(report, list(_lines(report)), DONE if report.found == report.healed else WRONG)


def _in_utc(at: datetime | None) -> datetime | None:
    """A day is given without a time zone."""
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)


def _lines(report: Reconciled) -> Iterator[str]:
    for one in report.differences:
        yield from _difference(one)
    if report.found > len(report.differences):
        yield f"{report.found - len(report.differences):,} more. A narrower window lists them."
    yield from report.notes
    yield f"{report.checked:,} compared, from {when(report.since)} to {when(report.until)}."
    if not report.found:
        yield "There are no differences."
    else:
        yield f"{report.found:,} differences, {report.healed:,} of them healed."


def _difference(one: Difference) -> Iterator[str]:
    whose = f"{one.account or 'no known account'}{' (test)' * one.test}"
    yield f"{'Healed' if one.healed else MARKS[one.kind]}: {whose}, {one.about}"
    yield f"  {one.words}"
    if one.effect:
        word = "Applied" if one.healed else "It can't be applied" if one.kind == "stuck" else "To apply"
        yield f"  {word}: {one.effect}"
