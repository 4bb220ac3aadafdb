"""What an import has met so far, kept on disk: a file of a million rows takes no more memory than a small
one."""

import sqlite3
import tempfile
from types import TracebackType
from typing import Self


class Seen:
    """Texts by name, as long as the block lasts."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="coinpurse-import-")
        self._db = sqlite3.connect(f"{self._folder.name}/seen", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "CREATE TABLE seen (name TEXT PRIMARY KEY, line INTEGER, text TEXT) WITHOUT ROWID",
        ):
            self._db.execute(statement)
        self._db.execute("BEGIN")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self._folder.cleanup()

    def get(self, name: str) -> tuple[int, str] | None:
        """The line and the text that were kept under a name."""
        found: tuple[int, str] | None = self._db.execute(
            "SELECT line, text FROM seen WHERE name = ?", (name,)
        ).fetchone()
        return found

    def put(self, name: str, line: int, text: str) -> tuple[int, str] | None:
        """Keeps a text, unless there is one under this name already: that is the answer then."""
        if (known := self.get(name)) is None:
            self._db.execute("INSERT INTO seen VALUES (?, ?, ?)", (name, line, text))
        return known
