"""The studio's pages. Every act is a plain form that leads back to the page; the script only saves the
reload."""

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast, get_args

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from coinpurse.app import sessions, wallets
from coinpurse.app.context import Context
from coinpurse.demo import clock, making, notes, troubles
from coinpurse.demo.customers import CUSTOMERS, MIA, Studio
from coinpurse.demo.desk import STAFF, come_in
from coinpurse.demo.provider import STUDIO
from coinpurse.domain.credits import Balance
from coinpurse.domain.errors import CoinpurseError, CreditsHeld, InsufficientCredits, Invalid
from coinpurse.web import words
from coinpurse.web.assets import Assets
from coinpurse.web.identity import check_site, remember
from coinpurse.web.rendering import environment

HERE = Path(__file__).parent
ASSETS = Assets(HERE / "static", "/studio/static")
TEMPLATES = environment(HERE / "templates")
TEMPLATES.globals["studio_asset"] = ASSETS.url
CUSTOMER = "studio_customer"
SESSION_SECONDS = 86_400
PILL_SECONDS = 900
IDEAS = (
    "northern lights over the fjord",
    "bauhaus poster of a quiet city",
    "snowflake of ice and light",
    "coral reef in the ocean",
    "a storm in the orchid nebula",
)


def customer_of(request: Request) -> str:
    """Who is using the studio. A demo has no passwords: anybody may be anybody."""
    given = request.cookies.get(CUSTOMER, "")
    return given if given in CUSTOMERS else MIA.id


def studio_of(request: Request) -> Studio:
    """What the demo's people live with."""
    studio: Studio = request.app.state.studio
    return studio


async def show(request: Request) -> Response:
    """GET /"""
    studio = studio_of(request)
    ctx, customer = studio.ctx, customer_of(request)
    balance = await wallets.balance(ctx, STUDIO, customer)
    page = TEMPLATES.get_template("studio.html").render(
        brand=request.app.state.brand,
        balance=balance,
        customer=CUSTOMERS[customer],
        customers=CUSTOMERS.values(),
        operations=ctx.catalog.operations,
        works=studio.gallery.works(customer)[:24],
        note=notes.read(request),
        ideas=IDEAS,
        key=secrets.token_hex(12),
        clock=_clock(balance),
        quotes=await _quotes(ctx, customer),
        panel=await troubles.panel(studio, customer),
        panel_open="provider" in request.query_params,
        colleagues=STAFF.values(),
    )
    response = HTMLResponse(page)
    response.delete_cookie(notes.COOKIE)
    await _sign_in(ctx, request, response, customer)
    return response


async def _quotes(ctx: Context, customer: str) -> dict[str, Any]:
    """What each kind of work would cost now, and which bucket would pay (S5)."""
    wanted = [(making.IMAGE, 1), (making.EXPERIMENT, 1), (making.UPSCALE, 1), (making.VIDEO, 3)]
    return {
        name: await wallets.quote(ctx, STUDIO, customer, operation=name, quantity=quantity)
        for name, quantity in wanted
        if name in ctx.catalog.operations
    }


def _clock(balance: Balance) -> dict[str, Any]:
    """What the clock's bar shows and offers."""
    subscription, monthly = balance.subscription, balance.monthly
    waiting = (
        monthly.provisional
        or monthly.renewing
        or (subscription is not None and subscription.status == "past_due")
    )
    running = subscription is not None and monthly.period is not None
    return {
        "now": balance.as_of,
        "renewal": monthly.period.end if running and monthly.period else None,
        "waiting": waiting,
    }


async def _sign_in(ctx: Context, request: Request, response: Response, customer: str) -> None:
    """What every app that uses Coinpurse does when somebody has signed in: it makes a session, so that
    Coinpurse's own pages know the reader."""
    try:
        visitor = await sessions.visitor(ctx, request.cookies.get("coinpurse_session", ""))
        fresh = visitor.expires_at - datetime.now(UTC) > timedelta(seconds=SESSION_SECONDS / 2)
        if visitor.account == customer and fresh:
            return
    except CoinpurseError:
        pass
    session = await sessions.create_session(ctx, STUDIO, customer, seconds=SESSION_SECONDS)
    remember(response, request, session.token)


async def token(request: Request) -> Response:
    """GET /studio/token: what the pill asks for. An app's own server makes the token, for whoever is signed
    in."""
    ctx = studio_of(request).ctx
    session = await sessions.create_session(ctx, STUDIO, customer_of(request), seconds=PILL_SECONDS)
    return JSONResponse({"token": session.token, "expires_at": words.machine(session.expires_at)})


async def switch(request: Request) -> Response:
    """POST /studio/customer"""
    check_site(request)
    customer = str((await request.form()).get("customer", ""))
    response = RedirectResponse("/", 303)
    response.set_cookie(
        CUSTOMER, customer if customer in CUSTOMERS else MIA.id, httponly=True, samesite="lax"
    )
    return response


async def create(request: Request) -> Response:
    """POST /studio/works"""
    check_site(request)
    ctx, gallery = studio_of(request).ctx, studio_of(request).gallery
    customer, home = customer_of(request), RedirectResponse("/", 303)
    wish = making.read_wish(ctx, gallery, customer, await request.form())
    if wish is None:
        return notes.leave(home, "empty")
    try:
        work = await making.make(ctx, STUDIO, gallery, customer, wish)
    except CreditsHeld as refused:
        return notes.leave(home, "held", refused.needed, refused.available, refused.held)
    except InsufficientCredits as refused:
        return notes.leave(home, "short", refused.needed, refused.available, refused.shortfall)
    except making.WorkFailed as failed:
        return notes.leave(home, "failed", failed.credits)
    return notes.leave(home, "made", work.credits)


async def move_clock(request: Request) -> Response:
    """POST /studio/clock"""
    check_site(request)
    form = await request.form()
    how = str(form.get("move", ""))
    if how not in get_args(clock.Move):
        raise Invalid.at("/move", "Choose one of the buttons of the clock.")
    moved = await clock.move(
        studio_of(request),
        customer_of(request),
        cast(clock.Move, how),
        card_works=not form.get("card_fails"),
    )
    return _told(RedirectResponse("/", 303), moved, how)


def _told(response: Response, moved: clock.Moved, how: str) -> Response:
    """Says what the move did to the credits."""
    before, after = moved.before.monthly, moved.after.monthly
    addon = moved.after.addon.available
    if how == "pay":
        changed = moved.before.sequence != moved.after.sequence or before.provisional != after.provisional
        return (
            notes.leave(response, "paid", after.available, addon)
            if changed
            else notes.leave(response, "nothing")
        )
    if before.frozen and not after.frozen and after.period == before.period:
        return notes.leave(response, "recovered", after.available, addon)
    if after.frozen:
        return notes.leave(response, "frozen", after.frozen, addon)
    if after.period and after.period != before.period and not after.renewing:
        return notes.leave(response, "renewed", before.available, after.available, addon)
    if before.available and not after.available:
        return notes.leave(response, "lapsed", before.available, addon)
    if addon > moved.before.addon.available:
        return notes.leave(response, "arrived", addon - moved.before.addon.available, addon)
    return notes.leave(response, "moved")


async def act(request: Request) -> Response:
    """POST /studio/provider: something happens at the payment provider."""
    check_site(request)
    name = str((await request.form()).get("act", ""))
    if name not in troubles.ACTS:
        raise Invalid.at("/act", "Choose one of the buttons of the panel.")
    said, numbers = await troubles.ACTS[name](studio_of(request), customer_of(request))
    return notes.leave(RedirectResponse("/?provider#clock", 303), said, *numbers)


async def quote(request: Request) -> Response:
    """GET /studio/quote?operation=…&quantity=…: the price before the work (S5)."""
    asked = request.query_params
    quantity = asked.get("quantity", "1")
    found = await wallets.quote(
        studio_of(request).ctx,
        STUDIO,
        customer_of(request),
        operation=asked.get("operation", ""),
        quantity=int(quantity) if quantity.isdecimal() and len(quantity) < 4 else 1,
    )
    text = (
        f"{words.credits(found.amount)}: {words.shares(found.taken)}"
        if found.affordable
        else words.credits(found.amount)
    )
    return JSONResponse({"amount": found.amount, "affordable": found.affordable, "text": text})


async def picture(request: Request) -> Response:
    """GET /studio/works/{file}: only the customer's own."""
    path = studio_of(request).gallery.path(customer_of(request), request.path_params["file"])
    if path is None:
        return Response("There is no such picture.", 404, media_type="text/plain")
    return FileResponse(path, headers={"Cache-Control": "private, max-age=31536000, immutable"})


ROUTES = [
    Route("/", show),
    Route("/studio/works", create, methods=["POST"]),
    Route("/studio/works/{file}", picture),
    Route("/studio/clock", move_clock, methods=["POST"]),
    Route("/studio/provider", act, methods=["POST"]),
    Route("/studio/customer", switch, methods=["POST"]),
    Route("/studio/desk", come_in, methods=["POST"]),
    Route("/studio/quote", quote),
    Route("/studio/token", token),
    Route("/studio/static/{name}", ASSETS.serve),
]
