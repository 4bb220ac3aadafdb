"""Accounts whose month has ended are brought up to now together."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import psycopg
import structlog

from coinpurse.store import arrays
from coinpurse.store.db import Database

RENEW_MANY = "SELECT * FROM coinpurse.renew_many(%s)"
#: How many accounts one transaction brings up to now: so few that it holds their rows only for a moment.
AT_ONCE = 50

log = structlog.get_logger("coinpurse.store")


async def renew(db: Database, accounts: Iterable[UUID]) -> int:
    """Begins the next period of those to whom nothing else is due first (T3, T4), and says of how many. The
    others are left as they are, and so are all of them where one has a fault: whoever looks at each by itself
    finds it."""
    due = sorted(set(accounts), key=lambda account: account.bytes)
    renewed = 0
    try:
        for first in range(0, len(due), AT_ONCE):
            [(some,)] = await db.tuples(RENEW_MANY, [arrays.uuids(due[first : first + AT_ONCE])])
            renewed += some
    except psycopg.Error as error:
        log.warning("renewing together failed", error=str(error), kind=type(error).__name__)
    return renewed


async def sweep(db: Database, accounts: Sequence[UUID]) -> int:
    """Makes durable what is due of some accounts, and says of how many. One with a fault stops no other: it
    is logged, and tried again by the next sweep."""
    try:
        done: int = await db.call("sweep", accounts=list(accounts))
    except psycopg.Error as error:
        if len(accounts) > 1:
            return sum([await sweep(db, [account]) for account in accounts])
        log.error("an account can't be brought up to now", account=str(accounts[0]), error=str(error))
        return 0
    return done
