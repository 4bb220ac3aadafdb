"""The same with JavaScript switched off: everything works by links and forms."""

from playwright.sync_api import Page, expect

from e2e.studio import Studio


def test_make_something(plain_studio: Studio) -> None:
    """A picture is made, and the new number is there with the next page."""
    before = plain_studio.credits
    plain_studio.make("a mountain without scripts")
    assert plain_studio.said == "Done. It cost 4 credits."
    assert plain_studio.credits == before - 4
    assert plain_studio.works()[0] == "a mountain without scripts"


def test_buy_and_read_the_history(plain_studio: Studio) -> None:
    """The pill is a link; a pack is bought; the history says so."""
    page = plain_studio.page
    before = plain_studio.credits
    page.locator("credits-pill a").click()
    page.get_by_role("button", name="Buy 1,500 credits for $16.00").click()
    page.get_by_role("button", name="Pay", exact=True).click()
    plain_studio.wait_for_credits(before + 1500)
    expect(page.locator("#history .line").first).to_contain_text("1,500 credits added. They never expire.")
    page.locator("summary", has_text="What happens to my credits if I cancel?").click()
    expect(page.locator("details[open] p").first).to_contain_text("You keep full access until")


def test_renew(plain_studio: Studio) -> None:
    """Time is moved by a plain form, and the page says what it did."""
    plain_studio.press_clock("Go to the renewal date")
    assert "A new period has begun" in plain_studio.said


def test_switch_customers(plain_page: Page) -> None:
    """Another customer is chosen by a plain form."""
    studio = Studio(plain_page).enter("mia")
    plain_page.select_option("#customer", "noor")
    plain_page.get_by_role("button", name="Switch").click()
    expect(plain_page.locator("#works-title")).to_have_text("Noor's works")
    assert studio.credits


def test_subscribe(plain_page: Page) -> None:
    """Sam takes a first plan: preview, payment, credits."""
    studio = Studio(plain_page).enter("sam")
    before = studio.credits
    plain_page.goto("/subscriptions")
    plain_page.get_by_role("link", name="Annual").click()
    plain_page.get_by_role("link", name="Choose Starter").click()
    expect(plain_page.locator(".preview")).to_contain_text("$120.00 every year")
    plain_page.get_by_role("button", name="Go to payment").click()
    plain_page.get_by_role("button", name="Pay", exact=True).click()
    studio.wait_for_credits(before + 1000)
    expect(plain_page.locator(".plan")).to_contain_text("Renews")
