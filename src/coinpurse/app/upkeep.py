"""What the worker does: makes durable what time has made true, and clears what is no longer needed."""

from coinpurse.app.context import Context
from coinpurse.store import renewing

DUE = "SELECT * FROM coinpurse.due_accounts(%s)"
BATCH = 500


async def sweep(ctx: Context, limit: int = BATCH) -> int:
    """Brings up to `limit` accounts that are due up to now, and says how many (T4). With the sweep stopped
    every answer is the same."""
    due = sorted(account for (account,) in await ctx.db.tuples(DUE, [limit]))
    done = 0
    for first in range(0, len(due), renewing.AT_ONCE):
        done += await renewing.sweep(ctx.db, due[first : first + renewing.AT_ONCE])
    return done


async def forget_keys(ctx: Context) -> None:
    """Empties the table of idempotency keys whose turn comes next: its keys are 35 to 70 days old and more
    (S8)."""
    await ctx.db.call("forget_keys")
