"""Deliveries of events to webhook endpoints: signed, retried, and by wish repeated, late, out of order or
lost."""

import hmac
from collections import deque
from dataclasses import dataclass, replace
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING

import msgspec

from coinpurse.simulator.tables import Obj

if TYPE_CHECKING:
    from coinpurse.simulator.world import World

#: Pauses in seconds after each failed attempt, then it is given up after about three days, as in live mode.
PAUSES = (300, 1800, 7200, 18_000, 36_000, 43_200, 43_200, 43_200, 43_200)


@dataclass(slots=True, kw_only=True)
class Faults:
    """How badly deliveries go: chances between 0 and 1, spans in seconds. A delivery that is dropped comes
    after all within `found_within`, if `lost_are_found`."""

    repeat: float = 0.0
    delay: float = 0.0
    delayed_up_to: int = 6 * 3600
    reorder: float = 0.0
    reordered_within: int = 120
    drop: float = 0.0
    lost_are_found: bool = True
    found_within: int = 3 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One attempt to tell one endpoint of one event: `body` is to be posted to `url` with
    `headers(now)`."""

    endpoint: str
    url: str
    secret: str
    event: str
    type: str
    body: bytes
    attempt: int = 1

    def headers(self, at: int) -> dict[str, str]:
        """Signed at an instant of the receiver's clock, in seconds."""
        return {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": sign(self.body, self.secret, at),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }


def sign(body: bytes, secret: str, at: int) -> str:
    """The `Stripe-Signature` header: scheme v1, HMAC-SHA256 of the time, a dot and the raw body."""
    mac = hmac.new(secret.encode(), str(at).encode() + b"." + body, sha256)
    return f"t={at},v1={mac.hexdigest()}"


class Deliveries:
    """What is to be posted now (`outbox`), and what will be. Whoever posts says how it was `answered`."""

    def __init__(self, world: "World", seed: int) -> None:
        self._world = world
        self._random = Random(f"faults {seed}")
        self.faults = Faults()
        self.secrets: dict[str, str] = {}
        self.outbox: deque[Delivery] = deque()
        self.dropped: list[Delivery] = []
        self.given_up: list[Delivery] = []

    def send(self, event: Obj) -> None:
        """Plans the deliveries of a new event to all endpoints that want it."""
        wanted = [e for e in self._world.tables.endpoints if _wants(e, event["type"])]
        event["pending_webhooks"] = len(wanted)
        if not wanted:
            return
        body = msgspec.json.encode(event)
        for endpoint in wanted:
            self._plan(
                Delivery(
                    endpoint=endpoint["id"],
                    url=endpoint["url"],
                    secret=self.secrets[endpoint["id"]],
                    event=event["id"],
                    type=event["type"],
                    body=body,
                )
            )

    def _plan(self, delivery: Delivery) -> None:
        """One or more deliveries of one event, with what goes wrong on the way."""
        if self._happens(self.faults.drop):
            self.dropped.append(delivery)
            if self.faults.lost_are_found:
                self._queue(self._within(self.faults.found_within), delivery)
            return
        self._queue(self._lateness(), delivery)
        while self._happens(self.faults.repeat):
            self._queue(self._within(self.faults.delayed_up_to), delivery)

    def _lateness(self) -> int:
        if self._happens(self.faults.delay):
            return self._within(self.faults.delayed_up_to)
        if self._happens(self.faults.reorder):
            return self._within(self.faults.reordered_within)
        return 0

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self._random.random() < chance

    def _within(self, span: int) -> int:
        return self._random.randint(1, max(1, span))

    def _queue(self, after: int, delivery: Delivery) -> None:
        """Into the outbox, now or later. Those of now keep their order."""
        if after:
            self._world.later(self._world.now + after, self.outbox.append, delivery)
        else:
            self.outbox.append(delivery)

    def answered(self, delivery: Delivery, status: int) -> None:
        """How a delivery was answered (0: not at all). Anything but 2xx is tried again, about three days
        long."""
        event = self._world.tables.events.peek(delivery.event)
        if 200 <= status < 300:
            if event is not None:
                event["pending_webhooks"] = max(0, event["pending_webhooks"] - 1)
        elif delivery.attempt > len(PAUSES):
            self.given_up.append(delivery)
        else:
            again = replace(delivery, attempt=delivery.attempt + 1)
            self._queue(PAUSES[delivery.attempt - 1], again)

    def redeliver(self, event_id: str) -> int:
        """Sends an event once more to all endpoints that want it, as the Dashboard's button does."""
        event = self._world.tables.events.get(event_id)
        before = len(self.outbox)
        self.send(event)
        return len(self.outbox) - before

    def find_lost(self) -> int:
        """Delivers now what was dropped for good."""
        found, self.dropped = self.dropped, []
        self.outbox.extend(found)
        return len(found)


def _wants(endpoint: Obj, kind: str) -> bool:
    enabled = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in enabled or kind in enabled)
