"""The simulator as a whole: requests in, answers out; no sockets, no threads, no clock but its own."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from coinpurse.simulator import subscriptions
from coinpurse.simulator.api import billing, catalogue, checkout, invoicing, lists, money, people, routing
from coinpurse.simulator.control import CONTROLS
from coinpurse.simulator.deliveries import Delivery, Faults
from coinpurse.simulator.errors import StripeError, invalid
from coinpurse.simulator.params import decode
from coinpurse.simulator.tables import Obj
from coinpurse.simulator.world import START, Terms, Truth, World, snapshot

#: The modules whose routes make up the API.
API = (people, catalogue, money, billing, invoicing, checkout)


class Simulator:
    """Stripe, as far as Coinpurse needs it. `call` is the API for Python, `handle` the API as HTTP has it;
    both do the same."""

    def __init__(
        self,
        *,
        seed: int = 0,
        start: datetime | int = START,
        terms: Terms | None = None,
        faults: Faults | None = None,
        livemode: bool = False,
        base_url: str = "http://127.0.0.1",
    ) -> None:
        self.world = World(seed=seed, start=start, terms=terms, livemode=livemode, base_url=base_url)
        self.world.follow_invoice = partial(subscriptions.follow_invoice, self.world)
        self.world.deliveries.faults = faults or Faults()
        self._answers: dict[str, tuple[tuple[str, str, bytes], int, bytes]] = {}

    @property
    def now(self) -> int:
        """The simulator's clock, in seconds since 1970."""
        return self.world.now

    @property
    def outbox(self) -> Iterator[Delivery]:
        """Takes the deliveries that are due, one by one. Say how each was `answered`."""
        while self.world.deliveries.outbox:
            yield self.world.deliveries.outbox.popleft()

    def answered(self, delivery: Delivery, status: int) -> None:
        """How a delivery was answered; anything but 2xx is tried again later."""
        self.world.deliveries.answered(delivery, status)

    def listen(self, url: str, secret: str | None = None, events: list[str] | None = None) -> str:
        """Adds a webhook endpoint and answers its secret."""
        endpoint = catalogue.add_endpoint(self.world, url, secret, events)
        return self.world.deliveries.secrets[endpoint["id"]]

    def advance(self, to: datetime | int, deliver: Callable[[Delivery], int] | None = None) -> None:
        """Runs everything that is due up to an instant, in order. With `deliver`, each delivery is handed to
        it at its own instant, and it answers with an HTTP status."""
        world = self.world
        while (due := world.next_due()) is not None and due <= _seconds(to):
            world.run_next()
            if deliver:
                self.flush(deliver)
        world.advance(to)

    def flush(self, deliver: Callable[[Delivery], int]) -> None:
        """Hands over the deliveries that are due."""
        for delivery in self.outbox:
            self.answered(delivery, deliver(delivery))

    def journal(self) -> list[Truth]:
        """What really happened, oldest first."""
        return list(self.world.journal)

    def call(self, method: str, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """A request of a program in this process. Parameters are Python values, the answer is a copy.
        Raises StripeError."""
        values = dict(params or {})
        wishes = values.pop("expand", [])
        w = self.world
        with w.requested(w.ids.new("req"), None):
            answer = routing.answer(w, method, path, values)
            return snapshot(lists.expanded(w, answer, wishes))

    def control(self, act: str, params: Mapping[str, Any] | None = None) -> Any:
        """One of the control acts (`docs/simulator.md`): refund, dispute, card …"""
        if act not in CONTROLS:
            raise invalid(f"No such control: {act}. There are: {', '.join(sorted(CONTROLS))}.")
        return snapshot(CONTROLS[act](self.world, dict(params or {})))

    def handle(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, dict[str, str], bytes]:
        """An HTTP request: path with query, headers in lower case, body as a form."""
        id = self.world.ids.new("req")
        key = headers.get("idempotency-key") if method != "GET" else None
        out = {"Content-Type": "application/json", "Request-Id": id}
        print_of = (method, target, body)
        if key and key in self._answers:
            known, status, answer = self._answers[key]
            if known != print_of:
                return 400, out, _json(_reused(key).body)
            return status, {**out, "Idempotent-Replayed": "true"}, answer
        status, answer = self._answer(method, target, headers, body, id, key)
        if key and status != 401 and (status < 400 or status == 402):
            self._answers[key] = (print_of, status, answer)
        return status, {**out, **({"Idempotency-Key": key} if key else {})}, answer

    def _answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, id: str, key: str | None
    ) -> tuple[int, bytes]:
        path, _, query = target.partition("?")
        w = self.world
        try:
            _authorise(headers)
            text = query if method in ("GET", "DELETE") and not body else body.decode()
            values = decode(parse_qsl(text, keep_blank_values=True))
            wishes = values.pop("expand", [])
            with w.requested(id, key):
                return 200, _json(lists.expanded(w, routing.answer(w, method, path, values), wishes))
        except StripeError as error:
            return error.status, _json(error.body)


def _authorise(headers: Mapping[str, str]) -> None:
    """Any key will do, but there must be one."""
    kind, _, key = headers.get("authorization", "").partition(" ")
    if kind.lower() not in ("bearer", "basic") or not key.strip():
        raise StripeError(401, "invalid_request_error", "You did not provide an API key.")


def _reused(key: str) -> StripeError:
    text = f"Keys for idempotent requests can only be used with the same parameters ('{key}')."
    return StripeError(400, "idempotency_error", text)


def _seconds(at: datetime | int) -> int:
    return int(at.timestamp()) if isinstance(at, datetime) else at


def _json(obj: Obj) -> bytes:
    return msgspec.json.encode(obj)
