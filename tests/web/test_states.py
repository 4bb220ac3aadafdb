"""Every state of an account, as its Subscriptions page says it (U2, U4), with JavaScript switched off."""

from coinpurse.app import grants, subscriptions, wallets
from coinpurse.app.context import Context
from web.helpers import TESTER, Open, customer, later, spend, subscriber


async def test_no_plan(ctx: Context, open_browser: Open) -> None:
    """Without a plan the page offers plans and top-ups, and says that nothing can be spent."""
    page = await (await open_browser(await customer(ctx))).open()
    assert "No plan" in page.text
    assert "You have no credits to spend" in page.text
    assert "Choose Starter" in page.text


async def test_fresh_plan(ctx: Context, open_browser: Open) -> None:
    """A fresh plan shows its allocation, what is left, and when it resets, with the zone."""
    account, _ = await subscriber(ctx, addon=250)
    page = await (await open_browser(account)).open()
    assert "1,000 credits every month" in page.text
    assert "1,000 of 1,000 monthly credits left" in page.text
    assert "Resets 28 February 2026, 10:00 UTC" in page.text
    assert "250 credits Never expire. Used after your monthly credits." in page.text


async def test_annual_plan_renews_and_resets(ctx: Context, open_browser: Open) -> None:
    """An annual plan names both dates: the monthly reset and the yearly renewal (B9)."""
    account, _ = await subscriber(ctx, interval="year")
    page = await (await open_browser(account)).open()
    assert "Resets 28 February 2026, 10:00 UTC" in page.text
    assert "Renews 31 January 2027, 10:00 UTC" in page.text
    assert "$120.00 every year" in page.text


async def test_low(ctx: Context, open_browser: Open) -> None:
    """At a tenth of the plan the page says so."""
    account, _ = await subscriber(ctx)
    await spend(ctx, account, 950)
    page = await (await open_browser(account)).open()
    assert "Only 50 credits left" in page.text


async def test_monthly_gone(ctx: Context, open_browser: Open) -> None:
    """With monthly at zero the page says that add-on credits pay now (S1)."""
    account, _ = await subscriber(ctx, addon=250)
    await spend(ctx, account, 1000)
    page = await (await open_browser(account)).open()
    assert "Now using add-on credits" in page.text
    assert "0 of 1,000 monthly credits left" in page.text


async def test_nothing_left(ctx: Context, open_browser: Open) -> None:
    """At zero the page offers a top-up and says when the next credits come."""
    account, _ = await subscriber(ctx)
    await spend(ctx, account, 1000)
    page = await (await open_browser(account)).open()
    assert "You have no credits to spend" in page.text
    assert "The next 1,000 come on 28 February 2026, 10:00 UTC" in page.text


async def test_renewed(ctx: Context, open_browser: Open) -> None:
    """After a renewal the page says what it did to each bucket, where the totals are seen (U4)."""
    account, made = await subscriber(ctx, addon=250)
    await subscriptions.pay(ctx, TESTER, made.id)
    await spend(ctx, account, 600)
    await later(ctx, account, months=1)
    await spend(ctx, account, 10)  # at the very instant of the renewal: it belongs to the new period (T2)
    page = await (await open_browser(account)).open()
    assert "28 February 2026: Monthly went from 400 to 1,000; add-on stayed at 250." in page.text
    assert "your total went from 650 to 1,250" in page.text


async def test_first_period_explains_no_renewal(ctx: Context, open_browser: Open) -> None:
    """In the first period there was no renewal, so none is explained."""
    account, _ = await subscriber(ctx, addon=250)
    page = await (await open_browser(account)).open()
    assert "Monthly went from" not in page.text


async def test_renewing(ctx: Context, open_browser: Open) -> None:
    """While a strict renewal waits for its payment the page says "Renewing", not "0" (T7)."""
    account, _ = await subscriber(ctx, plan="strict", addon=20)
    await later(ctx, account, months=1)
    page = await (await open_browser(account)).open()
    assert "Renewing" in page.text
    assert "You can spend your 20 add-on credits meanwhile." in page.text
    assert "no credits to spend" not in page.text


async def test_renewing_with_grace(ctx: Context, open_browser: Open) -> None:
    """Under grace the page says that the old credits can still be spent (T7)."""
    account, _ = await subscriber(ctx, plan="patient")
    await later(ctx, account, months=1)
    page = await (await open_browser(account)).open()
    assert "Until then the 100 credits of the last period can be spent." in page.text


async def test_provisional(ctx: Context, open_browser: Open) -> None:
    """A provisional period says that its payment is being confirmed (T7)."""
    account, _ = await subscriber(ctx)
    await later(ctx, account, months=1)
    page = await (await open_browser(account)).open()
    assert "The payment is being confirmed" in page.text


async def test_past_due(ctx: Context, open_browser: Open) -> None:
    """A missing payment is named, with what waits for it and what can be spent meanwhile (B2, B7)."""
    account, _ = await subscriber(ctx, addon=250)
    await later(ctx, account, months=1, hours=25)
    page = await (await open_browser(account)).open()
    assert "A payment for your plan is missing" in page.text
    assert "1,000 credits are kept for you" in page.text
    assert "You can spend your 250 add-on credits meanwhile." in page.text


async def test_ending_and_undo(ctx: Context, open_browser: Open) -> None:
    """A cancelled plan says until when everything stays, and undoing changes nothing but that (B3)."""
    account, made = await subscriber(ctx, addon=250)
    await subscriptions.cancel(ctx, TESTER, made.id)
    browser = await open_browser(account)
    page = await browser.open()
    assert "Until 28 February 2026, 10:00 UTC everything stays as it is" in page.text
    page = await browser.press(page, "Undo the cancellation")
    assert "Your plan goes on as before." in page.text
    assert "1,000 of 1,000 monthly credits left" in page.text


async def test_ended(ctx: Context, open_browser: Open) -> None:
    """After the end monthly is gone and add-on remains, and the page says both (B3)."""
    account, made = await subscriber(ctx, addon=250)
    await subscriptions.cancel(ctx, TESTER, made.id)
    await later(ctx, account, months=1)
    page = await (await open_browser(account)).open()
    assert "Your Starter plan has ended" in page.text
    assert "250 credits to spend" in page.text


async def test_paused(ctx: Context, open_browser: Open) -> None:
    """A paused plan says until when its credits stay, and can be resumed (B11)."""
    account, made = await subscriber(ctx)
    await subscriptions.pause(ctx, TESTER, made.id)
    browser = await open_browser(account)
    page = await browser.open()
    assert "This period's credits stay until 28 February 2026, 10:00 UTC" in page.text
    page = await browser.press(page, "Resume my plan")
    assert "Your plan is paused" not in page.text


async def test_trial(ctx: Context, open_browser: Open) -> None:
    """A trial says when it turns paid (B8)."""
    account, _ = await subscriber(ctx, trial_days=14)
    page = await (await open_browser(account)).open()
    assert "You are on a trial" in page.text
    assert "It costs nothing until 14 February 2026, 10:00 UTC" in page.text


async def test_pending_change_and_keep(ctx: Context, open_browser: Open) -> None:
    """A downgrade waits for the renewal and can be dropped until then (B5)."""
    account, made = await subscriber(ctx, plan="studio")
    await subscriptions.change(ctx, TESTER, made.id, plan="starter")
    browser = await open_browser(account)
    page = await browser.open()
    assert "From 28 February 2026, 10:00 UTC: Starter, paid every month, 1,000 credits a month." in page.text
    page = await browser.press(page, "Keep Studio")
    assert "A plan change is waiting" not in page.text


async def test_held(ctx: Context, open_browser: Open) -> None:
    """Credits that running work has set aside are told apart from those that can be spent (H1)."""
    account, _ = await subscriber(ctx)
    await wallets.hold(ctx, TESTER, account, amount=40)
    page = await (await open_browser(account)).open()
    assert "960 credits to spend · 40 set aside by running work" in page.text


async def test_other_credits(ctx: Context, open_browser: Open) -> None:
    """Promotional credits are shown with their place in the burn order (S3)."""
    account = await customer(ctx)
    await grants.grant(ctx, TESTER, account, kind="promo", amount=12, reason="Welcome")
    page = await (await open_browser(account)).open()
    assert "12 promotional credits. Used between monthly and add-on." in page.text


async def test_second_subscription(ctx: Context, open_browser: Open) -> None:
    """A second plan is listed and can be cancelled by itself (B12)."""
    account, _ = await subscriber(ctx)
    second = await subscriptions.subscribe(ctx, TESTER, account, plan="studio", interval="month")
    browser = await open_browser(account)
    page = await browser.open()
    assert "Also: Studio, 3,000 credits every month" in page.text
    page = await browser.open(f"/subscriptions/cancel?subscription={second.subscription.id}")
    assert "Cancel Studio?" in page.text
