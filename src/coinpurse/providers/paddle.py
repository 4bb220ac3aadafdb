"""Paddle Billing: its webhooks, and its API where a key is set."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from coinpurse.domain.catalog import Catalog
from coinpurse.domain.facts import Fact, Purchase
from coinpurse.domain.ports import Buyer, Found, Item, Notice, NotOurs, Opened, Refused
from coinpurse.providers import paddle_facts as meaning
from coinpurse.providers import paddle_returns as returns
from coinpurse.providers import signing
from coinpurse.providers.asking import Api, path
from coinpurse.providers.reading import Reader, Unreadable, parse
from coinpurse.providers.shelf import Shelf, cannot, found, metadata_for, on_sale, same_mode, unreadable

LIVE, SANDBOX = "https://api.paddle.com", "https://sandbox-api.paddle.com"
#: The version of the API that the mapping was written from.
VERSION = "1"
_TELLING = "past_due,billed,paid,completed,canceled"


class Paddle:
    """Paddle Billing. A delivery doesn't say whether it is of the sandbox: the API key does, or the address
    of the API."""

    name = "paddle"

    def __init__(
        self,
        catalog: Catalog,
        *,
        secrets: Sequence[str],
        api_key: str | None = None,
        api_base: str | None = None,
    ) -> None:
        sandbox = "_sdbx_" in (api_key or "") or "sandbox" in (api_base or "")
        self.test = sandbox
        self.can_ask = api_key is not None
        self._shelf = Shelf(catalog, self.name)
        self._secrets = [secret.encode() for secret in secrets]
        base = api_base or (SANDBOX if sandbox else LIVE)
        self._api = Api("Paddle", base, api_key, **{"Paddle-Version": VERSION})

    def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice:
        """Believes a delivery or raises Refused: HMAC-SHA256 of `ts:body`, one `h1` of several."""
        stamp, signatures = _signature(signing.header(headers, "paddle-signature"))
        signing.fresh(stamp, now)
        signing.signed(self._secrets, f"{stamp}:".encode() + body, signatures)
        try:
            event = parse(body)
            return Notice(
                id=event.text("event_id"),
                type=event.text("event_type"),
                created_at=event.when("occurred_at"),
                test=self.test,
                objects=_objects(event.object("data")),
            )
        except Unreadable as error:
            raise Refused(f"The delivery is signed rightly, but is no event of Paddle: {error}.") from None

    async def facts(self, notice: Notice, body: bytes, now: datetime) -> list[Fact]:
        """What a delivery means. See `domain.ports.Provider`."""
        try:
            return await self._facts(notice, parse(body).object("data"), now)
        except Unreadable as error:
            raise unreadable(error, f"Paddle's {notice.type}") from None

    async def _facts(self, notice: Notice, entity: Reader, now: datetime) -> list[Fact]:
        kind = notice.type.partition(".")[0]
        as_of = now if self.can_ask else notice.created_at
        if kind == "customer":
            return meaning.linked(entity)
        if kind == "adjustment":
            return await self._returned(entity, as_of)
        if kind not in {"subscription", "transaction"}:
            raise NotOurs(f"{notice.type} moves no credits.")
        if self.can_ask:
            entity = await self._one(f"{kind}s", entity.text("id"))
        if kind == "transaction":
            return meaning.transaction(entity, self._shelf)
        return [meaning.standing(entity, self._shelf, as_of, meaning.RANKS.get(notice.type, 1))]

    async def _returned(self, adjustment: Reader, as_of: datetime) -> list[Fact]:
        action = adjustment.text("action")
        if action not in returns.ADJUSTMENTS:
            raise NotOurs(f"An adjustment of the kind {action} gives no money back.")
        if self.can_ask:
            sold, adjustments = await self._adjusted(adjustment.text("transaction_id"))
            facts = self._gone(sold, adjustments, as_of)
        elif adjustment.text("status") in {"pending_approval", "rejected"}:
            raise NotOurs("Paddle hasn't approved this refund.")
        else:
            facts = returns.believed(adjustment, as_of)
        if not facts:
            raise NotOurs("What went back was not paid for credits.")
        return facts

    async def _adjusted(self, transaction: str) -> tuple[Reader, list[Reader]]:
        sold = await self._one("transactions", transaction)
        return sold, [one async for one in self._all("/adjustments", transaction_id=transaction)]

    def _gone(self, sold: Reader, adjustments: list[Reader], as_of: datetime) -> list[Fact]:
        return returns.returned(meaning.paid_lines(sold, self._shelf), adjustments, as_of)

    def _standing(self, subscription: Reader, as_of: datetime) -> list[Fact]:
        return [meaning.standing(subscription, self._shelf, as_of)]

    async def look_up(self, subscription: str, now: datetime) -> list[Fact]:
        """How a subscription stands, with all that was paid for it, oldest first."""
        try:
            entity = await self._one("subscriptions", subscription)
            facts: list[Fact] = [meaning.standing(entity, self._shelf, now)]
            adjustments = [one async for one in self._all("/adjustments", subscription_id=subscription)]
            async for sold in self._all("/transactions", subscription_id=subscription, status=_TELLING):
                facts += self._told(sold, adjustments, now)
        except Unreadable as error:
            raise unreadable(error, f"Paddle's subscription {subscription}") from None
        return facts

    def _told(self, sold: Reader, adjustments: list[Reader], as_of: datetime) -> list[Fact]:
        """All that one transaction says, with its adjustments; nothing where it is not ours."""
        mine = [one for one in adjustments if one.data.get("transaction_id") == sold.text("id")]
        gone = self._gone(sold, mine, as_of)
        try:
            return [*meaning.transaction(sold, self._shelf), *gone]
        except NotOurs:
            return gone

    async def changes(self, since: datetime, until: datetime) -> AsyncIterator[Found]:
        """Subscriptions, transactions and adjustments that were last changed in `[since, until)`. Paddle
        filters only transactions by time: the others are read whole."""
        with self._api.answered():
            everything = [one async for one in self._found(since, until)]
        for one in sorted(everything, key=lambda one: one.at):
            yield one

    async def _found(self, since: datetime, until: datetime) -> AsyncIterator[Found]:
        asked = datetime.now(UTC)
        async for one in self._all("/subscriptions"):
            if since <= one.when("updated_at") < until:
                yield self._find(one, partial(self._standing, one, asked))
        window = {"updated_at[GTE]": since.isoformat(), "updated_at[LT]": until.isoformat()}
        async for one in self._all("/transactions", status=_TELLING, **window):
            yield self._find(one, partial(meaning.transaction, one, self._shelf))
        seen: set[str] = set()
        async for one in self._all("/adjustments"):
            transaction = one.text("transaction_id")
            if since <= one.when("updated_at") < until and transaction not in seen:
                seen.add(transaction)
                sold, adjustments = await self._adjusted(transaction)
                yield self._find(one, partial(self._gone, sold, adjustments, asked))

    def _find(self, one: Reader, read: Callable[[], list[Fact]]) -> Found:
        return found(one.text("id"), one.when("updated_at"), self.test, read)

    async def check_out(
        self, buyer: Buyer, item: Item, *, reference: str, success_url: str, cancel_url: str
    ) -> Opened:
        """Opens a transaction; its page is the default payment link of the Paddle account, which also says
        where the customer goes afterwards: Paddle takes no addresses here."""
        same_mode("Paddle", self.test, buyer)
        content: dict[str, Any] = {
            "items": [{"price_id": on_sale(item.price), "quantity": item.quantity}],
            "custom_data": metadata_for(buyer, item, reference),
        }
        if buyer.customer:
            content["customer_id"] = buyer.customer
        answer = await self._api.post("/transactions", content)
        with self._api.answered():
            return self._opened(answer.object("data"))

    def _opened(self, sold: Reader) -> Opened:
        checkout = sold.maybe_object("checkout")
        if checkout is None or not checkout.has("url"):
            raise cannot(
                "Paddle", "gave no page to pay on. Set a default payment link in Paddle's checkout settings."
            )
        return Opened(
            url=checkout.text("url"), reference=sold.text("id"), customer=sold.maybe_text("customer_id")
        )

    async def portal(self, customer: str, *, return_url: str) -> Opened:
        """Opens Paddle's customer portal, which has no way back to us."""
        answer = await self._api.post(path("customers", customer, "portal-sessions"), {})
        with self._api.answered():
            session = answer.object("data")
            url = session.object("urls").object("general").text("overview")
            return Opened(url=url, reference=session.text("id"), customer=customer)

    async def cancel(
        self, subscription: str, *, at: Literal["period_end", "now"], now: datetime
    ) -> list[Fact]:
        """Cancels, now or at the next billing date."""
        when = "immediately" if at == "now" else "next_billing_period"
        return await self._change(subscription, "cancel", {"effective_from": when}, now)

    async def resume(self, subscription: str, *, now: datetime) -> list[Fact]:
        """Undoes a cancellation or pause that is to come, or ends a pause."""
        entity = await self._one("subscriptions", subscription)
        if entity.data.get("status") == "paused":
            return await self._change(subscription, "resume", {"effective_from": "immediately"}, now)
        entity = (
            await self._api.patch(path("subscriptions", subscription), {"scheduled_change": None})
        ).object("data")
        return [meaning.standing(entity, self._shelf, now)]

    async def pause(self, subscription: str, *, now: datetime) -> list[Fact]:
        """Stops billing now. What is paid stays paid: resumed before its end, it goes on without a charge."""
        how = {"effective_from": "immediately", "on_resume": "continue_existing_billing_period"}
        return await self._change(subscription, "pause", how, now)

    async def change(
        self, subscription: str, *, price: str, now: datetime, settled: bool = False
    ) -> list[Fact]:
        """Changes the plan's price and bills the difference at once, or nothing if the change is settled; a
        refused card changes nothing."""
        entity = await self._one("subscriptions", subscription)
        with self._api.answered():
            items = meaning.items_with(entity, self._shelf, on_sale(price))
        content = {
            "items": items,
            "proration_billing_mode": "do_not_bill" if settled else "prorated_immediately",
            "on_payment_failure": "prevent_change",
        }
        return await self._patch(subscription, content, now)

    async def buy(self, buyer: Buyer, item: Item, *, amount: int, currency: str, reference: str) -> Purchase:
        """Not with Paddle: it has no idempotency keys, so that a lost answer could mean two charges (P4)."""
        raise cannot(
            "Paddle",
            "can't be asked to charge a card safely: after a lost answer, asking again could charge twice. "
            "Send the customer to a checkout.",
        )

    async def hasten(self, notice: Notice, body: bytes) -> None:
        """Nothing to do: Paddle charges a renewal at its instant, without a draft."""

    async def close(self) -> None:
        """Lets go of connections."""
        await self._api.close()

    async def _change(
        self, subscription: str, act: str, content: Mapping[str, Any], now: datetime
    ) -> list[Fact]:
        answer = await self._api.post(path("subscriptions", subscription, act), content)
        return self._stands(answer, now)

    async def _patch(self, subscription: str, content: Mapping[str, Any], now: datetime) -> list[Fact]:
        return self._stands(await self._api.patch(path("subscriptions", subscription), content), now)

    def _stands(self, answer: Reader, now: datetime) -> list[Fact]:
        with self._api.answered():
            return self._standing(answer.object("data"), now)

    async def _one(self, kind: str, reference: str) -> Reader:
        answer = await self._api.get(path(kind, reference))
        with self._api.answered():
            return answer.object("data")

    async def _all(self, where: str, **params: str) -> AsyncIterator[Reader]:
        """Every object of a list, oldest first, page by page."""
        query: dict[str, str] = {**params, "order_by": "id[ASC]", "per_page": "50"}
        while True:
            page = await self._api.get(where, query)
            for one in page.objects("data"):
                yield one
            pagination = page.object("meta").object("pagination")
            if not pagination.flag("has_more"):
                return
            query = dict(parse_qsl(urlsplit(pagination.text("next")).query))


def _signature(header: str) -> tuple[str, list[bytes]]:
    """The time and the signatures in `ts=…;h1=…;h1=…`."""
    parts = [part.strip().partition("=") for part in header.split(";")]
    stamps = [value for name, _, value in parts if name == "ts"]
    if len(stamps) != 1:
        raise Refused("The header Paddle-Signature must be like ts=…;h1=…")
    return stamps[0], [_hex(value) for name, _, value in parts if name == "h1"]


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _objects(data: Reader) -> list[str]:
    """What an event is about, for search."""
    return list(data.identifiers("id", "subscription_id", "transaction_id", "customer_id", "invoice_id"))
