"""`coinpurse accounts …`: who holds credits."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from coinpurse.app import accounts as app
from coinpurse.app import grants as app_grants
from coinpurse.app import subscriptions, wallets
from coinpurse.app.context import Context, Who
from coinpurse.cli.credits import INSTANT, balance_lines, grant_rows
from coinpurse.cli.running import in_context, of_account
from coinpurse.cli.saying import Said, table, when
from coinpurse.domain.credits import Account


@click.group()
def accounts() -> None:
    """Show, list, create and erase accounts."""


@accounts.command()
@of_account
async def show(ctx: Context, who: Who, account: str) -> Said:
    """Everything about one account: who, balance, subscriptions, grants."""
    found = await app.get_account(ctx, who, account)
    balance = await wallets.balance(ctx, who, account)
    subs = await subscriptions.subscriptions(ctx, who, account)
    grants = await app_grants.grants(ctx, who, account)
    lines = [*_account_lines(found), *balance_lines(balance)]
    if subs:
        rows = [(s.id, s.plan, s.interval, s.status, f"paid through {when(s.paid_through)}") for s in subs]
        lines += ["Subscriptions", *table(rows)]
    if grants:
        lines += ["Grants, in the order in which they will be spent", *table(grant_rows(grants))]
    value = {"account": found, "balance": balance, "subscriptions": subs, "grants": grants}
    return Said(value, lines)


@accounts.command("list")
@click.option("--query", "-q", help="Only accounts whose id, name or email has this in it.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--cursor", help="The next_cursor of the page before.")
@in_context
async def list_(ctx: Context, query: str | None, limit: int, cursor: str | None) -> Said:
    """List accounts."""
    page = await app.find_accounts(ctx, Who("cli"), query=query, limit=limit, cursor=cursor)
    rows = [(a.id, "test" if a.test else "live", a.name or "", a.email or "") for a in page.data]
    lines = table(rows) if rows else ["No accounts."]
    if page.next_cursor:
        lines.append(f"There are more: --cursor {page.next_cursor}")
    return Said(page, lines)


@accounts.command()
@of_account
@click.option("--name")
@click.option("--email")
@click.option("--currency")
@click.option("--locale")
@click.option("--clock", type=INSTANT, help="Give a test account a test clock (T9).")
async def create(ctx: Context, who: Who, account: str, clock: datetime | None, **fields: Any) -> Said:
    """Create an account, or update the given fields of one."""
    made, created = await app.put_account(ctx, who, account, clock=clock, **fields)
    first, *more = _account_lines(made)
    words = f"Created the account {first}." if created else f"Updated the account {first}."
    return Said({**asdict(made), "created": created}, [words, *more])


@accounts.command()
@of_account
@click.option("--reason", required=True, help="Why; kept in the ledger.")
@click.confirmation_option(prompt="Name, e-mail address, metadata and billing events will be gone. Go on?")
async def erase(ctx: Context, who: Who, account: str, reason: str) -> Said:
    """Erase what is known of a person; the books stay whole."""
    erased = await app.erase(ctx, who, account, reason=reason)
    return Said(erased, [f"Erased what was known of {account}. Its balance and its ledger are as they were."])


def _account_lines(account: Account) -> list[str]:
    facts = [account.name, account.email, "test account" if account.test else None]
    about = ", ".join(filter(None, facts))
    clock = [f"  its test clock stands at {when(account.clock)}"] if account.clock else []
    return [f"{account.id} ({about})" if about else account.id, *clock]
