"""The Subscriptions page in each state, as people meet it: on the phone and on the desk, by day and by night,
with JavaScript and without, by eye, by keyboard and by screen reader."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

import serving
from e2e.judging import offences, wide
from e2e.states import STATES, prepare
from web.conftest import CATALOG

#: Where to keep pictures of what was seen, for the docs and for looking at.
PICTURES = os.environ.get("COINPURSE_TEST_PICTURES")
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1200, "height": 900}
VIEWS: dict[str, dict[str, Any]] = {
    "phone-light": {"viewport": PHONE, "color_scheme": "light", "java_script_enabled": False},
    "phone-dark": {"viewport": PHONE, "color_scheme": "dark"},
    "desk-light": {"viewport": DESK, "color_scheme": "light"},
    "desk-dark": {"viewport": DESK, "color_scheme": "dark", "java_script_enabled": False},
}


@pytest.fixture(scope="module")
def purse(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server, and its customers' tokens by their state."""
    home = tmp_path_factory.mktemp("states")
    catalog = home / "coinpurse.toml"
    catalog.write_text(CATALOG.replace("<credits>", "credits"), "utf-8")
    tokens = prepare(module_database_url, catalog, home)
    env = {"COINPURSE_DATABASE_URL": module_database_url, "COINPURSE_CATALOG": str(catalog)}
    with serving.serving(COINPURSE_APP_NAME="Kreator", COINPURSE_SUPPORT="support@kreator.ai", **env) as url:
        yield tokens | {"url": url}


@pytest.fixture(scope="module")
def views(chromium: Browser, purse: dict[str, str]) -> Iterator[dict[str, BrowserContext]]:
    """A browser of each kind."""
    opened = {name: chromium.new_context(base_url=purse["url"], **view) for name, view in VIEWS.items()}
    yield opened
    for context in opened.values():
        context.close()


def enter(context: BrowserContext, purse: dict[str, str], state: str, path: str = "/subscriptions") -> Page:
    """A page for an account in a state."""
    context.clear_cookies()
    context.add_cookies([{"name": "coinpurse_session", "value": purse[state], "url": purse["url"]}])
    page = context.pages[0] if context.pages else context.new_page()
    page.goto(path)
    return page


def test_axe_sees_what_is_wrong(views: dict[str, BrowserContext], purse: dict[str, str]) -> None:
    """The judge of the tests below is awake: it finds what is made wrong on purpose."""
    page = enter(views["desk-light"], purse, "fresh")
    page.evaluate("document.querySelector('.status').style.color = '#ddd'")
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert {found.partition(":")[0] for found in offences(page)} == {"button-name", "color-contrast"}


@pytest.mark.parametrize("state", STATES)
def test_u2_each_state(views: dict[str, BrowserContext], purse: dict[str, str], state: str) -> None:
    """Each state says its words in every view, fits the screen, and axe-core finds nothing serious."""
    for name, context in views.items():
        page = enter(context, purse, state)
        text = " ".join(page.locator("main").inner_text().split())
        assert [said for said in STATES[state].says if said not in text] == [], (name, text[:900])
        if VIEWS[name].get("java_script_enabled", True):
            assert not wide(page), name
            assert offences(page) == [], name
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / f"{state}-{name}.png", full_page=True)


PATHS = (
    "/subscriptions/cancel",
    "/subscriptions/pause",
    "/subscriptions/plan?plan=studio&interval=month",
    "/subscriptions/history",
    "/subscriptions?lang=de",
    "/subscriptions/nowhere",
)


@pytest.mark.parametrize("path", PATHS)
def test_the_pages_where_one_thinks(
    views: dict[str, BrowserContext], purse: dict[str, str], path: str
) -> None:
    """The pages around it fit the screen and give axe-core nothing serious to say."""
    for name in ("phone-dark", "desk-light"):
        page = enter(views[name], purse, "fresh", path)
        assert not wide(page), name
        assert offences(page) == [], name
        if PICTURES:
            tail = path.strip("/").replace("/", "-").replace("?", "-")
            page.screenshot(path=Path(PICTURES) / f"{tail}-{name}.png", full_page=True)


def test_by_keyboard_alone(views: dict[str, BrowserContext], purse: dict[str, str]) -> None:
    """With Tab, Enter and Space one gets to the content, cancels, and takes it back; what has the focus is
    always to be seen."""
    page = enter(views["desk-light"], purse, "trial")
    press(page, "Skip to content")
    assert page.evaluate("document.activeElement.id") == "main"
    press(page, "Cancel plan")
    page.wait_for_url("**/cancel")
    press(page, "Cancel on 14 February 2026")
    expect(page.locator(".plan .badge")).to_have_text("Ends 14 February 2026")
    press(page, "Undo the cancellation")
    expect(page.locator(".plan .badge")).to_have_text("Trial")
    press(page, "My credits dropped to zero on my renewal date. Is that a bug?")
    expect(page.locator("details[open] p").first).to_contain_text("That is the monthly reset")


def press(page: Page, name: str) -> None:
    """Tabs until something with a name has the focus, sees that it shows it, and presses Enter."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if str(page.evaluate(FOCUSED)).strip() == name:
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"Tab never came to {name!r}.")


FOCUSED = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText ?? ''"


def test_what_a_screen_reader_reads(views: dict[str, BrowserContext], purse: dict[str, str]) -> None:
    """Headings, landmarks, bars and the chart have their names, in the order of the page."""
    page = enter(views["desk-light"], purse, "busy")
    tree = page.locator("body").aria_snapshot()
    order = [
        'link "Skip to content"',
        "banner",
        "main",
        'heading "Subscriptions" [level=1]',
        'heading "Starter" [level=2]',
        "monthly credits left",
        'heading "Add-on credits" [level=2]',
        'heading "Your use" [level=2]',
        'img "Credits used, day by day. The same is in the table below."',
        'heading "Where they went" [level=3]',
        'heading "Top up" [level=2]',
        'button "Buy 500 credits for $6.00"',
        'heading "Change plan" [level=2]',
        'heading "History" [level=2]',
        'heading "Questions" [level=2]',
        'navigation "Language"',
    ]
    at = -1
    for part in order:
        assert part in tree[at + 1 :], (part, tree)
        at = tree.index(part, at + 1)


def test_right_to_left(views: dict[str, BrowserContext], purse: dict[str, str]) -> None:
    """For languages that are written from the right, the whole page is mirrored, and nothing sticks out."""
    page = enter(views["phone-dark"], purse, "renewed")
    page.evaluate("document.documentElement.dir = 'rtl'")
    assert not wide(page)
    title, name = page.locator("h1").bounding_box(), page.locator(".head .quiet").bounding_box()
    assert title
    assert name
    assert title["x"] > name["x"]
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / "right-to-left.png")


def test_forced_colors(chromium: Browser, purse: dict[str, str]) -> None:
    """With colours of the reader's own, the bars and the chart are still told from their ground."""
    with chromium.new_context(base_url=purse["url"], forced_colors="active") as context:
        page = enter(context, purse, "busy")
        fills = page.evaluate(
            "['.meter-all', '.meter-part', '.part-monthly', '.part-addon'].map(one => "
            "getComputedStyle(document.querySelector(one)).fill)"
        )
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / "forced-colors.png", full_page=True)
        assert len({fills[1], ground}) == 2
        assert len({fills[2], fills[3], ground}) == 3
