"""Who is at the desk: a staff session in a cookie of its own, for `/support` alone. A customer's session or
an API key is no such thing and opens nothing here."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from coinpurse.app import staff, trail
from coinpurse.app.context import Context
from coinpurse.app.staff import Role, Staff
from coinpurse.app.support import demand
from coinpurse.domain.errors import CoinpurseError, Forbidden, Invalid, Unauthorized
from coinpurse.web.identity import CSRF_FIELD, MOST_TOKEN, check_site
from coinpurse.web.language import ENGLISH, speak
from coinpurse.web.rendering import render
from coinpurse.web.support import saying

HOME = "/support"
SIGN_IN = f"{HOME}/sign-in"
COOKIE = "coinpurse_staff"
MOST_FIELD = 4_096


@dataclass(frozen=True, slots=True)
class Desk:
    """A request of somebody who is signed in."""

    request: Request
    ctx: Context
    me: Staff
    token: str = field(repr=False)

    @property
    def csrf(self) -> str:
        """A proof that a form was rendered for this session. Knowing it doesn't tell the token."""
        return proof(self.token)

    async def render(self, template: str, code: int = 200, **context: Any) -> Response:
        """A page of the console."""
        waiting = await trail.waiting(self.ctx) if self.me.may("lead") else 0
        here = self.request.url.path
        given = {"me": self.me, "csrf": self.csrf, "waiting": waiting, "here": here, **context}
        given |= saying.WORDS | {"new_key": lambda: uuid4().hex}
        return render(self.request, f"support/{template}", code, **given)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A form that was sent from a page of ours, by whom it was made for."""

    desk: Desk
    fields: FormData

    def text(self, name: str) -> str | None:
        """A field, or None where it is missing or empty."""
        value = self.fields.get(name)
        return value.strip() if isinstance(value, str) and value.strip() else None

    def needed(self, name: str) -> str:
        """A field that must be there. Raises Invalid."""
        value = self.text(name)
        if value is None:
            raise Invalid.at(f"/{name}", "This form was not complete. Please go back and fill it in.")
        return value

    def count(self, name: str) -> int | None:
        """A whole number, None where it is empty. Raises Invalid."""
        text = (self.text(name) or "").replace(",", "").replace(" ", "")
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 16):
            raise Invalid.at(f"/{name}", "It is a whole number of credits.")
        return int(text)

    @property
    def id(self) -> UUID:
        """The act's: sent twice, the form counts once (S8)."""
        return uuid_of(self.needed("key"))


def uuid_of(text: str) -> UUID:
    """A number out of an address or a form. Raises Invalid."""
    try:
        return UUID(hex=text)
    except ValueError:
        raise Invalid.at(
            "/key", "This address or form is not one of ours. Please open the page anew."
        ) from None


def proof(token: str) -> str:
    """What a form of a session carries."""
    return hmac.new(token.encode(), b"coinpurse staff form", hashlib.sha256).hexdigest()


async def sit_down(request: Request) -> Desk:
    """Whoever is signed in. Raises Unauthorized."""
    token = request.cookies.get(COOKIE, "")
    if not token or len(token) > MOST_TOKEN:
        raise Unauthorized("You are not signed in, or your session has ended.")
    ctx: Context = request.app.state.ctx
    return Desk(request, ctx, await staff.signed_in(ctx, token), token)


Handler = Callable[[Desk], Awaitable[Response]]
Act = Callable[[Sheet], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def page(role: Role = "viewer") -> Callable[[Handler], Endpoint]:
    """A page for staff of a role, or above it."""

    def made(handler: Handler) -> Endpoint:
        @wraps(handler)
        async def endpoint(request: Request) -> Response:
            return await _answered(request, role, handler)

        return endpoint

    return made


def act(role: Role = "agent") -> Callable[[Act], Endpoint]:
    """Something that a form does, for staff of a role, or above it."""

    def made(handler: Act) -> Endpoint:
        async def checked(desk: Desk) -> Response:
            return await handler(await _sheet(desk))

        @wraps(handler)
        async def endpoint(request: Request) -> Response:
            return await _answered(request, role, checked)

        return endpoint

    return made


async def _sheet(desk: Desk) -> Sheet:
    check_site(desk.request)
    fields = await desk.request.form(max_files=0, max_fields=30, max_part_size=MOST_FIELD)
    given = fields.get(CSRF_FIELD, "")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), desk.csrf.encode()):
        raise Forbidden(
            "This page was out of date, so nothing was changed. Please look again and repeat what you wanted."
        )
    return Sheet(desk, fields)


async def _answered(request: Request, role: Role, handler: Handler) -> Response:
    """The handler's answer, or a page that says what was refused and what to do."""
    speak(ENGLISH)  # numbers and dates too: the console's own words have no translations
    try:
        desk = await sit_down(request)
    except Unauthorized:
        return to_sign_in(request)
    try:
        demand(desk.me, role)
        return await handler(desk)
    except CoinpurseError as refused:
        faults = [fault["detail"] for fault in refused.fields.get("errors", [])]
        words = refused.detail if refused.detail in faults else " ".join([refused.detail, *faults])
        title = refused.title if refused.status != 403 else "This is not for you to do"
        return await desk.render("refused.html", refused.status, title=title, detail=words)


def to_sign_in(request: Request) -> Response:
    """Leads to the sign-in page, and from there back to the page that was asked for."""
    where = request.url.path if request.method == "GET" else HOME
    if request.method == "GET" and request.url.query:
        where += f"?{request.url.query}"
    response = RedirectResponse(f"{SIGN_IN}?next={quote(where, safe='')}", 303)
    response.delete_cookie(COOKIE, path=HOME)
    return response


def remember(response: Response, request: Request, token: str) -> None:
    """Sets the cookie of a staff session, for the console alone."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(staff.LONGEST.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
        path=HOME,
    )


def inside(where: str | None) -> str:
    """A page of the console; anything else would lead astray."""
    safe = where is not None and (where == HOME or where.startswith((f"{HOME}/", f"{HOME}?")))
    return where if safe and where is not None and where.isprintable() and "\\" not in where else HOME
