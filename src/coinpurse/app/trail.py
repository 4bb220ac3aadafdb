"""The audit trail: what staff did, asked for and decided (U3)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from coinpurse.app.context import Context
from coinpurse.domain.credits import Page
from coinpurse.domain.errors import Invalid, NotFound
from coinpurse.store.db import instant

State = Literal["under_way", "waiting", "done", "refused", "declined"]
LIST = """
    SELECT * FROM coinpurse.staff_acts
     WHERE (%(account)s::uuid IS NULL OR account = %(account)s)
       AND (%(staff)s::text IS NULL OR staff = %(staff)s)
       AND (%(state)s::text IS NULL OR state = %(state)s)
       AND (%(before)s::timestamptz IS NULL OR (at, id) < (%(before)s, %(id)s::uuid))
     ORDER BY at DESC, id DESC LIMIT %(limit)s"""
COUNT = "SELECT count(*) AS waiting FROM (SELECT FROM coinpurse.staff_acts WHERE state = %s LIMIT 1000) t"


@dataclass(frozen=True, slots=True)
class StaffAct:
    """One line of the audit trail. `staff` is who asked; `decided_by` the second person, where it took one.
    `amount` is in credits. `under_way`: it was begun, and how it ended is not known (yet)."""

    id: UUID
    at: datetime
    staff: str
    act: str
    account: str | None
    digest: UUID | None
    test: bool | None
    target: str | None
    amount: int | None
    reason: str | None
    asked: dict[str, Any]
    state: State
    decided_by: str | None
    decided_at: datetime | None
    decision: str | None
    result: str | None
    ended_at: datetime | None


async def acts(
    ctx: Context,
    *,
    account: UUID | None = None,
    staff: str | None = None,
    state: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[StaffAct]:
    """The trail, newest first."""
    before, id = _cursor(cursor)
    asked = {"account": account, "staff": staff, "state": state, "before": before, "id": id}
    rows = await ctx.db.rows(LIST, {**asked, "limit": limit + 1})
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(await _acts(ctx, rows[:limit]), f"{last['at'].isoformat()} {last['id']}" if last else None)


def _cursor(cursor: str | None) -> tuple[datetime | None, UUID | None]:
    if cursor is None:
        return None, None
    try:
        at, _, id = cursor.partition(" ")
        return instant(at), UUID(id)
    except (ValueError, OverflowError):
        raise Invalid.at("/cursor", "It is not a cursor that this list gave.") from None


async def find_act(ctx: Context, id: UUID) -> StaffAct:
    """One act. Raises NotFound."""
    rows = await ctx.db.rows("SELECT * FROM coinpurse.staff_acts WHERE id = %s", [id])
    if not rows:
        raise NotFound("There is no such act in the audit trail.")
    return (await _acts(ctx, rows))[0]


async def _acts(ctx: Context, rows: list[dict[str, Any]]) -> list[StaffAct]:
    names = await ctx.directory.names(list({row["account"] for row in rows if row["account"]}))
    found = []
    for row in rows:
        known = names[row["account"]] if row["account"] else None
        where = {"account": known and known.id, "digest": row["account"], "test": known and known.test}
        found.append(StaffAct(**{**row, **where}))
    return found


async def waiting(ctx: Context) -> int:
    """How many acts wait for a second person; 1,000 stands for more."""
    return int((await ctx.db.rows(COUNT, ["waiting"]))[0]["waiting"])
