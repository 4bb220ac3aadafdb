"""A real browser on the real demo: Debian's Chromium, `coinpurse demo` and an embedded database of its
own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

import serving
from e2e.studio import Studio

CHROMIUM = Path(os.environ.get("COINPURSE_TEST_CHROMIUM", "/usr/bin/chromium"))
# Pages that a test answers itself count as foreign, and Chromium keeps those away from this machine's own
# ports.
OPEN = "--disable-features=LocalNetworkAccessChecks"
SWITCHES = [
    OPEN,
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
]
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what is in this folder, so that `make check` can leave it out."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo keeps everything."""
    if not CHROMIUM.exists():
        pytest.skip(f"Chromium is not at {CHROMIUM}; install it or set COINPURSE_TEST_CHROMIUM")
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    """The address of the running demo, new for each module."""
    with serving.serving("demo", COINPURSE_HOME=str(home)) as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, url: str) -> Iterator[Page]:
    """A page with JavaScript, in a browser without memory. What the console complains about fails the
    test."""
    yield from _page(chromium.new_context(base_url=url))


@pytest.fixture
def plain_page(chromium: Browser, url: str) -> Iterator[Page]:
    """A page with JavaScript switched off."""
    yield from _page(chromium.new_context(base_url=url, java_script_enabled=False))


def _page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.set_default_timeout(10_000)
    yield page
    context.close()
    # Answers that a test makes fail on purpose are complained about too; those are no faults of ours.
    assert [said for said in complaints if "Failed to load resource" not in said] == []


@pytest.fixture
def studio(page: Page) -> Studio:
    """The studio with JavaScript, as Mia."""
    return Studio(page).enter("mia")


@pytest.fixture
def plain_studio(plain_page: Page) -> Studio:
    """The studio without JavaScript, as Mia."""
    return Studio(plain_page).enter("mia")
