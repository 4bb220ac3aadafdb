"""The chain of hashes, reckoned by what docs/engine.md says of it, without PostgreSQL."""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

Row = dict[str, Any]
Field = tuple[int, bytes | None]
BYTES, BIGINT, INT, TEXT, INSTANT, BIGINTS = 17, 20, 23, 25, 1184, 1016
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def chain(account: UUID, acts: Sequence[Row], grants: Sequence[Row], terms: Sequence[Row]) -> Iterator[bytes]:
    """The hash of each group of acts: those from the one after the last hash up to the next that has one."""
    head, content, version = account.bytes, b"", 0
    given = {grant["grant"]: grant for grant in grants}
    versions = {one["version"]: one for one in terms}
    for act in acts:
        if act["terms"] != version:
            version = act["terms"]
            head = _link(head, _record(_big(version), _words(versions[version]["terms"])))
        content += _act(act)
        if "g" in act["moves"]:
            content += _grant(given[act["act"]])
        if act["hash"] is not None:
            head, content = _link(head, content), b""
            yield head


def _link(head: bytes, content: bytes) -> bytes:
    return hashlib.sha256(head + content).digest()


def _act(act: Row) -> bytes:
    return _record(
        _big(act["act"]),
        _instant(act["at"]),
        (TEXT, act["kind"].encode()),
        (TEXT, act["moves"].encode()),
        _bigs(act["grants"]),
        _bigs(act["amounts"]),
        _big(act["amount"]),
        _big(act["of"]),
        _big(act["terms"]),
        _words(act["operation"]),
        _big(act["quantity"]),
        _words(act["details"]),
        _words(act["actor"]),
        _words(act["reason"]),
    )


def _grant(grant: Row) -> bytes:
    return _record(
        _big(grant["grant"]),
        (TEXT, grant["kind"].encode()),
        _big(grant["amount"]),
        (INT, struct.pack(">i", grant["priority"])),
        _instant(grant["starts_at"]),
        _instant(None if grant["subscription"] else grant["expires_at"]),
        _big(grant["subscription"]),
        _words(grant["source"]),
        _words(grant["reason"]),
    )


def _record(*fields: Field) -> bytes:
    """PostgreSQL's wire format of a row: the number of fields; of each its type, its length (-1: null) and
    its bytes."""
    return struct.pack(">i", len(fields)) + b"".join(_field(*field) for field in fields)


def _field(kind: int, value: bytes | None) -> bytes:
    if value is None:
        return struct.pack(">Ii", kind, -1)
    return struct.pack(">Ii", kind, len(value)) + value


def _big(value: int | None) -> Field:
    return BIGINT, None if value is None else struct.pack(">q", value)


def _bigs(values: Sequence[int] | None) -> Field:
    """An array: one dimension, no nulls, the elements' type, how many, counted from 1; then each."""
    if values is None:
        return BIGINTS, None
    each = b"".join(struct.pack(">iq", 8, value) for value in values)
    return BIGINTS, struct.pack(">iiIii", 1, 0, BIGINT, len(values), 1) + each


def _instant(value: datetime | None) -> Field:
    return INSTANT, None if value is None else struct.pack(">q", (value - EPOCH) // timedelta(microseconds=1))


def _words(value: str | None) -> Field:
    return BYTES, None if value is None else value.encode()
