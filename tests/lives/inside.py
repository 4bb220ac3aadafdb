"""Coinpurse within the tests' own process: years go by in seconds, and one seed is one history."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from coinpurse.app import accounts, inbox, wallets
from coinpurse.app.context import Who
from coinpurse.domain.errors import InsufficientCredits
from coinpurse.domain.ports import ProviderError
from coinpurse.providers.stripe import Stripe
from coinpurse.providers.stripe.asking import Api
from coinpurse.providers.stripe.reading import Json
from coinpurse.simulator.errors import StripeError
from coinpurse.simulator.simulator import Simulator

if TYPE_CHECKING:
    from lives.town import Town

WHO = Who("lives", test=True)


class SimulatedApi(Api):
    """The provider's API without a socket between."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__("sk_test_town", None)
        self._simulator = simulator

    async def _call(self, method: str, path: str, params: Mapping[str, Any]) -> Json:
        values = {k: v for k, v in params.items() if k != "idempotency_key"}
        try:
            answer = self._simulator.call(method.upper(), path, values)
        except StripeError as error:
            raise ProviderError(str(error), passing=False) from error
        found: Json = json.loads(msgspec.json.encode(answer))
        return found


class Inside:
    """A `Reach`. Without `asks` the provider's payloads are all that there is."""

    lazy = 0.3

    def __init__(self, town: "Town", *, asks: bool = True) -> None:
        self.asks = asks
        self._town = town
        town.stripe = stripe = Stripe(
            town.ctx.catalog, secrets=[town.secret], api_key="sk_test_town" if asks else None
        )
        if asks:
            stripe._api = SimulatedApi(town.simulator)
        town.ctx = replace(town.ctx, providers={"stripe": stripe})

    async def open(self, account: str, clock: datetime) -> None:
        await accounts.put_account(self._town.ctx, WHO, account, clock=clock)

    async def move(self, account: str, now: datetime, *, patient: bool) -> bool:
        await accounts.move_clock(self._town.ctx, WHO, account, now)
        return True

    async def deliver(self, body: bytes, headers: Mapping[str, str]) -> int:
        await inbox.receive(self._town.ctx, "stripe", body, headers)
        return 200

    async def work(self) -> None:
        while await inbox.work(self._town.ctx):
            pass

    async def charge(self, account: str, amount: int, key: str) -> str | None:
        try:
            return (await wallets.charge(self._town.ctx, WHO, account, amount=amount, key=key)).id
        except InsufficientCredits:
            return None

    async def reverse(self, charge: str, amount: int, key: str) -> int:
        return (await wallets.reverse(self._town.ctx, WHO, charge, amount=amount, key=key)).amount
