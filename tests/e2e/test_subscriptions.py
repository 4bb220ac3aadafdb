"""Buying, renewing, changing and cancelling, in a browser with JavaScript."""

import re

from playwright.sync_api import Page, Route, expect

from e2e.studio import CHIP, Studio


def figure(page: Page, card: str) -> int:
    """The number on a card of the Subscriptions page."""
    return int(page.locator(f".card.{card} .figure b").inner_text().replace(",", ""))


def test_the_pill_leads_to_subscriptions(studio: Studio) -> None:
    """A click on the pill opens the Subscriptions page, which shows the same number."""
    before = studio.credits
    studio.page.locator(CHIP).click()
    studio.page.wait_for_url("**/subscriptions")
    expect(studio.page.locator(".total b")).to_have_text(f"{before:,}")


def test_top_up(studio: Studio) -> None:
    """A pack is bought at the provider's checkout page and raises add-on only; the pill in another window
    goes up by itself (P1, U1)."""
    page = studio.page
    page.goto("/subscriptions")
    monthly, addon = figure(page, "plan"), figure(page, "addon")
    page.get_by_role("button", name="Buy 500 credits for $6.00").click()
    expect(page.get_by_role("heading", name="Pay 6.00 USD")).to_be_visible()
    paying_at = page.url
    other = Studio(page.context.new_page())
    other.page.goto("/")
    page.get_by_role("button", name="Pay", exact=True).click()
    expect(page.locator(".note")).to_have_text("Paid. Your credits are here.")
    other.wait_for_credits(monthly + addon + 500)
    assert (figure(page, "plan"), figure(page, "addon")) == (monthly, addon + 500)
    page.goto(paying_at)  # the way back to the paid checkout buys nothing again
    expect(page.locator("h1")).to_have_text("This checkout is closed")


def test_the_page_follows_when_an_answer_was_lost(studio: Studio) -> None:
    """A page that could not fetch its own news says nothing of it and has them a little later (U2)."""
    page = studio.page
    page.goto("/subscriptions")
    before = figure(page, "plan")
    lost: list[str] = []

    def lose(route: Route) -> None:
        lost.append(route.request.resource_type)
        route.abort("internetdisconnected")

    page.route("**/subscriptions", lose)
    other = Studio(page.context.new_page())
    other.page.goto("/")
    with page.expect_event("requestfailed"):
        other.say_after(lambda: other.make("a lighthouse in the fog"))
    assert lost[0] == "fetch"
    assert figure(page, "plan") == before
    page.unroute("**/subscriptions")
    expect(page.locator(".card.plan .figure b")).to_have_text(f"{before - 4:,}", timeout=15_000)


def test_renewal_before_ones_eyes(studio: Studio) -> None:
    """At the renewal date monthly is reset, add-on stays, and the page explains it (B1, B2, U4)."""
    page = studio.page
    page.goto("/subscriptions")
    monthly, addon = figure(page, "plan"), figure(page, "addon")
    page.goto("/")
    said = studio.say_after(lambda: studio.press_clock("Go to the renewal date"))
    assert (
        said == f"A new period has begun: monthly went from {monthly:,} to 1,000, add-on stayed at {addon:,}."
    )
    studio.wait_for_credits(1000 + addon)
    page.goto("/subscriptions")
    explained = f"Monthly went from {monthly:,} to 1,000; add-on stayed at {addon:,}."
    expect(page.locator(".renewed")).to_contain_text(explained)


def test_the_card_fails_and_recovers(studio: Studio) -> None:
    """Declined at the renewal, the new credits are frozen; when the provider tries again, the next day, with
    a card that works, they are back (T7, B7)."""
    page = studio.page
    total = studio.credits
    said = studio.say_after(lambda: studio.press_clock("Go to the renewal date", card_fails=True))
    assert said.startswith("The payment is missing: 1,000 monthly credits wait for it.")
    studio.wait_for_credits(total - 1000)
    page.goto("/subscriptions")
    expect(page.get_by_role("heading", name="A payment for your plan is missing")).to_be_visible()
    page.goto("/")
    said = studio.say_after(lambda: studio.press_clock("+1 day", card_fails=False))
    assert said.startswith("The payment has come. You have 1,000 monthly")
    studio.wait_for_credits(total)
    said = studio.say_after(lambda: studio.press_clock("Go to the renewal date", card_fails=True))
    assert said.startswith("The payment is missing")
    assert studio.say_after(lambda: studio.press_clock("Pay what is due")).startswith("Paid.")
    studio.wait_for_credits(total)
    studio.press_clock("+1 hour")


def test_cancel_and_undo(studio: Studio) -> None:
    """Cancelling keeps everything until the date that is named, and can be undone (B3)."""
    page = studio.page
    before = studio.credits
    page.goto("/subscriptions")
    page.get_by_role("link", name="Cancel plan").click()
    expect(page.locator(".compare")).to_contain_text("they stay")
    button = page.get_by_role("button", name=re.compile("Cancel on"))
    date = button.inner_text().removeprefix("Cancel on ")
    button.click()
    expect(page.locator(".plan .badge")).to_have_text(f"Ends {date}")
    expect(page.locator(".total b")).to_have_text(f"{before:,}")
    page.get_by_role("button", name="Undo the cancellation").click()
    expect(page.locator(".plan .badge")).to_have_text("Active")


def test_upgrade(studio: Studio) -> None:
    """An upgrade is previewed, then done, and the pill follows (B5)."""
    page = studio.page
    before = studio.credits
    page.goto("/subscriptions")
    page.get_by_role("link", name="Switch to Studio").click()
    expect(page.locator(".preview")).to_contain_text(f"from {before:,} to {before + 2000:,}")
    page.get_by_role("button", name="Change now").click()
    expect(page.locator(".total b")).to_have_text(f"{before + 2000:,}")
    studio.wait_for_credits(before + 2000)


def test_annual(page: Page) -> None:
    """On the annual plan every month resets, without a further payment (B9)."""
    studio = Studio(page).enter("noor")
    page.goto("/subscriptions")
    renews = page.locator(".plan dl div", has_text="Renews").inner_text()
    page.goto("/")
    assert "to 3,000, add-on stayed at 0" in studio.say_after(
        lambda: studio.press_clock("Go to the renewal date", card_fails=True)
    )
    page.goto("/subscriptions")
    assert page.locator(".plan dl div", has_text="Renews").inner_text() == renews
    expect(page.locator(".plan .badge")).to_have_text("Active")


def test_the_page_follows_while_it_is_open(studio: Studio) -> None:
    """Open answers stay open, and what has the focus keeps it, when the account changes."""
    page = studio.page
    page.goto("/subscriptions")
    page.locator("summary", has_text="Which credits are spent first?").click()
    page.get_by_role("link", name="Cancel plan").focus()
    before = page.locator(".total b").inner_text()
    other = Studio(page.context.new_page())
    other.page.goto("/")
    other.make("seen from elsewhere")
    expect(page.locator(".total b")).not_to_have_text(before)
    expect(page.locator(".total b")).to_have_text(page.locator(CHIP).inner_text())
    expect(page.get_by_role("link", name="Cancel plan")).to_be_focused()
    expect(page.locator("#history .line").first).to_contain_text("seen from elsewhere")
    expect(page.locator("#q1")).to_have_attribute("open", "")
    # Both have followed by one stream.
    page.wait_for_function(
        "async () => (await (await fetch('/metrics')).text()).includes('coinpurse_streams 1.0')"
    )
