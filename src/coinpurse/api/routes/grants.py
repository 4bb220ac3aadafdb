"""Grants: credits given by hand, and taken back."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field
from pydantic.types import Strict
from starlette.responses import Response

from coinpurse.api.encode import answer
from coinpurse.api.fields import AccountId, Body, Instant, PositiveAmount, Reason, ThingInPath
from coinpurse.api.route import Route, Write, declare
from coinpurse.app import grants
from coinpurse.domain.credits import Grant

router = APIRouter(prefix="/v1/grants", tags=["Grants"], route_class=Route)


class GrantBody(Body):
    """What to give."""

    account: AccountId
    kind: Literal["addon", "promo", "compensation"]
    amount: PositiveAmount
    reason: Reason
    expires_at: Instant | None = None
    """When what is left of it expires; never, if left out. Add-on credits never expire."""
    priority: Annotated[int, Strict(), Field(ge=-1000, le=1000)] = 0
    """Within a bucket the lower number is spent first (S3)."""


class RevokeBody(Body):
    """What to take back: all that is still available of the grant, if `amount` is left out."""

    amount: PositiveAmount | None = None
    reason: Reason


@router.post("", **declare(Grant, "grant", status=201, refusals=(404, 409)))
async def grant(call: Write, body: GrantBody) -> Response:
    """Give credits once."""
    return answer(await grants.grant(call.ctx, call.who, key=call.key, **body.model_dump()), 201)


@router.post("/{id}/revoke", **declare(Grant, "grant", refusals=(404, 409)))
async def revoke(call: Write, id: ThingInPath, body: RevokeBody) -> Response:
    """Take back what is still available of a grant, or a part of that. Spent credits stay spent."""
    return answer(await grants.revoke(call.ctx, call.who, id, key=call.key, **body.model_dump()))
