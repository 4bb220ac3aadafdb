"""API keys: shown once, kept as a hash, bound to scopes and to one mode."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from coinpurse.app.context import Context
from coinpurse.domain.errors import Conflict, Invalid, NotFound, Unauthorized

SCOPES = ("read", "spend", "grant", "support", "admin")
MOST_OVERLAP = 90 * 86_400
COLUMNS = "id, scopes, test, name, created_at, revoked_at"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept. `test` keys reach test accounts only, live keys live ones only. `revoked_at` may
    lie ahead: until then it works."""

    id: str
    scopes: list[str]
    test: bool
    name: str | None
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: the only time that its text can be read."""

    id: str
    key: str
    scopes: list[str]
    test: bool


async def create_key(ctx: Context, *, scopes: Sequence[str], test: bool, name: str | None = None) -> NewKey:
    """Makes a key. Raises Invalid for an unknown scope."""
    if not scopes or (unknown := [scope for scope in scopes if scope not in SCOPES]):
        raise Invalid.at(
            "/scopes",
            f"Name at least one of {', '.join(SCOPES)}." if not scopes else f"Unknown: {', '.join(unknown)}.",
        )
    made = NewKey(
        id=f"ak_{secrets.token_hex(8)}",
        key=f"cp_{'test' if test else 'live'}_{secrets.token_urlsafe(32)}",
        scopes=sorted(set(scopes), key=SCOPES.index),
        test=test,
    )
    await ctx.db.call("put_key", id=made.id, hash=_hash(made.key), scopes=made.scopes, test=test, name=name)
    return made


def _hash(key: str) -> bytes:
    # The keys are 256 random bits: a plain hash can't be guessed back, and is quick enough for every request.
    return hashlib.sha256(key.encode()).digest()


async def list_keys(ctx: Context) -> list[ApiKey]:
    """All keys, revoked ones too, oldest first."""
    rows = await ctx.db.rows(f"SELECT {COLUMNS} FROM coinpurse.api_keys ORDER BY created_at, id")  # noqa: S608
    return [ApiKey(**row) for row in rows]


async def revoke_key(ctx: Context, id: str) -> ApiKey:
    """Ends a key; at once for this process, within seconds for others. Raises NotFound."""
    await ctx.db.call("revoke_key", id=id)
    return await _find(ctx, id)


async def rotate_key(ctx: Context, id: str, *, overlap: int = 86_400) -> NewKey:
    """Makes a key with the same scopes, mode and name; the old one works for `overlap` more seconds. Raises
    NotFound, Conflict for a key that is revoked, Invalid."""
    if not isinstance(overlap, int) or isinstance(overlap, bool) or not 0 <= overlap <= MOST_OVERLAP:
        raise Invalid.at("/overlap", f"It is a whole number of seconds from 0 to {MOST_OVERLAP:,}.")
    old = await _find(ctx, id)
    if old.revoked_at is not None:
        raise Conflict(f"The key {id} is revoked, or about to be. Make a new one: coinpurse keys create")
    made = await create_key(ctx, scopes=old.scopes, test=old.test, name=old.name)
    await ctx.db.call("retire_key", id=id, seconds=overlap)
    return made


async def _find(ctx: Context, id: str) -> ApiKey:
    for key in await list_keys(ctx):
        if key.id == id:
            return key
    raise NotFound(f"There is no API key {id!r}. `coinpurse keys list` shows them.")


async def authenticate(ctx: Context, key: str) -> ApiKey:
    """The key whose text this is. Raises Unauthorized."""
    rows: list[dict[str, Any]] = []
    if key.startswith(("cp_test_", "cp_live_")) and len(key) < 200:
        rows = await ctx.db.rows(
            f"SELECT {COLUMNS} FROM coinpurse.api_keys "  # noqa: S608
            "WHERE hash = %s AND (revoked_at IS NULL OR revoked_at > clock_timestamp())",
            [_hash(key)],
        )
    if not rows:
        raise Unauthorized(
            "This API key is not known, or was revoked. Make one with: coinpurse keys create --scope spend"
        )
    return ApiKey(**rows[0])
