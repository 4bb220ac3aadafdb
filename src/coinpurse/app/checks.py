"""Are the books right? (L1-L3)"""

from collections.abc import Callable
from typing import Any

from coinpurse.app.context import Context
from coinpurse.store import checks
from coinpurse.store.checks import Problem


async def verify(ctx: Context, progress: Callable[[int], Any] | None = None) -> list[Problem]:
    """What is wrong in the books, the first 100; nothing when they are right. `progress` is told how many
    accounts are done."""
    return await checks.verify(ctx.db, progress)
