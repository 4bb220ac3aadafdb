"""Accounts: who holds credits."""

from datetime import UTC, datetime
from typing import Any

from coinpurse.app import wallets
from coinpurse.app.context import Context, Who, check_metadata, check_text
from coinpurse.domain.credits import Account, Balance, Page
from coinpurse.domain.errors import Conflict, Forbidden, Invalid
from coinpurse.store.db import instant
from coinpurse.store.refusals import raise_refusal

ACCOUNT = """
    SELECT a.id, a.name, a.email, a.currency, a.locale, a.metadata, a.test, w.clock, a.created_at
      FROM coinpurse.accounts a JOIN coinpurse.wallets w USING (account)"""
MOST_NAME = 200


async def put_account(
    ctx: Context,
    who: Who,
    id: str,
    *,
    name: str | None = None,
    email: str | None = None,
    currency: str | None = None,
    locale: str | None = None,
    metadata: dict[str, Any] | None = None,
    clock: datetime | None = None,
) -> tuple[Account, bool]:
    """Creates an account, or changes what is given (None: stays), and says whether it is new. A `clock`
    starts a test clock (T9)."""
    _check_id(id)
    for text, pointer in ((name, "/name"), (email, "/email"), (currency, "/currency"), (locale, "/locale")):
        check_text(text, pointer)
    check_metadata(metadata)
    if clock is not None and who.test is False:
        raise Forbidden("Only test accounts can carry a test clock: use a test key.")
    digest = await ctx.directory.account(id, who.test)
    test = who.test if who.test is not None else clock is not None
    if who.test is None and clock is not None:
        digest = await ctx.directory.account(id, True)
    answer = await ctx.db.call(
        "put_account",
        account=digest,
        id=id,
        test=test,
        name=name,
        email=email,
        currency=currency,
        locale=locale,
        metadata=metadata,
        clock=clock,
    )
    raise_refusal(answer, id)
    return await _account(ctx, digest), answer["status"] == "created"


def _check_id(id: str) -> None:
    if not isinstance(id, str) or not 1 <= len(id) <= MOST_NAME or not id.isprintable():
        raise Invalid.at("/id", f"An account's id has 1 to {MOST_NAME} printable characters.")


async def _account(ctx: Context, digest: Any) -> Account:
    return Account(**(await ctx.db.rows(ACCOUNT + " WHERE a.account = %s", [digest]))[0])


async def get_account(ctx: Context, who: Who, id: str) -> Account:
    """An account. Raises AccountNotFound."""
    return await _account(ctx, (await ctx.directory.existing(id, who.test)).digest)


async def move_clock(ctx: Context, who: Who, id: str, now: datetime) -> Balance:
    """Moves a test account's clock forward, which does all that waiting would have done (T9)."""
    known = await ctx.directory.existing(id, who.test)
    if not known.test:
        raise Conflict("This is a live account; only test accounts carry a test clock.")
    raise_refusal(await ctx.db.call("move_clock", account=known.digest, now=now), id)
    return await wallets.balance(ctx, who, id)


async def erase(ctx: Context, who: Who, id: str, *, reason: str) -> Account:
    """Erases what is known of a person: name, e-mail address, metadata, links to providers' customers, and
    what providers told of them. The books stay whole, and right. Raises AccountNotFound, Conflict."""
    check_text(reason, "/reason")
    known = await ctx.directory.existing(id, who.test)
    answer = await ctx.db.call("erase", account=known.digest, actor=who.actor, reason=reason)
    raise_refusal(answer, id)
    return await _account(ctx, known.digest)


async def find_accounts(
    ctx: Context, who: Who, *, limit: int = 50, cursor: str | None = None, query: str | None = None
) -> Page[Account]:
    """Accounts by creation, newest first; `query` looks in id, name and email."""
    before, last = _read_cursor(cursor)
    rows = await ctx.db.rows(
        ACCOUNT
        + """ WHERE (%(test)s::boolean IS NULL OR a.test = %(test)s)
                AND (%(query)s::text IS NULL OR concat_ws(' ', a.id, a.name, a.email) ILIKE '%%' ||
                %(query)s || '%%')
                AND (%(before)s::timestamptz IS NULL OR (a.created_at, a.id) < (%(before)s, %(last)s))
              ORDER BY a.created_at DESC, a.id DESC LIMIT %(limit)s""",
        {"test": who.test, "query": query, "before": before, "last": last, "limit": limit + 1},
    )
    found = [Account(**row) for row in rows]
    more = found[limit - 1] if len(found) > limit else None
    return Page(found[:limit], f"{more.created_at.isoformat()} {more.id}" if more else None)


def _read_cursor(cursor: str | None) -> tuple[datetime | None, str | None]:
    if cursor is None:
        return None, None
    try:
        text, _, last = cursor.partition(" ")
        return (instant(text) or datetime.now(UTC)), last
    except (ValueError, OverflowError):
        raise Invalid.at("/cursor", "It is not a cursor that a list of accounts gave.") from None
