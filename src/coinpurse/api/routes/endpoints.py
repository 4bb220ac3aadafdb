"""Outgoing events: where apps want to be told, and what became of each delivery (E5)."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field, StringConstraints
from starlette.responses import Response

from coinpurse.api.encode import answer, listing
from coinpurse.api.fields import AccountId, Body, Cursor, Empty, Flag, Limit, ThingInPath
from coinpurse.api.route import Read, Route, declare
from coinpurse.app import endpoints, outbox
from coinpurse.domain.credits import Page
from coinpurse.domain.outgoing import TYPES, Delivery, Endpoint, NewEndpoint, Pong

router = APIRouter(prefix="/v1", tags=["Webhooks"], route_class=Route)

Url = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=endpoints.MOST_URL)]
Type = Annotated[
    str, StringConstraints(strict=True, max_length=64), Field(json_schema_extra={"enum": list(TYPES)})
]


class EndpointBody(Body):
    """Where to send events."""

    url: Url
    """Live endpoints need https; addresses within our own network are refused."""
    types: Annotated[list[Type], Field(max_length=len(TYPES), default_factory=list)]
    """Which events; all of them, if left out."""
    test: Flag | None = None
    """Whose events: an endpoint has the mode of the key that makes it."""


@router.post("/webhook-endpoints", **declare(NewEndpoint, "admin", status=201, refusals=(409,)))
async def create_endpoint(call: Read, body: EndpointBody) -> Response:
    """Make an endpoint, and read its signing secret, this once."""
    return answer(await endpoints.create_endpoint(call.ctx, call.who, **body.model_dump()), 201)


@router.get("/webhook-endpoints", **declare(Page[Endpoint], "support"))
async def list_endpoints(call: Read) -> Response:
    """List the endpoints of the key's mode, without their secrets."""
    return listing(await endpoints.endpoints(call.ctx, call.who))


@router.delete("/webhook-endpoints/{id}", **declare(Endpoint, "admin", refusals=(404,)))
async def remove_endpoint(call: Read, id: ThingInPath) -> Response:
    """End an endpoint: nothing more is sent to it, not even what waits."""
    return answer(await endpoints.remove_endpoint(call.ctx, call.who, id))


@router.post("/webhook-endpoints/{id}/enable", **declare(Endpoint, "admin", refusals=(404,)))
async def enable_endpoint(call: Read, id: ThingInPath, body: Empty | None = None) -> Response:
    """Take an endpoint up again that was disabled because it answered 410."""
    return answer(await endpoints.enable_endpoint(call.ctx, call.who, id))


@router.post("/webhook-endpoints/{id}/rotate", **declare(NewEndpoint, "admin", refusals=(404,)))
async def rotate_endpoint(call: Read, id: ThingInPath, body: Empty | None = None) -> Response:
    """Give an endpoint a new secret; for 24 hours messages are signed with both."""
    return answer(await endpoints.rotate_endpoint(call.ctx, call.who, id))


@router.post("/webhook-endpoints/{id}/ping", **declare(Pong, ("admin", "support"), refusals=(404,)))
async def ping_endpoint(call: Read, id: ThingInPath, body: Empty | None = None) -> Response:
    """Send a signed message of type `ping` now, and read how that went."""
    return answer(await endpoints.ping_endpoint(call.ctx, call.who, id))


@router.get("/webhook-deliveries", **declare(Page[Delivery], "support", refusals=(404,)))
async def list_deliveries(
    call: Read,
    state: Literal["waiting", "delivered", "dead"] = "dead",
    account: Annotated[AccountId | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List deliveries, the latest change first; the dead ones, if no state is named."""
    page = await outbox.deliveries(
        call.ctx, call.who, state=state, account=account, limit=limit, cursor=cursor
    )
    return listing(page.data, page.next_cursor)


@router.post("/webhook-deliveries/{id}/retry", **declare(Delivery, ("admin", "support"), refusals=(404, 409)))
async def retry_delivery(call: Read, id: ThingInPath, body: Empty | None = None) -> Response:
    """Try a dead delivery once more, at once, before what waits behind it."""
    return answer(await outbox.retry_delivery(call.ctx, call.who, id))
