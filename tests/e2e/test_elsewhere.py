"""The pill on another site: an app with an origin of its own, and Coinpurse run by `coinpurse serve`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

import serving
from e2e.studio import CHIP

APP = "http://localhost:1234"  # nobody listens there: the browser is answered by the test
CLOCK = "2026-01-31T10:00:00Z"


@pytest.fixture(scope="module")
def purse(home: Path) -> Iterator[httpx.Client]:
    """The API of a running server that knows the app's origin, with a test key for everything."""
    env = {"COINPURSE_HOME": str(home), "COINPURSE_ALLOWED_ORIGINS": APP, "COINPURSE_APP_NAME": "Pixels"}
    with serving.serving(**env) as url:
        key = serving.answer("keys", "create", "--scope", "admin", "--test", **env)["key"]
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
            client.put("/v1/accounts/ann", json={"clock": CLOCK}).raise_for_status()
            client.post("/v1/subscriptions", json={"account": "ann", "plan": "starter", "interval": "month"})
            yield client


def session(purse: httpx.Client) -> dict[str, Any]:
    """What the app's own server answers its pages."""
    made: dict[str, Any] = purse.post("/v1/sessions", json={"account": "ann"}).raise_for_status().json()
    return made


@pytest.fixture
def app(chromium: Browser, purse: httpx.Client) -> Iterator[Page]:
    """A page of the app with the pill in it, served from another origin."""
    origin = str(purse.base_url).rstrip("/")
    page = chromium.new_context().new_page()
    html = f"""<!doctype html><html lang="en">
        <script type="module" src="{origin}/static/credits-pill.js"></script>
        <script type="module" src="{origin}/static/credits-meter.js"></script>
        <script type="module" src="{origin}/static/credits-packs.js"></script>
        <credits-meter>Your plan</credits-meter>
        <credits-packs api="{origin}" href="{origin}/subscriptions#topups">Packs</credits-packs>
        <credits-pill api="{origin}" token-url="/token" href="{origin}/subscriptions"></credits-pill>
        <form method="post" action="{origin}/session"><input name="token"><button>Plan</button></form>"""
    page.route(f"{APP}/", lambda route: route.fulfill(content_type="text/html", body=html))
    page.route(f"{APP}/token", lambda route: route.fulfill(json=session(purse)))
    page.goto(f"{APP}/")
    yield page
    page.context.close()


def test_the_pill_on_another_site(app: Page, purse: httpx.Client) -> None:
    """It reads and follows the balance across origins, where the settings allow it."""
    expect(app.locator(CHIP)).to_have_text("1,000")
    purse.post("/v1/charges", json={"account": "ann", "amount": 40}).raise_for_status()
    expect(app.locator(CHIP)).to_have_text("960")


def test_the_meter_and_the_packs(app: Page, purse: httpx.Client) -> None:
    """The meter says what the pill hears; the packs of the catalog are there, with the price of a credit."""
    meter = app.get_by_role("meter")
    expect(meter).to_have_accessible_name(re.compile(r"^[\d,]+ of 1,000 monthly credits left$"))
    left = int(meter.get_attribute("aria-valuenow") or 0)
    purse.post("/v1/charges", json={"account": "ann", "amount": 5}).raise_for_status()
    expect(meter).to_have_attribute("aria-valuenow", str(left - 5))
    packs = app.locator("credits-packs [part=pack]")
    expect(packs.first).to_have_text("500 credits$6.00$0.012 per credit")
    expect(packs.first).to_have_attribute("href", re.compile(r"^http.*/subscriptions#topups$"))


def test_from_the_app_to_the_page(app: Page, purse: httpx.Client) -> None:
    """A form that posts the token opens the Subscriptions page, whose pill uses the page's own session."""
    app.fill("[name=token]", session(purse)["token"])
    app.get_by_role("button", name="Plan").click()
    expect(app.locator("h1")).to_have_text("Subscriptions")
    expect(app.locator(".home")).to_have_text("‹ Pixels")
    purse.post("/v1/charges", json={"account": "ann", "amount": 1}).raise_for_status()
    left = purse.get("/v1/accounts/ann/balance").raise_for_status().json()["available"]
    expect(app.locator(".total b")).to_have_text(f"{left:,}")
    expect(app.locator(CHIP)).to_contain_text(f"{left:,}")
    expect(app.locator("#history .line").first).to_contain_text("1 credit: all from monthly.")
