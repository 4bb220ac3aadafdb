"""The auditor goes through the books a slice at a time, and begins again when it is through (L4)."""

import asyncio

from coinpurse.app import checks
from coinpurse.app.context import Context
from coinpurse.worker.pace import Pace

PACE = Pace(between=2.0, rounds=600.0, longest=60.0)


async def run(ctx: Context, stop: asyncio.Event) -> None:
    """Until `stop` is set. What is wrong is logged as an error, counted in metrics and named by doctor."""
    await PACE.keep(stop, "checking the books", lambda: checks.watch(ctx))
