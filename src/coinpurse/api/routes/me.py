"""What a browser sees with a session's token: its own account's balance, live, and its entries."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse

from coinpurse.api import metrics
from coinpurse.api.encode import answer, encode, listing, plain
from coinpurse.api.fields import Cursor, Limit
from coinpurse.api.route import Read, Route, declare
from coinpurse.app import ledger, wallets
from coinpurse.app.live import Hub
from coinpurse.app.sessions import Visitor
from coinpurse.domain.credits import Balance, Entry, Page
from coinpurse.domain.errors import CoinpurseError

router = APIRouter(prefix="/v1/me", tags=["Browser"], route_class=Route)
#: Seconds of silence after which a comment is sent: proxies keep the connection, and we notice who left.
HEARTBEAT = 15.0


def _visitor(request: Request) -> Visitor:
    visitor: Visitor = request.state.visitor
    return visitor


Me = Annotated[Visitor, Depends(_visitor)]


@router.get("/balance", **declare(Balance, "session"))
async def my_balance(call: Read, me: Me) -> Response:
    """Read the balance."""
    return answer(await wallets.balance(call.ctx, call.who, me.account))


@router.get("/entries", **declare(Page[Entry], "session"))
async def my_entries(call: Read, me: Me, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """List the entries, newest first."""
    page = await ledger.entries(call.ctx, call.who, me.account, limit=limit, cursor=cursor)
    return listing(page.data, page.next_cursor)


_STREAM: dict[str, Any] = {
    "responses": {200: {"description": "Events named `balance`", "content": {"text/event-stream": {}}}},
    "response_class": StreamingResponse,
}


@router.get("/stream", **declare(None, "session", **_STREAM))
async def my_stream(request: Request, me: Me) -> Response:
    """Server-sent events: `balance` with the balance as it is, then again after each change; the id is its
    `sequence`. A comment comes every 15 seconds. The stream ends when the session does; connecting again
    needs a new token then."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    stream = _events(request.app.state.hub, me)
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _events(hub: Hub, me: Visitor) -> AsyncIterator[bytes]:
    changes = hub.watch(me.account, me.test)
    waiting = asyncio.ensure_future(anext(changes))
    with metrics.STREAMS.track_inprogress():
        try:
            yield b"retry: 2000\n\n"
            while (left := (me.expires_at - datetime.now(UTC)).total_seconds()) > 0:
                changed, _ = await asyncio.wait({waiting}, timeout=min(HEARTBEAT, left))
                yield _event(waiting.result()) if changed else b": still here\n\n"
                if changed:
                    waiting = asyncio.ensure_future(anext(changes))
        except (StopAsyncIteration, CoinpurseError):
            return  # we are stopping, or can't go on: the browser connects again
        finally:
            waiting.cancel()  # which ends `changes` as well: no watching for a browser that left


def _event(balance: Balance) -> bytes:
    return b"event: balance\nid: %d\ndata: %s\n\n" % (balance.sequence, encode(plain(balance)))
