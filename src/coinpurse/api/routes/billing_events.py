"""Billing events as support looks at them: what came, what became of it, and to have it tried again (U3)."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BeforeValidator
from starlette.responses import Response

from coinpurse.api.encode import answer, listing
from coinpurse.api.fields import (
    AccountId,
    AccountInPath,
    Body,
    Cursor,
    Empty,
    Key,
    Limit,
    Name,
    ThingInPath,
    whole_segment,
)
from coinpurse.api.route import Read, Route, declare
from coinpurse.app import events, inbox
from coinpurse.app.events import BillingEvent, Status
from coinpurse.app.inbox import LookedUp
from coinpurse.domain.credits import Page

router = APIRouter(prefix="/v1", tags=["Billing"], route_class=Route)
Provider = Annotated[Name | None, Query(description="Needed where two providers use the same id.")]
EventInPath = Annotated[Key, BeforeValidator(whole_segment)]


class RetryBody(Body):
    """Which event is meant, where two providers use the same id."""

    provider: Name | None = None


@router.get("/billing-events", **declare(Page[BillingEvent], "support", refusals=(404,)))
async def list_billing_events(
    call: Read,
    status: Status | None = None,
    account: Annotated[AccountId | None, Query()] = None,
    provider: Annotated[Name | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List billing events, newest first; `status=failed` are those that need a look."""
    page = await events.billing_events(
        call.ctx, call.who, status=status, account=account, provider=provider, limit=limit, cursor=cursor
    )
    return listing(page.data, page.next_cursor)


@router.get("/accounts/{id}/events", **declare(Page[BillingEvent], "support", refusals=(404,)))
async def list_account_events(
    call: Read, id: AccountInPath, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """List an account's billing events, newest first: those that were noted with it, and those about what the
    provider keeps for it."""
    page = await events.billing_events(call.ctx, call.who, account=id, limit=limit, cursor=cursor)
    return listing(page.data, page.next_cursor)


@router.get("/billing-events/{id}", **declare(BillingEvent, "support", refusals=(404, 409)))
async def get_billing_event(call: Read, id: EventInPath, provider: Provider = None) -> Response:
    """Read one billing event, by the provider's id of it."""
    return answer(await events.get_event(call.ctx, call.who, id, provider=provider))


@router.post("/billing-events/{id}/retry", **declare(BillingEvent, "support", refusals=(404, 409)))
async def retry_billing_event(call: Read, id: EventInPath, body: RetryBody | None = None) -> Response:
    """Have a billing event worked on once more, whatever became of it. Repeating one that was applied changes
    nothing."""
    given = (body or RetryBody()).model_dump()
    return answer(await events.retry_event(call.ctx, call.who, id, **given))


@router.post("/subscriptions/{id}/lookup", **declare(LookedUp, "support", refusals=(404, 409, 502)))
async def look_up_subscription(call: Read, id: ThingInPath, body: Empty | None = None) -> Response:
    """Ask the provider how a subscription stands and what was paid for it, and apply that: for a renewal
    whose event hasn't come. Harmless if it comes afterwards."""
    return answer(await inbox.look_up(call.ctx, call.who, id))
