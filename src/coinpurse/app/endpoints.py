"""Webhook endpoints: where apps want to be told (E5)."""

import json
import secrets
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from coinpurse.app.context import Context, Who
from coinpurse.app.sending import Refused, Sender, new_secret
from coinpurse.domain.addresses import is_outward
from coinpurse.domain.errors import Conflict, Forbidden, Invalid, NotFound
from coinpurse.domain.outgoing import TYPES, Endpoint, NewEndpoint, Pong

MOST = 20  # endpoints of each mode: every event is written once for each
MOST_URL = 2000
ENDPOINTS = """
    SELECT endpoint AS id, url, types, test, created_at, disabled_at, disabled_why
      FROM coinpurse.webhook_endpoints
     WHERE removed_at IS NULL AND (%(test)s::boolean IS NULL OR test = %(test)s)
     ORDER BY created_at, endpoint"""


async def create_endpoint(
    ctx: Context, who: Who, *, url: str, types: Sequence[str] = (), test: bool | None = None
) -> NewEndpoint:
    """Makes an endpoint, for events from now on. Without `types` it hears all. `test` is the asker's mode;
    who may choose gets a live one by default. Raises Invalid, Forbidden, Conflict."""
    if who.test is not None and test not in (None, who.test):
        raise Forbidden("A test key makes test endpoints, a live key live ones.")
    mode = bool(who.test if who.test is not None else test)
    _check_types(types)
    _check_url(ctx, url, mode)
    if len(await endpoints(ctx, Who(who.actor, mode))) >= MOST:
        raise Conflict(f"There are {MOST} endpoints already. Remove one that isn't needed.")
    made = NewEndpoint(f"we_{secrets.token_hex(8)}", url, new_secret(), list(dict.fromkeys(types)), mode)
    there: str = await ctx.db.call(
        "put_endpoint", endpoint=made.id, url=url, secret=made.secret, types=made.types, test=mode
    )
    if there != made.id:
        raise Conflict(f"There is an endpoint for this address: {there}. To read a new secret, rotate it.")
    return made


def _check_types(types: Sequence[str]) -> None:
    for name in types:
        if name not in TYPES:
            raise Invalid.at("/types", f"There is no event {name!r}. There are: {', '.join(TYPES)}.")


def _check_url(ctx: Context, url: str, test: bool) -> None:
    """What can be told at once; where a name leads to is looked at when something is sent."""
    parts = _parts(url)
    inward = ctx.settings.allow_private_webhooks
    if parts.scheme != "https" and not (parts.scheme == "http" and (test or inward)):
        raise Invalid.at("/url", "It must begin with https://.")
    if not inward and _leads_inward(parts.hostname or ""):
        raise Invalid.at(
            "/url",
            "It leads to an address within our own network, where nothing is sent. If it should be, set "
            "COINPURSE_ALLOW_PRIVATE_WEBHOOKS=yes.",
        )


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
    if not named or not url.isascii() or not url.isprintable() or " " in url or len(url) > MOST_URL:
        raise Invalid.at("/url", "It must be a whole address such as https://app.example/webhooks, in ASCII.")
    if parts.username or parts.password or parts.fragment:
        raise Invalid.at("/url", "It must have no user, no password and no fragment (#…).")
    return parts


def _leads_inward(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return not is_outward(host)


async def endpoints(ctx: Context, who: Who) -> list[Endpoint]:
    """All endpoints that the asker may see, oldest first, disabled ones too."""
    return [Endpoint(**row) for row in await ctx.db.rows(ENDPOINTS, {"test": who.test})]


async def get_endpoint(ctx: Context, who: Who, endpoint_id: str) -> Endpoint:
    """An endpoint. Raises NotFound."""
    for found in await endpoints(ctx, who):
        if found.id == endpoint_id:
            return found
    raise NotFound(f"There is no webhook endpoint {endpoint_id!r}.")


async def remove_endpoint(ctx: Context, who: Who, endpoint_id: str) -> Endpoint:
    """Ends an endpoint: nothing more is sent to it, not even what waits. Raises NotFound."""
    found = await get_endpoint(ctx, who, endpoint_id)
    await ctx.db.call("disable_endpoint", endpoint=found.id, why="it was removed", removed=True)
    return found


async def enable_endpoint(ctx: Context, who: Who, endpoint_id: str) -> Endpoint:
    """Takes a disabled endpoint up again: what waits for it is sent. What happened while it was disabled was
    never written for it. Raises NotFound."""
    found = await get_endpoint(ctx, who, endpoint_id)
    await ctx.db.call("enable_endpoint", endpoint=found.id)
    return await get_endpoint(ctx, who, endpoint_id)


async def rotate_endpoint(ctx: Context, who: Who, endpoint_id: str) -> NewEndpoint:
    """Gives an endpoint a new secret, shown this once. For 24 hours messages carry signatures by both. Raises
    NotFound."""
    found = await get_endpoint(ctx, who, endpoint_id)
    made = NewEndpoint(found.id, found.url, new_secret(), found.types, found.test)
    await ctx.db.call("rotate_endpoint", endpoint=made.id, secret=made.secret)
    return made


async def ping_endpoint(ctx: Context, who: Who, endpoint_id: str) -> Pong:
    """Sends a signed message of type `ping` now and says how that went. Raises NotFound."""
    found = await get_endpoint(ctx, who, endpoint_id)
    row = (await ctx.db.rows(SECRETS, [found.id]))[0]
    message = f"ping_{secrets.token_hex(16)}"
    body: dict[str, Any] = {"id": message, "type": "ping", "data": {"endpoint": found.id}}
    async with Sender(inward=ctx.settings.allow_private_webhooks) as sender:
        try:
            await sender.post(found.url, message, json.dumps(body).encode(), row.values())
        except Refused as refused:
            return Pong(False, str(refused))
    return Pong(True, None)


SECRETS = """
    SELECT secret, CASE WHEN former_until > clock_timestamp() THEN former_secret END AS former_secret
      FROM coinpurse.webhook_endpoints WHERE endpoint = %s"""
