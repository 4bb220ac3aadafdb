"""The studio's Provider panel in a browser, and the provider after kill -9."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import serving
from e2e.studio import Studio


def panel(studio: Studio, button: str) -> str:
    """Presses a button of the panel and gives what the studio says to it."""
    page = studio.page
    if page.locator("#provider").get_attribute("open") is None:
        page.locator("#provider summary").click()
    studio.say_after(page.locator("#provider").get_by_role("button", name=button).click)
    return studio.said


def test_lost_webhooks(studio: Studio) -> None:
    """The renewal is late, Coinpurse asks, and what was lost changes nothing any more (T7, E2)."""
    page = studio.page
    assert panel(studio, "Lose them").startswith("From now on the provider's webhooks get lost.")
    expect(page.locator("#provider")).to_have_attribute("open", "")
    studio.say_after(lambda: studio.press_clock("Go to the renewal date"))
    studio.say_after(lambda: studio.press_clock("+1 hour"))
    page.goto("/subscriptions")
    expect(page.get_by_role("heading", name="Your renewal takes longer than usual")).to_be_visible()
    page.goto("/")
    assert "what was missing is made up for" in panel(studio, "Ask how it stands")
    total = studio.credits
    assert panel(studio, "Find the lost ones").startswith("Webhooks arrive again;")
    studio.wait_for_credits(total)
    page.goto("/subscriptions")
    expect(page.get_by_role("heading", name="Your renewal takes longer than usual")).not_to_be_visible()


def test_dispute_and_refund(studio: Studio) -> None:
    """Credits of a disputed top-up are frozen until it is won; a refund takes them back (P3)."""
    total = studio.credits
    assert panel(studio, "Dispute it").endswith("0 add-on credits are left, 500 are frozen until it ends.")
    studio.wait_for_credits(total - 500)
    assert panel(studio, "Win the dispute") == "The dispute was won. 500 add-on credits can be spent."
    studio.wait_for_credits(total)
    assert panel(studio, "Refund it") == "The last top-up was refunded. 0 add-on credits are left."
    studio.wait_for_credits(total - 500)


def test_bank_debit(plain_page: Page) -> None:
    """Without JavaScript too: paid by debit at the provider's page, there four days later (P1)."""
    studio = Studio(plain_page).enter("sam")
    plain_page.goto("/subscriptions")
    plain_page.get_by_role("button", name="Buy 500 credits for $6.00").click()
    plain_page.get_by_role("button", name="Pay by bank debit").click()
    expect(plain_page.get_by_role("heading", name="A top-up is on its way")).to_be_visible()
    plain_page.goto("/?provider")
    expect(plain_page.locator("#provider")).to_contain_text("arrives ")
    for _ in range(4):
        plain_page.locator("#clock").get_by_role("button", name="+1 day").click()
    assert studio.said == "The bank debit has arrived: 500 add-on credits more, 500 in all."


def test_a_plan_and_its_portal(page: Page) -> None:
    """Sam takes a plan at the provider's page, with a card that declines later, and changes the card in the
    portal."""
    studio = Studio(page).enter("sam")
    page.goto("/subscriptions")
    page.get_by_role("link", name="Choose Starter").first.click()
    page.get_by_role("button", name="Go to payment").click()
    page.select_option("[name=card]", "pm_card_declinesLater")
    page.get_by_role("button", name="Pay", exact=True).click()
    expect(page.locator(".plan .badge")).to_have_text("Active")
    page.get_by_role("button", name="Manage payment method and invoices").click()
    expect(page.get_by_text("On file: ending in 0341.")).to_be_visible()
    page.get_by_role("button", name="Use this card").click()
    page.get_by_role("link", name="Back").click()
    page.goto("/")
    assert "A new period has begun" in studio.say_after(lambda: studio.press_clock("Go to the renewal date"))


@pytest.mark.slow
def test_killed_in_the_middle(chromium: Browser, tmp_path: Path) -> None:
    """After kill -9 the provider knows its customers, and what was due comes."""
    port, home = serving.free_port(), tmp_path / "home"

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "coinpurse", "demo", "--port", str(port)],
            env=serving.environment(COINPURSE_HOME=str(home)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        serving.wait_until_ready(process, f"http://127.0.0.1:{port}")
        return process

    process = start()
    context = chromium.new_context(base_url=f"http://127.0.0.1:{port}")
    try:
        studio = Studio(context.new_page()).enter("mia")
        assert panel(studio, "by debit").startswith("A bank debit for 500 credits is under way.")
        total = studio.credits
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        process = start()
        studio.page.goto("/")
        for _ in range(4):
            studio.say_after(lambda: studio.press_clock("+1 day"))
        studio.wait_for_credits(total + 500)
    finally:
        context.close()
        process.terminate()
        process.wait(30)
