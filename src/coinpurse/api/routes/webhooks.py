"""Deliveries of payment providers (E1-E3)."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from coinpurse.api.encode import answer
from coinpurse.api.limits import read_body
from coinpurse.api.route import declare
from coinpurse.app import inbox
from coinpurse.app.inbox import Received

router = APIRouter(prefix="/v1", tags=["Billing"])
#: Bytes as they come: what is signed is not parsed before the signature was checked.
RAW = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}


@router.post("/webhooks/{provider}", **declare(Received, None, refusals=(400, 404, 413), openapi_extra=RAW))
async def receive(request: Request, provider: str) -> Response:
    """Take a signed delivery of a payment provider: `stripe`, `paddle`, `polar` or `standard`. It is
    checked and stored, and acted on afterwards; one that came before is answered the same way and does
    nothing more."""
    body = await read_body(request)
    return answer(await inbox.receive(request.app.state.ctx, provider, body, request.headers))
