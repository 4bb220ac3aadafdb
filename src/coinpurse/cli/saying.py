"""How commands speak: plain words or JSON, and errors that say what happened and what to do next."""

import dataclasses
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Never

import click
import msgspec

from coinpurse.domain.errors import Unavailable

DONE, WRONG, USAGE, UNREACHABLE = 0, 1, 2, 3


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """What a command answers: `value` is printed with --json, `lines` without; then the exit code."""

    value: Any
    lines: Sequence[str]
    code: int = DONE


def say(said: Said, as_json: bool) -> Never:
    """Print the answer and end with its exit code."""
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(said.value), indent=2).decode())
    else:
        for line in said.lines:
            click.echo(line)
    sys.exit(said.code)


def fail(problem: dict[str, Any], code: int, as_json: bool) -> Never:
    """Say what went wrong (`code`, `title`, `detail`, …): as JSON on stdout, or in words on stderr."""
    if as_json:
        say(Said(problem, (), code), True)
    for line in _problem_lines(problem):
        click.echo(line, err=True)
    sys.exit(code)


def _problem_lines(problem: dict[str, Any]) -> Iterator[str]:
    """The title, unless the detail begins with it; the detail, unless it is that of the only field."""
    title, detail, faults = problem["title"], problem["detail"], problem.get("errors", [])
    if titled := not detail.startswith(title) and problem["code"] != Unavailable.code:
        yield click.style(f"{title}.", fg="red", bold=True)
    if not (titled and faults):
        yield detail
    yield from (f"{fault['pointer'].strip('/') or 'request'}: {fault['detail']}" for fault in faults)
    if "problems" in problem:
        yield "Every problem, with its line: coinpurse check"


def number(value: int) -> str:
    """`12,345`."""
    return f"{value:,}"


def credits(amount: int) -> str:
    """`1 credit`, `12,345 credits`."""
    return f"{amount:,} credit{'' if amount == 1 else 's'}"


def when(instant: datetime | None, never: str = "never") -> str:
    """`2026-03-01 10:00:00 UTC`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if instant else never


def table(rows: Iterable[Sequence[str]], indent: str = "  ") -> list[str]:
    """Rows as aligned lines; cells that look like numbers stand to the right."""
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [indent + "  ".join(map(_fitted, row, widths)).rstrip() for row in cells]


def _fitted(cell: str, width: int) -> str:
    is_number = cell.replace(",", "").lstrip("+-").isdigit()
    return cell.rjust(width) if is_number else cell.ljust(width)


class Progress:
    """One line on stderr that is rewritten as work goes on; silent unless stderr is a terminal."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown = False

    def __call__(self, done: int, total: int | None = None) -> None:
        if sys.stderr.isatty():
            of = f" of {total:,}" if total is not None else ""
            click.echo(f"\r\x1b[K{self._what} {done:,}{of}", nl=False, err=True)
            self._shown = True

    def end(self) -> None:
        """Wipe the line."""
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)
