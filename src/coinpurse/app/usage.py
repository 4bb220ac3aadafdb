"""What an account has spent over a stretch of time: day by day, and on what."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from coinpurse.app import wallets
from coinpurse.app.context import Context, Who
from coinpurse.domain.credits import Kind

#: Of more acts than this only the latest are looked at, so that a page costs the same for everybody.
MOST_ACTS = 10_000
SPENT = "SELECT * FROM coinpurse.spent_since(%s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Spending:
    """Credits that one day took from one bucket, less what came back of them."""

    day: date
    bucket: Kind
    credits: int


@dataclass(frozen=True, slots=True)
class Work:
    """Credits that went to one operation (None: charges that named none), and in how many charges."""

    operation: str | None
    charges: int
    credits: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What was spent since an instant; `cut` where there was more than is looked at."""

    since: datetime
    days: list[Spending]
    works: list[Work]
    cut: bool

    @property
    def credits(self) -> int:
        """All of it."""
        return sum(work.credits for work in self.works)


async def usage(ctx: Context, who: Who, account: str, since: datetime) -> Usage:
    """What an account has spent since an instant (UTC days; the works by weight). Raises AccountNotFound."""
    digest = await ctx.directory.account(account, who.test)
    await wallets.standing(ctx, account, digest)
    rows = await ctx.db.rows(SPENT, [digest, since, MOST_ACTS])
    days = [
        Spending(row["day"].astimezone(UTC).date(), row["bucket"], row["credits"])
        for row in rows
        if not row["by_operation"]
    ]
    works = [
        Work(row["operation"], row["charges"], row["credits"])
        for row in rows
        if row["by_operation"] and row["credits"]
    ]
    works.sort(key=lambda work: (-work.credits, work.operation or ""))
    return Usage(since, days, works, any(row["cut"] for row in rows))
