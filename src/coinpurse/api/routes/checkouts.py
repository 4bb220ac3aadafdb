"""Checkouts: where a customer pays for a pack or a plan."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import StringConstraints
from starlette.responses import Response

from coinpurse.api.encode import answer
from coinpurse.api.fields import AccountId, Body, Name
from coinpurse.api.route import Route, Write, declare
from coinpurse.app import checkouts
from coinpurse.app.checkouts import Checkout
from coinpurse.domain.credits import Interval

router = APIRouter(prefix="/v1/checkouts", tags=["Checkouts"], route_class=Route)


class CheckoutBody(Body):
    """What to sell: a `pack`, or a `plan` with its `interval`."""

    account: AccountId
    pack: Name | None = None
    plan: Name | None = None
    interval: Interval | None = None
    return_url: (
        Annotated[str, StringConstraints(strict=True, max_length=2000, pattern=r"^https?://[\x21-\x7e]+$")]
        | None
    ) = None
    """Where the customer goes afterwards."""


@router.post("", **declare(Checkout, "grant", status=201, refusals=(404, 409)))
async def start_checkout(call: Write, body: CheckoutBody) -> Response:
    """Start a checkout; send the customer to its `url`. Credits come once the provider says "paid" (P1)."""
    return answer(await checkouts.start_checkout(call.ctx, call.who, key=call.key, **body.model_dump()), 201)
