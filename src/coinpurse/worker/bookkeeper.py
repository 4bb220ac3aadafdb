"""The bookkeeper sums up the ledger by day for the operator's overview: in rounds through all accounts, some
at a time, each act once. No answer to a customer depends on it."""

import asyncio

from coinpurse.app import overview
from coinpurse.app.context import Context
from coinpurse.worker.pace import Pace

PACE = Pace(between=0.05, rounds=10.0, longest=120.0)


async def run(ctx: Context, stop: asyncio.Event) -> None:
    """Rounds until `stop` is set."""
    await PACE.keep(stop, "summing up", lambda: overview.sum_up(ctx))
