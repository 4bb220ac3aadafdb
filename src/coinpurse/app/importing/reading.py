"""Rows out of a CSV file as people's programs write it: any usual delimiter, a byte order mark, quotes, blank
lines. Whatever a cell holds is text, a formula too."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coinpurse.app.importing.report import Unusable

DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Line:
    """A row as it stands in the file: where it begins, its cells by column, and what is wrong with its
    shape."""

    number: int
    cells: dict[str, str]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """An open file: its columns, and its rows as they are read."""

    columns: list[str]
    lines: Iterator[Line]


@contextmanager
def opened(path: Path) -> Iterator[Sheet]:
    """Opens a file and reads its header. Raises Unusable."""
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            header = file.readline()
            while header and not header.strip():
                header = file.readline()
            _check_header(header)
            delimiter = max(DELIMITERS, key=header.count)
            file.seek(0)
            rows = _rows(csv.reader(file, delimiter=delimiter, strict=True))
            first, cells = next(rows, (1, []))  # nothing but quotes and delimiters, say
            columns = [cell.strip().lower() for cell in cells]
            _check_columns(first, columns)
            yield Sheet(columns, (_line(number, columns, cells) for number, cells in rows))
    except OSError as error:
        raise Unusable(None, f"The file can't be read: {error.strerror or error}.") from error


def _check_header(header: str) -> None:
    if not header:
        raise Unusable(None, "The file is empty. Its first line must name the columns.")
    if "\0" in header or "\udcff\udcfe" in header or "\udcfe\udcff" in header:
        raise Unusable(1, "This is not text in UTF-8. Save the file as 'CSV UTF-8', then import it again.")


def _check_columns(line: int, columns: list[str]) -> None:
    if not columns:
        raise Unusable(line, "The file holds nothing. Its first line must name the columns.")
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        detail = f"There is more than one column {twice[0]!r}: rename or remove one."
        raise Unusable(line, detail, twice[0])


def _rows(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold something, with the line on which each begins."""
    before = 0
    try:
        for cells in reader:
            first, before = before + 1, reader.line_num  # type: ignore[attr-defined]
            if any(cell.strip() for cell in cells):
                yield first, cells
    except csv.Error as error:
        detail = f"The row that begins here can't be read ({error}); neither can what follows."
        raise Unusable(before + 1, f"{detail} Look for a quote that is not closed.") from error


def _line(number: int, columns: list[str], cells: list[str]) -> Line:
    found = {name: cell.strip() for name, cell in zip(columns, cells, strict=False)}
    more = [cell for cell in cells[len(columns) :] if cell.strip()]
    fault = None
    if more:
        fault = (
            f"The row has {len(cells)} cells for {len(columns)} columns. Quote cells that hold the delimiter."
        )
    elif any("\udc80" <= letter <= "\udcff" for cell in cells for letter in cell):
        fault = "The row is not text in UTF-8. Save the file as 'CSV UTF-8'."
    elif any("\0" in cell for cell in cells):
        fault = "The row holds a NUL character. Remove it."
    return Line(number, found, fault)
