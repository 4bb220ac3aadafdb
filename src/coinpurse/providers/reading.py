"""Reading what somebody else wrote: JSON whose fields may be missing, of another type or absurd.

Whatever is asked for is either as it should be or raises Unreadable, which names the field.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

MOST = 10**15
LONGEST = 500
#: Seats or packs at once; more is a slip, and its credits would be beyond what can be counted.
MOST_AT_ONCE = 1_000_000
_YEARS = range(1990, 3000)


class Unreadable(Exception):
    """A field is missing or wrong. The text names it and says what it should be."""


def parse(body: bytes) -> "Reader":
    """The JSON object in a body. Raises Unreadable."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise Unreadable(f"the body is not JSON: {error}") from None
    return Reader.of(value, "")


@dataclass(frozen=True, slots=True)
class Reader:
    """A JSON object, and where it stands in the whole (`data.items[0]`). The methods that begin with
    `maybe_` give None for what is missing or null."""

    data: dict[str, Any]
    path: str = ""

    @classmethod
    def of(cls, value: object, path: str) -> "Reader":
        """The value as an object."""
        if not isinstance(value, dict):
            raise Unreadable(f"{path or 'the body'} must be an object")
        return cls(value, path)

    def name(self, field: str) -> str:
        """A field's whole name."""
        return f"{self.path}.{field}" if self.path else field

    def has(self, field: str) -> bool:
        """Whether a field is there and not null."""
        return self.data.get(field) is not None

    def need(self, field: str) -> Any:
        """A field as it is."""
        if not self.has(field):
            raise Unreadable(f"{self.name(field)} is missing")
        return self.data[field]

    def text(self, field: str) -> str:
        """A text of 1 to 500 characters that a database can keep."""
        value = self.need(field)
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST or not _clean(value):
            raise Unreadable(f"{self.name(field)} must be a text of 1 to {LONGEST} characters")
        return value

    def maybe_text(self, field: str) -> str | None:
        """As `text`; an empty one counts as missing."""
        return self.text(field) if self.has(field) and self.data[field] != "" else None

    def choice(self, field: str, known: Collection[str]) -> str:
        """One of the known words."""
        value = self.text(field)
        if value not in known:
            raise Unreadable(f'{self.name(field)} must be one of {", ".join(known)}, but is "{value}"')
        return value

    def whole(self, field: str, least: int = 0, most: int = MOST) -> int:
        """A whole number."""
        value = self.need(field)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise Unreadable(f"{self.name(field)} must be a whole number from {least:,} to {most:,}")
        return value

    def quantity(self, field: str = "quantity") -> int:
        """How many are bought: 1 where it is missing."""
        return self.whole(field, 1, MOST_AT_ONCE) if self.has(field) else 1

    def digits(self, field: str) -> int:
        """A whole number that is written as a text, as some write money: "1200"."""
        value = self.text(field)
        if not value.isascii() or not value.removeprefix("-").isdigit() or len(value) > len(str(MOST)):
            raise Unreadable(f"{self.name(field)} must be a whole number, written as a text")
        return int(value)

    def flag(self, field: str) -> bool:
        """True or false; false where it is missing."""
        value = self.data.get(field)
        if value is not None and not isinstance(value, bool):
            raise Unreadable(f"{self.name(field)} must be true or false")
        return bool(value)

    def when(self, field: str) -> datetime:
        """An instant in RFC 3339, with its offset."""
        text = self.text(field)
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            value = None
        if value is None or value.tzinfo is None or value.year not in _YEARS:
            raise Unreadable(
                f'{self.name(field)} must be an instant with its offset, like "2026-01-31T10:00:00Z"'
            )
        return value.astimezone(UTC)

    def maybe_when(self, field: str) -> datetime | None:
        """As `when`."""
        return self.when(field) if self.has(field) else None

    def object(self, field: str) -> "Reader":
        """An object."""
        return Reader.of(self.need(field), self.name(field))

    def maybe_object(self, field: str) -> "Reader | None":
        """As `object`."""
        return self.object(field) if self.has(field) else None

    def objects(self, field: str) -> "list[Reader]":
        """A list of objects; empty where it is missing."""
        value = self.data.get(field)
        if value is not None and not isinstance(value, list):
            raise Unreadable(f"{self.name(field)} must be a list")
        return [Reader.of(one, f"{self.name(field)}[{n}]") for n, one in enumerate(value or [])]

    def identifiers(self, *fields: str) -> Iterator[str]:
        """Those of the fields that are texts worth keeping, without complaint about the others."""
        for field in fields:
            value = self.data.get(field)
            if isinstance(value, str) and 0 < len(value) <= LONGEST and _clean(value):
                yield value


def _clean(text: str) -> bool:
    """Whether a text can be kept: PostgreSQL has no NUL, and UTF-8 no half characters."""
    try:
        return "\x00" not in text and bool(text.encode())
    except UnicodeEncodeError:
        return False
