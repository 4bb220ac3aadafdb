"""Whatever text comes, parsers give a value or their own refusal; nothing else escapes them."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from coinpurse.api import fields
from coinpurse.app.importing.reading import opened
from coinpurse.app.importing.report import Unusable
from coinpurse.domain.burndown import give_back, split
from coinpurse.domain.catalog import Catalog
from coinpurse.domain.credits import MAX_AMOUNT
from coinpurse.domain.errors import CatalogError, NotFound
from coinpurse.domain.ids import parse_id
from coinpurse.settings import DEFAULT_CATALOG

CATALOG = DEFAULT_CATALOG.read_text("utf-8")
_PIECES = st.sampled_from([*"\"'=[]{}\n#\\\x00é", "-1", "1e9", "true", "..", "999999999999999999"])
_CELLS = st.text(st.characters(codec="utf-8"), max_size=12)


@given(st.integers(0, len(CATALOG)), st.integers(0, 40), st.lists(_PIECES, max_size=4))
@bounded(max_examples=150, deadline=None)
def test_a_spoilt_catalog_is_refused_or_read(at: int, cut: int, more: list[str]) -> None:
    """A piece cut out and something put in: a catalog, or its problems with their lines."""
    try:
        Catalog.parse(CATALOG[:at] + "".join(more) + CATALOG[at + cut :])
    except CatalogError as refused:
        problems = refused.problems
    else:
        return
    assert problems
    assert all({"line", "where", "detail"} <= problem.keys() for problem in problems)


@given(st.binary(max_size=200) | st.lists(st.lists(_CELLS, max_size=5), max_size=6).map(
    lambda rows: "\n".join(",".join(row) for row in rows).encode()
))  # fmt: skip
@bounded(max_examples=150, deadline=None)
def test_any_file_is_read_or_refused(content: bytes) -> None:
    """As a CSV file of balances."""
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(content)
        file.flush()
        try:
            with opened(Path(file.name)) as sheet:
                lines = list(sheet.lines)
        except Unusable:
            return
    assert all(line.fault or set(line.cells) <= set(sheet.columns) for line in lines)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b'""', b'"",""\n', b",,,\n,,", b'"\n"\n', b"\xef\xbb\xbf"], ids=repr
)
def test_a_file_of_nothing_holds_nothing(tmp_path: Path, content: bytes) -> None:
    """Blank lines, quotes and delimiters, and not one name of a column: refused, or no columns."""
    file = tmp_path / "nothing.csv"
    file.write_bytes(content)
    try:
        with opened(file) as sheet:
            columns = sheet.columns
    except Unusable:
        return
    assert not any(columns)


@given(
    st.text(max_size=60) | st.from_regex(r"(ch|ho|gr|re|su|xx)_[0-9a-f]{30,34}_[0-9]{0,25}", fullmatch=True)
)
@bounded(max_examples=150, deadline=None)
def test_any_identifier_is_read_or_not_found(text: str) -> None:
    """As a charge's."""
    try:
        ref = parse_id("ch", text)
    except NotFound:
        return
    assert text == f"ch_{ref.account.hex}_{ref.act}"
    assert 0 < ref.act < 2**63


@given(st.text(max_size=80))
@bounded(max_examples=150, deadline=None)
def test_any_cursor_is_read_or_refused(text: str) -> None:
    """What is read is what `show_cursor` was given."""
    try:
        cursor = TypeAdapter(fields.Cursor).validate_python(text)
    except ValidationError:
        return
    assert fields.show_cursor(cursor) == text


@given(st.integers(-(10**20), 10**20) | st.floats() | st.booleans() | st.text(max_size=5) | st.none())
@bounded(max_examples=200, deadline=None)
def test_s6_amounts_are_whole_and_within_their_limits(value: object) -> None:
    """From 0 to 10^15, as an integer; everything else is refused."""
    try:
        taken = TypeAdapter(fields.Amount).validate_python(value)
    except ValidationError:
        assert isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_AMOUNT
    else:
        assert taken == value
        assert type(value) is int


@given(st.lists(st.integers(1, MAX_AMOUNT), min_size=1, max_size=8), st.data())
@bounded(max_examples=100, deadline=None)
def test_nothing_is_lost_in_splitting(parts: list[int], data: st.DataObject) -> None:
    """What is spent and what goes back are together what was taken, at the largest amounts too."""
    taken = [(str(n), part) for n, part in enumerate(parts)]
    amount = data.draw(st.integers(0, sum(parts)))
    spent, back = split(taken, amount)
    assert sum(part for _, part in spent) == amount
    assert sum(part for _, part in back) == sum(parts) - amount
    assert sum(part for _, part in give_back(taken, amount)) == amount
