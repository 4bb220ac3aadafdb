"""Any sender of Standard Webhooks: an in-house billing system tells our facts in plain JSON.

The vocabulary is in `docs/providers.md`. Whatever is malformed is refused at once, and the answer names the
field; a plan or pack that the catalog doesn't have yet waits for it.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Literal, NoReturn, TypedDict

from coinpurse.domain.catalog import Catalog
from coinpurse.domain.catalog_reader import suggest
from coinpurse.domain.credits import Interval
from coinpurse.domain.facts import (
    ChangePaid,
    Fact,
    Linked,
    Paid,
    PaidWith,
    Purchase,
    PurchaseState,
    Returned,
    Standing,
    StandingState,
    Unpaid,
)
from coinpurse.domain.money import fault_of_currency
from coinpurse.domain.ports import Buyer, Found, Item, Notice, NotOurs, NotYet, Opened, Refused
from coinpurse.providers import signing
from coinpurse.providers.reading import Reader, Unreadable, parse
from coinpurse.providers.shelf import cannot

_INTERVALS: dict[str, Interval] = {"month": "month", "year": "year"}
_STATES: dict[str, StandingState] = {
    "incomplete": "incomplete",
    "trialing": "trialing",
    "active": "active",
    "past_due": "past_due",
    "ended": "ended",
}
_NAMES = ("purchase", "payment", "invoice", "line", "subscription", "dispute", "customer", "account")


class _Owner(TypedDict):
    customer: str | None
    account: str | None


class Standard:
    """Our own facts, signed by the Standard Webhooks scheme. Nobody can be asked, so what is told is
    believed, by its dates."""

    name = "standard"
    can_ask = False

    def __init__(self, catalog: Catalog, *, secrets: Sequence[str]) -> None:
        self._catalog = catalog
        self._secrets = [signing.standard_secret(secret) for secret in secrets]

    def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice:
        """Believes a delivery or raises Refused; also where a field is missing or wrong, and names it."""
        event_id = signing.standard_webhook(self._secrets, body, headers, now)
        try:
            event = parse(body)
            notice = Notice(
                id=Reader({"webhook-id": event_id}).text("webhook-id"),
                type=event.text("type"),
                created_at=event.when("timestamp"),
                test=event.flag("test"),
                objects=list(event.object("data").identifiers(*_NAMES)),
            )
            if read := _TYPES.get(notice.type):
                read(event.object("data"), notice.created_at)
        except Unreadable as error:
            raise Refused(f"The delivery is signed rightly, but {error}.") from None
        return notice

    async def facts(self, notice: Notice, body: bytes, now: datetime) -> list[Fact]:
        """The fact that a delivery tells. See `domain.ports.Provider`."""
        read = _TYPES.get(notice.type)
        if read is None:
            hint = suggest(notice.type, _TYPES)
            raise NotOurs(f'"{notice.type}" is no type of event that moves credits{hint}.')
        try:
            fact = read(parse(body).object("data"), notice.created_at)
        except Unreadable as error:
            raise NotYet(f"The event can't be read: {error}.") from None
        self._known(fact)
        return [fact]

    def _known(self, fact: Fact) -> None:
        """Refuses, until the catalog has it, a plan or pack that it doesn't have."""
        plan, pack = getattr(fact, "plan", None), getattr(fact, "pack", None)
        if plan is not None and self._catalog.plan_sold(plan) is None:
            raise NotYet(f'The catalog has no plan "{plan}"{suggest(plan, self._catalog.plans)}.')
        if pack is not None and self._catalog.pack_sold(pack) is None:
            raise NotYet(f'The catalog has no pack "{pack}"{suggest(pack, self._catalog.packs)}.')

    async def look_up(self, subscription: str, now: datetime) -> list[Fact]:
        """Not possible: nobody can be asked."""
        self._no("can't be asked how a subscription stands. Have it send subscription.standing again.")

    async def changes(self, since: datetime, until: datetime) -> AsyncIterator[Found]:
        """Not possible: nobody can be asked."""
        self._no("can't be asked what has changed. Have it send its events again: known ones do no harm.")
        yield

    async def check_out(
        self, buyer: Buyer, item: Item, *, reference: str, success_url: str, cancel_url: str
    ) -> Opened:
        """Not possible: selling is the sender's business."""
        self._no("has no checkout here. Send the customer to its own page.")

    async def portal(self, customer: str, *, return_url: str) -> Opened:
        """Not possible."""
        self._no("has no customer portal here. Send the customer to its own page.")

    async def cancel(
        self, subscription: str, *, at: Literal["period_end", "now"], now: datetime
    ) -> list[Fact]:
        """Not possible: it has to be done where the subscription is."""
        self._no("can't be told to cancel. Cancel it there; it then sends subscription.standing.")

    async def resume(self, subscription: str, *, now: datetime) -> list[Fact]:
        """Not possible."""
        self._no("can't be told to resume. Resume it there; it then sends subscription.standing.")

    async def pause(self, subscription: str, *, now: datetime) -> list[Fact]:
        """Not possible."""
        self._no("can't be told to pause. Pause it there; it then sends subscription.standing.")

    async def change(
        self, subscription: str, *, price: str, now: datetime, settled: bool = False
    ) -> list[Fact]:
        """Not possible."""
        self._no("can't be told to change a plan. Change it there; it then sends subscription.standing.")

    async def buy(self, buyer: Buyer, item: Item, *, amount: int, currency: str, reference: str) -> Purchase:
        """Not possible."""
        self._no("can't be asked to charge a card. Charge it there, and send topup.paid.")

    async def hasten(self, notice: Notice, body: bytes) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to let go of."""

    def _no(self, text: str) -> NoReturn:
        raise cannot("The sender of standard webhooks", text)


def _only(data: Reader, *known: str) -> None:
    """Refuses fields that nobody reads: a misspelt one would be passed over in silence."""
    for field in data.data:
        if field not in known:
            raise Unreadable(f"{data.name(field)} is no field of this event{suggest(field, known)}")


def _owner(data: Reader) -> _Owner:
    return {"customer": data.maybe_text("customer"), "account": data.maybe_text("account")}


def _money(data: Reader, field: str = "amount") -> int:
    return data.whole(field) if data.has(field) else 0


def _currency(data: Reader) -> str:
    currency = data.maybe_text("currency") or "usd"
    if fault := fault_of_currency(currency):
        raise Unreadable(f"{data.name('currency')}: {fault}")
    return currency


def _linked(data: Reader, at: datetime) -> Fact:
    _only(data, "customer", "account")
    return Linked(customer=data.text("customer"), account=data.text("account"))


def _standing(data: Reader, at: datetime) -> Fact:
    _only(data, *Standing.__dataclass_fields__)
    if data.data.get("state") == "trialing":
        data.need("trial_end")
    if data.flag("ends_with_period"):
        data.need("ends_at")
    return Standing(
        subscription=data.text("subscription"),
        as_of=data.maybe_when("as_of") or at,
        state=_STATES[data.choice("state", _STATES)],
        plan=data.text("plan"),
        interval=_INTERVALS[data.choice("interval", _INTERVALS)],
        quantity=data.quantity(),
        rank=data.whole("rank", 0, 100) if data.has("rank") else 0,
        anchor=data.maybe_when("anchor"),
        trial_start=data.maybe_when("trial_start"),
        trial_end=data.maybe_when("trial_end"),
        ends_at=data.maybe_when("ends_at"),
        ends_with_period=data.flag("ends_with_period"),
        paused=data.flag("paused"),
        payment_pending=data.flag("payment_pending"),
        pending_invoice=data.maybe_text("pending_invoice"),
        **_owner(data),
    )


def _paid(data: Reader, at: datetime) -> Fact:
    _only(data, *Paid.__dataclass_fields__)
    start, end = data.when("start"), data.when("end")
    if start >= end:
        raise Unreadable(f"{data.name('end')} must be after {data.name('start')}")
    return Paid(
        subscription=data.text("subscription"),
        line=data.text("line"),
        plan=data.text("plan"),
        interval=_INTERVALS[data.choice("interval", _INTERVALS)],
        start=start,
        end=end,
        quantity=data.quantity(),
        amount=_money(data),
        currency=_currency(data),
        invoice=data.maybe_text("invoice"),
        payment=data.maybe_text("payment"),
        **_owner(data),
    )


def _change_paid(data: Reader, at: datetime) -> Fact:
    _only(data, *ChangePaid.__dataclass_fields__)
    return ChangePaid(subscription=data.text("subscription"), invoice=data.text("invoice"), **_owner(data))


def _unpaid(data: Reader, at: datetime) -> Fact:
    _only(data, *Unpaid.__dataclass_fields__)
    return Unpaid(
        subscription=data.text("subscription"),
        invoice=data.text("invoice"),
        start=data.when("start"),
        **_owner(data),
    )


def _topup(state: PurchaseState, data: Reader, at: datetime) -> Fact:
    _only(data, *(field for field in Purchase.__dataclass_fields__ if field != "state"))
    return Purchase(
        purchase=data.text("purchase"),
        state=state,
        pack=data.text("pack"),
        quantity=data.quantity(),
        amount=_money(data),
        currency=_currency(data),
        payment=data.maybe_text("payment"),
        **_owner(data),
    )


def _paid_with(data: Reader, at: datetime) -> Fact:
    _only(data, "invoice", "payment")
    return PaidWith(invoice=data.text("invoice"), payment=data.text("payment"))


def _returned(data: Reader, at: datetime) -> Fact:
    _only(data, *Returned.__dataclass_fields__)
    of_dispute = data.has("disputed") or data.has("lost")
    if of_dispute and not data.has("dispute"):
        raise Unreadable(f"{data.name('dispute')} is missing: the dispute that this is about")
    if not of_dispute and not data.has("refunded"):
        raise Unreadable(f"{data.name('refunded')} is missing, and so are disputed and lost")
    return Returned(
        payment=data.text("payment"),
        total=data.whole("total", 1) if data.has("total") else None,
        refunded=data.whole("refunded") if data.has("refunded") else None,
        disputed=_money(data, "disputed") if of_dispute else None,
        lost=_money(data, "lost") if of_dispute else None,
        dispute=data.maybe_text("dispute"),
        as_of=data.maybe_when("as_of") or at,
    )


_TYPES: dict[str, Callable[[Reader, datetime], Fact]] = {
    "customer.linked": _linked,
    "subscription.standing": _standing,
    "subscription.paid": _paid,
    "subscription.change_paid": _change_paid,
    "subscription.unpaid": _unpaid,
    "topup.pending": partial(_topup, "pending"),
    "topup.paid": partial(_topup, "paid"),
    "topup.failed": partial(_topup, "failed"),
    "topup.expired": partial(_topup, "expired"),
    "payment.named": _paid_with,
    "payment.returned": _returned,
}
