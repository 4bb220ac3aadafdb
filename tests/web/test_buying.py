"""Buying and managing through a payment provider, as the pages lead through it, without JavaScript."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest_asyncio

from coinpurse.app import auto_topup, billing, wallets
from coinpurse.app.context import Context
from coinpurse.domain.facts import Fact, Returned
from coinpurse.wiring import open_context
from shop import Shop, open_shop
from web.helpers import (
    TESTER,
    Browser,
    Open,
    Page,
    customer,
    later,
    numbers,
    paid_line,
    spend,
    subscriber,
    topup_fact,
)


@pytest_asyncio.fixture
async def shop() -> AsyncIterator[Shop]:
    """A payment provider over real HTTP."""
    async with open_shop() as opened:
        yield opened


@pytest_asyncio.fixture
async def ctx(module_database_url: str, tmp_path: Path, shop: Shop) -> AsyncIterator[Context]:
    """The app, with the shop as its payment provider."""
    async with open_context(shop.settings(module_database_url, tmp_path)) as opened:
        yield opened


async def tell(ctx: Context, *facts: Fact) -> None:
    """The provider's event arrives."""
    assert (await billing.apply(ctx, "stripe", facts, test=True)).status == "applied"


async def go_and_pay(browser: Browser, shop: Shop, act: str = "pay") -> str:
    """Presses the pack's button, and one at the shop: the path that leads back."""
    page = await browser.press(await browser.open(), "$6.00")
    assert "You are being led on." in page.text
    return await press(shop, act)


async def press(shop: Shop, act: str) -> str:
    """Presses a button of the latest checkout at the shop: the path that leads back."""
    url: str = shop.sessions[-1]["url"]
    return (await shop.press(url, act)).removeprefix("http://purse.test")


def returned(account: str, name: str, dispute: str | None = None, **more: Any) -> Returned:
    """Its money went back."""
    named = f"{dispute}_{account}" if dispute else None
    return Returned(payment=f"pi_{account}_{name}", total=600, dispute=named, **more)


async def test_back_before_the_event(ctx: Context, shop: Shop, open_browser: Open) -> None:
    """Until the provider has told, the page thanks and looks again by itself; then the credits are there."""
    browser = await open_browser(await customer(ctx))
    back = await go_and_pay(browser, shop)
    answer = await browser.client.get(back)
    page = Page(answer.text)
    assert "Thank you. Your credits are on the way" in page.text
    assert "Paid." not in page.text
    assert "500 credits to spend" not in page.text
    assert "You have no credits to spend" not in page.text  # which would have them buy once more
    pause, _, again = answer.headers["refresh"].partition("; url=")
    assert (int(pause), again) == (2, back + "&look=1")
    await shop.deliver(ctx)
    answer = await browser.client.get(again)
    assert "Paid. Your credits are here." in Page(answer.text).text
    assert "500 credits to spend" in Page(answer.text).text
    assert "refresh" not in answer.headers


async def test_the_event_never_comes(ctx: Context, shop: Shop, open_browser: Open) -> None:
    """After some minutes the page stops looking, and says what to name when asking."""
    browser = await open_browser(await customer(ctx))
    back = await go_and_pay(browser, shop)
    answer = await browser.client.get(back + "&look=25")
    assert "refresh" not in answer.headers
    assert "more than an hour, write to help@kreator.test and name co_" in Page(answer.text).text


async def test_left_without_buying(ctx: Context, shop: Shop, open_browser: Open) -> None:
    """Who leaves has bought nothing, and reads that."""
    browser = await open_browser(await customer(ctx))
    page = await browser.open(await go_and_pay(browser, shop, "cancel"))
    assert "Nothing was bought." in page.text


async def test_anothers_checkout_says_nothing(ctx: Context, shop: Shop, open_browser: Open) -> None:
    """The address of somebody else's checkout tells nothing of it."""
    back = await go_and_pay(await open_browser(await customer(ctx)), shop)
    page = await (await open_browser(await customer(ctx))).open(back)
    assert "Thank you" not in page.text


async def test_the_test_checkouts_page_leads_on(ctx: Context, shop: Shop, open_browser: Open) -> None:
    """Under our own address a checkout leads to the provider's page while it is open, and has no button."""
    browser = await open_browser(await customer(ctx))
    await browser.press(await browser.open(), "$6.00")
    own = "/checkout/" + shop.sessions[-1]["metadata"]["coinpurse_checkout"]
    assert shop.sessions[-1]["url"] in (await browser.client.get(own)).headers["refresh"]
    assert (await browser.client.post(own)).status_code == 409
    await press(shop, "pay")
    await shop.deliver(ctx)
    page = await browser.open(own)
    assert "500 credits: paid" in page.text
    assert (page.forms, "No payment provider" in page.text) == ([], False)


async def test_p1_the_bank_takes_its_time(ctx: Context, shop: Shop, open_browser: Open) -> None:
    """A pending top-up is said, on the way back and later; a failed one until another went well."""
    account = await customer(ctx)
    browser = await open_browser(account)
    back = await go_and_pay(browser, shop, "debit")
    await shop.deliver(ctx)
    for path in (back, "/subscriptions"):
        page = await browser.open(path)
        assert "Your bank is still moving the money: 500 credits will be added" in page.text
        assert "Thank you" not in page.text
    await tell(ctx, replace(topup_fact(account, "failed"), purchase=shop.sessions[-1]["id"]))
    assert "The payment for 500 credits failed, so nothing was added." in (await browser.open()).text
    await go_and_pay(browser, shop)
    await shop.deliver(ctx)
    assert "did not go through" not in (await browser.open()).text


async def test_the_portal(ctx: Context, shop: Shop, open_browser: Open) -> None:
    """Whoever bought something finds the way to cards and invoices."""
    browser = await open_browser(await customer(ctx))
    assert "Manage payment method" not in (await browser.open()).text
    await go_and_pay(browser, shop)
    form = (await browser.open()).form("Manage payment method and invoices")
    answer = await browser.client.post(form.action, data=form.fields)
    assert answer.headers["refresh"].startswith(f"0; url={shop.url}/portal/")


async def test_a_plan_from_first_to_last(ctx: Context, shop: Shop, open_browser: Open) -> None:
    """Bought, upgraded, cancelled and undone at the provider, all from the pages."""
    browser = await open_browser(await customer(ctx))
    page = await browser.open("/subscriptions/plan?plan=starter&interval=month")
    await browser.press(page, "Go to payment")
    page = await browser.open(await press(shop, "pay"))
    assert "Thank you. Your plan is on the way" in page.text
    await shop.deliver(ctx)
    page = await browser.open("/subscriptions/plan?plan=studio&interval=month")
    page = await browser.press(page, "Change now")
    assert "3,000 of 3,000 monthly credits left" in page.text
    page = await browser.press(await browser.open("/subscriptions/cancel"), "Cancel on 28 February 2026")
    assert "Until 28 February 2026, 10:00 UTC everything stays as it is" in page.text
    assert shop.subscription["cancel_at_period_end"]
    page = await browser.press(page, "Undo the cancellation")
    assert "Your plan goes on as before." in page.text
    await shop.deliver(ctx)
    assert "3,000 of 3,000 monthly credits left" in (await browser.open()).text
    shop.down = True
    page = await browser.press(await browser.open("/subscriptions/pause"), "Pause my plan", status=503)
    assert "Nothing was changed here." in page.text


async def test_b5_an_upgrade_that_is_not_paid(ctx: Context, shop: Shop, open_browser: Open) -> None:
    """Before the button stands that the card is charged; a card that is refused changes nothing, and the page
    says so; paid later, the change is made."""
    browser = await open_browser(await customer(ctx))
    page = await browser.open("/subscriptions/plan?plan=starter&interval=month")
    await browser.press(page, "Go to payment")
    await press(shop, "pay")
    await shop.deliver(ctx)
    payer = {"customer": shop.subscription["customer"]}
    shop.sim.control("card", payer | {"behaviour": "declines"})
    page = await browser.open("/subscriptions/plan?plan=studio&interval=month")
    assert "is charged to your payment method now; the change is made once that is paid" in page.text
    page = await browser.press(page, "Change now")
    assert "The payment for the change is not through yet." in page.text
    assert "1,000 of 1,000 monthly credits left" in page.text
    shop.sim.control("card", payer | {"behaviour": "pays"})
    shop.sim.call("POST", f"/v1/invoices/{shop.subscription['latest_invoice']}/pay")
    await shop.deliver(ctx)
    assert "3,000 of 3,000 monthly credits left" in (await browser.open()).text


async def test_t7_a_late_renewal_names_its_reference(ctx: Context, open_browser: Open) -> None:
    """A renewal that is late is being looked into, under a name that support finds."""
    account = await customer(ctx)
    await tell(ctx, paid_line(account))
    await later(ctx, account, months=1, hours=1)
    page = await (await open_browser(account)).open()
    assert (
        f"We are checking with the payment provider why it has not been confirmed, reference sub_{account}."
        in page.text
    )
    assert "Your new monthly credits are here already." in page.text
    kept_here, _ = await subscriber(ctx)
    await later(ctx, kept_here, months=1, hours=1)
    assert "The payment is being confirmed" in (await (await open_browser(kept_here)).open()).text


async def test_p3_the_history_of_money_that_went_back(ctx: Context, open_browser: Open) -> None:
    """Refunds, refunds that failed, and what was owed are told in words, and add up."""
    account = await customer(ctx)
    await tell(ctx, topup_fact(account))
    await spend(ctx, account, 400)
    await later(ctx, account, hours=1)
    await tell(ctx, returned(account, "a", refunded=200))
    await later(ctx, account, hours=2)
    await tell(ctx, returned(account, "a", refunded=60))
    await later(ctx, account, hours=3)
    await tell(ctx, returned(account, "a", refunded=600))
    await later(ctx, account, hours=4)
    await tell(ctx, topup_fact(account, name="b"))
    text = (await (await open_browser(account)).open("/subscriptions/history")).text
    assert "Refund The payment of your top-up was refunded. Taken back: 100 credits. −100 0 left" in text
    assert (
        "Given back A refund of your top-up did not go through. Back again: 50 credits. +50 50 left" in text
    )
    assert (
        "Paid what was owed 400 credits paid for earlier ones that were spent before their payment went back."
        " −400 100 left" in text
    )
    assert (await wallets.balance(ctx, TESTER, account)).available == 100


async def test_p3_the_history_of_a_dispute(ctx: Context, open_browser: Open) -> None:
    """Opened: frozen; won: back; another one, lost: gone."""
    account = await customer(ctx)
    await tell(ctx, topup_fact(account))
    await spend(ctx, account, 100)
    for hours, said in enumerate(
        (
            returned(account, "a", "dp_1", disputed=600),
            returned(account, "a", "dp_1", disputed=0, lost=0),
            returned(account, "a", "dp_2", disputed=600),
            returned(account, "a", "dp_2", disputed=0, lost=600),
        ),
        1,
    ):
        await later(ctx, account, hours=hours)
        await tell(ctx, said)
    text = (await (await open_browser(account)).open("/subscriptions/history")).text
    frozen = "The payment of your top-up is in dispute. Frozen until that is decided: 400 credits."
    assert text.count(frozen) == 2
    assert "Dispute won The dispute was won: 400 credits can be spent again. +400 400 left" in text
    gone = "Refund The disputed payment of your top-up went back. Taken back: 400 credits. 0 0 left"
    assert gone in text, numbers(text)


async def test_p4_an_automatic_top_up_that_stopped(ctx: Context, shop: Shop, open_browser: Open) -> None:
    """The page says what is bought by itself and when; and when no card pays, that it has stopped, where
    its owner looks."""
    account = await customer(ctx)
    browser = await open_browser(account)
    await go_and_pay(browser, shop)
    await shop.deliver(ctx)
    await auto_topup.put_auto_topup(ctx, TESTER, account, pack="small", below=400, most_per_month=3)
    text = (await browser.open()).text
    assert (
        "500 credits as soon as fewer than 400 are left, at most 3 times a month. This month so far: 0."
        in text
    )
    assert "has stopped" not in text
    await spend(ctx, account, 200)
    digest = (await ctx.directory.existing(account, True)).digest
    assert await auto_topup.top_up(ctx, digest) == "stopped"
    page = await browser.open()
    assert "Automatic top-up has stopped" in page.text
    assert page.form("Payment method").action == "/subscriptions/portal"
