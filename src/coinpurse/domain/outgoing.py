"""What apps are told: the types of outgoing events, where they go, and what became of each (E5)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

DeliveryState = Literal["waiting", "delivered", "dead"]

#: Every type of event, and when it is written.
TYPES = {
    "credits.granted": "credits were given: by support or the API, a trial, a change of plan, a late payment",
    "credits.renewed": "a new period began and its allocation stands in the old one's place",
    "credits.expired": "credits expired and nothing took their place",
    "credits.revoked": "support or the API took a grant back",
    "credits.low": "what is available fell below the catalog's `low_balance`",
    "credits.depleted": "what is available fell to zero",
    "charge.reversed": "credits of a charge were given back",
    "topup.succeeded": "a paid top-up became a grant",
    "topup.refunded": "a top-up's money went back, and what was unspent of its credits with it",
    "topup.disputed": "a dispute was opened and froze what is unspent of a top-up",
    "topup.released": "a dispute was won, and what it had frozen can be spent again",
    "topup.debt_paid": "a new top-up paid what a refunded one still owed",
    "subscription.created": "a subscription began",
    "subscription.changed": "plan, interval or allocation changed, or will with a coming renewal",
    "subscription.paid": "money came for a subscription",
    "subscription.cancelled": "a subscription will end at `ends_at`",
    "subscription.resumed": "a cancellation was undone, or a pause is over",
    "subscription.paused": "a subscription was paused",
    "subscription.past_due": "a payment failed, or did not come within the grace",
    "subscription.recovered": "a subscription that was past due is paid again",
    "subscription.ended": "a subscription is over, and its monthly credits with it",
    "auto_topup.stopped": "an automatic top-up failed; it stays off until it is set again",
    "auto_topup.capped": "an automatic top-up was due, but the month's purchases are used up",
    "renewal.late": "a renewal's payment is overdue",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where events are sent. An empty `types` stands for all. A test endpoint hears of test accounts only, a
    live one of live ones only. While `disabled_at` is set nothing is written for it and nothing sent."""

    id: str
    url: str
    types: list[str]
    test: bool
    created_at: datetime
    disabled_at: datetime | None
    disabled_why: str | None


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint with its secret, which is shown this once. After a rotation the secret before this one
    signs too, for 24 hours."""

    id: str
    url: str
    secret: str
    types: list[str]
    test: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint. `event` is the `webhook-id`, the same at every attempt.
    `next_at` is when it will be tried; None where it won't, or stands behind another of the same account."""

    id: str
    endpoint: str
    account: str
    event: str
    type: str
    at: datetime
    state: DeliveryState
    attempts: int
    next_at: datetime | None
    last_error: str | None
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Pong:
    """What an endpoint answered to a ping. `error` says what went wrong."""

    delivered: bool
    error: str | None
