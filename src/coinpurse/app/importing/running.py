"""Rows go to the database a few hundred at a time; a rehearsal does all that, and takes it back."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from coinpurse.app.context import Context
from coinpurse.app.importing.report import Problem, Report
from coinpurse.domain.ids import account_digest

BATCH = 200
ACTOR = "import"


@dataclass(frozen=True, slots=True)
class Row:
    """Something to import into an account. `reference` makes the row itself, among those of its kind and
    account; `values` is what it says; `line` and `about` are for the report."""

    kind: str
    account: str
    test: bool
    reference: str
    values: dict[str, Any] = field(default_factory=dict)
    line: int | None = None
    about: str | None = None

    def told(self, number: int) -> dict[str, Any]:
        """The row as the database takes it."""
        return {
            **self.values,
            "n": number,
            "kind": self.kind,
            "id": self.account,
            "account": str(account_digest(self.account, self.test)),
            "test": self.test,
            "reference": self.reference,
            "digest": self.digest,
        }

    @property
    def digest(self) -> str:
        """Of what it says of credits: another name is no other row, nor is another catalog."""
        said = {k: v for k, v in self.values.items() if k not in ("name", "email", "terms", "id", "account")}
        return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()[:32]


class Progress(Protocol):
    """Told how many rows are done."""

    def __call__(self, done: int) -> object: ...


async def run(ctx: Context, rows: AsyncIterator[Row], report: Report, progress: Progress) -> None:
    """Imports rows, or rehearses that, and counts what became of them."""
    batch: list[Row] = []
    async for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            await _send(ctx, batch, report)
            progress(report.rows)
            batch = []
    if batch:
        await _send(ctx, batch, report)
    progress(report.rows)


async def _send(ctx: Context, batch: list[Row], report: Report) -> None:
    call = ctx.db.call if report.applied else ctx.db.rehearse
    answers = await call(
        "import_rows",
        rows={"rows": [row.told(n) for n, row in enumerate(batch)]},
        actor=ACTOR,
        upgrade=ctx.catalog.policies.upgrade,
    )
    for answer in sorted(answers, key=lambda answer: answer["n"]):
        _count(batch[answer["n"]], answer, report)


def _count(row: Row, answer: dict[str, Any], report: Report) -> None:
    report.accounts_created += bool(answer.get("born"))
    if answer["status"] == "done":
        report.created += 1
    elif answer["status"] == "known":
        report.skipped += 1
    elif answer["status"] == "changed":
        detail = (
            "It was imported before, and said something else then. Nothing was changed. Write what it said, "
            "and give or take back the difference by hand (coinpurse grant)."
        )
        report.differ(Problem(row.line, row.about, detail))
    else:
        report.refuse(Problem(row.line, row.about, answer["text"]))
