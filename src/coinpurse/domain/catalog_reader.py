"""Reads tables of the catalog file and gathers every problem with its line, not only the first."""

import re
import tomllib
from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from typing import Any

from coinpurse.domain.credits import MAX_AMOUNT
from coinpurse.domain.errors import CatalogError
from coinpurse.domain.toml_lines import Path, key_lines

Problem = dict[str, Any]

_DURATION = re.compile(r"(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_TYPES: list[tuple[type | tuple[type, ...], str]] = [
    (bool, "true or false"),
    (int, "a number"),
    (str, "text"),
    (dict, "a table"),
    (list, "a list"),
    ((datetime, date, time), "a date or time"),
]


class Fraction:
    """A number written with a decimal point or an exponent, kept as text: it must never become a float."""

    def __init__(self, text: str) -> None:
        self.text = text


def suggest(word: str, known: Collection[str]) -> str:
    """A hint such as `; did you mean "month"?`, or nothing."""
    near = get_close_matches(word, list(known), n=1)
    return f'; did you mean "{near[0]}"?' if near else ""


def read(text: str) -> "Table":
    """The whole file as a table. Raises CatalogError if it is not TOML at all."""
    try:
        data = tomllib.loads(text, parse_float=Fraction)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(text, str(error)) from None
    except (ValueError, RecursionError):
        # An integer of thousands of digits, or brackets nested a thousand deep: nobody means that.
        raise _not_toml(
            text, f"The file can't be read as TOML (at line {_longest_line(text)}, column 1)"
        ) from None
    return Table(data, (), key_lines(text), [])


def _not_toml(text: str, message: str) -> CatalogError:
    found = _PLACE.search(message)
    line = int(found[1]) if found and found[1] else max(1, text.count("\n") + (not text.endswith("\n")))
    return failure([{"line": line, "where": "", "detail": _PLACE.sub("", message)}])


def _longest_line(text: str) -> int:
    lines = text.split("\n")
    return lines.index(max(lines, key=len)) + 1


def failure(problems: list[Problem]) -> CatalogError:
    """The refusal that carries all problems, in the order of their lines."""
    ordered = sorted(problems, key=lambda p: int(p["line"]))
    more = f" (and {len(ordered) - 1} more)" if len(ordered) > 1 else ""
    first = ordered[0]
    place = f"{first['where']}: " if first["where"] else ""
    return CatalogError(
        f"The catalog is not valid. Line {first['line']}: {place}{first['detail']}{more}", problems=ordered
    )


class Table:
    """One table of the file. Each accessor returns a usable value and notes a problem where there is none;
    `finish` then notes every key that nobody asked for."""

    def __init__(
        self, data: dict[str, Any], path: Path, lines: dict[Path, int], problems: list[Problem]
    ) -> None:
        self.data, self.path, self.lines, self.problems = data, path, lines, problems
        self.asked: dict[str, None] = {}

    def problem(self, key: str | None, detail: str) -> None:
        """Notes a problem with one key, or with the table itself."""
        path = self.path if key is None else (*self.path, key)
        where = ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"' for part in path)
        line = next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), 1)
        self.problems.append({"line": line, "where": where, "detail": detail})

    def text(self, key: str, default: str | None = None, most: int = 500) -> str:
        """Text that is not blank; missing is a problem unless there is a default."""
        value = self._value(key, str, default, "")
        if key in self.data and isinstance(self.data[key], str) and not value.strip():
            self.problem(key, "must not be empty")
        if len(value) > most:
            self.problem(key, f"is {len(value)} characters long; the most is {most}")
        return str(value)

    def whole(self, key: str, least: int, default: int | None = None) -> int:
        """A whole number from `least` to the largest amount of credits."""
        value: int = self._value(key, int, default, least)
        if value < least:
            self.problem(key, f"is {value}, but must be at least {least}")
        elif value > MAX_AMOUNT:
            self.problem(key, f"is larger than the largest amount, {MAX_AMOUNT:,}")
        return value

    def optional_whole(self, key: str, least: int) -> int | None:
        """The same, or None where the key is absent."""
        self.asked[key] = None
        return self.whole(key, least) if key in self.data else None

    def choice(self, key: str, options: tuple[str, ...]) -> str:
        """One of the options; the first is the default."""
        value: str = self._value(key, str, options[0], options[0])
        if value not in options:
            self.problem(
                key, f'is "{value}", but must be one of {", ".join(options)}{suggest(value, options)}'
            )
            return options[0]
        return value

    def duration(self, key: str, default: timedelta, below: timedelta) -> timedelta:
        """A stretch of time such as "24h", "10m" or "1d12h", longer than nothing and shorter than `below`."""
        if key not in self.data:
            self.asked[key] = None
            return default
        text = self._value(key, str, None, "")
        found = _DURATION.fullmatch(text)
        if not text or not found:
            if isinstance(self.data[key], str):
                self.problem(key, f'"{text}" is not a duration; write it like "24h", "10m" or "1d12h"')
            return default
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        value = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if not timedelta(0) < value < below:
            self.problem(key, f'is "{text}", but must be longer than 0 and shorter than {below.days} days')
            return default
        return value

    def table(self, key: str, required: bool = False) -> "Table":
        """A table inside this one; an empty one where it is absent."""
        before = len(self.problems)
        value = self._value(key, dict, None if required else {}, {})
        # What isn't there has been noted: what would have to be in it is not worth more lines.
        problems = self.problems if len(self.problems) == before else []
        return Table(value, (*self.path, key), self.lines, problems)

    def tables(self) -> Iterator[tuple[str, "Table"]]:
        """All tables inside this one, whose keys are names of the file's author."""
        for key in self.names():
            yield key, self.table(key)

    def names(self) -> list[str]:
        """All keys of this table, each checked to be usable as a name."""
        for key in self.data:
            self.asked[key] = None
            if not _NAME.fullmatch(key):
                self.problem(
                    key,
                    "is not a usable name: up to 64 letters, digits and _ . : - with a letter or digit first",
                )
        return list(self.data)

    def finish(self) -> None:
        """Notes every key that no accessor asked for."""
        for key in self.data:
            if key not in self.asked:
                self.problem(key, f"is not known here{suggest(key, self.asked)}")

    def _value(self, key: str, kind: type, default: Any, fallback: Any) -> Any:
        self.asked[key] = None
        if key not in self.data:
            if default is None:
                self.problem(key, "is missing")
                return fallback
            return default
        value = self.data[key]
        if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return value
        self.problem(key, _wrong_type(value, kind))
        return fallback


def _wrong_type(value: Any, kind: type) -> str:
    if isinstance(value, Fraction) and kind is int:
        return f"is {value.text}, but credits are whole numbers: write it without a decimal point"
    if isinstance(value, Fraction) and kind is str:
        return f'is the number {value.text}, but must be text: put it in quotes, like "12.00"'
    wanted = "a whole number" if kind is int else next(name for known, name in _TYPES if known is kind)
    return f"must be {wanted}, but is {describe(value)}"


def describe(value: Any) -> str:
    """What kind of thing a value of the file is, in words."""
    return next((name for known, name in _TYPES if isinstance(value, known)), "a fraction")
