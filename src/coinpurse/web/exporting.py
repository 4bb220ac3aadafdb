"""The whole history as a file for spreadsheets."""

import csv
from collections.abc import AsyncIterator, Sequence
from io import StringIO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from coinpurse.app.context import Context
from coinpurse.web import words
from coinpurse.web.history import ORDER, Line
from coinpurse.web.identity import Reader, reader
from coinpurse.web.language import _
from coinpurse.web.reading import read_history

#: Lines that are read and sent at a time.
PORTION = 500
#: What makes a spreadsheet take a cell for a formula; a name or description may begin with it.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: Tells spreadsheets that it is UTF-8.
MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"


async def export(request: Request) -> Response:
    """GET /subscriptions/history.csv: every line, newest first, in portions."""
    ctx: Context = request.app.state.ctx
    who = await reader(ctx, request)
    headers = {"Content-Disposition": 'attachment; filename="credits.csv"'}
    return StreamingResponse(_portions(ctx, who), media_type="text/csv; charset=utf-8", headers=headers)


async def _portions(ctx: Context, who: Reader) -> AsyncIterator[str]:
    buckets = [words.bucket(kind) for kind in ORDER]
    yield MARK + _csv([[_("Time (UTC)"), _("What"), _("Explained"), _("Credits"), *buckets, _("Left")]])
    cursor, more = None, True
    while more:
        past = await read_history(ctx, who.who, who.account, cursor, lines=PORTION)
        yield _csv([_cells(line) for line in past.lines])
        cursor, more = past.older, past.older is not None


def _cells(line: Line) -> list[str | int]:
    shares = dict(line.shares)
    parts = [shares.get(kind, 0) for kind in ORDER]
    return [words.machine(line.at), _text(line.title), _text(line.sentence), line.amount, *parts, line.after]


def _text(text: str) -> str:
    """A text that no spreadsheet will run."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _csv(rows: Sequence[Sequence[str | int]]) -> str:
    file = StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()
