"""Subscriptions: monthly credits, what pays for them and what changes them."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field
from pydantic.types import Strict
from starlette.responses import Response

from coinpurse.api.encode import answer
from coinpurse.api.fields import AccountId, Body, Empty, Instant, Name, Reason, ThingInPath
from coinpurse.api.route import Read, Route, Write, declare
from coinpurse.app import subscriptions
from coinpurse.domain.credits import Balance, Interval, Preview, Subscription

router = APIRouter(prefix="/v1/subscriptions", tags=["Subscriptions"], route_class=Route)


class SubscriptionAnswer(Subscription, kw_only=True):
    """A subscription after an act, and the account's balance beside it."""

    balance: Balance


class SubscribeBody(Body):
    """What to subscribe to. The first interval counts as paid."""

    account: AccountId
    plan: Name
    interval: Interval
    starts_at: Instant | None = None
    """The anchor; now, if left out. If past, all that fell due since then happens at once, dated as due."""
    trial_days: Annotated[int, Strict(), Field(ge=0, le=730)] = 0
    provider: Literal["manual"] = "manual"


class PaymentBody(Body):
    """A payment that was made elsewhere."""

    periods: Annotated[int, Strict(), Field(ge=1, le=120)] = 1
    """How many of the subscription's intervals it pays for."""
    reference: Name | None = None
    """Its number where it was made."""


class CancelBody(Body):
    """When to end: with what is paid, or at once."""

    at: Literal["period_end", "now"] = "period_end"
    reason: Reason | None = None


class ChangeBody(Body):
    """The plan to change to; the interval stays if left out, the policy is the catalog's."""

    plan: Name
    interval: Interval | None = None
    policy: Literal["difference", "prorated", "restart", "at_renewal"] | None = None


ACT = declare(SubscriptionAnswer, "grant", refusals=(404, 409))


@router.post("", **declare(SubscriptionAnswer, "grant", status=201, refusals=(404, 409)))
async def subscribe(call: Write, body: SubscribeBody) -> Response:
    """Start a subscription (T1, T6, B8)."""
    return answer(await subscriptions.subscribe(call.ctx, call.who, key=call.key, **body.model_dump()), 201)


@router.get("/{id}", **declare(Subscription, "read", refusals=(404,)))
async def get_subscription(call: Read, id: ThingInPath) -> Response:
    """Read a subscription as it stands now."""
    return answer(await subscriptions.get_subscription(call.ctx, call.who, id))


@router.post("/{id}/payments", **declare(SubscriptionAnswer, "grant", status=201, refusals=(404, 409)))
async def pay(call: Write, id: ThingInPath, body: PaymentBody | None = None) -> Response:
    """Record a payment: `paid_through` moves, and what waited for it is granted (T6, T7)."""
    given = (body or PaymentBody()).model_dump()
    return answer(await subscriptions.pay(call.ctx, call.who, id, key=call.key, **given), 201)


@router.post("/{id}/cancel", **ACT)
async def cancel(call: Write, id: ThingInPath, body: CancelBody | None = None) -> Response:
    """End a subscription with what is paid (B3), or at once (B4). Add-on credits stay."""
    given = (body or CancelBody()).model_dump()
    return answer(await subscriptions.cancel(call.ctx, call.who, id, key=call.key, **given))


@router.post("/{id}/resume", **ACT)
async def resume(call: Write, id: ThingInPath, body: Empty | None = None) -> Response:
    """Undo a cancellation before it takes effect, or end a pause (B3, B11)."""
    return answer(await subscriptions.resume(call.ctx, call.who, id, key=call.key))


@router.post("/{id}/pause", **ACT)
async def pause(call: Write, id: ThingInPath, body: Empty | None = None) -> Response:
    """Stop new periods; what is running stays until its end (B11)."""
    return answer(await subscriptions.pause(call.ctx, call.who, id, key=call.key))


@router.post("/{id}/change", **ACT)
async def change(call: Write, id: ThingInPath, body: ChangeBody) -> Response:
    """Change the plan or the interval (B5)."""
    return answer(await subscriptions.change(call.ctx, call.who, id, key=call.key, **body.model_dump()))


@router.post("/{id}/preview", **declare(Preview, "read", refusals=(404, 409)))
async def preview(call: Read, id: ThingInPath, body: ChangeBody) -> Response:
    """Say what a change would do to credits and dates, before it is made."""
    return answer(await subscriptions.preview(call.ctx, call.who, id, **body.model_dump()))
