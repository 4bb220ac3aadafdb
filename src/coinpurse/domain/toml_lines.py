"""Where each key of a TOML text stands. `tomllib` says what a text means, but not on which line."""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Callable

Path = tuple[str, ...]

_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\])*"' r"|'[^']*'",
    re.DOTALL,
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}#\n]*")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")


def key_lines(text: str) -> dict[Path, int]:
    """The line (from 1) of the first mention of each key and table. The text must be valid TOML."""
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return scanner.lines


class _Scanner:
    """Walks over valid TOML and remembers where keys stand; values are only skipped."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.starts = [m.end() for m in re.finditer("\n", text)]
        self.lines: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        self.skip(_SPACE)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.skip(_SPACE)

    def header(self) -> Path:
        start = self.at
        self.at += 2 if self.text.startswith("[[", start) else 1
        path = self.key()
        self.at = self.text.index("]", self.at)
        while self.text.startswith("]", self.at):
            self.at += 1
        self.remember((), path, start)
        return path

    def pair(self, table: Path) -> None:
        start = self.at
        path = self.key()
        self.remember(table, path, start)
        self.at = self.text.index("=", self.at) + 1
        self.value(table + path)

    def remember(self, table: Path, path: Path, start: int) -> None:
        line = bisect_right(self.starts, start) + 1
        for length in range(1, len(path) + 1):
            self.lines.setdefault(table + path[:length], line)

    def key(self) -> Path:
        parts = []
        while True:
            self.skip(_SPACE)
            quoted = self.skip(_STRING)
            parts.append(tomllib.loads(f"k = {quoted}")["k"] if quoted else self.skip(_BARE_KEY))
            self.skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return tuple(parts)
            self.at += 1

    def value(self, path: Path) -> None:
        self.skip(_SPACE)
        if self.text.startswith("[", self.at):
            self.listed("]", lambda: self.value(path))
        elif self.text.startswith("{", self.at):
            self.listed("}", lambda: self.pair(path))
        elif not self.skip(_STRING):
            self.skip(_BARE_VALUE)

    def listed(self, close: str, item: Callable[[], None]) -> None:
        self.at += 1
        self.skip(_SPACE)
        while not self.text.startswith(close, self.at):
            item()
            self.skip(_SPACE)
            if self.text.startswith(",", self.at):
                self.at += 1
                self.skip(_SPACE)
        self.at += 1

    def skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if not found:
            return ""
        self.at = found.end()
        return found.group()
