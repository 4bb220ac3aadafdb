"""What an import did, or would do."""

from dataclasses import dataclass, field

MOST_TOLD = 1_000


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about a row, or about the whole file, and what to do. `line` is where the row begins in the
    file; `about` is its column, or what it is at the provider."""

    line: int | None
    about: str | None
    detail: str

    def __str__(self) -> str:
        where = [f"line {self.line}" if self.line else "", self.about or ""]
        return ": ".join([*filter(None, where), self.detail])


class Unusable(Exception):
    """The file can't be read at all, or no further than here."""

    def __init__(self, line: int | None, detail: str, about: str | None = None) -> None:
        super().__init__(detail)
        self.problem = Problem(line, about, detail)


@dataclass(slots=True)
class Report:
    """Counts of rows, by what became of them: each row is created, changed, skipped or wrong. `changed` are
    rows that say something else than when they were imported: they are left alone. `skipped` are those that
    are known already, or say nothing. The first 1,000 problems and notes are kept, all are counted."""

    what: str
    applied: bool
    rows: int = 0
    created: int = 0
    changed: int = 0
    skipped: int = 0
    wrong: int = 0
    accounts_created: int = 0
    notes_in_all: int = 0
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """Rows that can't be imported as they are, and files that can't be read."""
        return self.wrong + self.changed

    def refuse(self, problem: Problem) -> None:
        """Counts a row that is wrong."""
        self.wrong += 1
        self._tell(problem)

    def differ(self, problem: Problem) -> None:
        """Counts a row that says something else than when it was imported."""
        self.changed += 1
        self._tell(problem)

    def note(self, problem: Problem) -> None:
        """Keeps something worth knowing that is no mistake."""
        self.notes_in_all += 1
        if len(self.notes) < MOST_TOLD:
            self.notes.append(problem)

    def _tell(self, problem: Problem) -> None:
        if len(self.problems) < MOST_TOLD:
            self.problems.append(problem)
