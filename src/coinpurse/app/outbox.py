"""Delivering what apps are told: at least once, signed, in order for each account (E5)."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from coinpurse.app.context import Context, Who
from coinpurse.app.sending import Refused, Sender
from coinpurse.domain.credits import Page
from coinpurse.domain.errors import Conflict, Invalid, NotFound
from coinpurse.domain.outgoing import Delivery
from coinpurse.store import outgoing
from coinpurse.store.db import instant

STATES = ("waiting", "delivered", "dead")
#: How many deliveries may be under way at one endpoint, each of another account, from one process.
AT_ONCE = 8
#: Seconds for which a claim holds. An attempt ends well before, so that no two are ever under way.
LEASE = 20
FORGET = 1000  # deliveries in one transaction
CLAIM = "SELECT * FROM coinpurse.claim_deliveries(%s::jsonb, %s, %s)"
DELIVERIES = """
    SELECT d.account, d.act, d.n, d.endpoint, a.id AS name, o.type, o.at,
           d.state, d.attempts, d.last_error, d.changed_at,
           CASE WHEN e.disabled_at IS NULL AND d.state = 'waiting' AND NOT EXISTS (
             SELECT FROM coinpurse.webhook_deliveries f
              WHERE f.account = d.account AND f.endpoint = d.endpoint
                AND f.state = 'waiting' AND (f.act, f.n) < (d.act, d.n)) THEN q.next_at END AS next_at
      FROM coinpurse.webhook_deliveries d
      JOIN coinpurse.outbox o USING (account, act, n)
      JOIN coinpurse.accounts a USING (account)
      JOIN coinpurse.webhook_endpoints e USING (endpoint)
      LEFT JOIN coinpurse.webhook_queues q USING (account, endpoint)
     WHERE (%(test)s::boolean IS NULL OR e.test = %(test)s)"""
PAGE = """
       AND d.state = %(state)s AND (%(account)s::uuid IS NULL OR d.account = %(account)s)
       AND (%(before)s::timestamptz IS NULL
            OR (d.changed_at, d.account, d.act, d.n, d.endpoint) < (%(before)s, %(a)s, %(act)s, %(n)s, %(e)s))
     ORDER BY d.changed_at DESC, d.account DESC, d.act DESC, d.n DESC, d.endpoint DESC LIMIT %(limit)s"""
ONE = " AND d.account = %(account)s AND d.act = %(act)s AND d.n = %(n)s AND d.endpoint = %(endpoint)s"
_ID = re.compile(r"de_([0-9a-f]{32})_([0-9]{1,18})_([0-9]{1,18})_([0-9a-f]{16})")


async def claim(ctx: Context, room: Mapping[str, int]) -> list[dict[str, Any]]:
    """Deliveries to be made now, the first of each queue that is due, claimed for LEASE seconds. `room` says
    for endpoints with some under way how many more there may be."""
    return await ctx.db.rows(CLAIM, [json.dumps(dict(room)), AT_ONCE, LEASE])


async def deliver(ctx: Context, sender: Sender, claimed: Mapping[str, Any]) -> str | None:
    """Makes one claimed delivery and notes what became of it; answers what went wrong, or None. A crash in
    between leaves the claim to end by itself: the event is sent again then, under the same id."""
    message = outgoing.event_id(claimed["account"], claimed["act"], claimed["n"])
    error = None
    try:
        keys = (claimed["secret"], claimed["former_secret"])
        await sender.post(claimed["url"], message, outgoing.body(claimed), keys)
    except Refused as refused:
        error = str(refused)
        if refused.gone:
            why = "it answered 410: it wants nothing more"
            await ctx.db.call("disable_endpoint", endpoint=claimed["endpoint"], why=why)
    names = ("account", "act", "n", "endpoint", "claim")
    await ctx.db.call("settle_delivery", **{name: claimed[name] for name in names}, error=error)
    return error


async def deliveries(
    ctx: Context,
    who: Who,
    *,
    state: str = "dead",
    account: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Delivery]:
    """Deliveries in a state, by their latest change, newest first. Raises Invalid, AccountNotFound."""
    if state not in STATES:
        raise Invalid.at("/state", f"It is one of {', '.join(STATES)}.")
    digest = (await ctx.directory.existing(account, who.test)).digest if account is not None else None
    rows = await ctx.db.rows(
        DELIVERIES + PAGE,
        {"test": who.test, "state": state, "account": digest, "limit": limit + 1, **_after(cursor)},
    )
    last = rows[limit - 1] if len(rows) > limit else None
    following = f"{last['changed_at'].isoformat()} {_id(last)}" if last else None
    return Page([_delivery(row) for row in rows[:limit]], following)


async def retry_delivery(ctx: Context, who: Who, delivery_id: str) -> Delivery:
    """Tries a dead delivery once more, at once, before what waits behind it. Raises NotFound, Conflict."""
    found = await _find(ctx, who, delivery_id)
    if not await ctx.db.call("retry_delivery", **found):
        raise Conflict("Only a dead delivery can be tried again by hand; this one isn't dead.")
    return _delivery((await ctx.db.rows(DELIVERIES + ONE, {"test": who.test, **found}))[0])


async def _find(ctx: Context, who: Who, delivery_id: str) -> dict[str, Any]:
    parts = _parse(delivery_id)
    if parts is None or not await ctx.db.rows(DELIVERIES + ONE, {"test": who.test, **parts}):
        raise NotFound(f"There is no delivery {delivery_id!r}. Its identifier begins with 'de_'.")
    return parts


async def forget(ctx: Context) -> None:
    """Clears what was delivered 30 days ago and more, and what died 90 days ago and more."""
    while await ctx.db.call("forget_deliveries", limit=FORGET) == FORGET:
        pass


def _id(row: Mapping[str, Any]) -> str:
    return f"de_{row['account'].hex}_{row['act']}_{row['n']}_{row['endpoint'].removeprefix('we_')}"


def _parse(delivery_id: str) -> dict[str, Any] | None:
    found = _ID.fullmatch(delivery_id)
    if not found:
        return None
    account, act, n, endpoint = found.groups()
    return {"account": UUID(account), "act": int(act), "n": int(n), "endpoint": f"we_{endpoint}"}


def _after(cursor: str | None) -> dict[str, Any]:
    if cursor is None:
        return {"before": None, "a": None, "act": None, "n": None, "e": None}
    changed, _, last = cursor.partition(" ")
    parts = _parse(last)
    try:
        before: datetime | None = instant(changed)
    except ValueError:
        before = None
    if parts is None or before is None:
        raise Invalid.at("/cursor", "It is not a cursor that this list gave.")
    return {
        "before": before,
        "a": parts["account"],
        "act": parts["act"],
        "n": parts["n"],
        "e": parts["endpoint"],
    }


def _delivery(row: Mapping[str, Any]) -> Delivery:
    return Delivery(
        id=_id(row),
        endpoint=row["endpoint"],
        account=row["name"],
        event=outgoing.event_id(row["account"], row["act"], row["n"]),
        type=row["type"],
        at=row["at"],
        state=row["state"],
        attempts=row["attempts"],
        next_at=row["next_at"],
        last_error=row["last_error"],
        changed_at=row["changed_at"],
    )
