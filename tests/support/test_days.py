"""U3: the operator's overview is exact: what is summed up by day is what the ledger says."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from coinpurse.app import accounts, grants, overview, subscriptions, wallets
from coinpurse.app.context import Context
from support.desk import Hire
from web.helpers import START, TESTER, later, spend, subscriber

TRUTH = """
    SELECT date_trunc('day', at, 'UTC') AS day, a.test,
           CASE WHEN bucket IN ('monthly', 'addon') THEN bucket ELSE 'other' END AS bucket,
           coalesce(sum(moved) FILTER (WHERE source = 'issued'), 0)::bigint AS granted,
           coalesce(sum(moved) FILTER (WHERE target = 'spent'), 0)::bigint AS spent,
           coalesce(sum(moved) FILTER (WHERE source = 'spent'), 0)::bigint AS returned,
           coalesce(sum(moved) FILTER (WHERE target = 'expired'), 0)::bigint AS expired,
           (coalesce(sum(moved) FILTER (WHERE target = 'revoked'), 0)
             - coalesce(sum(moved) FILTER (WHERE source = 'revoked'), 0))::bigint AS revoked
      FROM coinpurse.entries JOIN coinpurse.accounts a USING (account) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""
SUMMED = "SELECT * FROM coinpurse.days ORDER BY day, test, bucket"
WALLETS = """
    SELECT sum(monthly + other + addon + held_monthly + held_other + held_addon
             + frozen_monthly + frozen_other + frozen_addon)::bigint AS kept FROM coinpurse.wallets"""


async def rounds(ctx: Context) -> None:
    """One whole round."""
    while not await overview.sum_up(ctx):
        pass


async def agree(ctx: Context) -> None:
    """The sums are those of the ledger, and what is outstanding is what the wallets have."""
    assert await ctx.db.rows(SUMMED) == await ctx.db.rows(TRUTH)
    found = await overview.overview(ctx, test=True, days=500)
    assert found.days[-1].outstanding == (await ctx.db.rows(WALLETS))[0]["kept"]


async def test_u3_days_are_the_ledgers(ctx: Context) -> None:
    """U3: grants, charges, holds, reversals, revocations, renewals and expiries of months, summed up in
    between and at the end; a second round changes nothing."""
    account, _ = await subscriber(ctx, addon=500)
    await spend(ctx, account, 1_200)
    await rounds(ctx)
    await agree(ctx)
    made = await wallets.charge(ctx, TESTER, account, amount=90)
    await wallets.reverse(ctx, TESTER, made.id, amount=40)
    held = await wallets.hold(ctx, TESTER, account, amount=60, expires_in=600_000)
    await later(ctx, account, months=3)
    await wallets.reverse(ctx, TESTER, made.id)
    promo = await grants.grant(ctx, TESTER, account, kind="promo", amount=70, reason="A gift")
    await grants.revoke(ctx, TESTER, promo.id, reason="A mistake")
    assert held.amount == 60
    await rounds(ctx)
    await agree(ctx)
    before = await ctx.db.rows(SUMMED)
    await rounds(ctx)
    assert await ctx.db.rows(SUMMED) == before


async def test_u3_summing_up_under_traffic(ctx: Context) -> None:
    """U3: two workers that sum up at the same time, while credits are spent, count each act once."""
    names = [f"busy-{n}" for n in range(12)]
    for name in names:
        await accounts.put_account(ctx, TESTER, name)
        await grants.grant(ctx, TESTER, name, kind="addon", amount=1_000, reason="To spend")

    async def spends() -> None:
        for n in range(40):
            await asyncio.gather(*(wallets.charge(ctx, TESTER, name, amount=n % 5) for name in names))

    async def sums() -> None:
        for _ in range(25):
            await ctx.db.call("sum_up", limit=5)
            await asyncio.sleep(0.005)

    await asyncio.gather(spends(), sums(), sums())
    for _ in range(3):
        await rounds(ctx)
    await agree(ctx)


async def test_t5_what_is_written_down_late_is_counted_on_its_day(ctx: Context) -> None:
    """T5: months that are written down at the first look, long after, count on the days of their own."""
    account, _ = await subscriber(ctx)
    await rounds(ctx)
    await accounts.move_clock(ctx, TESTER, account, START + timedelta(days=100))
    await rounds(ctx)
    await agree(ctx)
    days = [row["day"] for row in await ctx.db.rows(SUMMED) if row["granted"]]
    assert datetime(2026, 2, 28, tzinfo=UTC) in days


async def test_u3_low_balances(ctx: Context, hire: Hire) -> None:
    """U3: an account that has nothing left is listed, until it has."""
    account, _ = await subscriber(ctx)
    await rounds(ctx)
    viewer = await hire("viewer")
    recent: dict[str, Any] = {"test": "1"}
    await accounts.put_account(ctx, TESTER, "poor")
    await grants.grant(ctx, TESTER, "poor", kind="addon", amount=9, reason="To spend")
    await wallets.charge(ctx, TESTER, "poor", amount=9)
    await rounds(ctx)
    page = await viewer.open("/support/low", **recent)
    assert "poor 0 credits last moved" in page.text
    assert account not in page.text
    await grants.grant(ctx, TESTER, "poor", kind="addon", amount=9, reason="To spend")
    await rounds(ctx)
    assert "None." in (await viewer.open("/support/low", **recent)).text


async def test_u3_the_overview(ctx: Context, hire: Hire) -> None:
    """U3: numbers lead to lists, and say as of when; before the first round, that they are too small."""
    viewer = await hire("viewer")
    page = await viewer.open("/support/overview")
    assert "for the first time" in page.text
    await accounts.put_account(ctx, TESTER, "payer")
    await subscriptions.subscribe(ctx, TESTER, "payer", plan="starter")
    await wallets.charge(ctx, TESTER, "payer", amount=250)
    await rounds(ctx)
    page = await viewer.open("/support/overview", test="1")
    assert "1,000 250 0 0 750" in page.text
    assert "is counted, once" in page.text
    assert "1,000 250 0 0 750" not in (await viewer.open("/support/overview")).text
