"""Time travel for test accounts: what waiting would have done, and what a card on file would have paid
meanwhile."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from coinpurse.app import accounts, subscriptions, wallets
from coinpurse.app.context import Context
from coinpurse.demo.customers import STUDIO
from coinpurse.domain.credits import Balance
from coinpurse.domain.periods import month_start

Move = Literal["day", "month", "renewal", "pay"]


@dataclass(frozen=True, slots=True)
class Moved:
    """The balance before and after."""

    before: Balance
    after: Balance


async def move(ctx: Context, customer: str, how: Move, card_works: bool) -> Moved:
    """Moves a customer's clock. Where the card works, every period that starts on the way is paid first, as
    a provider would."""
    before = await wallets.balance(ctx, STUDIO, customer)
    target = destination(before, how)
    if card_works or how == "pay":
        await _pay(ctx, customer, target)
    after = await accounts.move_clock(ctx, STUDIO, customer, target)
    return Moved(before, after)


def destination(balance: Balance, how: Move) -> datetime:
    """Where a move leads."""
    now, period = balance.as_of, balance.monthly.period
    if how == "renewal" and period:
        return period.end
    if how == "month":
        return month_start(now, 1)
    return now + timedelta(days=1) if how == "day" else now


async def _pay(ctx: Context, customer: str, until: datetime) -> None:
    """The card on file pays what is due up to an instant."""
    for one in await subscriptions.subscriptions(ctx, STUDIO, customer):
        due = one
        while due.status not in ("ended", "paused") and due.ends_at is None and due.paid_through <= until:
            reference = f"card_{secrets.token_hex(8)}"
            due = (
                await subscriptions.pay(ctx, STUDIO, one.id, reference=reference, key=reference)
            ).subscription
