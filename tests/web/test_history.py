"""The history: what each charge took from which bucket, in sentences, page by page."""

import re
from datetime import timedelta

from coinpurse.app import grants, subscriptions, wallets
from coinpurse.app.context import Context
from web.helpers import START, TESTER, Open, Page, customer, later, spend, subscriber


async def history(open_browser: Open, account: str) -> str:
    """The words of the first page of an account's history."""
    return (await (await open_browser(account)).open("/subscriptions/history")).text


async def test_a_charge_over_both_buckets(ctx: Context, open_browser: Open) -> None:
    """A charge that empties monthly and takes the rest from add-on says both amounts (S2)."""
    account, _ = await subscriber(ctx, addon=250)
    await spend(ctx, account, 999)
    await wallets.charge(ctx, TESTER, account, operation="image.generate", quantity=3)
    text = await history(open_browser, account)
    assert "Image generate × 3 12 credits: 1 from monthly and 11 from add-on. −12 239 left" in text
    assert "Some work 999 credits: all from monthly. −999 251 left" in text
    assert "Top-up 500" not in text
    assert "Top-up 250 credits added. They never expire. +250 1,250 left" in text


async def test_captured_and_released_holds(ctx: Context, open_browser: Open) -> None:
    """A hold is told by how it ended: what was spent of it, or that all came back (H2, H3)."""
    account, _ = await subscriber(ctx)
    first = await wallets.hold(ctx, TESTER, account, amount=40, metadata={"description": "A film"})
    second = await wallets.hold(ctx, TESTER, account, amount=10)
    await wallets.capture(ctx, TESTER, first.id, amount=30)
    await wallets.release(ctx, TESTER, second.id)
    text = await history(open_browser, account)
    assert "A film 30 credits: all from monthly. 10 credits that had been set aside came back. −30" in text
    assert (
        "Not charged 10 credits had been set aside for work that did not finish and came back in full."
        in text
    )


async def test_a_hold_released_after_its_period(ctx: Context, open_browser: Open) -> None:
    """What lapsed with its period is said (H4)."""
    account, made = await subscriber(ctx)
    await subscriptions.pay(ctx, TESTER, made.id)
    hold = await wallets.hold(ctx, TESTER, account, amount=10, expires_in=604_800)
    await later(ctx, account, months=0, hours=24 * 25)
    late = await wallets.hold(ctx, TESTER, account, amount=20, expires_in=604_800)
    await later(ctx, account, months=1)
    await wallets.release(ctx, TESTER, late.id)
    text = await history(open_browser, account)
    assert "20 credits had been set aside for work that did not finish; 0 came back." in text
    assert "20 belonged to a period that is over." in text
    assert hold.status == "held"


async def test_renewal_line(ctx: Context, open_browser: Open) -> None:
    """A renewal says from what to what monthly went, and that the rest stayed (U4)."""
    account, made = await subscriber(ctx, addon=250)
    await spend(ctx, account, 600)
    await subscriptions.pay(ctx, TESTER, made.id)
    await later(ctx, account, months=1)
    text = await history(open_browser, account)
    assert (
        "Monthly credits renewed Monthly went from 400 to 1,000; your other 250 stayed. +600 1,250 left"
        in text
    )


async def test_payment_lines(ctx: Context, open_browser: Open) -> None:
    """A missing payment and its arrival are told with what waits and what comes back (T7, B7)."""
    account, made = await subscriber(ctx, addon=250)
    await later(ctx, account, months=1, hours=25)
    await subscriptions.pay(ctx, TESTER, made.id)
    text = await history(open_browser, account)
    assert "Payment missing 1,000 monthly credits wait until it is settled." in text
    assert "Payment received 1,000 credits can be spent again." in text


async def test_reversals_gifts_and_expiry(ctx: Context, open_browser: Open) -> None:
    """What was given back, given, taken back or expired has a line each."""
    account = await customer(ctx)
    gift = await grants.grant(
        ctx, TESTER, account, kind="promo", amount=12, expires_at=START + timedelta(days=5), reason="Welcome."
    )
    addon = await grants.grant(ctx, TESTER, account, kind="addon", amount=50, reason="Sorry for the wait")
    charge = await wallets.charge(ctx, TESTER, account, amount=20)
    await wallets.reverse(ctx, TESTER, charge.id, amount=10)
    await grants.revoke(ctx, TESTER, addon.id, amount=5, reason="A mistake")
    await later(ctx, account, hours=24 * 6)
    text = await history(open_browser, account)
    assert "Promotional credits 12 credits added. Welcome." in text
    assert "Given back Given back: 2 to promotional and 8 to add-on. +10" in text
    assert "Taken back Taken back: 5 credits. A mistake. −5" in text
    assert "Expired 2 promotional credits expired." in text
    assert gift.kind == "promo"


async def test_plan_end_line(ctx: Context, open_browser: Open) -> None:
    """The end of a plan says what ended and what stays (B3)."""
    account, made = await subscriber(ctx, addon=250)
    await subscriptions.cancel(ctx, TESTER, made.id, at="now")
    text = await history(open_browser, account)
    assert "Plan ended 1,000 monthly credits ended with the plan. Add-on credits stay." in text


async def test_pages_leave_nothing_out_and_repeat_nothing(ctx: Context, open_browser: Open) -> None:
    """Following "Older entries" shows every act once, in order, though each spans several entries."""
    account, _ = await subscriber(ctx, addon=5000)
    await spend(ctx, account, 900)
    for number in range(40):
        hold = await wallets.hold(ctx, TESTER, account, amount=30, metadata={"description": f"work {number}"})
        await wallets.capture(ctx, TESTER, hold.id, amount=20)
    browser = await open_browser(account)
    path, found = "/subscriptions/history", []
    while path:
        answer = await browser.client.get(path)
        found += [int(n) for n in re.findall(r"<strong>work (\d+)</strong>", answer.text)]
        older = re.search(r'href="(/subscriptions/history\?cursor=[^"]+)">Older', answer.text)
        path = older[1].replace("&amp;", "&") if older else ""
    assert found == list(range(39, -1, -1))
    assert "Monthly credits 1,000 credits for this period." in Page(answer.text).text


async def test_bad_cursor(ctx: Context, open_browser: Open) -> None:
    """A cursor that no list gave is refused in words."""
    page = await (await open_browser(await customer(ctx))).open("/subscriptions/history?cursor=x", status=422)
    assert "cursor" in page.text
