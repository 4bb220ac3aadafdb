"""The payment provider's own pages, and what customers should know of their payments there."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from coinpurse.app import asking, plans
from coinpurse.app.checkouts import ROWS, Checkout, checkout_of
from coinpurse.app.context import Context, Who
from coinpurse.domain.errors import Conflict

#: Bank debits take up to two weeks; a failure is news for a few days, or until another try went well.
TROUBLED = (
    ROWS
    + """ WHERE c.account = %(account)s AND (c.item->>'test')::boolean = %(test)s AND c.item ? 'pack'
            AND (c.status = 'pending' AND c.changed_at > clock_timestamp() - interval '30 days'
              OR c.status = 'failed' AND c.changed_at > clock_timestamp() - interval '3 days' AND NOT EXISTS (
                 SELECT FROM coinpurse.checkouts p WHERE p.account = c.account AND p.status = 'paid'
                    AND (p.item->>'test')::boolean = %(test)s AND p.changed_at > c.changed_at))
          ORDER BY c.changed_at DESC LIMIT 2"""
)
#: The event that ought to have confirmed it, if one has come and was not understood, else the subscription.
LATE = """
    SELECT k.reference,
           (SELECT e.event FROM coinpurse.events e
             WHERE e.provider = k.provider AND e.objects @> ARRAY[k.reference]
               AND e.status IN ('waiting', 'failed') ORDER BY e.received_at DESC LIMIT 1) AS event
      FROM coinpurse.renewals r JOIN coinpurse.standings k USING (account, subscription)
     WHERE r.account = %s AND r.state = 'late' ORDER BY r.period_start DESC LIMIT 1"""


@dataclass(frozen=True, slots=True)
class Portal:
    """A page of the provider where a customer changes cards and finds invoices. It is for that customer alone
    and does not live long: send them there at once."""

    url: str
    account: str
    provider: str


@dataclass(frozen=True, slots=True)
class Payments:
    """What an account's owner should know: top-ups that are pending or failed lately, newest first; what to
    name when asking about a renewal whose payment is late; whether there is a portal."""

    topups: list[Checkout]
    late: str | None
    portal: bool


async def open_portal(ctx: Context, who: Who, account: str, *, return_url: str | None = None) -> Portal:
    """Opens the provider's page for an account's customer. Raises Conflict, also where nothing has been
    bought yet, and Unavailable."""
    known = await ctx.directory.existing(account, who.test)
    found = await _customer(ctx, known.digest)
    if found is None:
        raise Conflict(
            "There is no page for payments yet: this account has bought nothing at a payment provider that "
            "can be asked from here."
        )
    name, customer = found
    back = return_url or f"{ctx.settings.public_url}/subscriptions"
    opened = await asking.ask(name, asking.provider_of(ctx, name).portal(customer, return_url=back))
    return Portal(opened.url, known.id, name)


async def _customer(ctx: Context, account: UUID) -> tuple[str, str] | None:
    """The provider, of those that can be asked, at which the account is a customer, and which."""
    for name in plans.sellers(ctx):
        customer = await asking.customer_of(ctx, name, account)
        if customer is not None:
            return name, customer
    return None


async def payments(ctx: Context, who: Who, account: str) -> Payments:
    """What to say of an account's payments. Raises AccountNotFound."""
    known = await ctx.directory.existing(account, who.test)
    rows = await ctx.db.rows(TROUBLED, {"account": known.id, "test": known.test})
    late: list[dict[str, Any]] = await ctx.db.rows(LATE, [known.digest])
    return Payments(
        topups=[checkout_of(ctx, row) for row in rows],
        late=(late[0]["event"] or late[0]["reference"]) if late else None,
        portal=await _customer(ctx, known.digest) is not None,
    )
