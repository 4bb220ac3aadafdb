"""`coinpurse doctor`: is this deployment sound?"""

import click

from coinpurse.app import doctor as app
from coinpurse.app.context import Context
from coinpurse.cli.running import in_context
from coinpurse.cli.saying import DONE, WRONG, Said, table

MARKS = {"ok": "ok", "note": "note", "wrong": "WRONG"}


@click.command()
@in_context
async def doctor(ctx: Context) -> Said:
    """Say whether this deployment is sound: versions, clock, durability, lag, payment providers, renewals."""
    findings = await app.examine(ctx)
    wrong = [f for f in findings if f.state == "wrong"]
    lines = table((MARKS[f.state], f.name, f.words) for f in findings)
    lines += [f"{f.name}: {f.advice}" for f in findings if f.advice]
    lines.append(f"{len(wrong)} things are wrong." if wrong else "This deployment is sound.")
    return Said({"sound": not wrong, "findings": findings}, lines, WRONG if wrong else DONE)
