"""`coinpurse keys …`: API keys."""

from datetime import UTC, datetime

import click

from coinpurse.app import keys as app
from coinpurse.app.context import Context
from coinpurse.cli.running import in_context
from coinpurse.cli.saying import Said, table, when

SCOPES = ("read", "spend", "grant", "support", "admin")


@click.group()
def keys() -> None:
    """Create, list, rotate and revoke API keys."""


@keys.command()
@click.option(
    "--scope", "scopes", multiple=True, required=True, type=click.Choice(SCOPES), help="Repeatable."
)
@click.option("--test", is_flag=True, help="A key for test accounts only; else for live accounts only.")
@click.option("--name", help="What it is for.")
@in_context
async def create(ctx: Context, scopes: tuple[str, ...], test: bool, name: str | None) -> Said:
    """Create a key and show it, once: only its hash is kept."""
    key = await app.create_key(ctx, scopes=list(scopes), test=test, name=name)
    return Said(key, [key.key, f"This is {key.id} ({', '.join(key.scopes)}). It won't be shown again."])


@keys.command("list")
@in_context
async def list_(ctx: Context) -> Said:
    """List keys (never the secret part)."""
    found = await app.list_keys(ctx)
    rows = [
        (
            key.id,
            "test" if key.test else "live",
            ", ".join(key.scopes),
            key.name or "",
            _state(key),
        )
        for key in found
    ]
    return Said(found, table(rows) if rows else ["No keys. Make one: coinpurse keys create --scope read"])


def _state(key: app.ApiKey) -> str:
    if key.revoked_at is None:
        return f"created {when(key.created_at)}"
    return f"{'ends' if key.revoked_at > datetime.now(UTC) else 'revoked'} {when(key.revoked_at)}"


@keys.command()
@click.argument("key_id", metavar="KEY_ID")
@click.option(
    "--overlap",
    "hours",
    type=click.IntRange(0, app.MOST_OVERLAP // 3600),
    default=24,
    show_default=True,
    help="Hours for which the old key works on.",
)
@in_context
async def rotate(ctx: Context, key_id: str, hours: int) -> Said:
    """Make a new key with the same scopes, mode and name; the old one ends by itself."""
    key = await app.rotate_key(ctx, key_id, overlap=hours * 3600)
    words = f"This is {key.id}. It won't be shown again. {key_id} works for {hours} more hours."
    return Said(key, [key.key, words])


@keys.command()
@click.argument("key_id", metavar="KEY_ID")
@in_context
async def revoke(ctx: Context, key_id: str) -> Said:
    """Revoke a key: requests with it are refused from now on."""
    key = await app.revoke_key(ctx, key_id)
    return Said(key, [f"{key.id} is revoked since {when(key.revoked_at)}."])
