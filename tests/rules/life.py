"""One account's life, in the words of the rules, so that a test reads like the rule that it holds."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

from psycopg import sql

from coinpurse.app import accounts, checkouts, grants, ledger, subscriptions, wallets
from coinpurse.app.context import Context, Who
from coinpurse.domain.credits import (
    Balance,
    Charge,
    Entry,
    Grant,
    Hold,
    Page,
    Renewal,
    Reversal,
    Subscription,
    SubscriptionChange,
    Taken,
)

MICROSECOND = timedelta(microseconds=1)
PLACES = ("issued", "available", "held", "frozen", "spent", "expired", "revoked")
_payments = itertools.count(1)


def instant(text: str) -> datetime:
    """`2026-01-31` or `2026-01-31T10:00:00.000001`, in UTC."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def when(at: str | datetime) -> datetime:
    """An instant, written or as it is."""
    return instant(at) if isinstance(at, str) else at


def parts(taken: Sequence[Taken]) -> list[tuple[str, int]]:
    """Which buckets paid, and how much."""
    return [(part.kind, part.amount) for part in taken]


async def run(ctx: Context, statement: LiteralString | sql.Composed, *parameters: Any) -> None:
    """What only the owner of the database can do."""
    async with ctx.db._pool.connection() as conn:
        await conn.execute(statement, parameters or None)


@dataclass
class Life:
    """One account. On a test account time stands still until `wait_until`; a live one lives by the database's
    clock."""

    ctx: Context
    name: str
    who: Who
    sub: str = ""

    def through(self, ctx: Context) -> "Life":
        """The same account, reached through another context (other connections, or another catalog)."""
        return Life(ctx, self.name, self.who, self.sub)

    # -- time

    async def wait_until(self, at: str | datetime) -> Balance:
        return await accounts.move_clock(self.ctx, self.who, self.name, when(at))

    # -- looking

    async def balance(self, at: str | datetime | None = None) -> Balance:
        return await wallets.balance(self.ctx, self.who, self.name, at=None if at is None else when(at))

    async def buckets(self) -> tuple[int, int]:
        """What is available: monthly, add-on."""
        now = await self.balance()
        return now.monthly.available, now.addon.available

    async def grants(self) -> list[Grant]:
        return await grants.grants(self.ctx, self.who, self.name)

    async def entries(self) -> list[Entry]:
        """The whole ledger, oldest first."""
        found: list[Entry] = []
        cursor = None
        while True:
            page: Page[Entry] = await ledger.entries(self.ctx, self.who, self.name, limit=1000, cursor=cursor)
            found += page.data
            cursor = page.next_cursor
            if cursor is None:
                return found[::-1]

    async def wrote(self, since: int = 0) -> list[tuple[str, str, int]]:
        """The entries after a sequence number: kind, bucket, and what they did to `available`."""
        return [(e.kind, e.bucket, e.amount) for e in await self.entries() if e.sequence > since]

    async def renewals(self) -> list[Renewal]:
        """What became of each period, oldest first."""
        page = await subscriptions.renewals(self.ctx, self.who, account=self.name, limit=100)
        return page.data[::-1]

    async def states(self) -> list[str]:
        return [renewal.state for renewal in await self.renewals()]

    async def subscription(self, sub: str | None = None) -> Subscription:
        return await subscriptions.get_subscription(self.ctx, self.who, sub or self.sub)

    async def acts(self) -> int:
        """How many acts the account has: a refusal adds none."""
        row = await self.ctx.db.rows(
            "SELECT count(*) AS n FROM coinpurse.acts JOIN coinpurse.accounts USING (account) "
            "WHERE id = %s AND test = %s",
            [self.name, self.who.test],
        )
        return int(row[0]["n"])

    # -- spending

    async def charge(self, amount: Any = None, **more: Any) -> Charge:
        return await wallets.charge(self.ctx, self.who, self.name, amount=amount, **more)

    async def hold(self, amount: Any = None, **more: Any) -> Hold:
        return await wallets.hold(self.ctx, self.who, self.name, amount=amount, **more)

    async def capture(self, hold: Hold, amount: Any = None, **more: Any) -> Hold:
        return await wallets.capture(self.ctx, self.who, hold.id, amount=amount, **more)

    async def release(self, hold: Hold, **more: Any) -> Hold:
        return await wallets.release(self.ctx, self.who, hold.id, **more)

    async def look_at(self, hold: Hold) -> Hold:
        return await wallets.get_hold(self.ctx, self.who, hold.id)

    async def reverse(self, charge: Charge, amount: Any = None, **more: Any) -> Reversal:
        return await wallets.reverse(self.ctx, self.who, charge.id, amount=amount, **more)

    # -- credits given

    async def topup(self, amount: int, reference: str | None = None) -> Grant:
        """A paid top-up of the test provider."""
        return await checkouts.topup(
            self.ctx,
            self.who,
            self.name,
            credits=amount,
            provider="manual",
            reference=reference or f"payment-{next(_payments)}",
        )

    async def give(self, kind: str, amount: Any, expires: str | datetime | None = None, **more: Any) -> Grant:
        more.setdefault("reason", "as a test")
        expires_at = None if expires is None else when(expires)
        return await grants.grant(
            self.ctx, self.who, self.name, kind=kind, amount=amount, expires_at=expires_at, **more
        )

    async def revoke(self, grant: str, amount: Any = None, **more: Any) -> Grant:
        more.setdefault("reason", "as a test")
        return await grants.revoke(self.ctx, self.who, grant, amount=amount, **more)

    # -- subscriptions: of several, the latest is meant unless one is named

    async def subscribe(self, plan: str = "starter", **more: Any) -> SubscriptionChange:
        if isinstance(more.get("starts_at"), str):
            more["starts_at"] = when(more["starts_at"])
        made = await subscriptions.subscribe(self.ctx, self.who, self.name, plan=plan, **more)
        self.sub = made.subscription.id
        return made

    async def pay(self, sub: str | None = None, **more: Any) -> SubscriptionChange:
        return await subscriptions.pay(self.ctx, self.who, sub or self.sub, **more)

    async def cancel(self, sub: str | None = None, **more: Any) -> SubscriptionChange:
        return await subscriptions.cancel(self.ctx, self.who, sub or self.sub, **more)

    async def resume(self, sub: str | None = None) -> SubscriptionChange:
        return await subscriptions.resume(self.ctx, self.who, sub or self.sub)

    async def pause(self, sub: str | None = None) -> SubscriptionChange:
        return await subscriptions.pause(self.ctx, self.who, sub or self.sub)

    async def change(self, plan: str, sub: str | None = None, **more: Any) -> SubscriptionChange:
        return await subscriptions.change(self.ctx, self.who, sub or self.sub, plan=plan, **more)


async def audit(life: Life) -> None:
    """L1 and L2, reckoned here from the entries alone: no gaps, no way back in time, no place below zero, all
    places together zero, and their sums what the balance shows."""
    entries = await life.entries()
    now = await life.balance()
    assert [e.sequence for e in entries] == list(range(1, len(entries) + 1))
    assert all(a.at <= b.at for a, b in itertools.pairwise(entries))
    places: dict[str, dict[str, int]] = {}
    buckets: dict[str, str] = {}
    available = 0
    for e in entries:
        grant = places.setdefault(e.grant, dict.fromkeys(PLACES, 0))
        assert buckets.setdefault(e.grant, e.bucket) == e.bucket
        assert e.moved > 0
        grant[e.source] -= e.moved
        grant[e.target] += e.moved
        assert min(grant[place] for place in PLACES if place != "issued") >= 0, (e, grant)
        assert e.amount == e.moved * ((e.target == "available") - (e.source == "available"))
        available += e.amount
        assert e.available_after == available
        assert all(sum(one.values()) == 0 for one in places.values())
    _matches(now, places, buckets)


def _matches(now: Balance, places: dict[str, dict[str, int]], buckets: dict[str, str]) -> None:
    def total(place: str, *kinds: str) -> int:
        return sum(one[place] for grant, one in places.items() if buckets[grant] in kinds)

    assert now.available == total("available", "monthly", "promo", "compensation", "addon")
    assert now.held == total("held", "monthly", "promo", "compensation", "addon")
    assert now.monthly.available == total("available", "monthly")
    assert now.monthly.held == total("held", "monthly")
    assert now.monthly.frozen == total("frozen", "monthly")
    assert now.addon.available == total("available", "addon")
    assert now.addon.held == total("held", "addon")
    assert now.addon.frozen == total("frozen", "addon")
    for other in now.buckets.other:
        assert (other.available, other.held) == (total("available", other.kind), total("held", other.kind))
    shown = {other.kind for other in now.buckets.other}
    assert all(
        total("available", kind) + total("held", kind) == 0 for kind in {"promo", "compensation"} - shown
    )
