"""`coinpurse staff …`: who may come to the support console."""

import click

from coinpurse.app import staff as app
from coinpurse.app.context import Context
from coinpurse.cli.running import in_context
from coinpurse.cli.saying import Said, table, when

ROLES = ("viewer", "agent", "lead", "admin")
BY = "cli"
email_argument = click.argument("email")


@click.group()
def staff() -> None:
    """Say who may come to the support console, and as what."""


@staff.command()
@email_argument
@click.option("--role", type=click.Choice(ROLES), required=True, help="What they may do.")
@click.option("--name", help="How colleagues call them.")
@click.option("--no-password", is_flag=True, help="They sign in by OpenID Connect only.")
@in_context
async def add(ctx: Context, email: str, role: str, name: str | None, no_password: bool) -> Said:
    """Add somebody and show their password, once: only its hash is kept."""
    known, password = await app.add(ctx, BY, email, role=role, name=name, password=not no_password)
    said = f"{known.email} is {role} now."
    return Said(
        {"id": known.id, "email": known.email, "role": role, "password": password},
        [password, f"{said} The password won't be shown again."] if password else [said],
    )


@staff.command("list")
@in_context
async def list_(ctx: Context) -> Said:
    """List everybody, with what they may do."""
    found = await app.everybody(ctx)
    rows = [
        (
            one.email,
            one.role,
            one.name,
            "password" if one.has_password else "OpenID Connect",
            f"disabled {when(one.disabled_at)}" if one.disabled_at else f"since {when(one.created_at)}",
        )
        for one in found
    ]
    nobody = ["Nobody yet. Add the first: coinpurse staff add you@example.com --role admin"]
    return Said(found, table(rows) if rows else nobody)


@staff.command()
@email_argument
@click.argument("role", type=click.Choice(ROLES))
@in_context
async def role(ctx: Context, email: str, role: str) -> Said:
    """Change what somebody may do; they sign in anew."""
    known = await app.change(ctx, BY, email, role=role)
    return Said(known, [f"{known.email} is {known.role} now."])


@staff.command()
@email_argument
@in_context
async def password(ctx: Context, email: str) -> Said:
    """Make a new password and show it, once; they sign in anew."""
    made = await app.new_password(ctx, BY, email)
    return Said({"email": email, "password": made}, [made, "It won't be shown again."])


@staff.command()
@email_argument
@in_context
async def disable(ctx: Context, email: str) -> Said:
    """Shut somebody out, at once."""
    known = await app.change(ctx, BY, email, enabled=False)
    return Said(known, [f"{known.email} can't sign in any more."])


@staff.command()
@email_argument
@in_context
async def enable(ctx: Context, email: str) -> Said:
    """Let somebody in again."""
    known = await app.change(ctx, BY, email, enabled=True)
    return Said(known, [f"{known.email} can sign in again, as {known.role}."])
