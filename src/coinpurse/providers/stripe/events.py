"""What each of Stripe's events means: its type chooses, its objects tell.

Each reading is written once, over a source: `Told` believes the payload, `asking.Asked` fetches the object as
it is now (E2).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from coinpurse.domain.facts import Fact, Linked, PaidWith, PurchaseState, Returned
from coinpurse.domain.ports import NotOurs, NotYet
from coinpurse.providers.shelf import Shelf
from coinpurse.providers.stripe import facts
from coinpurse.providers.stripe.reading import (
    Json,
    account_of,
    dig,
    invoice_payment,
    listed,
    price_of,
    ref,
    subscription_of,
    whole,
)

#: What Stripe said at one instant: made, then changed, then ended; what was asked for outranks what was told.
_RANKS = {"customer.subscription.created": 0, "customer.subscription.deleted": 2}
ASKED = 3


@dataclass(frozen=True, slots=True)
class Event:
    """An event that was verified."""

    type: str
    object: Json
    previous: Json
    created: datetime

    @classmethod
    def of(cls, raw: Mapping[str, Any], created: datetime) -> "Event":
        """Reads what `signature.read_event` has found sound."""
        data = raw["data"]
        return cls(raw["type"], data["object"], data.get("previous_attributes") or {}, created)


class Source(Protocol):
    """Where objects come from."""

    #: When what it gives was true, and how that ranks among what was said at the same instant.
    as_of: datetime
    rank: int

    async def current(self, thing: Json) -> Json:
        """An object as it is, as whole as can be."""

    async def subscription(self, reference: str) -> Json | None:
        """A subscription as it is, where that can be told."""

    async def invoice(self, reference: str) -> Json | None:
        """An invoice as it is, where that can be told."""

    async def checkout(self, intent: Json) -> Json | None:
        """The checkout that a payment was made in, where there is one and that can be told."""

    async def refunds(self, thing: Json) -> Returned:
        """All refunds of the payment that a charge or refund is about."""

    async def payment(self, dispute: Json) -> tuple[str, int | None]:
        """What a dispute is about: the payment, and its amount, where that can be known."""


class Told:
    """Believes the payload (no API key). What it doesn't hold can't be known."""

    def __init__(self, event: Event) -> None:
        self.as_of = event.created
        self.rank = _RANKS.get(event.type, 1)

    async def current(self, thing: Json) -> Json:
        """The object in the payload."""
        return thing

    async def subscription(self, reference: str) -> Json | None:
        """Never: a payload holds one object."""
        return None

    async def invoice(self, reference: str) -> Json | None:
        """Never: a payload holds one object."""
        return None

    async def checkout(self, intent: Json) -> Json | None:
        """Never: a payload holds one object."""
        return None

    async def refunds(self, thing: Json) -> Returned:
        """By a charge, which has the sum of its refunds; a refund only knows itself."""
        if "amount_refunded" not in thing:
            raise NotOurs(
                "A refund on its own doesn't say what was refunded in all; the event charge.refunded does. "
                "With COINPURSE_STRIPE_API_KEY set, Stripe would be asked."
            )
        total = whole(thing.get("amount_captured")) or whole(thing.get("amount"))
        return facts.refunded(
            _payment(thing, ref(thing)), total, whole(thing.get("amount_refunded")), self.as_of
        )

    async def payment(self, dispute: Json) -> tuple[str, int | None]:
        """The dispute doesn't say how large the payment was: what was recorded of it counts."""
        return _payment(dispute, ref(dispute.get("charge"))), None


@dataclass(frozen=True, slots=True)
class Reading:
    """One event being read: what the catalog sells, and where its objects come from."""

    shelf: Shelf
    source: Source
    event: Event

    async def facts(self) -> list[Fact]:
        """The event's facts. Raises NotOurs, NotYet, ProviderError."""
        read = _READINGS.get(self.event.type)
        if read is None:
            raise NotOurs(f"Events of type {self.event.type} say nothing about credits.")
        return await read(self)

    async def _subscription(self) -> list[Fact]:
        subscription = await self.source.current(self.event.object)
        return [self._standing(subscription, pending=self._change_was_invoiced())]

    def _standing(self, subscription: Json, *, account: str | None = None, pending: bool = False) -> Fact:
        return facts.standing(
            self.shelf,
            subscription,
            as_of=self.source.as_of,
            rank=self.source.rank,
            account=account,
            pending=pending,
        )

    def _change_was_invoiced(self) -> bool:
        """Whether a payload says that terms changed together with an invoice of their own, not yet paid as
        far as it tells. A period that began as well makes it a renewal. What was asked for tells by the
        invoice itself."""
        before, now = self.event.previous, self.event.object
        if self.source.rank == ASKED or "latest_invoice" not in before:
            return False
        return _terms_changed(before, now) and not _renewed(before, now)

    async def _standing_of(self, reference: str) -> list[Fact]:
        """How a subscription stands, where that can be asked for and it is one of ours."""
        subscription = await self.source.subscription(reference)
        try:
            return [] if subscription is None else [self._standing(subscription)]
        except NotOurs:
            return []

    async def _invoice_paid(self) -> list[Fact]:
        return await self._settled(await self.source.current(self.event.object))

    async def _settled(self, invoice: Json) -> list[Fact]:
        """What a paid invoice says. The standing comes last: what was paid is told before how things are."""
        reference = subscription_of(invoice)
        if reference is None:
            raise NotOurs("The invoice belongs to no subscription.")
        if invoice.get("status") != "paid" and not invoice.get("paid"):
            raise NotOurs(f"The invoice is {invoice.get('status')} by Stripe's word, not paid.")
        found: list[Fact] = [*facts.paid(self.shelf, invoice), *facts.change_paid(self.shelf, invoice)]
        if not found:
            raise _nothing_in(invoice)
        return found + await self._standing_of(reference)

    async def _invoice_failed(self) -> list[Fact]:
        invoice = await self.source.current(self.event.object)
        reason, reference = invoice.get("billing_reason"), subscription_of(invoice)
        if reference is None:
            raise NotOurs("The invoice belongs to no subscription.")
        if invoice.get("status") == "paid":
            return await self._settled(invoice)
        if reason == "subscription_create":
            raise NotOurs("The first payment failed: nothing was sold yet.")
        found: list[Fact] = []
        if reason != "subscription_update":
            found += facts.unpaid(self.shelf, invoice)
        found += await self._standing_of(reference)
        if not found and reason == "subscription_update":
            raise NotOurs("The payment for a change failed: the change takes effect once it is paid.")
        if not found:
            raise _nothing_in(invoice)
        return found

    async def _invoice_created(self) -> list[Fact]:
        raise NotOurs("A draft: nothing is paid yet.")

    async def _invoice_payment(self) -> list[Fact]:
        link = self.event.object
        reference, payment = ref(link.get("invoice")), invoice_payment(link)
        if reference is None or payment is None:
            raise NotOurs("It names no invoice, or was paid outside of Stripe.")
        invoice = await self.source.invoice(reference)
        if invoice is None:
            return [PaidWith(invoice=reference, payment=payment)]
        return [*await self._settled(invoice), PaidWith(invoice=reference, payment=payment)]

    async def _checkout(self) -> list[Fact]:
        session = await self.source.current(self.event.object)
        links = link(session)
        if session.get("mode") == "payment":
            return [*facts.purchases(self.shelf, session, self._session_state(session)), *links]
        if session.get("mode") != "subscription":
            raise NotOurs("The checkout sold nothing: it only took a card.")
        if session.get("status") == "expired" or self.event.type == "checkout.session.expired":
            raise NotOurs("The checkout expired: nothing was sold.")
        reference = ref(session.get("subscription"))
        subscription = await self.source.subscription(reference) if reference else None
        if subscription is not None:
            return [*links, self._standing(subscription, account=account_of(session))]
        if not links:
            raise NotOurs("The checkout names no account; what it sold comes with the invoice.")
        return links

    def _session_state(self, session: Json) -> PurchaseState:
        """A payload's payment fails by its event's word only."""
        state = facts.session_state(session)
        if state == "pending" and self.event.type == "checkout.session.async_payment_failed":
            return "failed"
        if state == "pending" and self.event.type == "checkout.session.expired":
            return "expired"
        return state

    async def _intent(self) -> list[Fact]:
        if not facts.is_top_up(self.event.object):
            raise NotOurs("No automatic top-up: its checkout or invoice tells of this payment.")
        intent = await self.source.current(self.event.object)
        if not facts.is_ours(intent) and await self.source.checkout(intent) is not None:
            raise NotOurs("The payment was made in a checkout, which tells of it.")
        return [facts.top_up(self.shelf, intent)]

    async def _refund(self) -> list[Fact]:
        return [await self.source.refunds(self.event.object)]

    async def _dispute(self) -> list[Fact]:
        dispute = await self.source.current(self.event.object)
        if str(dispute.get("status")).startswith("warning_"):
            raise NotOurs("An inquiry moves no money.")
        payment, total = await self.source.payment(dispute)
        return [facts.disputed(dispute, payment, total, self.source.as_of)]

    async def _customer(self) -> list[Fact]:
        customer = self.event.object
        account, reference = account_of({"metadata": customer.get("metadata")}), ref(customer)
        if account is None or reference is None:
            raise NotOurs("The customer names no account.")
        return [Linked(customer=reference, account=account)]

    async def _customer_deleted(self) -> list[Fact]:
        raise NotOurs("The customer was deleted at Stripe. Its subscriptions end with events of their own.")


def link(session: Json) -> list[Fact]:
    """Whose the customer of a checkout is, where it says both."""
    account, customer = account_of(session), ref(session.get("customer"))
    return [Linked(customer=customer, account=account)] if account and customer else []


def _payment(thing: Json, otherwise: str | None) -> str:
    if payment := ref(thing.get("payment_intent")) or otherwise:
        return payment
    raise NotOurs("It names no payment.")


def _nothing_in(invoice: Json) -> Exception:
    lines = invoice.get("lines")
    if dig(lines, "has_more"):
        return NotYet(
            "The event holds only the invoice's first lines, and none of them is ours. "
            "With COINPURSE_STRIPE_API_KEY set, Stripe would be asked for the others."
        )
    prices = ", ".join(sorted({p for p in map(price_of, listed(lines)) if p})) or "none"
    return NotOurs(
        "No line pays for a period of a plan of the catalog: "
        f"a trial, a proration, or other prices ({prices})."
    )


def _renewed(before: Json, now: Json) -> bool:
    """Whether a period began, wherever this API version keeps its start."""
    starts = _item_starts(before)
    return "current_period_start" in before or bool(starts and starts != _item_starts(now))


def _item_starts(subscription: Json) -> list[int]:
    starts = (item.get("current_period_start") for item in listed(subscription.get("items")))
    return sorted(whole(start) for start in starts if start is not None)


def _terms_changed(before: Json, now: Json) -> bool:
    """Whether prices or quantities differ; other fields of an item, such as its period, don't count."""
    if "items" in before:
        return _terms(before) != _terms(now)
    plan = ref(before.get("plan"))
    return plan is not None or "quantity" in before


def _terms(subscription: Json) -> list[tuple[str, int]]:
    return sorted((price_of(i) or "", whole(i.get("quantity"), 1)) for i in listed(subscription.get("items")))


_READINGS: Mapping[str, Callable[[Reading], Awaitable[list[Fact]]]] = {
    **{
        f"customer.subscription.{what}": Reading._subscription
        for what in (
            "created",
            "updated",
            "deleted",
            "paused",
            "resumed",
            "trial_will_end",
            "pending_update_applied",
            "pending_update_expired",
        )
    },
    "invoice.paid": Reading._invoice_paid,
    "invoice.payment_succeeded": Reading._invoice_paid,
    "invoice.payment_failed": Reading._invoice_failed,
    "invoice.payment_action_required": Reading._invoice_failed,
    "invoice.voided": Reading._invoice_failed,
    "invoice.marked_uncollectible": Reading._invoice_failed,
    "invoice.created": Reading._invoice_created,
    "invoice_payment.paid": Reading._invoice_payment,
    "checkout.session.completed": Reading._checkout,
    "checkout.session.async_payment_succeeded": Reading._checkout,
    "checkout.session.async_payment_failed": Reading._checkout,
    "checkout.session.expired": Reading._checkout,
    "payment_intent.succeeded": Reading._intent,
    "payment_intent.payment_failed": Reading._intent,
    "payment_intent.processing": Reading._intent,
    "payment_intent.canceled": Reading._intent,
    "charge.refunded": Reading._refund,
    "charge.refund.updated": Reading._refund,
    "refund.created": Reading._refund,
    "refund.updated": Reading._refund,
    "refund.failed": Reading._refund,
    **{
        f"charge.dispute.{what}": Reading._dispute
        for what in ("created", "updated", "closed", "funds_withdrawn", "funds_reinstated")
    },
    "customer.created": Reading._customer,
    "customer.updated": Reading._customer,
    "customer.deleted": Reading._customer_deleted,
}
