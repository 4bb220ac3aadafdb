"""Finding an account by whatever a support ticket names: its id, address or name, an identifier of ours, or
one of a payment provider (U3). Every look is by an index, and bounded."""

import asyncio
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from coinpurse.app import events
from coinpurse.app.context import Context, Who
from coinpurse.app.events import BillingEvent
from coinpurse.domain.catalog import PROVIDERS

MOST = 20  # accounts that are listed
MOST_TEXT = 255
OURS = re.compile(r"(ch|ho|gr|re|su)_([0-9a-f]{32})_[1-9][0-9]{0,17}")
NAMES = {"ch": "charge", "ho": "hold", "gr": "grant", "re": "reversal", "su": "subscription"}

#: Accounts whose id or address begins with a text, or whose name has words that begin so.
BY_TEXT = """
    SELECT account, id, test, name, email FROM (
      (SELECT * FROM coinpurse.accounts
        WHERE lower(id COLLATE "C") >= lower(%(text)s COLLATE "C")
          AND lower(id COLLATE "C") < lower(%(text)s COLLATE "C") || chr(1114111)
        ORDER BY lower(id COLLATE "C") LIMIT %(limit)s)
      UNION
      (SELECT * FROM coinpurse.accounts
        WHERE lower(email COLLATE "C") >= lower(%(text)s COLLATE "C")
          AND lower(email COLLATE "C") < lower(%(text)s COLLATE "C") || chr(1114111)
        ORDER BY lower(email COLLATE "C") LIMIT %(limit)s)
      UNION
      (SELECT * FROM coinpurse.accounts
        WHERE to_tsvector('simple'::regconfig, coalesce(name, ''))
              @@ to_tsquery('simple'::regconfig, %(words)s)
        LIMIT %(limit)s)) found
     ORDER BY id <> %(text)s, id, test LIMIT %(limit)s"""
#: Whose the things are that a provider calls so.
BY_NAME = """
    SELECT DISTINCT account, what, provider FROM (
      SELECT account, 'customer' AS what, provider FROM coinpurse.customers
       WHERE provider = ANY (%(providers)s) AND customer = %(text)s
      UNION ALL
      SELECT account, 'subscription', provider FROM coinpurse.standings
       WHERE provider = ANY (%(providers)s) AND reference = %(text)s
      UNION ALL
      SELECT account, 'payment', provider FROM coinpurse.payments
       WHERE provider = ANY (%(providers)s) AND (reference = %(text)s OR payment = %(text)s)
      UNION ALL
      SELECT account, 'invoice', provider FROM coinpurse.payments
       WHERE provider = ANY (%(providers)s) AND invoice = %(text)s
      UNION ALL
      SELECT p.account, 'payment', p.provider FROM coinpurse.paid_with l
        JOIN coinpurse.payments p ON p.provider = l.provider AND p.invoice = l.invoice
       WHERE l.provider = ANY (%(providers)s) AND l.payment = %(text)s
      UNION ALL
      SELECT p.account, 'dispute', p.provider FROM coinpurse.disputes d
        JOIN coinpurse.payments p ON p.provider = d.provider AND p.payment = d.payment
       WHERE d.provider = ANY (%(providers)s) AND d.dispute = %(text)s
      UNION ALL
      SELECT a.account, 'checkout', c.provider FROM coinpurse.checkouts c
        JOIN coinpurse.accounts a ON a.id = c.account AND a.test = (c.item->>'test')::boolean
       WHERE c.checkout = %(text)s OR (c.provider = ANY (%(providers)s) AND c.reference = %(text)s)) found
     LIMIT %(limit)s"""
ACCOUNTS = "SELECT account, id, test, name, email FROM coinpurse.accounts WHERE account = ANY (%s)"


@dataclass(frozen=True, slots=True)
class Hit:
    """An account, and what of it was meant: `what` is a word for the thing, `about` our identifier of it."""

    digest: UUID
    account: str
    test: bool
    name: str | None
    email: str | None
    what: str
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Accounts, the best first, and billing events that are called so or speak of what is."""

    hits: list[Hit]
    events: list[BillingEvent]


async def find(ctx: Context, who: Who, text: str) -> Found:
    """Everything that a text may mean. Nothing is found for nothing."""
    text = text.strip()[:MOST_TEXT]
    if not text or not text.isprintable():
        return Found([], [])
    if ours := OURS.fullmatch(text):
        return Found(await _ours(ctx, UUID(ours[2]), NAMES[ours[1]], text), [])
    named, told, like = await asyncio.gather(
        _named(ctx, text), events.about(ctx, who, text, limit=MOST), _like(ctx, text)
    )
    seen = {hit.digest for hit in named}
    return Found([*named, *(hit for hit in like if hit.digest not in seen)][:MOST], told)


async def _ours(ctx: Context, digest: UUID, what: str, about: str) -> list[Hit]:
    return [_hit(row, what, about) for row in await ctx.db.rows(ACCOUNTS, [[digest]])]


async def _named(ctx: Context, text: str) -> list[Hit]:
    asked = {"text": text, "providers": [*PROVIDERS, "manual"], "limit": MOST}
    found = await ctx.db.rows(BY_NAME, asked)
    rows = await ctx.db.rows(ACCOUNTS, [[row["account"] for row in found]]) if found else []
    by_digest = {row["account"]: row for row in rows}
    return [
        _hit(by_digest[row["account"]], f"{row['what']} at {row['provider']}")
        for row in found
        if row["account"] in by_digest
    ]


async def _like(ctx: Context, text: str) -> list[Hit]:
    words = re.findall(r"\w+", text)
    query = " & ".join(f"{word}:*" for word in words)
    rows = await ctx.db.rows(BY_TEXT, {"text": text, "words": query, "limit": MOST})
    return [_hit(row, "account") for row in rows]


def _hit(row: Any, what: str, about: str | None = None) -> Hit:
    return Hit(row["account"], row["id"], row["test"], row["name"], row["email"], what, about)


NAMES_OF = "SELECT provider, name FROM coinpurse.names_of(%s) ORDER BY provider, name LIMIT 40"


async def names_of(ctx: Context, digest: UUID) -> list[tuple[str, str]]:
    """What providers call that which is an account's, the first 40: (provider, name)."""
    return [(row["provider"], row["name"]) for row in await ctx.db.rows(NAMES_OF, [digest])]
