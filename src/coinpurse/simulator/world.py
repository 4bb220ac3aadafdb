"""The simulator's world: a clock of its own, what is due when, the objects, and the truth."""

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from coinpurse.simulator.calendar import DAY, seconds
from coinpurse.simulator.deliveries import Deliveries
from coinpurse.simulator.ids import Ids
from coinpurse.simulator.shapes import API_VERSION
from coinpurse.simulator.tables import Obj, Tables

START = datetime(2026, 1, 1, tzinfo=UTC)
EVENTS_KEPT = 30 * DAY


@dataclass(slots=True, kw_only=True)
class Terms:
    """What a Stripe account can set, and what Stripe itself takes time for. All spans are in seconds."""

    finalize_after: int = 3600
    retries: tuple[int, ...] = (DAY, 3 * DAY, 5 * DAY, 7 * DAY)
    dunning_ends: Literal["cancel", "unpaid", "past_due"] = "cancel"
    debit_takes: int = 4 * DAY
    checkout_lasts: int = DAY
    first_payment_within: int = 23 * 3600
    portal_cancels: Literal["cancel_at", "cancel_at_period_end"] = "cancel_at"
    prorations_as: Literal["invoice_item_details", "subscription_item_details"] = "invoice_item_details"


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """One line of the journal: what really happened, whatever was delivered of it. `at` is the simulator's
    instant in seconds; `amount` is in the currency's smallest unit; `detail` is by `kind`."""

    at: int
    kind: str
    id: str
    customer: str | None = None
    amount: int = 0
    currency: str = "usd"
    detail: Obj = field(default_factory=dict)


class World:
    """Everything that the simulator knows. One seed and one order of calls make one history."""

    def __init__(
        self,
        *,
        seed: int = 0,
        start: datetime | int = START,
        terms: Terms | None = None,
        livemode: bool = False,
        base_url: str = "http://127.0.0.1",
    ) -> None:
        self.now = seconds(start)
        self.terms = terms or Terms()
        self.livemode = livemode
        self.base_url = base_url.rstrip("/")
        self.ids = Ids(seed)
        self.tables = Tables()
        self.deliveries = Deliveries(self, seed)
        self.behaviours: dict[str, str] = {}
        #: payment intent -> the invoice it is for;
        self.invoice_of: dict[str, str] = {}
        #: payment intent -> the checkout session that made it
        self.session_of: dict[str, str] = {}
        #: checkout session -> what it is to lead to
        self.sessions: dict[str, Any] = {}
        #: invoice item -> the subscription item that it prorates
        self.prorated_item: dict[str, str] = {}
        #: invoice -> its first failed attempt, and how many retries were planned
        self.dunning: dict[str, tuple[int, int]] = {}
        #: subscription -> the invoice that an update waits for, and the subscription as it is to be
        self.pending_update: dict[str, tuple[str, Obj]] = {}
        #: what a subscription does about its invoices: set by the simulator
        self.follow_invoice: Callable[[Any, Obj, Obj], None] = lambda what, subscription, invoice: None
        self.journal: list[Truth] = []
        self.request: Obj = {"id": None, "idempotency_key": None}
        self._agenda: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._turn = 0
        self._events: deque[Obj] = deque()

    def later(self, at: int, act: Callable[..., None], *args: Any) -> None:
        """Puts something on the agenda. Acts of one instant run in the order in which they were put there;
        each looks for itself whether it still applies."""
        self._turn += 1
        heapq.heappush(self._agenda, (max(at, self.now), self._turn, act, args))

    def next_due(self) -> int | None:
        """The instant of what is due next."""
        return self._agenda[0][0] if self._agenda else None

    def run_next(self) -> None:
        """Moves the clock to what is due next and does that one thing, on nobody's request."""
        at, _, act, args = heapq.heappop(self._agenda)
        self.now = at
        with self.requested(None, None):
            act(*args)

    def advance(self, to: datetime | int) -> None:
        """Runs everything that is due until and at an instant, in order, and lets the clock stand there."""
        end = seconds(to)
        while (due := self.next_due()) is not None and due <= end:
            self.run_next()
        self.now = max(self.now, end)

    @contextmanager
    def requested(self, id: str | None, key: str | None) -> Iterator[None]:
        """Events that are made inside say that this request made them."""
        before, self.request = self.request, {"id": id, "idempotency_key": key}
        try:
            yield
        finally:
            self.request = before

    def emit(self, kind: str, obj: Obj, previous: Obj | None = None) -> Obj:
        """Makes an event with the object as it is now, and has it delivered."""
        data: Obj = {"object": msgspec.Raw(msgspec.json.encode(obj))}
        if previous is not None:
            data["previous_attributes"] = previous
        event = {
            "id": self.ids.new("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": data,
            "livemode": self.livemode,
            "pending_webhooks": 0,
            "request": dict(self.request),
            "type": kind,
        }
        self._events.append(self.tables.events.add(event))
        self.forget_old_events()
        self.deliveries.send(event)
        return event

    def forget_old_events(self) -> None:
        """Stripe lists the events of the last 30 days."""
        while self._events and self._events[0]["created"] < self.now - EVENTS_KEPT:
            self.tables.events.drop(self._events.popleft()["id"])

    @contextmanager
    def altering(self, obj: Obj, kind: str) -> Iterator[None]:
        """Makes one `….updated` event of what is changed inside, with what it was before; none if nothing
        is."""
        before = snapshot(obj)
        yield
        previous = {name: before.get(name) for name, value in obj.items() if before.get(name) != value}
        if previous:
            self.emit(kind, obj, previous)

    def tell(self, kind: str, id: str, customer: str | None, **more: Any) -> None:
        """Writes down what really happened."""
        self.journal.append(Truth(at=self.now, kind=kind, id=id, customer=customer, **more))


def snapshot(obj: Obj) -> Obj:
    """A copy of an object, with everything inside."""
    copy: Obj = msgspec.json.decode(msgspec.json.encode(obj))
    return copy
