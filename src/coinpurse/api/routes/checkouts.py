"""Checkouts: where a customer pays for a pack or a plan."""

from fastapi import APIRouter
from starlette.responses import Response

from coinpurse.api.encode import answer
from coinpurse.api.fields import AccountId, Body, Flag, Name, ThingInPath, WebAddress
from coinpurse.api.route import Read, Route, Write, declare
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
    additional: Flag = False
    """Sell a plan beside one that runs already (a further seat), instead of refusing."""
    return_url: WebAddress | None = None
    """Where the customer goes afterwards, with `checkout` and `outcome` (`done` or `left`) in the query."""


@router.post("", **declare(Checkout, "grant", status=201, refusals=(404, 409)))
async def start_checkout(call: Write, body: CheckoutBody) -> Response:
    """Start a checkout; send the customer to its `url`. Credits come once the provider says "paid" (P1)."""
    return answer(await checkouts.start_checkout(call.ctx, call.who, key=call.key, **body.model_dump()), 201)


@router.get("/{id}", **declare(Checkout, "read", refusals=(404,)))
async def get_checkout(call: Read, id: ThingInPath) -> Response:
    """Read a checkout: open, pending (the bank takes its time), paid, failed or expired."""
    return answer(await checkouts.find_checkout(call.ctx, call.who, id))
