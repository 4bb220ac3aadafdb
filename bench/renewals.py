"""Many accounts whose month ends at one instant: are they right at once, how fast is it made durable, and are
charges in the way? See README.md."""

import argparse
import asyncio
import random
import time
from datetime import UTC, datetime, timedelta

import uvloop
from clones import clone
from measure import Run, callers
from ours import WHO, opened, renewing
from processes import Meter

from coinpurse.app import upkeep, wallets
from coinpurse.app.context import Context


async def main() -> None:
    """Makes the accounts, waits for the instant, and sweeps while charging."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--lead", type=float, default=30, help="seconds for making them, before they renew")
    options = parser.parse_args()
    async with opened() as ctx:
        renews = datetime.now(UTC) + timedelta(seconds=options.lead)
        await _template(ctx, renews)
        await asyncio.to_thread(clone, ctx.db.conninfo, "template", 0, options.accounts - 1)
        print(f"{options.accounts:,} accounts renew at one instant", flush=True)
        before = await _charging(ctx, options.accounts, 3.0)
        print(f"charges before: {_figures(before)}", flush=True)
        await asyncio.sleep(max(0.0, (renews - datetime.now(UTC)).total_seconds()))
        shown = await wallets.balance(ctx, WHO, "clone_0")
        has = f"{shown.monthly.available:,} of {shown.monthly.allocation:,} credits"
        print(f"looked at right after it: {has}")
        await _sweep(ctx, options.accounts)


async def _template(ctx: Context, renews: datetime) -> None:
    await renewing(ctx, "template", renews)
    await wallets.charge(ctx, WHO, "template", amount=400)


async def _charging(ctx: Context, accounts: int, seconds: float) -> Run:
    async def single(hot: bool) -> int:
        await wallets.charge(ctx, WHO, f"clone_{random.randrange(accounts)}", amount=1)
        return 1

    return await callers("charges", single, 64).run(False, seconds)


async def _sweep(ctx: Context, accounts: int) -> None:
    made, began, batches = 0, time.perf_counter(), 0
    charging = asyncio.create_task(_charging(ctx, accounts, 5.0))
    while swept := await upkeep.sweep(ctx):
        made, batches = made + swept, batches + 1
        if charging.done():
            break
    during = await charging
    spent = time.perf_counter() - began
    print(f"swept beside charges: {made:,} accounts in {spent:.1f} s, {made / spent:,.0f}/s")
    print(f"charges meanwhile: {_figures(during)}")
    meter = await Meter.on(ctx)
    began, alone, before = time.perf_counter(), 0, meter.read()
    while swept := await upkeep.sweep(ctx):
        alone += swept
    spent, used = time.perf_counter() - began, meter.read().since(before)[1]
    print(f"swept alone: {alone:,} accounts in {spent:.1f} s, {alone / max(spent, 0.001):,.0f}/s", end="")
    print(f", {used / max(alone, 1) * 1e6:,.0f} us of PostgreSQL's processor time each")


def _figures(run: Run) -> str:
    took = sorted(run.took)
    return (
        f"{run.made / run.spent:,.0f}/s, p50 {took[len(took) // 2] * 1000:.1f} ms, "
        f"p99 {took[len(took) * 99 // 100] * 1000:.1f} ms"
    )


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
