"""What the page says of an account's use: the chart, where credits went, and how long they will last."""

from datetime import timedelta

import pytest

from coinpurse.app import usage, wallets
from coinpurse.app.context import Context
from web.helpers import START, TESTER, Open, customer, later, spend, subscriber

DAY = timedelta(days=1)


async def test_what_was_spent(ctx: Context) -> None:
    """By day and bucket, and by operation with the number of charges; holds count when captured, and
    reversals against their charge's day."""
    account, _ = await subscriber(ctx, addon=250)
    await wallets.charge(ctx, TESTER, account, operation="image.generate", quantity=200)
    back = await wallets.charge(ctx, TESTER, account, operation="image.generate", quantity=10)
    await later(ctx, account, hours=50)
    hold = await wallets.hold(ctx, TESTER, account, operation="video.second", quantity=25)
    await wallets.hold(ctx, TESTER, account, amount=5)
    await wallets.capture(ctx, TESTER, hold.id)
    await wallets.reverse(ctx, TESTER, back.id, reason="It came out blank", amount=10)
    found = await usage.usage(ctx, TESTER, account, START)
    first = START.date()
    assert {(s.day, s.bucket): s.credits for s in found.days} == {
        (first, "monthly"): 830,
        (first + 2 * DAY, "monthly"): 160,
        (first + 2 * DAY, "addon"): 40,
    }
    assert [(w.operation, w.charges, w.credits) for w in found.works] == [
        ("image.generate", 2, 830),
        ("video.second", 1, 200),
    ]
    assert not found.cut


async def test_only_since(ctx: Context) -> None:
    """What came before the instant doesn't count, nor do reversals of it; what came at it does (T2)."""
    account, _ = await subscriber(ctx)
    old = await wallets.charge(ctx, TESTER, account, amount=30)
    await later(ctx, account, hours=1)
    await spend(ctx, account, 7)
    await wallets.reverse(ctx, TESTER, old.id, reason="x")
    found = await usage.usage(ctx, TESTER, account, START + timedelta(hours=1))
    assert (found.credits, [work.charges for work in found.works]) == (7, [1])


async def test_a_busy_account_is_cut_short(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many charges only the latest are counted, and that is said."""
    monkeypatch.setattr(usage, "MOST_ACTS", 3)
    account, _ = await subscriber(ctx)
    for _ in range(6):
        await spend(ctx, account, 1)
    assert (await usage.usage(ctx, TESTER, account, START)).cut


@pytest.mark.parametrize(
    ("addon", "spent", "days", "said"),
    [
        (0, 100, 2, None),
        (0, 100, 10, "At this pace your credits last until the reset on 28 February 2026."),
        (0, 500, 10, "At this pace your credits run out around 20 February 2026, before the reset on"),
        (
            900,
            500,
            10,
            "At this pace your monthly credits are used up around 20 February 2026; the others pay",
        ),
        (0, 1000, 10, None),
    ],
)
async def test_how_long_they_last(
    ctx: Context, open_browser: Open, addon: int, spent: int, days: int, said: str | None
) -> None:
    """A forecast by the period's pace; none before there is one, and none at zero."""
    account, _ = await subscriber(ctx, addon=addon)
    await spend(ctx, account, spent)
    await later(ctx, account, hours=24 * days)
    text = (await (await open_browser(account)).open()).text
    assert f"Used since 31 January 2026: {spent:,} monthly credit" in text
    assert (said in text) if said else ("At this pace" not in text)


async def test_without_a_plan(ctx: Context, open_browser: Open) -> None:
    """Without a plan it shows the last thirty days; untouched accounts have nothing to look at."""
    account = await customer(ctx)
    page = await (await open_browser(account)).open()
    assert "Nothing has been used since 1 January 2026." in page.text
