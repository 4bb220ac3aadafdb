"""Arrays for PostgreSQL, packed by hand.

The hot path sends thousands of values in one call. psycopg's own array dumper visits each value in Python;
`struct`
packs a whole array at once, which is what makes the batch call fast (docs/adr).
"""

import struct
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg.adapt import Dumper, PyFormat
from psycopg.pq import Format

_HEADER = struct.Struct("!iiIii")
_NULL = b"\xff\xff\xff\xff"
_YES, _NO = b"\0\0\0\1\1", b"\0\0\0\1\0"


class Packed(bytes):
    """An array in PostgreSQL's binary form. Subclasses say of what."""


class Uuids(Packed):
    oid = 2951


class Bigints(Packed):
    oid = 1016


class Texts(Packed):
    oid = 1009


class Booleans(Packed):
    oid = 1000


class _PackedDumper(Dumper):
    format = Format.BINARY

    def __init__(self, cls: Any, context: Any = None) -> None:
        super().__init__(cls, context)
        self.oid = cls.oid

    def get_key(self, obj: Any, format: PyFormat) -> Any:
        return self.cls

    def dump(self, obj: Any) -> bytes:
        return bytes(obj)


def register(adapters: Any) -> None:
    """Teaches a connection to send packed arrays as they are."""
    for kind in (Uuids, Bigints, Texts, Booleans):
        adapters.register_dumper(kind, _PackedDumper)


def uuids(values: Sequence[UUID]) -> Uuids:
    """A uuid[] without nulls."""
    return packed_uuids([value.bytes for value in values])


def packed_uuids(values: Sequence[bytes]) -> Uuids:
    """A uuid[] without nulls, of 16 bytes each."""
    return Uuids(_header(2950, len(values)) + b"\0\0\0\x10".join([b"", *values]))


def bigints(values: Sequence[int]) -> Bigints:
    """A bigint[] without nulls."""
    flat = [8] * (2 * len(values))
    flat[1::2] = values
    return Bigints(_header(20, len(values)) + struct.pack("!" + "iq" * len(values), *flat))


def bigints_or_null(values: Sequence[int | None]) -> Bigints:
    """A bigint[] that may hold nulls, and holds few different values."""
    parts = {value: _NULL if value is None else struct.pack("!iq", 8, value) for value in set(values)}
    return Bigints(_header(20, len(values)) + b"".join([parts[value] for value in values]))


def booleans(values: Sequence[bool]) -> Booleans:
    """A boolean[] without nulls."""
    return Booleans(_header(16, len(values)) + b"".join([_YES if value else _NO for value in values]))


def texts(values: Sequence[str | None]) -> Texts:
    """A text[] that may hold nulls, and holds few different values."""
    parts = {value: _NULL if value is None else _sized(value.encode()) for value in set(values)}
    return Texts(_header(25, len(values)) + b"".join([parts[value] for value in values]))


def _sized(data: bytes) -> bytes:
    return struct.pack("!i", len(data)) + data


def _header(element: int, length: int) -> bytes:
    return _HEADER.pack(1, 1, element, length, 1)
