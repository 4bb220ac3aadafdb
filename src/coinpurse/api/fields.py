"""The types of what comes in: each says its own limits, in the OpenAPI document as in the check.

JSON is read strictly: `true`, `4.0` and `"4"` are not integers. Every limit is the same for everyone.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import Query
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.types import Strict
from pydantic_core import PydanticCustomError

from coinpurse.domain.credits import MAX_AMOUNT

MAX_METADATA_BYTES = 8192
MAX_METADATA_DEPTH = 4
#: Integers beyond this are not exact in JavaScript, so metadata would come back changed.
MAX_EXACT_INTEGER = 2**53 - 1
#: Instants outside of these years are slips of the pen, and would make thousands of periods fall due.
FIRST_YEAR, LAST_YEAR = 2000, 2199
#: Stands for a percent-encoded slash inside a path segment; no UTF-8 text can contain it.
ENCODED_SLASH = "\udc2f"

PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
PROSE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)


class Body(BaseModel):
    """A JSON object in a request; a member that isn't known is refused by name."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


def _line(longest: int, shortest: int = 1) -> Any:
    """One line of text without control characters."""
    return StringConstraints(strict=True, min_length=shortest, max_length=longest, pattern=PRINTABLE)


def _refuse(kind: str, detail: str) -> PydanticCustomError:
    # The text is data, not a template: braces in it must not be taken for placeholders.
    return PydanticCustomError("coinpurse_" + kind, "{detail}", {"detail": detail})


def read_instant(value: Any) -> datetime:
    """An instant of RFC 3339 with its offset, in UTC; what is finer than a microsecond is cut off.

    A `+` that arrived as a blank, as it does in query strings that weren't encoded, is understood.
    """
    found = _INSTANT.fullmatch(re.sub(r" (?=\d\d:\d\d$)", "+", value)) if isinstance(value, str) else None
    if found is None:
        raise _refuse("instant", "Give an instant as RFC 3339 with its offset, such as 2026-01-31T10:00:00Z.")
    day, time, fraction, offset = found.groups()
    try:
        text = f"{day}T{time}.{(fraction or '')[:6]:0<6}{'+00:00' if offset in 'Zz' else offset}"
        instant = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _refuse("instant", "There is no such day or time.") from None
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise _refuse("instant", f"Instants must lie in the years {FIRST_YEAR} to {LAST_YEAR}.")
    return instant


def show_cursor(cursor: str | None) -> str | None:
    """A cursor as text that needs no escaping in a query."""
    return cursor and urlsafe_b64encode(cursor.encode()).decode().rstrip("=")


def read_cursor(text: str) -> str:
    """What `show_cursor` was given."""
    try:
        cursor = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        cursor = ""
    if not cursor.isprintable() or show_cursor(cursor) != text:
        raise _refuse("cursor", "It is not a cursor that this list gave.")
    return cursor


def _check_metadata(value: dict[str, Any]) -> dict[str, Any]:
    _check_json(value, MAX_METADATA_DEPTH)
    size = len(msgspec.json.encode(value))
    if size > MAX_METADATA_BYTES:
        raise _refuse("metadata", f"Metadata may take {MAX_METADATA_BYTES} bytes as JSON; this takes {size}.")
    return value


def _check_json(value: Any, levels: int) -> None:
    """Refuse what the database could not store or could not give back as it came."""
    if isinstance(value, str) and "\0" in value:
        raise _refuse("metadata", "NUL characters are not allowed.")
    if isinstance(value, int) and abs(value) > MAX_EXACT_INTEGER:
        raise _refuse("metadata", "Integers beyond 2^53 - 1 lose digits in JSON; send them as text.")
    if isinstance(value, dict | list):
        if levels == 0:
            raise _refuse("metadata", f"Metadata may be nested {MAX_METADATA_DEPTH} levels deep.")
        inner = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        for one in inner:
            _check_json(one, levels - 1)


def whole_segment(value: Any) -> Any:
    """A segment of a path with its slashes."""
    return value.replace(ENCODED_SLASH, "/") if isinstance(value, str) else value


Amount = Annotated[int, Strict(), Field(ge=0, le=MAX_AMOUNT)]
PositiveAmount = Annotated[int, Strict(), Field(ge=1, le=MAX_AMOUNT)]
AccountId = Annotated[str, _line(200)]
AccountInPath = Annotated[AccountId, BeforeValidator(whole_segment)]
ThingId = Annotated[str, _line(200)]
ThingInPath = Annotated[ThingId, BeforeValidator(whole_segment)]
Name = Annotated[str, _line(200)]
Member = Annotated[str, _line(200)]
Reason = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=1000, pattern=PROSE)]
Key = Annotated[str, _line(255)]
Flag = Annotated[bool, Strict()]
WebAddress = Annotated[
    str, StringConstraints(strict=True, max_length=2000, pattern=r"^https?://[\x21-\x7e]+$")
]
Instant = Annotated[
    datetime, BeforeValidator(read_instant), WithJsonSchema({"type": "string", "format": "date-time"})
]
Metadata = Annotated[
    dict[str, Any],
    AfterValidator(_check_metadata),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": True,
            "description": f"Whatever you want to find again; at most {MAX_METADATA_BYTES} bytes as JSON, "
            f"nested at most {MAX_METADATA_DEPTH} levels.",
        }
    ),
]

Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
_Cursor = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, pattern=r"^[A-Za-z0-9_-]*$"),
    AfterValidator(read_cursor),
]
Cursor = Annotated[_Cursor | None, Query(description="`next_cursor` of the page before.")]


class Empty(Body):
    """An object without members."""
