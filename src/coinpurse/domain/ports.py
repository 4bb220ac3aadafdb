"""What Coinpurse asks of a payment provider: one port, whoever it is.

A provider turns bytes and headers into facts and carries out what customers ask for. It knows nothing of
accounts' credits and never touches the database. None of its methods is called inside a transaction.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from coinpurse.domain.credits import Interval
from coinpurse.domain.facts import Fact, Purchase


class Refused(Exception):
    """A delivery that is not to be believed: unsigned, wrongly signed, stale, dated ahead, malformed (E3).
    The text says which and may be shown to the sender. Nothing is stored."""


class NotOurs(Exception):
    """What a delivery says moves no credits. The text says why, in words for support (E1, `ignored`)."""


class NotYet(Exception):
    """What a delivery needs is not known yet; trying again later may help. The text says what is missing."""


class ProviderError(Exception):
    """The provider couldn't be asked, or refused: the text says what happened and what to do next. `code`
    is the provider's own word (`card_declined`), `passing` says that the same call may succeed later."""

    def __init__(self, text: str, *, code: str | None = None, passing: bool = True) -> None:
        super().__init__(text)
        self.code = code
        self.passing = passing


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A delivery that was verified. `id` is the provider's event id (unique per provider); `objects` are
    the identifiers of everything it is about (customer, subscription, invoice, payment), for search; `test`
    is whether it speaks of test money; `created_at` is when the provider says it happened."""

    id: str
    type: str
    created_at: datetime
    test: bool
    objects: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """Who buys. `customer` is the provider's id, where one is known."""

    account: str
    test: bool
    email: str | None = None
    name: str | None = None
    locale: str | None = None
    customer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What is bought: a pack, or a plan by the month or year. `price` is the provider's price id from the
    catalog."""

    price: str
    pack: str | None = None
    plan: str | None = None
    interval: Interval | None = None
    quantity: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A page of the provider to which the customer is sent. `reference` is the provider's id of it."""

    url: str
    reference: str
    customer: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A group of facts that belong together, found by looking (reconciling, importing) rather than being
    told. `about` is the object's id; `summary` is one line for a report; `at` is when it happened."""

    about: str
    summary: str
    at: datetime
    test: bool
    facts: Sequence[Fact] = field(default_factory=tuple)


class Provider(Protocol):
    """A payment provider. What one can't do raises ProviderError with `passing=False`."""

    name: str
    #: Whether it can be asked for the current object. If not, payloads are believed, by their dates.
    can_ask: bool

    def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice:
        """Believes a delivery or raises Refused. On the raw bytes, both sides of the tolerance (E3)."""

    async def facts(self, notice: Notice, body: bytes, now: datetime) -> list[Fact]:
        """What a delivery means. Asks for the current objects where it can (E2): `now`, taken before
        asking, is then the `as_of` of what it found. Raises NotOurs, NotYet, ProviderError."""

    async def look_up(self, subscription: str, now: datetime) -> list[Fact]:
        """How a subscription stands, with all that was paid for it: to be applied, harmless if told again."""

    def changes(self, since: datetime, until: datetime) -> AsyncIterator[Found]:
        """Everything that moves credits in `[since, until)`, oldest first: subscriptions, paid lines,
        purchases, refunds, disputes (E4)."""

    async def check_out(
        self, buyer: Buyer, item: Item, *, reference: str, success_url: str, cancel_url: str
    ) -> Opened:
        """Opens a checkout. `reference` makes it safe to repeat and comes back with the purchase."""

    async def portal(self, customer: str, *, return_url: str) -> Opened:
        """Opens the page where a customer changes cards and sees invoices."""

    async def cancel(
        self, subscription: str, *, at: Literal["period_end", "now"], now: datetime
    ) -> list[Fact]:
        """Cancels, and says how it stands then."""

    async def resume(self, subscription: str, *, now: datetime) -> list[Fact]:
        """Undoes a cancellation, ends a pause."""

    async def pause(self, subscription: str, *, now: datetime) -> list[Fact]:
        """Stops collecting."""

    async def change(
        self, subscription: str, *, price: str, now: datetime, settled: bool = False
    ) -> list[Fact]:
        """Changes plan or interval; what is to be paid for it is invoiced at once. `settled`: what was paid
        for the running period covers it, whatever the provider has as the present price: nothing is
        invoiced."""

    async def buy(self, buyer: Buyer, item: Item, *, amount: int, currency: str, reference: str) -> Purchase:
        """Buys off-session with the card on file (P4). `reference` is the idempotency key. A card that is
        refused, or wants its owner, is a Purchase with state `failed`."""

    async def hasten(self, notice: Notice, body: bytes) -> None:
        """Where configured: finalises the draft of a renewal's invoice, so that it is paid within minutes."""

    async def close(self) -> None:
        """Lets go of connections."""


#: The providers that are configured, by name.
Providers = Mapping[str, Provider]
