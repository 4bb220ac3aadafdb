"""Gathers what the Subscriptions page shows, from the app layer."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from coinpurse.app import accounts, auto_topup, grants, ledger, portal, subscriptions, wallets
from coinpurse.app.context import Context, Who
from coinpurse.app.portal import Payments
from coinpurse.domain.auto_topup import AutoTopup
from coinpurse.domain.credits import Account, Balance, Entry, Grant, Subscription
from coinpurse.domain.errors import NotFound
from coinpurse.web import history
from coinpurse.web.answers import Renewed

INSTANT = timedelta(microseconds=1)
LINES = 12
AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class History:
    """Lines, newest first, and the cursor of the older ones."""

    lines: list[history.Line]
    older: str | None
    acts: list[history.Act]


@dataclass(frozen=True, slots=True)
class Overview:
    """One account as its owner sees it."""

    account: Account
    balance: Balance
    running: list[Subscription]
    ended: Subscription | None
    addons: list[Grant]
    history: History
    renewed: Renewed | None
    payments: Payments
    auto: AutoTopup | None

    @property
    def main(self) -> Subscription | None:
        """The oldest subscription that has not ended."""
        return self.balance.subscription

    @property
    def others(self) -> list[Subscription]:
        """Further subscriptions (B12)."""
        return [one for one in self.running if not self.main or one.id != self.main.id]


async def overview(ctx: Context, who: Who, account: str) -> Overview:
    """Everything at once; the balance first, so that the account is up to date for the rest (T4)."""
    balance = await wallets.balance(ctx, who, account)
    owner, all_of_them, given, past, paid, auto = await asyncio.gather(
        accounts.get_account(ctx, who, account),
        subscriptions.subscriptions(ctx, who, account),
        grants.grants(ctx, who, account),
        read_history(ctx, who, account),
        portal.payments(ctx, who, account),
        _auto_topup(ctx, who, account),
    )
    over = [one for one in all_of_them if one.status == "ended"]
    return Overview(
        account=owner,
        balance=balance,
        running=[one for one in all_of_them if one.status != "ended"],
        ended=over[-1] if over else None,
        addons=[grant for grant in given if grant.kind == "addon"],
        history=past,
        renewed=await _renewed(ctx, who, balance, past.acts),
        payments=paid,
        auto=auto,
    )


async def _auto_topup(ctx: Context, who: Who, account: str) -> AutoTopup | None:
    try:
        return await auto_topup.get_auto_topup(ctx, who, account)
    except NotFound:
        return None


async def _renewed(ctx: Context, who: Who, balance: Balance, recent: Sequence[history.Act]) -> Renewed | None:
    """What the latest renewal did (U4); None in an account's first period."""
    period = balance.monthly.period
    if period is None or period.start > balance.as_of:
        return None
    before = await wallets.balance(ctx, who, balance.account, at=period.start - INSTANT)
    if not before.monthly.allocation:
        return None
    # A test clock may stand at the very instant, with charges after the renewal: the ledger knows which
    # came first.
    act = next((act for act in recent if act.kind == "renewal" and act.at == period.start), None)
    if act:
        after = act.moved("grant", "monthly")
    else:
        after = (await wallets.balance(ctx, who, balance.account, at=period.start)).monthly.available
    other = sum(bucket.available for bucket in before.buckets.other)
    return Renewed(period.start, before.monthly.available, after, before.addon.available, other)


async def read_history(
    ctx: Context, who: Who, account: str, cursor: str | None = None, *, lines: int = LINES
) -> History:
    """A page of the history, from a cursor of the entries. Acts are never cut in two, so a page may look
    into the next page of entries."""
    found: list[Entry] = []
    more = cursor
    while True:
        page = await ledger.entries(ctx, who, account, limit=max(AT_ONCE, 2 * lines), cursor=more)
        found += page.data
        more = page.next_cursor
        acts = history.acts(found)
        if more is None or _lines(acts[:-1]) > lines:
            break
    shown = _fill(acts, lines)
    rest = acts[len(shown) :]
    paid = [act.id for act in shown if act.kind == "charge" and act.id]
    charges = await wallets.charges(ctx, who, account, paid)
    told = [line for act in shown if (line := history.line(act, charges))]
    # The cursor of the entries is the number of the last one that was seen.
    return History(told, str(shown[-1].first.sequence) if rest else None, acts)


def _lines(acts: Sequence[history.Act]) -> int:
    return sum(act.told for act in acts)


def _fill(acts: list[history.Act], lines: int) -> list[history.Act]:
    """The acts that fill a page."""
    fits = 0
    while fits < len(acts) and _lines(acts[: fits + 1]) <= lines:
        fits += 1
    return acts[:fits]
