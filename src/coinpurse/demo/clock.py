"""Time travel: the provider's clock and the customers' clocks go on together, so that what waiting would have
done is done, and told, as it would have been."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from coinpurse.app import wallets
from coinpurse.demo import troubles
from coinpurse.demo.customers import Studio
from coinpurse.demo.provider import STUDIO
from coinpurse.domain.credits import Balance
from coinpurse.domain.periods import month_start

Move = Literal["hour", "day", "month", "renewal", "pay"]


@dataclass(frozen=True, slots=True)
class Moved:
    """The balance before and after."""

    before: Balance
    after: Balance


async def move(studio: Studio, customer: str, how: Move, card_works: bool) -> Moved:
    """Moves on in time, with a customer's card working or being declined; or has what is due paid at once, on
    the provider's page."""
    before = await wallets.balance(studio.ctx, STUDIO, customer)
    if how == "pay":
        await troubles.pay(studio, customer)
    else:
        troubles.set_card(studio.provider, customer, works=card_works)
        await studio.travel(destination(before, how))
    return Moved(before, await wallets.balance(studio.ctx, STUDIO, customer))


def destination(balance: Balance, how: Move) -> datetime:
    """Where a move leads."""
    now, period = balance.as_of, balance.monthly.period
    if how == "renewal" and period:
        return period.end
    if how == "month":
        return month_start(now, 1)
    return now + timedelta(hours=1 if how == "hour" else 24)
