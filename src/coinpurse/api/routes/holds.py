"""Holds: credits set aside for work that can fail."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from pydantic.types import Strict
from starlette.responses import Response

from coinpurse.api.encode import answer
from coinpurse.api.fields import AccountId, Amount, Body, Empty, Flag, Member, Metadata, Name, ThingInPath
from coinpurse.api.route import Read, Route, Write, declare
from coinpurse.app import wallets
from coinpurse.domain.credits import Hold

router = APIRouter(prefix="/v1/holds", tags=["Holds"], route_class=Route)


class HoldBody(Body):
    """What to set aside: an `amount`, or an `operation` with its `quantity` (1 if left out)."""

    account: AccountId
    amount: Amount | None = None
    operation: Name | None = None
    quantity: Amount | None = None
    member: Member | None = None
    metadata: Metadata | None = None
    expires_in: Annotated[int, Strict(), Field(ge=1, le=604_800)] | None = None
    """Seconds after which the hold releases itself; 3,600 if left out."""


class CaptureBody(Body):
    """How much of the hold to spend; all of it, if `amount` is left out."""

    amount: Amount | None = None
    exceed: Flag = False
    """Whether more than was held may be spent; the rest is then charged as any charge."""


@router.post("", **declare(Hold, "spend", status=201, refusals=(402, 404, 409)))
async def hold(call: Write, body: HoldBody) -> Response:
    """Set credits aside (H1): nobody else can spend them, and they are not spent yet."""
    return answer(await wallets.hold(call.ctx, call.who, key=call.key, **vars(body)), 201)


@router.get("/{id}", **declare(Hold, "read", refusals=(404,)))
async def get_hold(call: Read, id: ThingInPath) -> Response:
    """Read a hold as it stands."""
    return answer(await wallets.get_hold(call.ctx, call.who, id))


@router.post("/{id}/capture", **declare(Hold, "spend", refusals=(402, 404, 409)))
async def capture(call: Write, id: ThingInPath, body: CaptureBody | None = None) -> Response:
    """Spend what was held, or less, and give back the rest, last-taken first (H2). Answers the charge too."""
    given = vars(body or CaptureBody())
    return answer(await wallets.capture(call.ctx, call.who, id, key=call.key, **given))


@router.post("/{id}/release", **declare(Hold, "spend", refusals=(404, 409)))
async def release(call: Write, id: ThingInPath, body: Empty | None = None) -> Response:
    """Give everything back to the grants that it came from (H3)."""
    return answer(await wallets.release(call.ctx, call.who, id, key=call.key))
