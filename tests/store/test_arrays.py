"""Arrays that are packed by hand arrive in PostgreSQL as they were meant."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import psycopg
import pytest

from coinpurse.store import arrays

CASES: list[tuple[Callable[[Sequence[Any]], arrays.Packed], list[Any], str]] = [
    (arrays.uuids, [UUID(int=0), UUID(int=2**128 - 1), UUID(int=0x1234)], "uuid[]"),
    (arrays.bigints, [0, 1, -1, 2**63 - 1, -(2**63)], "bigint[]"),
    (arrays.bigints_or_null, [None, 5, None, -7, 0], "bigint[]"),
    (arrays.texts, ["", None, "a", "ü😀", 'NULL, "{}"', "x" * 100_000], "text[]"),
]


@pytest.mark.parametrize(("pack", "values", "kind"), CASES, ids=lambda case: getattr(case, "__name__", None))
def test_what_is_packed_arrives(
    module_database_url: str, pack: Callable[[Sequence[Any]], arrays.Packed], values: list[Any], kind: str
) -> None:
    """Each value, nulls and extremes included, the empty array, and the array's type."""
    with psycopg.connect(module_database_url) as conn:
        arrays.register(conn.adapters)
        for sent in (values, [], values[:1]):
            found = conn.execute("SELECT %s, pg_typeof(%s)::text", [pack(sent), pack(sent)]).fetchone()
            assert found == (sent, kind)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_a_number_that_is_too_large_is_not_cut(value: int) -> None:
    """It is an error and no other number."""
    with pytest.raises(Exception, match=r"format requires|out of range|too large"):
        arrays.bigints([value])
