"""Kreator Studio with JavaScript: work for credits, and a pill that follows without a reload."""

from playwright.sync_api import Page, expect

from e2e.studio import CHIP, Studio


def test_a_picture_costs_four(studio: Studio) -> None:
    """A picture is made, costs 4, is in the gallery, and the pill follows without a reload (U1)."""
    before = studio.credits
    studio.page.evaluate("window.stayed = true")
    studio.make("a lighthouse on an island")
    assert studio.said == "Done. It cost 4 credits."
    studio.wait_for_credits(before - 4)
    assert studio.works()[0] == "a lighthouse on an island"
    assert studio.page.evaluate("window.stayed")
    picture = studio.page.locator(".work a").first.get_attribute("href")
    assert picture
    answer = studio.page.request.get(picture)
    assert answer.body().startswith(b"\x89PNG")
    assert answer.headers["content-type"] == "image/png"


def test_the_price_is_said_first(studio: Studio) -> None:
    """Before the work the page says what it costs and which credits would pay (S5)."""
    expect(studio.page.locator("#price")).to_have_text("4 credits: 4 from monthly")
    studio.page.check("[value='video.second']")
    studio.page.select_option("[name=seconds]", "5")
    expect(studio.page.locator("#price")).to_have_text("40 credits: 40 from monthly")


def test_a_lost_price_is_no_error(studio: Studio) -> None:
    """Where no price can be had, the last one stays and nothing breaks; the next answer is shown."""
    price = studio.page.locator("#price")
    expect(price).to_have_text("4 credits: 4 from monthly")
    studio.page.route("**/studio/quote*", lambda route: route.abort("internetdisconnected"))
    with studio.page.expect_event("requestfailed"):
        studio.page.check("[value='video.second']")
    expect(price).to_have_text("4 credits: 4 from monthly")
    studio.page.unroute("**/studio/quote*")
    studio.page.select_option("[name=seconds]", "5")
    expect(price).to_have_text("40 credits: 40 from monthly")


def test_failed_work_costs_nothing(studio: Studio) -> None:
    """The experiment fails at one of two attempts: its credits are seen to be set aside and to come back
    (H1, H3)."""
    before = studio.credits
    studio.page.evaluate(
        """window.seen = [];
        document.addEventListener('credits', (e) => seen.push([e.detail.available, e.detail.held]))"""
    )
    first = studio.say_after(lambda: studio.make("a paper dragon", "image.experimental"))
    second = studio.say_after(lambda: studio.make("a paper dragon", "image.experimental"))
    assert sorted([first, second]) == [
        "Done. It cost 6 credits.",
        "This one did not work out. The 6 credits that were set aside are back; nothing was charged.",
    ]
    studio.wait_for_credits(before - 6)
    seen = studio.page.evaluate("window.seen")
    assert [before - 6, 6] in seen
    assert seen[-1] == [before - 6, 0]


def test_more_detail_and_video(studio: Studio) -> None:
    """A picture is refined for 2, a film of two seconds costs 16 and moves."""
    studio.make("silk in the wind")
    assert "4 credits" in studio.said
    before = studio.credits
    button = studio.page.get_by_role("button", name="More detail for: silk in the wind").first
    assert studio.say_after(button.click) == "Done. It cost 2 credits."
    expect(studio.page.locator(".work").first).to_contain_text("1536 × 1536")
    assert (
        studio.say_after(lambda: studio.make("moon over the sea", "video.second", 2))
        == "Done. It cost 16 credits."
    )
    film = studio.page.locator(".work a").first.get_attribute("href")
    assert film
    assert b"ANIM" in studio.page.request.get(film).body()[:200]
    studio.wait_for_credits(before - 18)


def test_an_idea_is_one_click(studio: Studio) -> None:
    """A suggestion is painted as it stands."""
    studio.page.get_by_role("button", name="coral reef in the ocean").click()
    assert studio.said == "Done. It cost 4 credits."
    assert studio.works()[0] == "coral reef in the ocean"


def test_not_enough(page: Page) -> None:
    """Who can't pay is told how much is missing and where to get more, and nothing is taken (S4)."""
    studio = Studio(page).enter("sam")
    assert studio.credits == 12
    text = studio.say_after(lambda: studio.make("a very long film", "video.second", 3))
    assert text.startswith("This needs 24 credits and you have 12: 12 are missing.")
    studio.wait_for_credits(12)
    page.get_by_role("link", name="Top up").click()
    page.wait_for_url("**/subscriptions#topups")


def test_works_belong_to_their_customer(studio: Studio) -> None:
    """Another customer doesn't see them."""
    picture = studio.page.locator(".work a").first.get_attribute("href")
    Studio(studio.page).enter("sam")
    assert picture
    assert studio.page.request.get(picture).status == 404


def test_two_windows(studio: Studio) -> None:
    """A charge made in one window is seen in the other."""
    other = studio.page.context.new_page()
    other.goto("/subscriptions")
    before = studio.credits
    studio.make("two windows")
    expect(other.locator(CHIP)).to_contain_text(f"{before - 4:,}")
    expect(other.locator(".total")).to_contain_text(f"{before - 4:,}")
    expect(other.locator("#history .line").first).to_contain_text("Picture: “two windows”")
