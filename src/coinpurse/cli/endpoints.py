"""`coinpurse endpoints …`: where outgoing events go."""

import click

from coinpurse.app import endpoints as app
from coinpurse.app.context import Context, Who
from coinpurse.cli.running import in_context
from coinpurse.cli.saying import Said, table, when
from coinpurse.domain.outgoing import TYPES

WHO = Who("cli")


@click.group()
def endpoints() -> None:
    """Add, list and remove webhook endpoints."""


@endpoints.command()
@click.argument("url", metavar="URL")
@click.option("--type", "types", multiple=True, type=click.Choice(list(TYPES)), help="Repeatable; else all.")
@click.option("--test", is_flag=True, help="For events of test accounts; else of live accounts.")
@in_context
async def add(ctx: Context, url: str, types: tuple[str, ...], test: bool) -> Said:
    """Add an endpoint and show its signing secret, once."""
    made = await app.create_endpoint(ctx, WHO, url=url, types=types, test=test)
    what = ", ".join(made.types) or "all events"
    return Said(made, [made.secret, f"This is {made.id} ({what}). Its secret won't be shown again."])


@endpoints.command("list")
@in_context
async def list_(ctx: Context) -> Said:
    """List endpoints (never their secrets)."""
    found = await app.endpoints(ctx, WHO)
    rows = [
        (
            one.id,
            "test" if one.test else "live",
            one.url,
            ", ".join(one.types) or "all events",
            f"disabled {when(one.disabled_at)}: {one.disabled_why}" if one.disabled_at else "",
        )
        for one in found
    ]
    return Said(found, table(rows) if rows else ["No endpoints. Add one: coinpurse endpoints add URL"])


@endpoints.command()
@click.argument("endpoint_id", metavar="ENDPOINT_ID")
@in_context
async def remove(ctx: Context, endpoint_id: str) -> Said:
    """Remove an endpoint: nothing more is sent to it."""
    gone = await app.remove_endpoint(ctx, WHO, endpoint_id)
    return Said(gone, [f"{gone.id} ({gone.url}) is removed."])
