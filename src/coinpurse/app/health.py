"""Whether this process can serve."""

import anyio

from coinpurse.app.context import Context
from coinpurse.domain.errors import Unavailable
from coinpurse.store.migrate import check_version

SECONDS = 5


async def ready(ctx: Context) -> None:
    """Raises Unavailable unless the database answers within five seconds and has this version's schema."""
    try:
        with anyio.fail_after(SECONDS):
            await anyio.to_thread.run_sync(check_version, ctx.db.conninfo, abandon_on_cancel=True)
    except Exception as error:  # whatever hinders it, we are not ready
        raise Unavailable(f"Not ready: {error or 'the database does not answer'}", retry_after=5) from error
