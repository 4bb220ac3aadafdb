"""Sessions: short-lived tokens with which a browser reads one account, and nothing else."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from pydantic.types import Strict
from starlette.responses import Response

from coinpurse.api.encode import answer
from coinpurse.api.fields import AccountId, Body
from coinpurse.api.route import Read, Route, declare
from coinpurse.app import sessions
from coinpurse.app.sessions import Session

router = APIRouter(prefix="/v1/sessions", tags=["Browser"], route_class=Route)


class SessionBody(Body):
    """Whose credits the browser may see, and for how long."""

    account: AccountId
    seconds: Annotated[int, Strict(), Field(ge=1, le=86_400)] = 900


@router.post("", **declare(Session, "read", status=201, refusals=(404,)))
async def create_session(call: Read, body: SessionBody) -> Response:
    """Make a token for the browser of the person behind an account; it opens `/v1/me/…` only."""
    return answer(await sessions.create_session(call.ctx, call.who, body.account, seconds=body.seconds), 201)
