"""`coinpurse events …`: what payment providers told, and what became of it."""

from collections.abc import Iterator

import click

from coinpurse.app import events as app
from coinpurse.app.context import Context, Who
from coinpurse.app.events import BillingEvent
from coinpurse.cli.running import in_context
from coinpurse.cli.saying import Said, table, when

of_provider = click.option("--provider", help="Needed where two providers use the same id.")


@click.group()
def events() -> None:
    """List, show and retry billing events."""


@events.command("list")
@click.option("--status", type=click.Choice(app.STATUSES), help="`failed` are those that need a look.")
@click.option("--account", metavar="ID", help="Only events of this account.")
@click.option("--test", is_flag=True, help="Only those of test money.")
@click.option("--provider", help="Only those of this provider.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--cursor", help="The next_cursor of the page before.")
@in_context
async def list_(
    ctx: Context,
    status: str | None,
    account: str | None,
    test: bool,
    provider: str | None,
    limit: int,
    cursor: str | None,
) -> Said:
    """List billing events, newest first."""
    who = Who("cli", True if test else None)
    page = await app.billing_events(
        ctx, who, status=status, account=account, provider=provider, limit=limit, cursor=cursor
    )
    rows = [
        (when(e.received_at), e.status, e.type, e.account or "", e.id, e.outcome or "") for e in page.data
    ]
    lines = table(rows) if rows else ["No billing events."]
    if page.next_cursor:
        lines.append(f'There are more: --cursor "{page.next_cursor}"')
    return Said(page, lines)


@events.command()
@click.argument("event_id", metavar="EVENT_ID")
@of_provider
@in_context
async def show(ctx: Context, event_id: str, provider: str | None) -> Said:
    """Everything about one billing event."""
    event = await app.get_event(ctx, Who("cli"), event_id, provider=provider)
    return Said(event, list(_lines(event)))


@events.command()
@click.argument("event_id", metavar="EVENT_ID")
@of_provider
@in_context
async def retry(ctx: Context, event_id: str, provider: str | None) -> Said:
    """Have a billing event worked on once more; a running worker takes it within a second."""
    event = await app.retry_event(ctx, Who("cli"), event_id, provider=provider)
    return Said(event, [f"{event.id} will be worked on again. See: coinpurse events show {event.id}"])


def _lines(event: BillingEvent) -> Iterator[str]:
    kind = "test money" if event.test else "live money"
    yield f"{event.id} ({event.type}, {event.provider}, {kind})"
    yield from table(
        [
            ("status", event.status),
            ("outcome", event.outcome or "not worked on yet"),
            ("account", event.account or "not known"),
            ("acts in the ledger", str(event.acts)),
            ("happened", when(event.created_at)),
            ("received", when(event.received_at)),
            ("attempts", str(event.attempts)),
            ("next try", when(event.next_try_at)),
            ("about", ", ".join(event.objects) or "nothing named"),
        ]
    )
