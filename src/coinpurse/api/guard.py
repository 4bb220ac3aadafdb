"""The door of every route: who is asking, and may they."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request

from coinpurse.app import keys, sessions
from coinpurse.app.context import Context, Who
from coinpurse.domain.errors import Forbidden, Unauthorized
from coinpurse.domain.values import Value


class Call(Value):
    """One authenticated request. `key` is its idempotency key."""

    ctx: Context
    who: Who
    key: str | None = None


class KeyRing:
    """Keys that were found in the last two seconds, which is how long a revoked one may go on working: asking
    the database each time costs as much as a charge."""

    SECONDS = 2.0

    def __init__(self, ctx: Context, now: Callable[[], float] = time.monotonic) -> None:
        self.ctx, self.now = ctx, now
        self.found: dict[str, tuple[float, keys.ApiKey]] = {}
        self.asking: dict[str, asyncio.Task[keys.ApiKey]] = {}

    async def find(self, text: str) -> keys.ApiKey:
        """The key with this text. Raises Unauthorized."""
        until, key = self.found.get(text, (0.0, None))
        if key is None or until < self.now():
            self.found.pop(text, None)
            # All who wait for the same key wait for one answer.
            asking = self.asking.get(text) or asyncio.create_task(self._ask(text))
            self.asking[text] = asking
            key = await asyncio.shield(asking)
        return key

    async def _ask(self, text: str) -> keys.ApiKey:
        try:
            key = await keys.authenticate(self.ctx, text)
            self.found[text] = (self.now() + self.SECONDS, key)
            return key
        finally:
            del self.asking[text]


async def admit(request: Request, needed: Sequence[str]) -> None:
    """Find out who is asking, or raise Unauthorized, Forbidden or RateLimited. Of several scopes one
    suffices; `session` is a browser's token."""
    if "session" in needed:
        await _admit_session(request)
    elif needed:
        await _admit_key(request, needed)


async def _admit_session(request: Request) -> None:
    token = bearer(request, "Send the token of a session as `Authorization: Bearer …`.")
    visitor = await sessions.visitor(request.app.state.ctx, token)
    request.state.visitor, request.state.actor = visitor, "session"
    request.state.who = Who("session", visitor.test)


async def _admit_key(request: Request, needed: Sequence[str]) -> None:
    own, shared = request.scope["state"], request.app.state
    key = await shared.keys.find(bearer(request))
    actor = own["actor"] = f"key:{key.id}"
    shared.bucket.take(key.id)
    if not any(allows(key.scopes, scope) for scope in needed):
        has, wanted = ", ".join(sorted(key.scopes)), " or ".join(needed)
        raise Forbidden(f"This needs a key with the scope {wanted}; this one has {has}.", needed=needed)
    own["who"] = Who(actor, key.test)


def allows(scopes: Any, needed: str) -> bool:
    """Whether a key's scopes suffice: `admin` is all of them, and every scope includes `read`."""
    return needed in scopes or "admin" in scopes or (needed == "read" and bool(scopes))


def bearer(request: Request, kind_words: str = "Send your key as `Authorization: Bearer cp_live_…`.") -> str:
    """The key or token of `Authorization: Bearer …`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or not token.isascii() or len(token) > 4096:
        raise Unauthorized(kind_words)
    return token
