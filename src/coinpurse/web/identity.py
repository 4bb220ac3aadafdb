"""Who is reading: a session token in a cookie that scripts can't read, and the proof that a form came from
our own page."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from coinpurse.app import accounts, sessions
from coinpurse.app.context import Context, Who
from coinpurse.domain.errors import Forbidden, Unauthorized
from coinpurse.web import language
from coinpurse.web.language import _

COOKIE = "coinpurse_session"
CSRF_FIELD = "csrf"
MOST_TOKEN = 4096


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose page this is, and the session that says so."""

    account: str
    test: bool
    token: str
    expires_at: datetime

    @property
    def who(self) -> Who:
        """The reader, as the app layer knows who asks."""
        return Who(f"member:{self.account}", self.test)

    @property
    def csrf(self) -> str:
        """A proof that a form was rendered for this session. Knowing it doesn't tell the token."""
        return hmac.new(self.token.encode(), b"coinpurse form", hashlib.sha256).hexdigest()


async def reader(ctx: Context, request: Request) -> Reader:
    """The reader of the request's cookie; from here on the request speaks their language. Raises
    Unauthorized."""
    token = request.cookies.get(COOKIE, "")
    if not token or len(token) > MOST_TOKEN:
        raise Unauthorized(_("You are not signed in here, or your session has ended."))
    visitor = await sessions.visitor(ctx, token)
    known = Reader(visitor.account, visitor.test, token, visitor.expires_at)
    account = await accounts.get_account(ctx, known.who, known.account)
    language.speak_to(request, account.locale)
    return known


async def writer(ctx: Context, request: Request) -> Reader:
    """The reader, whose form this is: another site can make a browser send its cookie, but doesn't know the
    proof."""
    check_site(request)
    who = await reader(ctx, request)
    given = (await request.form()).get(CSRF_FIELD, "")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), who.csrf.encode()):
        raise Forbidden(
            _(
                "This page was out of date, so nothing was changed. Please look again and repeat what you "
                "wanted."
            )
        )
    return who


def check_site(request: Request) -> None:
    """Refuses forms that the browser itself says come from another site."""
    if request.headers.get("sec-fetch-site", "same-origin") in ("cross-site", "same-site"):
        raise Forbidden(_("That came from another site, so nothing was changed."))


def remember(response: Response, request: Request, token: str) -> None:
    """Sets the session's cookie. It ends with the browser's session at the latest, and the token by itself
    long before."""
    response.set_cookie(
        COOKIE, token, httponly=True, samesite="lax", secure=request.url.scheme == "https", path="/"
    )


def forget(response: Response) -> None:
    """Ends the reader's session in this browser."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
