"""Stripe as a payment provider."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from coinpurse.domain.catalog import Catalog
from coinpurse.domain.facts import Fact, Purchase
from coinpurse.domain.ports import Buyer, Found, Item, Notice, NotOurs, Opened, ProviderError
from coinpurse.providers.shelf import Shelf
from coinpurse.providers.stripe import facts as reading
from coinpurse.providers.stripe.asked import Asked
from coinpurse.providers.stripe.asking import Api
from coinpurse.providers.stripe.buying import Selling
from coinpurse.providers.stripe.changes import Finding
from coinpurse.providers.stripe.events import Event, Reading, Source, Told
from coinpurse.providers.stripe.managing import Managing
from coinpurse.providers.stripe.reading import named, ref
from coinpurse.providers.stripe.signature import check_signature, read_event


class Stripe:
    """`domain.ports.Provider` for Stripe.

    With an API key it asks for the current objects; without one it believes payloads, by their dates.
    `finalize` says that drafts of renewals' invoices are finalised as soon as they are made (T7).
    """

    name = "stripe"

    def __init__(
        self,
        catalog: Catalog,
        *,
        secrets: Sequence[str] = (),
        api_key: str | None = None,
        api_base: str | None = None,
        finalize: bool = False,
    ) -> None:
        self._shelf = Shelf(catalog, self.name)
        self._secrets = tuple(filter(None, secrets))
        self._finalize = finalize
        self._api = Api(api_key, api_base.rstrip("/") if api_base else None) if api_key else None
        self._key_is_test = _is_test(api_key)
        self.can_ask = self._api is not None

    def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice:
        """Believes a delivery or raises Refused (E3)."""
        signed_at = check_signature(body, headers, self._secrets, now)
        event = read_event(body)
        return Notice(
            id=event["id"],
            type=event["type"],
            created_at=datetime.fromtimestamp(event.get("created", signed_at), UTC),
            test=not event.get("livemode"),
            objects=tuple(named(event["data"]["object"])),
        )

    async def facts(self, notice: Notice, body: bytes, now: datetime) -> list[Fact]:
        """What a delivery means (E2). Raises NotOurs, NotYet, ProviderError."""
        raw = read_event(body)
        if raw.get("account"):
            raise NotOurs("It happened at a connected account, whose customers are not ours.")
        event = Event.of(raw, notice.created_at)
        return await Reading(self._shelf, self._source(notice, event, now), event).facts()

    async def look_up(self, subscription: str, now: datetime) -> list[Fact]:
        """How a subscription stands, with all that was paid for it, oldest first. Raises NotOurs, NotYet,
        ProviderError."""
        api = self._asking()
        asked = Asked(api, now)
        thing = await asked.get("subscription", subscription)
        stands = reading.standing(self._shelf, thing, as_of=now, rank=asked.rank)
        include = ["data.payments", "data.customer"]
        listed = api.all("/v1/invoices", subscription=subscription, status="paid", expand=include)
        invoices = [await asked.whole("invoice", invoice) async for invoice in listed]
        return [*(fact for i in reversed(invoices) for fact in reading.paid(self._shelf, i)), stands]

    def changes(self, since: datetime, until: datetime) -> AsyncIterator[Found]:
        """Everything that moves credits in `[since, until)`, by when it was made (E4)."""
        return Finding(self._asking(), self._shelf, since, until).all()

    async def check_out(
        self, buyer: Buyer, item: Item, *, reference: str, success_url: str, cancel_url: str
    ) -> Opened:
        """Opens a checkout. Raises ProviderError."""
        selling = Selling(self._asking(buyer.test), self._shelf)
        return await selling.check_out(
            buyer, item, reference=reference, success_url=success_url, cancel_url=cancel_url
        )

    async def portal(self, customer: str, *, return_url: str) -> Opened:
        """Opens the page where a customer changes cards and sees invoices. Raises ProviderError."""
        return await Selling(self._asking(), self._shelf).portal(customer, return_url=return_url)

    async def cancel(
        self, subscription: str, *, at: Literal["period_end", "now"], now: datetime
    ) -> list[Fact]:
        """Cancels, and says how it stands then (B3, B4). Raises ProviderError."""
        return await Managing(self._asking(), self._shelf).cancel(subscription, at, now)

    async def resume(self, subscription: str, *, now: datetime) -> list[Fact]:
        """Undoes a cancellation, ends a pause (B3, B11). Raises ProviderError."""
        return await Managing(self._asking(), self._shelf).resume(subscription, now)

    async def pause(self, subscription: str, *, now: datetime) -> list[Fact]:
        """Stops collecting (B11). Raises ProviderError."""
        return await Managing(self._asking(), self._shelf).pause(subscription, now)

    async def change(
        self, subscription: str, *, price: str, now: datetime, settled: bool = False
    ) -> list[Fact]:
        """Changes plan or interval (B5). Raises ProviderError."""
        return await Managing(self._asking(), self._shelf).change(subscription, price, now, settled)

    async def buy(self, buyer: Buyer, item: Item, *, amount: int, currency: str, reference: str) -> Purchase:
        """Buys off-session with the card on file (P4). Raises ProviderError where it isn't known how it
        went: the same reference can be asked again."""
        selling = Selling(self._asking(buyer.test), self._shelf)
        return await selling.buy(buyer, item, amount=amount, currency=currency, reference=reference)

    async def hasten(self, notice: Notice, body: bytes) -> None:
        """Finalises the draft of a renewal's invoice, where that is switched on: Stripe would wait an hour,
        or three days where a webhook goes unanswered (T7). A draft that is held on purpose is left alone."""
        if not self._finalize or notice.type != "invoice.created" or not self._sees(notice.test):
            return
        invoice = read_event(body)["data"]["object"]
        held = invoice.get("status") != "draft" or invoice.get("auto_advance") is False
        reference = ref(invoice)
        if reference is not None and not held and invoice.get("billing_reason") == "subscription_cycle":
            await Managing(self._asking(), self._shelf).finalize(reference)

    async def close(self) -> None:
        """Lets go of connections."""
        if self._api is not None:
            await self._api.close()

    def _source(self, notice: Notice, event: Event, now: datetime) -> Source:
        if self._api is None or not self._sees(notice.test):
            return Told(event)
        return Asked(self._api, now)

    def _sees(self, test: bool) -> bool:
        """Whether the key is for this mode: one for test money can't see live objects, and the other way
        round. Events of the other mode are believed by their payload."""
        return self._api is not None and self._key_is_test in (None, test)

    def _asking(self, test: bool | None = None) -> Api:
        """The API, for an account of a mode. Raises ProviderError where it can't be asked."""
        if self._api is None:
            raise ProviderError("Stripe can't be asked: set COINPURSE_STRIPE_API_KEY.", passing=False)
        if test is not None and not self._sees(test):
            kinds = ("a test", "a live") if test else ("a live", "a test")
            detail = f"This is {kinds[0]} account, but COINPURSE_STRIPE_API_KEY is {kinds[1]} key."
            raise ProviderError(detail, passing=False)
        return self._api


def _is_test(key: str | None) -> bool | None:
    """Whether a key is for test money, by its prefix; None where that isn't told."""
    kind = (key or "").partition("_")[2]
    return True if kind.startswith("test_") else False if kind.startswith("live_") else None
