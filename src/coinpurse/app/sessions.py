"""Session tokens: let one customer's browser read one account for a short time, and nothing else."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt

from coinpurse.app.context import Context, Who
from coinpurse.domain.errors import Invalid, Unauthorized

MOST_SECONDS = 86_400
ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class Session:
    """A token for the browser, for one account, until an instant."""

    token: str
    account: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whom a token stands for."""

    account: str
    test: bool
    expires_at: datetime


async def create_session(ctx: Context, who: Who, account: str, *, seconds: int = 900) -> Session:
    """A token that reads an account for `seconds`, 900 by default, 86,400 at most."""
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 1 <= seconds <= MOST_SECONDS:
        raise Invalid.at("/seconds", f"It is a whole number of seconds from 1 to {MOST_SECONDS:,}.")
    known = await ctx.directory.existing(account, who.test)
    ends = (datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0)
    claims = {"sub": known.id, "test": known.test, "exp": ends, "aud": "coinpurse-session"}
    return Session(jwt.encode(claims, await _secret(ctx), ALGORITHM), known.id, ends)


async def visitor(ctx: Context, token: str) -> Visitor:
    """Whom a token stands for. Raises Unauthorized when it is not ours or has expired."""
    try:
        claims = jwt.decode(
            token,
            await _secret(ctx),
            [ALGORITHM],
            audience="coinpurse-session",
            options={"require": ["exp", "sub"]},
        )
    except jwt.InvalidTokenError as error:
        raise Unauthorized(
            "This session token is not valid, or has expired. Ask your server for a new one."
        ) from error
    return Visitor(claims["sub"], claims["test"], datetime.fromtimestamp(claims["exp"], UTC))


async def _secret(ctx: Context) -> bytes:
    secret: bytes = await ctx.db.call("secret", name="sessions")
    return secret
