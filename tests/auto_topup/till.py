"""A payment provider for the tests: it takes money off-session as a real one does, and can be slow, fail, or
take the money and then not say so."""

import asyncio
from collections.abc import Callable
from typing import Any

from coinpurse.domain.facts import Purchase
from coinpurse.domain.ports import Buyer, Item, ProviderError

Mood = Callable[[int], str]


class Till:
    """Remembers what it was asked by reference, and answers a reference that it knows as the first time.
    `mood` says, by the number of the call, how it goes: paid, failed, pending, lost (taken, and no answer),
    away (nothing taken, no answer), refused (for good)."""

    name = "stripe"
    can_ask = False

    def __init__(self) -> None:
        self.mood: Mood = lambda call: "paid"
        self.pause = 0.0
        self.calls: list[str] = []
        self.taken: dict[str, Purchase] = {}
        self.offers: list[tuple[Any, ...]] = []
        self.at_once: dict[str, int] = {}
        self.most_at_once = 0

    async def buy(self, buyer: Buyer, item: Item, *, amount: int, currency: str, reference: str) -> Purchase:
        """One payment for a reference, however often it is asked for."""
        self.calls.append(reference)
        self.offers.append((buyer.account, buyer.customer, item.price, item.pack, amount, currency))
        self.at_once[buyer.account] = self.at_once.get(buyer.account, 0) + 1
        self.most_at_once = max(self.most_at_once, self.at_once[buyer.account])
        try:
            await asyncio.sleep(self.pause)
        finally:
            self.at_once[buyer.account] -= 1
        mood = self.mood(len(self.calls))
        if mood == "away":
            raise ProviderError("nobody answers")
        if mood == "refused":
            raise ProviderError("the key is wrong", passing=False)
        state: Any = "paid" if mood == "lost" else mood
        made = Purchase(
            purchase=f"pi_{reference}",
            state=state,
            pack=str(item.pack),
            amount=amount,
            currency=currency,
            payment=f"pi_{reference}",
            account=buyer.account,
        )
        known = self.taken.setdefault(reference, made) if state in ("paid", "pending") else made
        if mood == "lost":
            raise ProviderError("the line broke")
        return known

    async def close(self) -> None:
        """Nothing is open."""
