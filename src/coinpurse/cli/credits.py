"""The commands about one account's credits."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import click

from coinpurse.app import grants, ledger, wallets
from coinpurse.app.context import Context, Who
from coinpurse.cli.running import of_account
from coinpurse.cli.saying import Said, credits, number, table, when
from coinpurse.domain.credits import Balance, Grant, Taken

INSTANT = click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"])


@click.command()
@of_account
@click.option("--at", type=INSTANT, help="As it was at a past instant, such as 2026-01-31T10:00:00Z.")
async def balance(ctx: Context, who: Who, account: str, at: datetime | None) -> Said:
    """What an account can spend, and where it comes from."""
    answer = await wallets.balance(ctx, who, account, at)
    return Said(answer, balance_lines(answer))


@click.command()
@of_account
@click.argument("amount", type=int)
@click.option("--reason", required=True, help="Why; it is kept for ever.")
@click.option(
    "--kind", type=click.Choice(["addon", "promo", "compensation"]), default="addon", show_default=True
)
@click.option("--expires-at", type=INSTANT, help="Not for add-on credits: they never expire.")
@click.option("--key", help="Idempotency key: with the same one, a repeated command grants nothing more.")
async def grant(
    ctx: Context,
    who: Who,
    account: str,
    amount: int,
    reason: str,
    kind: str,
    expires_at: datetime | None,
    key: str | None,
) -> Said:
    """Give an account credits."""
    answer = await grants.grant(
        ctx, who, account, kind=kind, amount=amount, expires_at=expires_at, reason=reason, key=key
    )
    again = " (by an earlier command with this key)" if answer.replayed else ""
    line = f"Granted {credits(answer.amount)} ({answer.kind}) to {account}{again}: {answer.id}"
    return Said(answer, [line, *(_now_lines(answer.balance) if answer.balance else ())])


@click.command()
@of_account
@click.argument("amount", type=int, required=False)
@click.option("--operation", help="What the rate card of the catalog prices, instead of an amount.")
@click.option("--quantity", type=int, help="How many units of the operation (default 1).")
@click.option("--key", help="Idempotency key: with the same one, a repeated command spends nothing more.")
async def charge(
    ctx: Context,
    who: Who,
    account: str,
    amount: int | None,
    operation: str | None,
    quantity: int | None,
    key: str | None,
) -> Said:
    """Spend an account's credits."""
    if (amount is None) == (operation is None):
        raise click.UsageError("Give either an AMOUNT or --operation.")
    answer = await wallets.charge(
        ctx, who, account, amount=amount, operation=operation, quantity=quantity, key=key
    )
    again = " (by an earlier command with this key)" if answer.replayed else ""
    line = f"Charged {credits(answer.amount)} to {account}{again}: {answer.id}"
    return Said(answer, [line, *table(_taken_rows(answer.taken)), *_now_lines(answer.balance)])


@click.command()
@of_account
async def explain(ctx: Context, who: Who, account: str) -> Said:
    """Where an account's credits come from and what paid for its charges, in plain words."""
    answer = await ledger.explain(ctx, who, account)
    lines = [*answer.sentences, *(f"  {g.sentence}" for g in answer.grants)]
    return Said(answer, [*lines, *(f"  {c.sentence}" for c in answer.charges)])


def balance_lines(balance: Balance) -> list[str]:
    """A balance in words."""
    sub = balance.subscription
    plan = f"{sub.plan}, {sub.status}" if sub else "no subscription"
    return [
        f"{credits(balance.available)} can be spent as of {when(balance.as_of)} ({plan})",
        *table(_bucket_rows(balance)),
    ]


def _bucket_rows(balance: Balance) -> Iterator[tuple[str, str, str]]:
    monthly = balance.monthly
    of = f"of {number(monthly.allocation)} a month" if monthly.allocation else ""
    renews = f", renews {when(monthly.renews_at)}" if monthly.renews_at else ""
    waiting = (
        ", waiting for its payment" if monthly.renewing else ", provisional" if monthly.provisional else ""
    )
    yield "monthly", number(monthly.available), of + renews + waiting
    for other in balance.buckets.other:
        yield other.kind, number(other.available), ""
    yield "add-on", number(balance.addon.available), "never expire"
    if balance.held:
        yield "held", number(balance.held), "set aside for running work"
    if frozen := monthly.frozen + balance.addon.frozen:
        yield "frozen", number(frozen), "can't be spent until a payment is settled"


def grant_rows(grants: Iterable[Grant]) -> Iterator[tuple[str, ...]]:
    """Grants as rows of a table."""
    for grant in grants:
        until = f"expires {when(grant.expires_at)}" if grant.expires_at else "never expires"
        yield grant.id, grant.kind, number(grant.remaining), f"of {number(grant.amount)}", until


def _taken_rows(taken: Iterable[Taken]) -> list[tuple[str, str, str]]:
    return [(t.kind, number(t.amount), f"from {t.grant}") for t in taken]


def _now_lines(balance: Balance) -> list[str]:
    return [f"{credits(balance.available)} can be spent now."]
