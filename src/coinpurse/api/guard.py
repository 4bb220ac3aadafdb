"""The door of every route: who is asking, and may they."""

import asyncio
import time
from collections.abc import Callable, Sequence

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


class Holder(Value):
    """Whose key it is that was shown, and the scopes that it suffices for: `admin` is all of them, and every
    scope includes `read`."""

    key: keys.ApiKey
    who: Who
    scopes: frozenset[str]

    @classmethod
    def of(cls, key: keys.ApiKey) -> "Holder":
        """Who holds a key."""
        reach = frozenset(keys.SCOPES if "admin" in key.scopes else {*key.scopes, "read"})
        return cls(key, Who(f"key:{key.id}", key.test), reach if key.scopes else frozenset())


class KeyRing:
    """Keys that were found in the last two seconds, which is how long a revoked one may go on working: asking
    the database each time costs as much as a charge."""

    SECONDS = 2.0

    def __init__(self, ctx: Context, now: Callable[[], float] = time.monotonic) -> None:
        self.ctx, self.now = ctx, now
        self.found: dict[str, tuple[float, Holder]] = {}
        self.asking: dict[str, asyncio.Task[Holder]] = {}

    def lately(self, text: str) -> Holder | None:
        """Who holds the key with this text, if that was found out in the last two seconds."""
        until, holder = self.found.get(text, (0.0, None))
        return None if holder is None or until < self.now() else holder

    async def find(self, text: str) -> Holder:
        """Who holds the key with this text. Raises Unauthorized."""
        holder = self.lately(text)
        if holder is None:
            self.found.pop(text, None)
            # All who wait for the same key wait for one answer.
            asking = self.asking.get(text) or asyncio.create_task(self._ask(text))
            self.asking[text] = asking
            holder = await asyncio.shield(asking)
        return holder

    async def _ask(self, text: str) -> Holder:
        try:
            holder = Holder.of(await keys.authenticate(self.ctx, text))
            self.found[text] = (self.now() + self.SECONDS, holder)
            return holder
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
    holder = await shared.keys.find(bearer(request))
    own["actor"], own["who"] = holder.who.actor, holder.who
    shared.bucket.take(holder.key.id)
    if holder.scopes.isdisjoint(needed):
        has, wanted = ", ".join(sorted(holder.key.scopes)), " or ".join(needed)
        raise Forbidden(f"This needs a key with the scope {wanted}; this one has {has}.", needed=needed)


def bearer(request: Request, kind_words: str = "Send your key as `Authorization: Bearer cp_live_…`.") -> str:
    """The key or token of `Authorization: Bearer …`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or not token.isascii() or len(token) > 4096:
        raise Unauthorized(kind_words)
    return token
