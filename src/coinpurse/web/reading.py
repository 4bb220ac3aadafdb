"""Gathers what the Subscriptions page shows, from the app layer."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from coinpurse.app import accounts, subscriptions, wallets
from coinpurse.app.context import Context, Who
from coinpurse.domain.credits import Account, Balance, Charge, Entry, Subscription
from coinpurse.domain.errors import NotFound
from coinpurse.web import history
from coinpurse.web.answers import Renewed

READER = Who(actor="session")
INSTANT = timedelta(microseconds=1)
LINES = 12
AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the ledger a page of the history starts: a page of entries, and the entry before which to go on."""

    cursor: str | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Lines, newest first, and where the older ones are."""

    lines: list[history.Line]
    older: Place | None
    acts: list[history.Act]


@dataclass(frozen=True, slots=True)
class Overview:
    """One account as its owner sees it."""

    account: Account
    balance: Balance
    running: list[Subscription]
    ended: Subscription | None
    history: History
    renewed: Renewed | None

    @property
    def main(self) -> Subscription | None:
        """The oldest subscription that has not ended."""
        return self.balance.subscription

    @property
    def others(self) -> list[Subscription]:
        """Further subscriptions (B12)."""
        return [one for one in self.running if not self.main or one.id != self.main.id]


async def overview(ctx: Context, account: str) -> Overview:
    """Everything at once; the balance first, so that the account is up to date for the rest (T4)."""
    balance = await wallets.balance(ctx, READER, account)
    owner, all_of_them, past = await asyncio.gather(
        accounts.get_account(ctx, READER, account),
        subscriptions.subscriptions(ctx, READER, account),
        read_history(ctx, account, Place()),
    )
    over = [one for one in all_of_them if one.status == "ended"]
    return Overview(
        account=owner,
        balance=balance,
        running=[one for one in all_of_them if one.status != "ended"],
        ended=over[-1] if over else None,
        history=past,
        renewed=await _renewed(ctx, balance, past.acts),
    )


async def _renewed(ctx: Context, balance: Balance, recent: Sequence[history.Act]) -> Renewed | None:
    """What the latest renewal did (U4); None in an account's first period."""
    period = balance.monthly.period
    if period is None or period.start > balance.as_of:
        return None
    before = await wallets.balance(ctx, READER, balance.account, at=period.start - INSTANT)
    if not before.monthly.allocation:
        return None
    # A test clock may stand at the very instant, with charges after the renewal: the ledger knows which came first.
    act = next((act for act in recent if act.kind == "renew" and act.at == period.start), None)
    if act:
        after = act.moved("grant", "monthly")
    else:
        after = (await wallets.balance(ctx, READER, balance.account, at=period.start)).monthly.available
    other = sum(bucket.available for bucket in before.buckets.other)
    return Renewed(period.start, before.monthly.available, after, before.addon.available, other)


async def read_history(ctx: Context, account: str, place: Place) -> History:
    """A page of the history. Acts are never cut in two, so a page may look into the next page of entries."""
    found: list[tuple[str | None, Entry]] = []
    cursor = place.cursor
    while True:
        page = await wallets.entries(ctx, READER, account, limit=AT_ONCE, cursor=cursor)
        found += [(cursor, e) for e in page.data if place.before is None or e.sequence < place.before]
        cursor = page.next_cursor
        acts = history.acts([entry for _, entry in found])
        whole = acts if cursor is None else acts[:-1]
        if cursor is None or sum(act.kind != "hold" for act in whole) > LINES:
            break
    shown, rest = _cut(whole)
    older = None
    if rest:
        first = rest[0].entries[-1].sequence
        older = next(Place(where, first + 1) for where, entry in found if entry.sequence == first)
    charges = await _charges(ctx, shown)
    lines = [line for act in shown if (line := history.line(act, charges))]
    return History(lines, older, acts)


def _cut(acts: list[history.Act]) -> tuple[list[history.Act], list[history.Act]]:
    """The acts that fill a page, and the rest."""
    lines = 0
    for number, act in enumerate(acts):
        lines += act.kind != "hold"
        if lines > LINES:
            return acts[:number], acts[number:]
    return acts, []


async def _charges(ctx: Context, acts: Sequence[history.Act]) -> dict[str, Charge]:
    """What the charges among the acts were for."""
    ids = [act.id for act in acts if act.kind in ("charge", "capture") and act.id]
    found = await asyncio.gather(*(_charge(ctx, id) for id in ids))
    return {charge.id: charge for charge in found if charge}


async def _charge(ctx: Context, id: str) -> Charge | None:
    try:
        return await wallets.get_charge(ctx, READER, id)
    except NotFound:
        return None
