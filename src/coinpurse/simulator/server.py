"""The simulator behind HTTP: the API at `/v1`, the hosted pages, and the control API at `/_control`."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from coinpurse.simulator import pages
from coinpurse.simulator.courier import Courier
from coinpurse.simulator.errors import StripeError, missing
from coinpurse.simulator.simulator import Simulator
from coinpurse.simulator.tables import Obj, Table

MOVING = ("advance", "step", "deliver")


def create_app(simulator: Simulator, *, ticking: bool = False, courier: Courier | None = None) -> Starlette:
    """The ASGI application. `ticking`: the simulator's clock goes on with the real one."""
    return _Server(simulator, courier or Courier(simulator)).app(ticking)


class _Server:
    """What answers each address."""

    def __init__(self, simulator: Simulator, courier: Courier) -> None:
        self._sim = simulator
        self._courier = courier
        self._world = simulator.world

    def app(self, ticking: bool) -> Starlette:
        @asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[None]:
            clock = asyncio.create_task(self._courier.keep_time()) if ticking else None
            yield
            if clock:
                clock.cancel()
                with suppress(asyncio.CancelledError):
                    await clock
            await self._courier.close()

        both = ["GET", "POST"]
        return Starlette(
            lifespan=lifespan,
            routes=[
                Route("/v1/{path:path}", self._api, methods=["GET", "POST", "DELETE"]),
                Route("/checkout/{id}", self._checkout, methods=both),
                Route("/portal/{id}", self._portal, methods=both),
                Route("/invoice/{id}", self._invoice, methods=both),
                Route("/authenticate/{id}", self._authenticate, methods=both),
                Route("/_control/{act}", self._control, methods=both),
            ],
            exception_handlers={StripeError: _refused},
        )

    def _then_deliver(self) -> BackgroundTask:
        """Deliveries begin when the answer has gone out, as they would in life."""
        return BackgroundTask(self._courier.flush)

    async def _api(self, request: Request) -> Response:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        body = await request.body()
        status, headers, answer = self._sim.handle(request.method, target, request.headers, body)
        return Response(answer, status, headers, background=self._then_deliver())

    async def _checkout(self, request: Request) -> Response:
        session = _one(self._world.tables.sessions, request)
        if request.method == "GET":
            return HTMLResponse(pages.checkout(self._world, session))
        url, note = pages.act_on_checkout(self._world, session, await _form(request))
        if url is None:
            page = pages.checkout(self._world, session, note)
            return HTMLResponse(page, 402 if note else 200, background=self._then_deliver())
        return RedirectResponse(url, 303, background=self._then_deliver())

    async def _portal(self, request: Request) -> Response:
        visit = _one(self._world.tables.portals, request)
        if request.method == "POST":
            pages.act_on_portal(self._world, visit, await _form(request))
            return RedirectResponse(request.url.path, 303, background=self._then_deliver())
        return HTMLResponse(pages.portal(self._world, visit))

    async def _invoice(self, request: Request) -> Response:
        found = _one(self._world.tables.invoices, request)
        note = ""
        if request.method == "POST":
            note = pages.act_on_invoice(self._world, found, await _form(request))
        return HTMLResponse(pages.invoice(self._world, found, note), background=self._then_deliver())

    async def _authenticate(self, request: Request) -> Response:
        intent = _one(self._world.tables.payment_intents, request)
        if request.method == "POST":
            pages.act_on_authentication(self._world, intent)
        return HTMLResponse(pages.authenticate(self._world, intent), background=self._then_deliver())

    async def _control(self, request: Request) -> Response:
        act = request.path_params["act"]
        values = await _values(request)
        if act in MOVING:
            return _json(await self._move(act, values))
        return _json(self._sim.control(act, values), self._then_deliver())

    async def _move(self, act: str, values: Obj) -> Obj:
        """Moves the clock: `to` an instant, or `by` seconds; `step` stops at the first thing that is due."""
        count = 0
        if act == "deliver":
            count = await self._courier.flush()
        else:
            to = int(values["to"]) if "to" in values else self._sim.now + int(values.get("by", 0))
            moved = await (self._courier.advance if act == "advance" else self._courier.step)(to)
            count = int(bool(moved))
        return {"now": self._sim.now, "next_due": self._world.next_due(), "count": count}


def _one(table: Table, request: Request) -> Obj:
    found = table.peek(request.path_params["id"])
    if found is None:
        raise missing(table.kind, request.path_params["id"])
    return found


async def _form(request: Request) -> dict[str, str]:
    async with request.form() as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


async def _values(request: Request) -> dict[str, Any]:
    """Parameters of a control: JSON, or the query."""
    body = await request.body()
    values = dict(request.query_params)
    if body:
        with suppress(json.JSONDecodeError):
            values.update(json.loads(body))
    return values


def _json(answer: Any, background: BackgroundTask | None = None) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json", background=background)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, StripeError)
    return Response(msgspec.json.encode(error.body), error.status, media_type="application/json")
