"""What customers do with their subscriptions at Stripe: cancel, resume, pause, change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from coinpurse.domain.facts import Fact
from coinpurse.domain.ports import NotOurs, NotYet, ProviderError
from coinpurse.providers.shelf import Shelf, on_sale
from coinpurse.providers.stripe import facts
from coinpurse.providers.stripe.asked import Asked
from coinpurse.providers.stripe.asking import Api
from coinpurse.providers.stripe.reading import Json, listed, price_of, ref


class Managing:
    """Acts on subscriptions, each answered by how the subscription stands then."""

    def __init__(self, api: Api, shelf: Shelf) -> None:
        self._api, self._shelf = api, shelf

    async def cancel(self, reference: str, at: Literal["period_end", "now"], now: datetime) -> list[Fact]:
        """Cancels at the end of what is paid, or now. Where it has ended already, that is the answer."""
        asked = Asked(self._api, now)
        if (await asked.get("subscription", reference)).get("status") not in _ENDED:
            if at == "now":
                await self._api.delete(_path(reference))
            else:
                await self._api.post(_path(reference), cancel_at_period_end=True)
        return await self._standing(asked, reference)

    async def resume(self, reference: str, now: datetime) -> list[Fact]:
        """Undoes a cancellation and ends a pause, whichever way each was made: Stripe has two for both."""
        asked = Asked(self._api, now)
        subscription = await asked.get("subscription", reference)
        if subscription.get("status") in _ENDED:
            raise ProviderError("The subscription has ended at Stripe. Subscribe again.", passing=False)
        params: dict[str, Any] = {}
        if subscription.get("cancel_at_period_end"):
            params["cancel_at_period_end"] = False
        elif subscription.get("cancel_at"):
            params["cancel_at"] = ""
        if subscription.get("pause_collection"):
            params["pause_collection"] = ""
        if params:
            await self._api.post(_path(reference), **params)
        if subscription.get("status") == "paused":
            await self._api.post(f"{_path(reference)}/resume", billing_cycle_anchor="now")
        return await self._standing(asked, reference)

    async def pause(self, reference: str, now: datetime) -> list[Fact]:
        """Stops collecting. Invoices that fall due meanwhile are voided: their periods aren't given (B11)."""
        await self._api.post(_path(reference), pause_collection={"behavior": "void"})
        return await self._standing(Asked(self._api, now), reference)

    async def change(self, reference: str, price: str, now: datetime, settled: bool = False) -> list[Fact]:
        """Moves the plan's item to another price; what else the subscription has stays."""
        asked = Asked(self._api, now)
        subscription = await asked.get("subscription", reference)
        item = self._plan_item(subscription)
        items = [{"id": ref(item), "price": on_sale(price), "quantity": item.get("quantity", 1)}]
        settling = _NOTHING if settled else self._settling(item, on_sale(price))
        await self._api.post(_path(reference), items=items, **settling)
        return await self._standing(asked, reference)

    async def finalize(self, invoice: str) -> None:
        """Finalises a draft, once. One that somebody else has finalised meanwhile is as good."""
        path = f"/v1/invoices/{invoice}"
        try:
            await self._api.post(f"{path}/finalize", key=f"coinpurse/finalize/{invoice}", auto_advance=True)
        except ProviderError as error:
            if error.passing or (await self._api.get(path)).get("status") == "draft":
                raise

    def _settling(self, item: Json, price: str) -> Mapping[str, str]:
        """How a change is paid for.

        To more credits, or another interval: invoiced at once, and only made if that is paid (B5: `pending`
        until then), so that nobody gets what they haven't paid. To fewer credits by the same interval:
        without proration, for the running period's credits stay (`downgrade = "at_renewal"`), and their
        money with them.
        """
        old, new = self._shelf.plans.get(price_of(item) or ""), self._shelf.plans.get(price)
        if old and new and old.interval == new.interval and new.credits <= old.credits:
            return _NOTHING
        return {"proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}

    def _plan_item(self, subscription: Json) -> Json:
        items = listed(subscription.get("items"))
        ours = [item for item in items if price_of(item) in self._shelf.plans]
        found = ours or items
        if len(found) != 1:
            detail = f"The subscription has {len(found)} items that could be changed. Change it at Stripe."
            raise ProviderError(detail, passing=False)
        return found[0]

    async def _standing(self, asked: Asked, reference: str) -> list[Fact]:
        """As it stands after the act. It is dated by the instant before it, so that whatever Stripe tells of
        later counts more."""
        subscription = await asked.get("subscription", reference)
        try:
            return [facts.standing(self._shelf, subscription, as_of=asked.as_of, rank=asked.rank)]
        except (NotOurs, NotYet) as error:
            raise ProviderError(str(error), passing=False) from error


_NOTHING = {"proration_behavior": "none"}
_ENDED = ("canceled", "incomplete_expired")


def _path(reference: str) -> str:
    return f"/v1/subscriptions/{reference}"
