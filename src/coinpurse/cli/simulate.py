"""`coinpurse simulate`: the ordeal, on this machine."""

import asyncio
import gc
import secrets
import signal
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from coinpurse.cli.running import as_json, kind_errors
from coinpurse.cli.saying import WRONG, Progress, Said, number, say, table

SHOWN = 12
#: What thousands of accounts remember stays: it needn't be gone through for garbage all the time.
SELDOM = (100_000, 50, 100)


@click.command()
@click.option("--seed", help="What everything is drawn from; a new one, if left out.")
@click.option(
    "--operations", type=click.IntRange(1), default=20_000, show_default=True, help="How many in all."
)
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="End after so long, done or not.")
@click.option("--kills", type=click.IntRange(0), default=20, show_default=True, help="kill -9 of what runs.")
@click.option(
    "--accounts", type=click.IntRange(10), default=1000, show_default=True, help="How many customers."
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the database and the logs go, and stay; a temporary one, if left out.",
)
@click.option("--shrink", is_flag=True, help="Where it went wrong: look for the smallest plan that does.")
@as_json
def simulate(as_json: bool, folder: Path | None, seed: str | None, shrink: bool, **options: Any) -> None:
    """Live through everything that can go wrong: a crowd of customers on real servers and a PostgreSQL of
    their own, on loopback, while processes are killed and lines cut. Every answer is foretold and compared,
    and the books are verified at the end. Exit code 1 if anything was lost, doubled or not explained."""
    from coinpurse.ordeal.ordeal import Plan  # it brings a good deal along, which no other command needs

    plan = Plan(seed or secrets.token_hex(4), **options)
    if not as_json:
        click.echo(f"The seed is {plan.seed}.", err=True)
    with kind_errors(as_json):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise click.UsageError(f"The folder {folder} is not empty: name a new one.")
            report = _alone(_through(plan, folder.absolute()))
        else:
            report = _alone(_somewhere(plan))
        if report.faults and shrink:
            report = _shrunk(plan, report)
    say(Said(report, _words(report), WRONG if report.faults else 0), as_json)


async def _through(plan: Any, home: Path) -> Any:
    from coinpurse.ordeal.ordeal import Ordeal

    shown = Progress("Operations:")
    try:
        return await Ordeal(plan, home, shown).run()
    finally:
        shown.end()


async def _somewhere(plan: Any) -> Any:
    """In a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="coinpurse-simulate-", ignore_cleanup_errors=True) as home:
        return await _through(plan, Path(home))


def _shrunk(plan: Any, report: Any) -> Any:
    from coinpurse.ordeal.shrink import shrink

    async def attempt(smaller: Any) -> Any:
        asked = [f"{number(getattr(smaller, what))} {what}" for what in ("operations", "accounts", "kills")]
        calm = "" if smaller.disturbed else ", undisturbed"
        click.echo(f"It went wrong. Trying {', '.join(asked)}{calm} …", err=True)
        return await _somewhere(smaller)

    _, smallest = _alone(shrink(plan, report, attempt))
    return smallest


def _alone(work: Coroutine[Any, Any, Any]) -> Any:
    """Runs in a loop of its own, until it is done or somebody stops it."""
    gc.set_threshold(*SELDOM)

    async def run() -> Any:
        task = asyncio.create_task(work)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await task

    try:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            return runner.run(run())
    except asyncio.CancelledError:
        raise click.Abort from None


def _new_loop() -> asyncio.AbstractEventLoop:
    """The quick one, as the servers have it: crowd and lines are all in this process."""
    import uvloop

    return uvloop.new_event_loop()


def _words(report: Any) -> list[str]:
    lines = [
        f"Seed {report.seed}: {number(report.operations)} operations on {number(report.accounts)} accounts "
        f"in {report.seconds:,.0f} s ({report.per_second:,.0f} a second).",
        f"Killed: {_counted(report.kills)}.",
        f"Disturbed: {_counted(report.disturbances)}.",
        *table([(what, number(count)) for what, count in report.counted.items()]),
    ]
    for fault in report.faults:
        lines += [
            "",
            f"WRONG: {fault.account}: {fault.what}",
            *(f"  {line}" for line in fault.history[-SHOWN:]),
        ]
    if not report.faults:
        return [*lines, "Nothing was lost, doubled or unexplained, and the books are right."]
    return [
        *lines,
        "",
        f"{len(report.faults)} faults. The plan again: coinpurse simulate --seed {report.seed} …",
    ]


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} × {what}" for what, count in sorted(counts.items())) or "nothing"
