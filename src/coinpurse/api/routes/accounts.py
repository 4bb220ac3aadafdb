"""Accounts: who holds credits, and everything that can be read about one."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import StringConstraints
from starlette.responses import Response

from coinpurse.api.encode import answer, listing
from coinpurse.api.fields import PRINTABLE, AccountInPath, Body, Cursor, Instant, Limit, Metadata, Name
from coinpurse.api.route import Read, Route, declare
from coinpurse.app import accounts, grants, ledger, subscriptions, wallets
from coinpurse.app.ledger import Explanation
from coinpurse.domain.credits import Account, Balance, Entry, Grant, Page, Subscription
from coinpurse.domain.errors import Forbidden

router = APIRouter(prefix="/v1/accounts", tags=["Accounts"], route_class=Route)

_EMAIL = r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$"
_LOCALE = r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{1,8})*$"


class AccountBody(Body):
    """What to keep about an account; what is left out (or null) stays as it is."""

    name: Name | None = None
    email: Annotated[str, StringConstraints(strict=True, max_length=320, pattern=_EMAIL)] | None = None
    currency: (
        Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z]{3}$", to_lower=True)] | None
    ) = None
    """Three letters of ISO 4217; decides in which currency plans and packs are offered."""
    locale: Annotated[str, StringConstraints(strict=True, max_length=35, pattern=_LOCALE)] | None = None
    metadata: Metadata | None = None
    clock: Instant | None = None
    """Starts a test clock, which then stands still until it is moved; test keys only (T9)."""


class ClockBody(Body):
    """Where to move a test clock."""

    now: Instant


@router.put(
    "/{id}", **declare(Account, ("spend", "grant"), refusals=(409,), responses={201: {"model": Account}})
)
async def put_account(call: Read, id: AccountInPath, body: AccountBody | None = None) -> Response:
    """Create an account (201), or change what is given of it (200). An account belongs to the live or to the
    test side, as the key that made it."""
    given = (body or AccountBody()).model_dump()
    kept, created = await accounts.put_account(call.ctx, call.who, id, **given)
    return answer(kept, 201 if created else 200)


@router.get("", **declare(Page[Account], "support"))
async def find_accounts(
    call: Read,
    query: Annotated[
        str | None,
        Query(min_length=1, max_length=200, pattern=PRINTABLE, description="Part of an id, name or email."),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List accounts, or find some."""
    page = await accounts.find_accounts(call.ctx, call.who, limit=limit, cursor=cursor, query=query)
    return listing(page.data, page.next_cursor)


@router.get("/{id}", **declare(Account, "read", refusals=(404,)))
async def get_account(call: Read, id: AccountInPath) -> Response:
    """Read an account."""
    return answer(await accounts.get_account(call.ctx, call.who, id))


@router.post("/{id}/clock", **declare(Balance, ("spend", "grant", "support"), refusals=(404, 409)))
async def move_clock(call: Read, id: AccountInPath, body: ClockBody) -> Response:
    """Move an account's test clock forward, which does just what waiting would (T9). Test keys only."""
    if call.who.test is not True:
        raise Forbidden("Only test keys move clocks: live accounts live by the real time.")
    return answer(await accounts.move_clock(call.ctx, call.who, id, body.now))


@router.get("/{id}/balance", **declare(Balance, "read", refusals=(404,)))
async def get_balance(
    call: Read,
    id: AccountInPath,
    at: Annotated[Instant | None, Query(description="A past instant (L3); now, if left out.")] = None,
) -> Response:
    """Read what an account can spend, now or at a past instant, and where it comes from."""
    return answer(await wallets.balance(call.ctx, call.who, id, at))


@router.get("/{id}/entries", **declare(Page[Entry], "read", refusals=(404,)))
async def list_entries(call: Read, id: AccountInPath, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """List an account's ledger (L1), newest first."""
    page = await ledger.entries(call.ctx, call.who, id, limit=limit, cursor=cursor)
    return listing(page.data, page.next_cursor)


@router.get("/{id}/explain", **declare(Explanation, "read", refusals=(404,)))
async def explain(call: Read, id: AccountInPath) -> Response:
    """Explain a balance (L5): where each credit came from, what each charge took, in customers' words."""
    return answer(await ledger.explain(call.ctx, call.who, id))


@router.get("/{id}/grants", **declare(Page[Grant], "read", refusals=(404,)))
async def list_grants(call: Read, id: AccountInPath) -> Response:
    """List the grants with something remaining, in the order in which they will be spent."""
    return listing(await grants.grants(call.ctx, call.who, id))


@router.get("/{id}/subscriptions", **declare(Page[Subscription], "read", refusals=(404,)))
async def list_subscriptions(call: Read, id: AccountInPath) -> Response:
    """List an account's subscriptions, ended ones included."""
    return listing(await subscriptions.subscriptions(call.ctx, call.who, id))
