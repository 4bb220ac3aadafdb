"""`coinpurse import …`: what people have now."""

import functools
import re
from collections.abc import Awaitable, Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from coinpurse.app.context import Context
from coinpurse.app.importing.files import import_file
from coinpurse.app.importing.provider import Choice, import_provider
from coinpurse.app.importing.report import Problem, Report
from coinpurse.cli.running import in_context
from coinpurse.cli.saying import DONE, WRONG, Progress, Said, number
from coinpurse.domain.money import CURRENCIES

SHOWN = 20

CSV = click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
TEST = click.option("--test", is_flag=True, help="Into test accounts; else live ones.")


def _rates(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, Fraction]:
    found = {}
    for text in given:
        currency, _, number_text = text.rpartition("=")
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", number_text) or (
            currency and currency not in CURRENCIES
        ):
            raise click.BadParameter(
                f"{text!r} is not a number like 100 or 0.5, or one with a currency: eur=110."
            )
        found[currency] = Fraction(number_text)
    return found


@click.group("import")
def import_() -> None:
    """Bring in what you have now.

    Without --apply it only says what would happen. It can be run again: what was imported is known.
    """


def importer(command: Callable[..., Awaitable[Report]]) -> Callable[..., None]:
    """Make a function that gives a report a command with --apply, --skip-errors and --json."""

    @click.option("--apply", is_flag=True, help="Do it. Without this, only the report is made.")
    @click.option("--skip-errors", is_flag=True, help="Import the rows that are right, leave out the others.")
    @in_context
    @functools.wraps(command)
    async def body(ctx: Context, **options: Any) -> Said:
        progress = Progress("Rows read:")
        try:
            report = await command(ctx, progress=progress, **options)
        finally:
            progress.end()
        return _said(report, options["apply"])

    return body


@import_.command()
@CSV
@TEST
@importer
async def balances(ctx: Context, path: Path, **how: Any) -> Report:
    """What is left: account, addon (and promo, promo_expires_at, email, name, id)."""
    return await import_file(ctx, "balances", path, **how)


@import_.command()
@CSV
@TEST
@importer
async def topups(ctx: Context, path: Path, **how: Any) -> Report:
    """What was bought: account, payment, credits (and provider, paid_at, amount, currency, remaining)."""
    return await import_file(ctx, "topups", path, **how)


@import_.command()
@CSV
@TEST
@importer
async def subscriptions(ctx: Context, path: Path, **how: Any) -> Report:
    """Who subscribes: account, plan, interval, anchor, paid_through (and remaining, email, name, id)."""
    return await import_file(ctx, "subscriptions", path, **how)


@import_.command()
@click.option(
    "--mapping",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A CSV file with the columns customer and account, where metadata don't name the account.",
)
@click.option("--account-key", help="The key of customers' metadata that names the account.")
@click.option(
    "--credits-per-unit",
    "rates",
    multiple=True,
    callback=_rates,
    metavar="[CURRENCY=]N",
    help="How many credits a unit of billing credits (a dollar) is. Repeatable, as eur=110.",
)
@importer
async def stripe(
    ctx: Context, mapping: Path | None, account_key: str | None, rates: dict[str, Fraction], **how: Any
) -> Report:
    """What Stripe knows: customers, their subscriptions, their billing credits.

    Into live or test accounts, as is COINPURSE_STRIPE_API_KEY.
    """
    from coinpurse.wiring import stripe_listing  # wiring knows everything; at the top it would be a circle

    choice = Choice(mapping, account_key, rates)
    return await import_provider(ctx, "stripe", stripe_listing(ctx), choice, **how)


def _said(report: Report, wanted: bool) -> Said:
    value = {
        "what": report.what,
        "applied": report.applied,
        "rows": report.rows,
        "created": report.created,
        "changed": report.changed,
        "skipped": report.skipped,
        "wrong": report.wrong,
        "accounts_created": report.accounts_created,
        "problems": report.problems,
        "notes": report.notes,
        "notes_in_all": report.notes_in_all,
    }
    return Said(value, _lines(report, wanted), WRONG if report.errors else DONE)


def _lines(report: Report, wanted: bool) -> list[str]:
    would = "" if report.applied else "would be "
    return [
        *_listed(report.problems, report.errors),
        *_listed(report.notes, report.notes_in_all),
        f"{number(report.rows)} rows read: {number(report.created)} {would}imported "
        f"({number(report.accounts_created)} new accounts), {number(report.skipped)} skipped, "
        f"{number(report.changed)} changed since they were imported, {number(report.wrong)} wrong.",
        _next_step(report, wanted),
    ]


def _listed(found: list[Problem], in_all: int) -> list[str]:
    more = [f"… and {number(in_all - SHOWN)} more; --json lists 1,000."] if in_all > SHOWN else []
    return [*map(str, found[:SHOWN]), *more]


def _next_step(report: Report, wanted: bool) -> str:
    if report.applied:
        return "Done." if not report.errors else "Done, without the rows that are wrong or changed."
    if report.errors:
        nothing = "Nothing was changed. " if wanted else "This was a rehearsal: nothing was changed. "
        return f"{nothing}Mend the file, or leave those rows out with --skip-errors."
    return "This was a rehearsal: nothing was changed. Do it with --apply."
