"""Polar: its webhooks, and its API where a key is set."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from coinpurse.domain.catalog import Catalog
from coinpurse.domain.facts import Fact, Purchase
from coinpurse.domain.ports import Buyer, Found, Item, Notice, NotOurs, Opened, ProviderError, Refused
from coinpurse.providers import polar_facts as meaning
from coinpurse.providers import signing
from coinpurse.providers.asking import Api, path
from coinpurse.providers.reading import Reader, Unreadable, parse
from coinpurse.providers.shelf import Shelf, cannot, found, metadata_for, on_sale, same_mode, unreadable

LIVE = "https://api.polar.sh"
_KINDS = {"order": "orders", "subscription": "subscriptions", "checkout": "checkouts"}
#: What finalising an order answers where the card is refused or wants its owner.
_REFUSALS = {"PaymentFailed", "PaymentActionRequired"}


class Polar:
    """Polar. A delivery doesn't say whether it is of the sandbox: the address of the API does."""

    name = "polar"

    def __init__(
        self,
        catalog: Catalog,
        *,
        secrets: Sequence[str],
        api_key: str | None = None,
        api_base: str | None = None,
    ) -> None:
        self.test = "sandbox" in (api_base or "")
        self.can_ask = api_key is not None
        self._shelf = Shelf(catalog, self.name)
        # Polar signs with the secret's own characters, `polar_whs_` and all: it is not base64 to be decoded.
        self._secrets = [secret.encode() for secret in secrets]
        self._api = Api("Polar", api_base or LIVE, api_key)

    def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice:
        """Believes a delivery or raises Refused, by the Standard Webhooks scheme."""
        event_id = signing.standard_webhook(self._secrets, body, headers, now)
        try:
            event = parse(body)
            data = event.object("data")
            return Notice(
                id=Reader({"webhook-id": event_id}).text("webhook-id"),
                type=event.text("type"),
                created_at=event.maybe_when("timestamp") or data.maybe_when("modified_at") or now,
                test=self.test,
                objects=_objects(data),
            )
        except Unreadable as error:
            raise Refused(f"The delivery is signed rightly, but is no event of Polar: {error}.") from None

    async def facts(self, notice: Notice, body: bytes, now: datetime) -> list[Fact]:
        """What a delivery means. See `domain.ports.Provider`."""
        try:
            return await self._facts(notice, parse(body).object("data"), now)
        except Unreadable as error:
            raise unreadable(error, f"Polar's {notice.type}") from None

    async def _facts(self, notice: Notice, entity: Reader, now: datetime) -> list[Fact]:
        kind = notice.type.partition(".")[0]
        as_of = now if self.can_ask else notice.created_at
        if kind == "refund":
            return await self._refunded(entity, as_of)
        if kind not in _KINDS:
            raise NotOurs(f"{notice.type} moves no credits.")
        if self.can_ask:
            entity = await self._one(_KINDS[kind], entity.text("id"))
        if kind == "subscription":
            return [meaning.standing(entity, self._shelf, as_of, meaning.RANKS.get(notice.type, 1))]
        if kind == "checkout":
            return meaning.checkout(entity, self._shelf)
        return self._order(entity, [], as_of)

    async def _refunded(self, refund: Reader, as_of: datetime) -> list[Fact]:
        if not self.can_ask:
            raise NotOurs("order.refunded tells how much of the order went back in all.")
        order = await self._one("orders", refund.text("order_id"))
        return self._order(order, await self._disputes(order.text("id")), as_of)

    def _order(self, order: Reader, disputes: Sequence[Reader], as_of: datetime) -> list[Fact]:
        """All that an order says. What went back is told even where the order itself moves nothing."""
        gone = meaning.returned(order, disputes, as_of)
        try:
            return [*meaning.order(order, self._shelf), *gone]
        except NotOurs:
            if not gone:
                raise
            return gone

    async def _disputes(self, order: str) -> list[Reader]:
        """The disputes of an order; none where the key may not read them."""
        try:
            return [one async for one in self._all("/v1/disputes/", order_id=order)]
        except ProviderError as error:
            if error.passing:
                raise
            return []

    async def look_up(self, subscription: str, now: datetime) -> list[Fact]:
        """How a subscription stands, with all that was paid for it, oldest first."""
        try:
            entity = await self._one("subscriptions", subscription)
            facts: list[Fact] = [meaning.standing(entity, self._shelf, now)]
            async for order in self._all("/v1/orders/", subscription_id=subscription, sorting="created_at"):
                facts += await self._told(order, now)
        except Unreadable as error:
            raise unreadable(error, f"Polar's subscription {subscription}") from None
        return facts

    async def _told(self, order: Reader, now: datetime) -> list[Fact]:
        try:
            return self._order(order, await self._disputes(order.text("id")), now)
        except NotOurs:
            return []

    async def changes(self, since: datetime, until: datetime) -> AsyncIterator[Found]:
        """Subscriptions, orders, refunds and disputes that were made or changed in `[since, until)`. Polar
        filters only orders by time, and by when they were made: the others are read whole."""
        with self._api.answered():
            everything = [one async for one in self._found(since, until)]
        for one in sorted(everything, key=lambda one: one.at):
            yield one

    async def _found(self, since: datetime, until: datetime) -> AsyncIterator[Found]:
        asked = datetime.now(UTC)
        async for one in self._all("/v1/subscriptions/", sorting="started_at"):
            if since <= _changed(one) < until:
                yield self._find(one, _changed(one), partial(self._standing, one, asked))
        window = {"created_after": since.isoformat(), "created_before": until.isoformat()}
        orders: set[str] = set()
        async for one in self._all("/v1/orders/", sorting="created_at", **window):
            orders.add(one.text("id"))
            disputes = await self._disputes(one.text("id"))
            yield self._find(one, one.when("created_at"), partial(self._order, one, disputes, asked))
        for kind in ("refunds", "disputes"):
            async for one in self._returns(kind):
                about = one.text("order_id")
                if since <= _changed(one) < until and about not in orders:
                    orders.add(about)
                    order, disputes = await self._one("orders", about), await self._disputes(about)
                    yield self._find(one, _changed(one), partial(self._order, order, disputes, asked))

    async def _returns(self, kind: str) -> AsyncIterator[Reader]:
        """Refunds or disputes; none where the key may not read them."""
        try:
            async for one in self._all(f"/v1/{kind}/"):
                yield one
        except ProviderError as error:
            if error.passing:
                raise

    def _standing(self, subscription: Reader, as_of: datetime) -> list[Fact]:
        return [meaning.standing(subscription, self._shelf, as_of)]

    def _find(self, one: Reader, at: datetime, read: Any) -> Found:
        return found(one.text("id"), at, self.test, read)

    async def check_out(
        self, buyer: Buyer, item: Item, *, reference: str, success_url: str, cancel_url: str
    ) -> Opened:
        """Opens a checkout. Asked twice, Polar opens two: the customer is sent to one of them."""
        same_mode("Polar", self.test, buyer)
        content: dict[str, Any] = {
            "products": [on_sale(item.price)],
            "metadata": metadata_for(buyer, item, reference),
            "success_url": success_url,
            "return_url": cancel_url,
            **_who(buyer),
        }
        if item.quantity != 1:
            content["units"] = item.quantity
        answer = await self._api.post("/v1/checkouts/", content)
        with self._api.answered():
            return Opened(
                url=answer.text("url"),
                reference=answer.text("id"),
                customer=answer.maybe_text("customer_id"),
                expires_at=answer.maybe_when("expires_at"),
            )

    async def portal(self, customer: str, *, return_url: str) -> Opened:
        """Opens Polar's customer portal."""
        content = {"customer_id": customer, "return_url": return_url}
        answer = await self._api.post("/v1/customer-sessions/", content)
        with self._api.answered():
            return Opened(
                url=answer.text("customer_portal_url"),
                reference=answer.text("id"),
                customer=customer,
                expires_at=answer.maybe_when("expires_at"),
            )

    async def cancel(
        self, subscription: str, *, at: Literal["period_end", "now"], now: datetime
    ) -> list[Fact]:
        """Cancels at the period's end, or revokes now."""
        content = {"revoke": True} if at == "now" else {"cancel_at_period_end": True}
        return await self._patch(subscription, content, now)

    async def resume(self, subscription: str, *, now: datetime) -> list[Fact]:
        """Undoes a cancellation or pause that is to come; ends a pause, which is charged for at once."""
        entity = await self._one("subscriptions", subscription)
        if entity.data.get("status") == "paused":
            return await self._patch(subscription, {"resume": True}, now)
        if entity.data.get("pause_at_period_end"):
            return await self._patch(subscription, {"pause_at_period_end": False}, now)
        return await self._patch(subscription, {"cancel_at_period_end": False}, now)

    async def pause(self, subscription: str, *, now: datetime) -> list[Fact]:
        """Pauses at the end of what is paid: Polar knows no other pause."""
        return await self._patch(subscription, {"pause_at_period_end": True}, now)

    async def change(
        self, subscription: str, *, price: str, now: datetime, settled: bool = False
    ) -> list[Fact]:
        """Changes to another product; the difference is billed, or credited, at once. So there and back comes
        to nothing, and what is settled needs no other way."""
        return await self._patch(
            subscription, {"product_id": on_sale(price), "proration_behavior": "invoice"}, now
        )

    async def buy(self, buyer: Buyer, item: Item, *, amount: int, currency: str, reference: str) -> Purchase:
        """Drafts an order and finalises it, which charges the card on file. The draft bears the reference:
        asked again, the same one is found, and Polar finalises none twice (P4). Polar has to switch
        off-session charges on for an organisation."""
        same_mode("Polar", self.test, buyer)
        if buyer.customer is None or item.quantity != 1:
            raise cannot("Polar", "charges a card only for a customer it knows, and one pack at a time.")
        drafts = {"customer_id": buyer.customer, "metadata[coinpurse_checkout]": reference}
        order = await anext(self._all("/v1/orders/", **drafts), None)
        if order is None:
            content = {
                "customer_id": buyer.customer,
                "product_id": on_sale(item.price),
                "amount": amount,
                "currency": currency,
                "metadata": metadata_for(buyer, item, reference),
            }
            order = await self._api.post("/v1/orders/", content)
        if order.data.get("status") == "draft":
            order = await self._finalise(order)
        with self._api.answered():
            return meaning.purchase(order, self._shelf)

    async def _finalise(self, order: Reader) -> Reader:
        """Charges for a draft. A card that is refused, or wants its owner, makes it void for us."""
        with self._api.answered():
            where = f"/v1{path('orders', order.text('id'), 'finalize')}"
        try:
            return await self._api.post(where, {})
        except ProviderError as error:
            if error.code not in _REFUSALS:
                raise
            return Reader({**order.data, "status": "void"})

    async def hasten(self, notice: Notice, body: bytes) -> None:
        """Nothing to do: Polar charges a renewal at its instant."""

    async def close(self) -> None:
        """Lets go of connections."""
        await self._api.close()

    async def _patch(self, subscription: str, content: Mapping[str, Any], now: datetime) -> list[Fact]:
        answer = await self._api.patch(f"/v1{path('subscriptions', subscription)}", content)
        with self._api.answered():
            return self._standing(answer, now)

    async def _one(self, kind: str, reference: str) -> Reader:
        return await self._api.get(f"/v1{path(kind, reference)}")

    async def _all(self, where: str, **params: str) -> AsyncIterator[Reader]:
        """Every object of a list, page by page."""
        number = 1
        while True:
            page = await self._api.get(where, {**params, "limit": "100", "page": str(number)})
            for one in page.objects("items"):
                yield one
            if number >= page.object("pagination").whole("max_page"):
                return
            number += 1


def _who(buyer: Buyer) -> dict[str, str]:
    """Who buys: the customer that Polar knows, or one that it is to know by the account's name."""
    if buyer.customer:
        return {"customer_id": buyer.customer}
    values = {
        "external_customer_id": buyer.account,
        "customer_email": buyer.email,
        "customer_name": buyer.name,
    }
    return {name: value for name, value in values.items() if value}


def _changed(one: Reader) -> datetime:
    return one.maybe_when("modified_at") or one.when("created_at")


def _objects(data: Reader) -> list[str]:
    """What an event is about, for search."""
    return list(data.identifiers("id", "order_id", "subscription_id", "checkout_id", "customer_id"))
