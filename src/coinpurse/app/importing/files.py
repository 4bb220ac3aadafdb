"""Importing files: balances, top-ups, subscriptions."""

from collections.abc import AsyncIterator
from pathlib import Path

from coinpurse.app.context import Context
from coinpurse.app.importing.columns import KINDS, Fault, Kind, parse
from coinpurse.app.importing.reading import Line, Sheet, opened
from coinpurse.app.importing.report import Problem, Report, Unusable
from coinpurse.app.importing.running import Progress, Row, run
from coinpurse.app.importing.seen import Seen


async def import_file(
    ctx: Context,
    kind: str,
    path: Path,
    *,
    test: bool = False,
    apply: bool = False,
    skip_errors: bool = False,
    progress: Progress = lambda done: None,
) -> Report:
    """Imports a file into live accounts (`test`: test accounts). Without `apply`, and where anything is wrong
    unless `skip_errors`, only the report is made: it says what would happen."""
    report = await _once(ctx, KINDS[kind], path, test, apply and skip_errors, progress)
    if apply and not report.applied and not report.errors:
        return await _once(ctx, KINDS[kind], path, test, True, progress)
    return report


async def _once(
    ctx: Context, kind: Kind, path: Path, test: bool, applied: bool, progress: Progress
) -> Report:
    report = Report(kind.name, applied)
    try:
        with opened(path) as sheet, Seen() as seen:
            _check_columns(kind, sheet, report)
            await run(ctx, _rows(ctx, kind, sheet, test, seen, report), report, progress)
    except Unusable as error:
        report.refuse(error.problem)
    return report


def _check_columns(kind: Kind, sheet: Sheet, report: Report) -> None:
    missing = [name for name in kind.required if name not in sheet.columns]
    if missing:
        wanted = f"{', '.join(kind.required)} (and may have {', '.join(kind.optional)})"
        found = ", ".join(filter(None, sheet.columns)) or "none"
        detail = (
            f"There is no column {', '.join(missing)}. The first line must name {wanted}; it names {found}."
        )
        raise Unusable(1, detail)
    known = kind.required.keys() | kind.optional.keys()
    for name in sheet.columns:
        if name and name not in known:
            report.note(Problem(1, name, "This column is not used."))


async def _rows(
    ctx: Context, kind: Kind, sheet: Sheet, test: bool, seen: Seen, report: Report
) -> AsyncIterator[Row]:
    for line in sheet.lines:
        report.rows += 1
        try:
            row = _row(ctx, kind, line, test)
        except Fault as fault:
            report.refuse(Problem(line.number, fault.column, fault.detail))
            continue
        if _is_first(row, kind, seen, report):
            yield row


def _row(ctx: Context, kind: Kind, line: Line, test: bool) -> Row:
    if line.fault:
        raise Fault(None, line.fault)
    reference, values = parse(ctx, kind, line.cells)
    return Row(kind.name, values["account"], test, reference, values, line.number)


def _is_first(row: Row, kind: Kind, seen: Seen, report: Report) -> bool:
    """Whether nothing like it came earlier in the file. The same row twice is one row."""
    owner = "" if kind.name == "topups" else row.account
    known = seen.put(f"{owner}\n{row.reference}", row.line or 0, f"{row.account} {row.digest}")
    if known is None:
        return True
    line, text = known
    if text == f"{row.account} {row.digest}":
        report.skipped += 1
        report.note(Problem(row.line, None, f"The same as line {line}: counted once."))
    else:
        what = f"payment {row.values['payment']!r}" if kind.name == "topups" else f"account {row.account!r}"
        advice = "" if kind.name == "topups" else ", or tell the rows apart by a column 'id'"
        report.refuse(Problem(row.line, None, f"Line {line} is for the same {what}. Keep one{advice}."))
    return False
