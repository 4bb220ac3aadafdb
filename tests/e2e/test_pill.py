"""How the pill behaves with every kind of answer. The answers are made up where the real server can't be
brought to give them; the pill, the page and the browser are real."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from e2e.studio import PILL

NUMBER = f"{PILL} [part=chip] span"
CHIP = f"{PILL} [part=chip]"
SPOKEN = f"{PILL} output"
TOKEN = {"token": "secret-token", "expires_at": "2999-01-01T00:00:00Z"}


def balance(
    available: int, sequence: int, *, held: int = 0, addon: int = 0, allocation: int = 1000, **more: Any
) -> dict[str, Any]:
    """A balance as the API gives it, far newer than anything that the real server has rendered."""
    monthly: dict[str, Any] = {
        "available": available - addon,
        "held": held,
        "frozen": 0,
        "allocation": allocation,
        "period": None,
    }
    monthly |= {"renews_at": "2026-12-14T10:00:00Z", "provisional": False, "renewing": False}
    buckets = {"monthly": monthly, "addon": {"available": addon, "held": 0, "frozen": 0}, "other": []}
    base = {
        "account": "mia",
        "as_of": "2026-11-14T10:00:00Z",
        "sequence": 1000 + sequence,
        "available": available,
        "held": held,
    }
    return {**base, "buckets": buckets, "subscription": None, **more}


class Server:
    """Stands in for the API: what the stream says, and what a question is answered."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.events: list[dict[str, Any]] = []
        self.stream_status, self.balance_status = 200, 200
        self.asked: list[str] = []
        self.tokens = 0
        page.route("**/studio/token", self._token)
        page.route("**/v1/me/stream", self._stream)
        page.route("**/v1/me/balance", self._balance)

    def _token(self, route: Route) -> None:
        self.tokens += 1
        route.fulfill(json=TOKEN)

    def _stream(self, route: Route) -> None:
        if route.request.headers["authorization"] != "Bearer secret-token":
            route.continue_()  # another page's pill, with a token of its own
            return
        self.asked.append("stream")
        parts = [f": hello\n\nevent: balance\nid: 1\ndata: {json.dumps(event)}\n\n" for event in self.events]
        route.fulfill(status=self.stream_status, content_type="text/event-stream", body="".join(parts))

    def _balance(self, route: Route) -> None:
        self.asked.append("balance")
        route.fulfill(status=self.balance_status, json=self.events[0] if self.events else {})

    def open(self, wait_for: str | None = None) -> None:
        """Opens the studio."""
        self.page.goto("/")
        if wait_for:
            expect(self.page.locator(NUMBER)).to_have_text(wait_for)


@pytest.fixture
def answering(page: Page) -> Server:
    """A page whose pill talks to a server that the test directs."""
    return Server(page)


def test_shows_what_the_stream_says(answering: Server) -> None:
    """The latest of several events is shown, and the details tell the buckets apart."""
    answering.events = [balance(1300, 5, addon=300), balance(1296, 6, addon=300, held=4)]
    answering.open("1,296")
    answering.page.locator(PILL).hover()
    details = answering.page.locator(f"{PILL} [role=tooltip]")
    expect(details).to_be_visible()
    expect(details).to_contain_text("Monthly996of 1,000resets 14 December 2026Add-on300never expireHeld4")


def test_never_shows_an_older_number(answering: Server) -> None:
    """An answer that was overtaken changes nothing, nor does one that is older than what the server
    rendered."""
    answering.events = [balance(900, 10), balance(950, 9), balance(800, 3)]
    answering.page.route("**/", lambda route: _rendered(route, available=990, sequence=8))
    answering.open("900")
    answering.events = [balance(1, 2)]
    answering.page.wait_for_timeout(1500)
    expect(answering.page.locator(NUMBER)).to_have_text("900")


def _rendered(route: Route, available: int, sequence: int) -> None:
    """The studio's page with another number in it."""
    answer = route.fetch()
    text = answer.text()
    start = text.index(' available="')
    end = text.index(">", start)
    route.fulfill(
        response=answer,
        body=f'{text[:start]} available="{available}" sequence="{1000 + sequence}"{text[end:]}',
    )


def test_equal_sequence_and_later_instant_is_news(answering: Server) -> None:
    """What time alone has changed has the same sequence and a later instant: it is shown."""
    answering.events = [balance(500, 4), balance(480, 4, as_of="2026-11-14T10:00:00.5Z")]
    answering.open("480")


def test_never_flashes_zero(answering: Server) -> None:
    """While it loads it shows what the server rendered, whatever the network does."""
    answering.stream_status = answering.balance_status = 503
    answering.page.add_init_script(
        """new MutationObserver(() => {
             const n = document.querySelector('credits-pill')?.shadowRoot?.querySelector('span')?.textContent;
             if (n !== undefined) (window.shown ??= new Set()).add(n);
           }).observe(document, { subtree: true, childList: true, attributes: true })"""
    )
    answering.page.route("**/", lambda route: _rendered(route, available=777, sequence=8))
    answering.open("777")
    expect(answering.page.locator(PILL)).to_have_attribute("stale", "")
    assert answering.page.evaluate("[...shown]") == ["777"]


def test_without_a_rendered_number(answering: Server) -> None:
    """Where nothing was rendered it shows a dash until it knows."""
    answering.stream_status = answering.balance_status = 503
    answering.open()
    answering.page.evaluate(
        """const pill = document.createElement('credits-pill');
        pill.setAttribute('token-url', '/studio/token');
        document.body.append(pill)"""
    )
    expect(answering.page.locator(NUMBER).last).to_have_text("–")
    expect(answering.page.locator(CHIP).last).to_have_attribute("aria-label", "Loading credits")


def test_asks_where_there_is_no_stream(answering: Server) -> None:
    """Without a stream it asks for the balance."""
    answering.events = [balance(321, 5)]
    answering.stream_status = 404
    answering.open("321")
    answering.page.wait_for_timeout(300)
    assert answering.asked[:3] == ["balance", "stream", "balance"]
    expect(answering.page.locator(PILL)).not_to_have_attribute("stale", "")


def test_offline_and_back(answering: Server) -> None:
    """Offline it keeps the last number, marked; back online it goes on."""
    answering.events = [balance(640, 5)]
    answering.open("640")
    answering.stream_status = answering.balance_status = 503
    answering.page.context.set_offline(True)
    pill = answering.page.locator(PILL)
    expect(pill).to_have_attribute("stale", "")
    expect(answering.page.locator(CHIP)).to_have_attribute(
        "aria-label", "640 credits available. Offline: last known number"
    )
    answering.stream_status = answering.balance_status = 200
    answering.events = [balance(630, 6)]
    answering.page.context.set_offline(False)
    expect(answering.page.locator(NUMBER)).to_have_text("630")
    expect(pill).not_to_have_attribute("stale", "")


def test_a_refused_token_is_asked_for_anew(answering: Server) -> None:
    """After a 401 it gets another token."""
    answering.stream_status = answering.balance_status = 401
    answering.open()
    expect(answering.page.locator(PILL)).to_have_attribute("stale", "")
    answering.stream_status = answering.balance_status = 200
    answering.events = [balance(5, 900)]
    expect(answering.page.locator(NUMBER)).to_have_text("5")
    assert answering.tokens >= 2


def test_the_token_stays_in_memory(answering: Server) -> None:
    """It is in no address, no storage and no cookie."""
    addresses: list[str] = []
    answering.page.on("request", lambda request: addresses.append(request.url))
    answering.events = [balance(640, 5)]
    answering.open("640")
    kept = answering.page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    assert "secret-token" not in kept
    assert not [address for address in addresses if "secret" in address]


@pytest.mark.parametrize(
    ("count", "shown"),
    [(99_999, "99,999"), (100_000, "100K"), (123_999, "123.9K"), (1_999_999, "1.9M"), (0, "0")],
)
def test_large_numbers(answering: Server, count: int, shown: str) -> None:
    """Whole up to 99,999, then compact and rounded down."""
    answering.events = [balance(count, 900)]
    answering.open(shown)


PAST_DUE: dict[str, Any] = {"subscription": {"status": "past_due"}}
Spoken = tuple[dict[str, Any], dict[str, Any], str]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (balance(640, 900), balance(636, 901), ""),
        (balance(640, 900), balance(630, 901, held=10), ""),
        (balance(630, 900, held=10), balance(640, 901), ""),
        (balance(640, 900), balance(1140, 901), "Credits added. 1,140 credits available"),
        (balance(104, 900), balance(100, 901), "Credits are low. 100 credits available"),
        (balance(100, 900), balance(96, 901), ""),
        (balance(4, 900), balance(0, 901), "No credits left. 0 credits available"),
        (balance(640, 900), balance(40, 901, **PAST_DUE), "A payment is missing. 40 credits available"),
        (balance(40, 900, **PAST_DUE), balance(36, 901, **PAST_DUE), ""),
    ],
)
def test_what_is_spoken(answering: Server, before: dict[str, Any], after: dict[str, Any], said: str) -> None:
    """A screen reader hears of additions, of running low or out and of a missing payment, not of every spend,
    hold and release."""
    answering.events = [before, after]
    answering.open(f"{after['available']:,}")
    expect(answering.page.locator(SPOKEN)).to_have_text(said)


def test_keyboard(answering: Server) -> None:
    """It is one stop for Tab, shows its details on focus, hides them on Escape, and Enter follows its
    link."""
    answering.events = [balance(640, 5)]
    answering.open("640")
    details = answering.page.locator(f"{PILL} [role=tooltip]")
    answering.page.locator("#customer").focus()
    answering.page.keyboard.press("Tab")
    expect(details).to_be_visible()
    answering.page.keyboard.press("Escape")
    expect(details).to_be_hidden()
    answering.page.keyboard.press("Enter")
    answering.page.wait_for_url("**/subscriptions")


def test_accessible_name(answering: Server) -> None:
    """Its name says the number and what it counts; its details describe it."""
    answering.events = [balance(640, 5, addon=40)]
    answering.open("640")
    link = answering.page.get_by_role("link", name="640 credits available")
    expect(link).to_have_accessible_description(
        "Monthly 600 of 1,000 resets 14 December 2026 Add-on 40 never expire"
    )


def test_a_hidden_page_is_quiet(answering: Server) -> None:
    """A page that nobody sees holds no connection, and catches up when it is seen again."""
    answering.events = [balance(640, 5)]
    answering.open("640")
    hide = """(hidden) => {
        Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    answering.page.evaluate(hide, True)
    answering.page.wait_for_timeout(1200)
    asked = len(answering.asked)
    answering.page.wait_for_timeout(2500)
    assert len(answering.asked) == asked
    answering.events = [balance(600, 6)]
    answering.page.evaluate(hide, False)
    expect(answering.page.locator(NUMBER)).to_have_text("600")


def test_tabs_share_one_stream(answering: Server) -> None:
    """One tab follows and tells the others; when it is closed another takes over, and nothing is lost."""
    answering.events = [balance(640, 5)]
    answering.open("640")
    other = Server(answering.page.context.new_page())
    other.events = [balance(640, 5)]
    other.open("640")
    answering.events = [balance(640, 5), balance(600, 6)]
    expect(other.page.locator(NUMBER)).to_have_text("600")
    assert other.asked == ["balance"]
    other.events = [balance(580, 7)]
    answering.page.close()
    expect(other.page.locator(NUMBER)).to_have_text("580")
    assert "stream" in other.asked


def test_accounts_do_not_share(answering: Server) -> None:
    """A tab of another account hears nothing of the first's, and follows by itself."""
    answering.events = [balance(640, 5)]
    answering.open("640")
    other = Server(answering.page.context.new_page())
    other.events = [balance(7, 5, account="noor")]
    other.open("7")
    answering.events = [balance(600, 6)]
    expect(answering.page.locator(NUMBER)).to_have_text("600")
    expect(other.page.locator(NUMBER)).to_have_text("7")
    assert "stream" in other.asked


def test_no_answer_is_told_to_the_others(answering: Server) -> None:
    """When the tab that follows gets no answer any more, the others are marked as well."""
    answering.events = [balance(640, 5)]
    answering.open("640")
    other = Server(answering.page.context.new_page())
    other.events = [balance(640, 5)]
    other.open("640")
    answering.stream_status = answering.balance_status = 503
    expect(other.page.locator(PILL)).to_have_attribute("stale", "")
    answering.stream_status = answering.balance_status = 200
    expect(other.page.locator(PILL)).not_to_have_attribute("stale", "")


Themed = Callable[..., Page]


@pytest.fixture
def themed(chromium: Browser, url: str) -> Iterator[Themed]:
    """Pages under a theme of the reader's choice."""
    contexts = []

    def make(**options: Any) -> Page:
        contexts.append(chromium.new_context(base_url=url, **options))
        page = contexts[-1].new_page()
        page.goto("/")
        page.wait_for_function("document.querySelector('credits-pill').shadowRoot")
        return page

    yield make
    for context in contexts:
        context.close()


def test_dark_and_forced_colors(themed: Themed) -> None:
    """The chip is dark in dark mode; with forced colours it uses the reader's own."""
    inside = "getComputedStyle(document.querySelector('credits-pill').shadowRoot.querySelector"
    ground = f"{inside}('a')).backgroundColor"
    assert themed(color_scheme="light").evaluate(ground) == "rgb(255, 255, 255)"
    dark = themed(color_scheme="dark").evaluate(ground)
    assert all(int(part) < 60 for part in dark[4:-1].split(","))
    fill = f"{inside}('svg')).fill"
    plain = themed().evaluate(fill)
    assert themed(forced_colors="active").evaluate(fill) != plain


def test_right_to_left(themed: Themed) -> None:
    """In a right-to-left page the details open towards the page, not out of it."""
    page = themed(viewport={"width": 390, "height": 800})
    page.evaluate("document.documentElement.dir = 'rtl'")
    page.locator(PILL).hover()
    box = page.locator(f"{PILL} [role=tooltip]").bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("path", ["/", "/subscriptions", "/subscriptions/cancel"])
def test_nothing_overflows(themed: Themed, path: str, width: int) -> None:
    """No page is wider than the screen."""
    page = themed(viewport={"width": width, "height": 800})
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
