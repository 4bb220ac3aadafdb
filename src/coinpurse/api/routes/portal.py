"""The payment provider's page for a customer."""

from fastapi import APIRouter
from starlette.responses import Response

from coinpurse.api.encode import answer
from coinpurse.api.fields import AccountId, Body, WebAddress
from coinpurse.api.route import Read, Route, declare
from coinpurse.app import portal
from coinpurse.app.portal import Portal

router = APIRouter(prefix="/v1/portal", tags=["Checkouts"], route_class=Route)


class PortalBody(Body):
    """Whose page, and where it leads back to."""

    account: AccountId
    return_url: WebAddress | None = None
    """Where the customer goes afterwards; the Subscriptions page, if left out."""


@router.post("", **declare(Portal, ("support", "grant"), status=201, refusals=(404, 409)))
async def open_portal(call: Read, body: PortalBody) -> Response:
    """Open the provider's page for cards and invoices; send the customer to its `url` at once."""
    found = await portal.open_portal(call.ctx, call.who, body.account, return_url=body.return_url)
    return answer(found, 201)
