"""Stripe's objects as they are now, and whole: every page of their lines, their payments, their refunds."""

from datetime import datetime

from coinpurse.domain.facts import Returned
from coinpurse.domain.ports import NotOurs, ProviderError
from coinpurse.providers.stripe import facts
from coinpurse.providers.stripe.asking import Api
from coinpurse.providers.stripe.events import ASKED
from coinpurse.providers.stripe.reading import Json, dig, listed, payment_of, ref, whole

#: Where objects are, and what is asked for along with them.
_PLACES = {
    "subscription": ("/v1/subscriptions", ("latest_invoice", "customer")),
    "invoice": ("/v1/invoices", ("payments", "customer")),
    "checkout.session": ("/v1/checkout/sessions", ("line_items", "payment_intent", "customer")),
    "payment_intent": ("/v1/payment_intents", ("customer",)),
    "charge": ("/v1/charges", ()),
    "dispute": ("/v1/disputes", ()),
}


class Asked:
    """A source of objects that asks Stripe for each (E2)."""

    rank = ASKED

    def __init__(self, api: Api, as_of: datetime) -> None:
        self._api = api
        self.as_of = as_of

    async def current(self, thing: Json) -> Json:
        """An object as it is now. Raises ProviderError, and NotOurs for one without an id."""
        reference, kind = ref(thing), str(thing.get("object"))
        if reference is None or kind not in _PLACES:
            raise NotOurs(f"The event's object ({kind}) is not one that tells of credits.")
        return await self.get(kind, reference)

    async def get(self, kind: str, reference: str) -> Json:
        """An object of a kind."""
        place, include = _PLACES[kind]
        try:
            thing = await self._api.get(f"{place}/{reference}", expand=list(include))
        except ProviderError as error:
            if error.passing or not include:
                raise
            # A server with an older API refuses what it can't include; any other refusal comes again.
            thing = await self._api.get(f"{place}/{reference}")
        return await self.whole(kind, thing)

    async def subscription(self, reference: str) -> Json | None:
        """A subscription as it is now."""
        return await self.get("subscription", reference)

    async def invoice(self, reference: str) -> Json | None:
        """An invoice as it is now."""
        return await self.get("invoice", reference)

    async def whole(self, kind: str, thing: Json) -> Json:
        """Fetches what an object left out: further lines, payments, the latest invoice."""
        if kind == "invoice":
            return await self._whole_invoice(thing)
        if kind == "checkout.session" and thing.get("mode") == "payment":
            return await self._with_all(thing, "line_items", f"/v1/checkout/sessions/{ref(thing)}/line_items")
        latest = thing.get("latest_invoice")
        if kind == "subscription" and isinstance(latest, str):
            return {**thing, "latest_invoice": await self._api.get(f"/v1/invoices/{latest}")}
        return thing

    async def checkout(self, intent: Json) -> Json | None:
        """The checkout that a payment was made in, if any: it tells of the purchase itself (P2)."""
        found = await self._api.get("/v1/checkout/sessions", payment_intent=ref(intent), limit=1)
        return next(iter(listed(found)), None)

    async def refunds(self, thing: Json) -> Returned:
        """All refunds of the payment that a charge, refund or dispute is about, without those that failed.

        They are summed up here rather than believed from the charge, so that a refund that failed or was
        cancelled lowers the sum whatever the charge says.
        """
        payment, total = await self.payment(thing)
        name = "charge" if payment.startswith(("ch_", "py_")) else "payment_intent"
        found = [refund async for refund in self._api.all("/v1/refunds", **{name: payment})]
        return facts.refunded(payment, total, facts.sum_of_refunds(found), self.as_of)

    async def payment(self, dispute: Json) -> tuple[str, int]:
        """What a dispute or refund is about: the payment intent (older: the charge), and its amount."""
        intent, charge = ref(dispute.get("payment_intent")), ref(dispute.get("charge"))
        if "amount_refunded" in dispute:
            charge = ref(dispute)
        if intent is None and charge is not None:
            found = await self._api.get(f"/v1/charges/{charge}")
            intent = ref(found.get("payment_intent"))
            if intent is None:
                return charge, whole(found.get("amount_captured")) or whole(found.get("amount"))
        if intent is None:
            raise NotOurs("It names no payment.")
        found = await self._api.get(f"/v1/payment_intents/{intent}")
        return intent, whole(found.get("amount_received")) or whole(found.get("amount"))

    async def _whole_invoice(self, invoice: Json) -> Json:
        reference = ref(invoice)
        invoice = await self._with_all(invoice, "lines", f"/v1/invoices/{reference}/lines")
        told = invoice.get("payments") is not None or payment_of(invoice) is not None
        if invoice.get("status") == "paid" and not told:
            payments = [p async for p in self._api.all("/v1/invoice_payments", invoice=reference)]
            invoice = {**invoice, "payments": {"data": payments}}
        return invoice

    async def _with_all(self, thing: Json, name: str, path: str) -> Json:
        if name in thing and not dig(thing, name, "has_more"):
            return thing
        return {**thing, name: {"data": [line async for line in self._api.all(path)]}}
