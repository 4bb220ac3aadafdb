"""A payment provider for tests: a small web shop over real HTTP, and the adapter that talks to it.

It has what the port asks for and nothing more: checkouts with a page, subscriptions, a portal.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from coinpurse.domain.facts import Fact, Paid, Purchase, PurchaseState, Standing
from coinpurse.domain.periods import month_start
from coinpurse.domain.ports import Buyer, Found, Item, Notice, Opened, ProviderError

MONTHS = {"month": 1, "year": 12}
_numbers = itertools.count(1)  # several shops sell into one database
Json = dict[str, Any]


class Till:
    """The shop's side: what it has sold, and the pages on which people pay."""

    def __init__(self) -> None:
        self.url = ""
        self.down = False
        self.asked: list[str] = []
        self.checkouts: dict[str, Json] = {}
        self.subscriptions: dict[str, Json] = {}
        self.app = Starlette(
            routes=[
                Route("/api/checkouts", self.open, methods=["POST"]),
                Route("/api/portals", self.portal, methods=["POST"]),
                Route("/api/subscriptions/{id}/{act}", self.act, methods=["POST"]),
                Route("/pay/{id}", self.page),
                Route("/pay/{id}", self.pay, methods=["POST"]),
                Route("/portal/{customer}", self.cards),
            ]
        )

    async def open(self, request: Request) -> Response:
        """Opens a checkout, the same one for the same reference."""
        body = await self._read(request, "check_out")
        for known in self.checkouts.values():
            if known["reference"] == body["reference"]:
                return JSONResponse(known)
        made = body | {"id": f"cs_{next(_numbers)}", "state": "open"}
        made["customer"] = body["customer"] or f"cus_{body['account']}"
        self.checkouts[made["id"]] = made
        return JSONResponse(made)

    async def portal(self, request: Request) -> Response:
        """Where a customer's cards are."""
        body = await self._read(request, "portal")
        return JSONResponse({"url": f"{self.url}/portal/{body['customer']}?back={body['return_url']}"})

    async def act(self, request: Request) -> Response:
        """Changes a subscription, and answers how it stands."""
        body = await self._read(request, request.path_params["act"])
        self.subscriptions[request.path_params["id"]] |= body
        return JSONResponse(self.subscriptions[request.path_params["id"]])

    async def page(self, request: Request) -> Response:
        """Where people pay."""
        sold = self.checkouts[request.path_params["id"]]
        ways = "".join(
            f'<button name="way" value="{way}">{words}</button>'
            for way, words in (("card", "Pay by card"), ("bank", "Pay by bank"))
        )
        return HTMLResponse(
            f"<title>Till</title><h1>{sold['price']}</h1><form method=post>{ways}</form>"
            f'<a href="{sold["cancel_url"].replace("&", "&amp;")}">Back to the app</a>'
        )

    async def pay(self, request: Request) -> Response:
        """Somebody pays: by card at once, by bank in some days."""
        sold = self.checkouts[request.path_params["id"]]
        sold["state"] = "paid" if (await request.form())["way"] == "card" else "pending"
        return RedirectResponse(sold["success_url"], 303)

    async def cards(self, request: Request) -> Response:
        """A customer's own page."""
        back = request.query_params["back"]
        return HTMLResponse(f'<title>Till</title><h1>Your cards</h1><a href="{back}">Back</a>')

    async def _read(self, request: Request, what: str) -> Json:
        self.asked.append(what)
        if self.down:
            raise ConnectionAbortedError("the till is down")
        body: Json = await request.json()
        return body


class Shop:
    """The adapter: `domain.ports.Provider` over HTTP, under the name of a provider that the catalog knows."""

    name = "stripe"
    can_ask = True

    def __init__(self, till: Till) -> None:
        self.till = till
        self.http = httpx.AsyncClient(base_url=till.url, timeout=5)

    async def check_out(
        self, buyer: Buyer, item: Item, *, reference: str, success_url: str, cancel_url: str
    ) -> Opened:
        """Opens a page for paying."""
        made = await self._post(
            "checkouts",
            reference=reference,
            price=item.price,
            pack=item.pack,
            plan=item.plan,
            interval=item.interval,
            account=buyer.account,
            customer=buyer.customer,
            success_url=success_url,
            cancel_url=cancel_url,
        )
        url = f"{self.till.url}/pay/{made['id']}"
        expires_at = datetime.now(UTC) + timedelta(days=1)
        return Opened(url=url, reference=made["id"], customer=made["customer"], expires_at=expires_at)

    async def portal(self, customer: str, *, return_url: str) -> Opened:
        """Opens a page of cards."""
        made = await self._post("portals", customer=customer, return_url=return_url)
        return Opened(url=made["url"], reference=customer)

    async def cancel(
        self, subscription: str, *, at: Literal["period_end", "now"], now: datetime
    ) -> list[Fact]:
        """Cancels."""
        wanted = {"state": "ended"} if at == "now" else {"cancelled": True}
        return self._standing(await self._post(f"subscriptions/{subscription}/cancel", **wanted), now)

    async def resume(self, subscription: str, *, now: datetime) -> list[Fact]:
        """Undoes a cancellation, ends a pause."""
        wanted = {"cancelled": False, "paused": False}
        return self._standing(await self._post(f"subscriptions/{subscription}/resume", **wanted), now)

    async def pause(self, subscription: str, *, now: datetime) -> list[Fact]:
        """Stops collecting."""
        return self._standing(await self._post(f"subscriptions/{subscription}/pause", paused=True), now)

    async def change(self, subscription: str, *, price: str, now: datetime) -> list[Fact]:
        """Another plan: prices are called `price_PLAN_INTERVAL` here."""
        _, plan, interval = price.split("_")
        act = f"subscriptions/{subscription}/change"
        return self._standing(await self._post(act, plan=plan, interval=interval), now)

    def told(self, id: str) -> list[Fact]:
        """What the shop's events say of a checkout and what came of it."""
        sold = self.till.checkouts[id]
        if sold["pack"]:
            return [self._purchase(sold, sold["state"])]
        now = datetime.now(UTC)
        start = now.replace(microsecond=0)
        kept = {name: sold[name] for name in ("plan", "interval", "account", "customer")}
        self.till.subscriptions[f"sub_{id}"] = kept | {"id": f"sub_{id}", "state": "active"}
        paid = Paid(
            subscription=f"sub_{id}",
            line=f"il_{id}",
            start=start,
            end=month_start(start, MONTHS[sold["interval"]]),
            payment=f"pi_{id}",
            **kept,
        )
        return [paid, *self._standing(self.till.subscriptions[f"sub_{id}"], now)]

    def _purchase(self, sold: Json, state: PurchaseState) -> Purchase:
        return Purchase(
            purchase=sold["id"],
            state=state,
            pack=sold["pack"],
            amount=600,
            payment=f"pi_{sold['id']}",
            customer=sold["customer"],
            account=sold["account"],
        )

    def _standing(self, one: Json, now: datetime) -> list[Fact]:
        cancelled = bool(one.get("cancelled"))
        return [
            Standing(
                subscription=one["id"],
                as_of=now,
                state=one["state"],
                plan=one["plan"],
                interval=one["interval"],
                customer=one["customer"],
                account=one["account"],
                ends_at=datetime(2020, 1, 1, tzinfo=UTC) if cancelled else None,  # or what is paid, if later
                ends_with_period=cancelled,
                paused=bool(one.get("paused")),
            )
        ]

    async def _post(self, path: str, **body: object) -> Json:
        try:
            answer = await self.http.post(f"/api/{path}", json=body)
        except httpx.TransportError as error:
            raise ProviderError(f"The shop can't be reached ({type(error).__name__}).") from error
        if answer.is_server_error:
            raise ProviderError(f"The shop answered {answer.status_code}.")
        made: Json = answer.json()
        return made

    async def close(self) -> None:
        """Lets go of connections."""
        await self.http.aclose()

    def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice:
        """Nothing is delivered: tests apply what the shop has told."""
        raise NotImplementedError

    async def facts(self, notice: Notice, body: bytes, now: datetime) -> list[Fact]:
        """As `verify`."""
        raise NotImplementedError

    async def look_up(self, subscription: str, now: datetime) -> list[Fact]:
        """How it stands."""
        return self._standing(self.till.subscriptions[subscription], now)

    async def changes(self, since: datetime, until: datetime) -> AsyncIterator[Found]:
        """Nothing to find."""
        found: Sequence[Found] = ()
        for one in found:
            yield one

    async def buy(self, buyer: Buyer, item: Item, *, amount: int, currency: str, reference: str) -> Purchase:
        """Not for sale without a customer."""
        raise ProviderError("The shop sells nothing off-session.", passing=False)

    async def hasten(self, notice: Notice, body: bytes) -> None:
        """Nothing to hasten."""


@asynccontextmanager
async def open_shop() -> AsyncIterator[Shop]:
    """A shop while it is open, on a port of its own."""
    till = Till()
    async with listening(till.app) as till.url:
        shop = Shop(till)
        yield shop
        await shop.close()


@asynccontextmanager
async def listening(app: Any) -> AsyncIterator[str]:
    """An application while it is served, in this event loop: its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", access_log=False))
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await running
