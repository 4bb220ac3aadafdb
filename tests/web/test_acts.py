"""What the forms do, without JavaScript: each act considered first, done once, and led on by a redirect."""

from coinpurse.app import accounts, checkouts, subscriptions, wallets
from coinpurse.app.context import Context, Who
from web.helpers import TESTER, Open, customer, later, spend, subscriber


async def test_top_up_through_the_checkout(ctx: Context, open_browser: Open) -> None:
    """A pack is bought at the test checkout and is there on return (P1)."""
    browser = await open_browser(await customer(ctx))
    page = await browser.press(await browser.open(), "$6.00")
    assert "Test checkout, no money moves" in page.text
    assert "500 credits, once. They never expire." in page.text
    checkout = page.forms[1].action.removesuffix("/leave")
    page = await browser.press(page, "Pay $6.00", at=checkout)
    assert "Paid. Your credits are here." in page.text
    assert "500 credits to spend" in page.text


async def test_paying_twice_buys_once(ctx: Context, open_browser: Open) -> None:
    """Paying one checkout again, or sending the form again, gives nothing more (P2)."""
    account = await customer(ctx)
    browser = await open_browser(account)
    start = await browser.open()
    first, again = await browser.press(start, "$6.00"), await browser.press(start, "$6.00")
    checkout = first.forms[1].action.removesuffix("/leave")
    assert again.forms[1].action.removesuffix("/leave") == checkout
    for _ in range(3):
        await browser.press(first, "Pay $6.00", at=checkout)
    assert (await wallets.balance(ctx, TESTER, account)).available == 500


async def test_leaving_the_checkout(ctx: Context, open_browser: Open) -> None:
    """Leaving the checkout buys nothing and says so."""
    browser = await open_browser(await customer(ctx))
    page = await browser.press(await browser.press(await browser.open(), "$6.00"), "Cancel")
    assert "Nothing was bought." in page.text


async def test_first_plan(ctx: Context, open_browser: Open) -> None:
    """A first plan is previewed with its credits and dates, then bought at the checkout."""
    browser = await open_browser(await customer(ctx))
    page = await browser.open("/subscriptions/plan?plan=starter&interval=year")
    assert "+1,000 credits, so you can spend 1,000" in page.text
    assert "Resets 28 February 2026, 10:00 UTC" in page.text
    assert "Renews 31 January 2027, 10:00 UTC" in page.text
    page = await browser.press(page, "Go to payment")
    page = await browser.press(page, "Pay $120.00", at=page.forms[1].action.removesuffix("/leave"))
    assert "1,000 of 1,000 monthly credits left" in page.text


async def test_upgrade_is_previewed_and_done(ctx: Context, open_browser: Open) -> None:
    """An upgrade shows what it brings, changes nothing before it is confirmed, and then does just that
    (B5)."""
    account, _ = await subscriber(ctx, addon=50)
    await spend(ctx, account, 800)
    browser = await open_browser(account)
    page = await browser.open("/subscriptions/plan?plan=studio&interval=month")
    assert "+2,000 credits: from 250 to 2,250" in page.text
    assert (await wallets.balance(ctx, TESTER, account)).available == 250
    page = await browser.press(page, "Change now")
    assert "2,200 of 3,000 monthly credits left" in page.text
    assert "2,000 credits joined this period's monthly credits." in page.text


async def test_downgrade_waits(ctx: Context, open_browser: Open) -> None:
    """A downgrade says that nothing changes until the renewal (B5)."""
    account, _ = await subscriber(ctx, plan="studio")
    browser = await open_browser(account)
    page = await browser.open("/subscriptions/plan?plan=starter&interval=month")
    assert "Until 28 February 2026 Nothing changes" in page.text
    page = await browser.press(page, "Change at the renewal")
    assert "The change is noted." in page.text


async def test_change_while_past_due_waits(ctx: Context, open_browser: Open) -> None:
    """Where a change can't take effect at once it is offered for the renewal, not refused."""
    account, _ = await subscriber(ctx)
    await later(ctx, account, months=1, hours=25)
    browser = await open_browser(account)
    page = await browser.open("/subscriptions/plan?plan=studio&interval=month")
    page = await browser.press(page, "Change at the renewal")
    assert "A plan change is waiting" in page.text


async def test_cancel_shows_both_buckets_first(ctx: Context, open_browser: Open) -> None:
    """Before the button stand both buckets, now and afterwards, and the exact date (B3)."""
    account, _ = await subscriber(ctx, addon=250)
    await spend(ctx, account, 360)
    browser = await open_browser(account)
    page = await browser.open("/subscriptions/cancel")
    assert "Your plan runs until 28 February 2026, 10:00 UTC" in page.text
    assert "Monthly 640 0 no new ones Add-on 250 250 they stay" in page.text
    page = await browser.press(page, "Cancel on 28 February 2026", reason="too busy")
    assert "Ends 28 February 2026" in page.text
    assert "640 of 1,000 monthly credits left" in page.text


async def test_cancel_of_an_unpaid_period_says_at_once(ctx: Context, open_browser: Open) -> None:
    """Where nothing more is paid the page says that cancelling ends the plan now."""
    account, _ = await subscriber(ctx, addon=250)
    await later(ctx, account, months=1, hours=25)
    browser = await open_browser(account)
    page = await browser.open("/subscriptions/cancel")
    assert "the plan ends at once" in page.text
    page = await browser.press(page, "Cancel now")
    assert "Your plan has ended." in page.text
    assert "250 credits to spend" in page.text


async def test_pause(ctx: Context, open_browser: Open) -> None:
    """A pause is explained, then done (B11)."""
    account, _ = await subscriber(ctx)
    browser = await open_browser(account)
    page = await browser.press(await browser.open("/subscriptions/pause"), "Pause my plan")
    assert "Your plan is paused" in page.text


async def test_nobody_can_cancel_anothers_plan(ctx: Context, open_browser: Open) -> None:
    """A subscription's id from another account is as good as none."""
    _, theirs = await subscriber(ctx)
    account, mine = await subscriber(ctx)
    browser = await open_browser(account)
    page = await browser.open("/subscriptions/cancel")
    await browser.press(page, "Cancel on", subscription=theirs.id, status=404)
    assert (await wallets.balance(ctx, TESTER, theirs.account)).monthly.renews_at is not None
    assert mine.account == account


async def test_unknown_plan_and_pack(ctx: Context, open_browser: Open) -> None:
    """What is not on offer is refused in words."""
    browser = await open_browser(await customer(ctx))
    page = await browser.open("/subscriptions/plan?plan=gold&interval=month", status=422)
    assert "not on offer" in page.text
    start = await browser.open()
    page = await browser.press(start, "$6.00", pack="huge", status=422)
    assert "not on offer" in page.text


async def test_live_customers_get_nothing_for_nothing(ctx: Context, open_browser: Open) -> None:
    """The test checkout moves no money, so it sells nothing to live accounts."""
    browser = await open_browser(await customer(ctx))
    live = Who("tester", test=False)
    await accounts.put_account(ctx, live, "paying-customer")
    checkout = await checkouts.start_checkout(ctx, live, "paying-customer", pack="small")
    page = await browser.open(f"/checkout/{checkout.id}")
    assert "no payment provider is connected" in page.text
    assert page.forms == []
    answer = await browser.client.post(f"/checkout/{checkout.id}")
    assert answer.status_code == 409
    assert (await wallets.balance(ctx, live, "paying-customer")).available == 0


async def test_live_upgrades_wait_for_their_payment(ctx: Context, open_browser: Open) -> None:
    """Where no provider can collect the difference, a live customer's upgrade waits for the renewal (B5)."""
    live = Who("tester", test=False)
    await accounts.put_account(ctx, live, "upgrader")
    await subscriptions.subscribe(ctx, live, "upgrader", plan="starter", interval="month")
    browser = await open_browser(await customer(ctx))
    browser.who, browser.account = live, "upgrader"
    await browser.sign_in()
    page = await browser.open("/subscriptions/plan?plan=studio&interval=month")
    await browser.press(page, "Change at the renewal")
    assert (await wallets.balance(ctx, live, "upgrader")).available == 1000
