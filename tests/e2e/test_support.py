"""The support console in a browser: at phone and desktop size, by day and by night, with JavaScript and
without, and by keyboard alone. One demo, in which the webhooks of Mia's renewal got lost, serves all."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

import serving
from coinpurse.domain.ids import account_digest
from e2e.judging import offences, wide

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
VIEWS: dict[str, dict[str, Any]] = {
    "phone-light": {"viewport": PHONE, "color_scheme": "light", "java_script_enabled": False},
    "phone-dark": {"viewport": PHONE, "color_scheme": "dark"},
    "desk-light": {"viewport": DESK, "color_scheme": "light"},
    "desk-dark": {"viewport": DESK, "color_scheme": "dark", "java_script_enabled": False},
}
MIA = account_digest("mia", True).hex
PAGES = {
    "/support": "Find an account",
    "/support?q=nobody": "Find an account",
    "/support/renewals?state=late&test=1": "Renewals whose payment is not confirmed",
    "/support/events?status=applied&test=1": "Billing events",
    "/support/overview?test=1": "Overview",
    "/support/low?test=1": "Low balances",
    "/support/shortfalls?test=1": "Refunds of spent credits",
    "/support/requests": "Approvals",
    "/support/trail": "Audit trail",
    "/support/nowhere": "There is no such page.",
    "/support/accounts/{mia}": "mia",
}


@pytest.fixture(scope="module")
def password(url: str, home: Path) -> str:
    """Mia's renewal is late, since nothing that was told of it has come; and somebody has a password."""
    with httpx.Client(base_url=url, cookies={"studio_customer": "mia"}, timeout=60) as client:
        for where, fields in (
            ("/studio/provider", {"act": "lose"}),
            ("/studio/clock", {"move": "renewal"}),
            ("/studio/clock", {"move": "hour"}),
        ):
            assert client.post(where, data=fields).status_code == 303
    given: str = serving.answer(
        "staff", "add", "kim@kreator.example", "--role", "agent", "--name", "Kim", COINPURSE_HOME=str(home)
    )["password"]
    return given


@pytest.fixture(scope="module")
def views(chromium: Browser, url: str, password: str) -> Iterator[dict[str, BrowserContext]]:
    """A browser of each kind, with Lea, a lead, signed in."""
    opened = {}
    for name, view in VIEWS.items():
        opened[name] = chromium.new_context(base_url=url, **view)
        come_in(opened[name], "lea")
    yield opened
    for context in opened.values():
        context.close()


def come_in(context: BrowserContext, colleague: str) -> str:
    """Comes in through the demo's door; the address of Mia's page."""
    fields: dict[str, str | float | bool] = {"colleague": colleague, "customer": "mia"}
    answer = context.request.post("/studio/desk", form=fields)
    assert "/support/accounts/" in answer.url
    return answer.url


def page_of(context: BrowserContext) -> Page:
    """The browser's page."""
    page = context.pages[0] if context.pages else context.new_page()
    page.set_default_timeout(20_000)
    return page


@pytest.mark.parametrize("path", PAGES)
def test_u3_every_page_in_every_view(views: dict[str, BrowserContext], path: str) -> None:
    """Each page says what it is in every view, fits the screen, and axe-core finds nothing serious. (Without
    JavaScript nothing can be measured in the page; the styles are the same.)"""
    for name, context in views.items():
        page = page_of(context)
        page.goto(path.format(mia=MIA))
        expect(page.locator("h1")).to_contain_text(PAGES[path])
        if VIEWS[name].get("java_script_enabled", True):
            assert not wide(page), name
            assert offences(page) == [], name


def test_u3_the_door_in_every_view(chromium: Browser, url: str, password: str) -> None:
    """The sign-in page too, with what it says when the password is wrong."""
    for view in VIEWS.values():
        if not view.get("java_script_enabled", True):
            continue
        context = chromium.new_context(base_url=url, **view)
        page = page_of(context)
        page.goto("/support/trail")
        page.get_by_label("Email").fill("kim@kreator.example")
        page.get_by_label("Password").fill("not this")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("don't belong together")
        assert not wide(page)
        assert offences(page) == []
        context.close()


def test_u3_read_aloud(views: dict[str, BrowserContext]) -> None:
    """The accessibility tree of an account has its headings, its table and the one button by their names."""
    page = page_of(views["desk-light"])
    page.goto(come_in(views["desk-light"], "lea"))
    told = page.locator("main").aria_snapshot()
    for said in (
        'heading "mia test" [level=1]',
        'textbox "For the ticket"',
        'heading "As its owner sees it" [level=2]',
        'heading "Why" [level=2]',
        'heading "“My credits dropped to zero on my renewal date”" [level=3]',
        'columnheader "What to do"',
        'button "Look it up at Stripe and apply"',
        'region "Timeline"',
    ):
        assert said in told, said


def test_u3_the_line_for_the_ticket(views: dict[str, BrowserContext]) -> None:
    """With JavaScript a button copies it."""
    context = views["desk-light"]
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = page_of(context)
    page.goto(come_in(context, "lea"))
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.get_by_label("For the ticket").input_value()
    assert copied.startswith("mia (Mia, mia@example.com) · ")


def test_u3_a_second_person_without_javascript(chromium: Browser, url: str, password: str) -> None:
    """An agent asks for more than they may give, a lead agrees, the customer has it; all by plain forms."""
    asking = chromium.new_context(base_url=url, java_script_enabled=False)
    page = page_of(asking)
    mia = come_in(asking, "ann")
    page.goto(mia)
    before = int(page.locator(".figure b").inner_text().replace(",", ""))
    page.get_by_text("Give credits", exact=True).first.click()
    form = page.locator("details", has=page.get_by_text("Give credits", exact=True)).first
    form.get_by_label("Credits", exact=True).fill("2500")
    form.get_by_label("Why").fill("The export of a whole day was lost")
    form.get_by_role("button", name="Give credits").click()
    expect(page.locator(".note")).to_contain_text("waits for a second person")
    deciding = chromium.new_context(base_url=url, java_script_enabled=False)
    come_in(deciding, "lea")
    other = page_of(deciding)
    other.goto("/support/requests")
    other.get_by_role("button", name="Approve and do it").click()
    expect(other.locator(".note")).to_contain_text("Done: gave credits.")
    page.goto(mia)
    expect(page.locator(".figure b")).to_have_text(f"{before + 2500:,}")
    asking.close()
    deciding.close()


def test_u3_by_keyboard_alone(chromium: Browser, url: str, password: str) -> None:
    """Signing in, finding the account, and having the late renewal looked up and applied, without a mouse.
    The last, since it heals the renewal."""
    context = chromium.new_context(base_url=url)
    page = page_of(context)
    page.goto("/support")
    tab_to(page, "email")
    page.keyboard.type("kim@kreator.example")
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("mia@exa")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("mia")
    tab_to(page, "Look it up at Stripe and apply")
    page.keyboard.press("Enter")
    expect(page.locator(".note")).to_contain_text("Done: looked it up at the provider.")
    expect(page.locator("#renewals")).to_contain_text("Paid, and the credits are there.")
    expect(page.locator("#renewals")).not_to_contain_text("Never delivered")
    context.close()


def tab_to(page: Page, name: str) -> None:
    """Presses Tab until what has the focus is called so, and sees that the focus shows."""
    for _ in range(60):
        page.keyboard.press("Tab")
        found = page.evaluate("[document.activeElement.id, document.activeElement.innerText]")
        if name in found:
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none"
            return
    raise AssertionError(f"{name} can't be reached")
