"""Buying at a payment provider, in a browser: `coinpurse serve`, the simulated Stripe, and a customer between
them."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack

import httpx
import pytest
from playwright.sync_api import Page, expect

import serving
from shop import Shop, open_shop

CLOCK = "2026-01-31T10:00:00Z"


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """The payment provider, in an event loop of its own."""
    loop, stack = asyncio.new_event_loop(), AsyncExitStack()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield asyncio.run_coroutine_threadsafe(stack.enter_async_context(open_shop()), loop).result(30)
    asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


@pytest.fixture(scope="module")
def url(shop: Shop, module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that sells at the shop."""
    catalog = tmp_path_factory.mktemp("catalog") / "coinpurse.toml"
    catalog.write_text(shop.catalog, "utf-8")
    env = {
        "COINPURSE_DATABASE_URL": module_database_url,
        "COINPURSE_CATALOG": str(catalog),
        "COINPURSE_STRIPE_API_KEY": "sk_test_1",
        "COINPURSE_STRIPE_WEBHOOK_SECRET": shop.secret,
        "COINPURSE_STRIPE_API_BASE": shop.url,
    }
    with serving.serving(**env) as address:
        yield address


@pytest.fixture
def customer(page: Page, url: str, module_database_url: str) -> Page:
    """A new customer's browser, on the Subscriptions page."""
    scopes = ("--scope", "admin", "--test")
    key = serving.answer("keys", "create", *scopes, COINPURSE_DATABASE_URL=module_database_url)["key"]
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
        client.put("/v1/accounts/mia", json={"clock": CLOCK, "email": "mia@example.com"}).raise_for_status()
        token = client.post("/v1/sessions", json={"account": "mia"}).raise_for_status().json()["token"]
    page.context.request.post("/session", data={"token": token})
    page.goto("/subscriptions")
    return page


def test_a_customer_buys_and_comes_back(customer: Page, shop: Shop, url: str) -> None:
    """There and back: thanked at once, credited when the news arrives, without a touch (P1). Then a plan,
    bought and cancelled, and the page of cards."""
    customer.get_by_role("button", name="Buy 500 credits for $6.00").click()
    expect(customer.get_by_text("Simulated payment page")).to_be_visible()
    customer.get_by_role("button", name="Pay", exact=True).click()
    expect(customer.get_by_role("heading", name="Thank you. Your credits are on the way")).to_be_visible()
    expect(customer.locator(".total b")).to_have_text("0")
    shop.post(url)
    expect(customer.locator(".note")).to_have_text("Paid. Your credits are here.")
    expect(customer.locator(".total b")).to_have_text("500")
    customer.get_by_role("link", name="Choose Starter").click()
    customer.get_by_role("button", name="Go to payment").click()
    customer.get_by_role("button", name="Pay", exact=True).click()
    expect(customer.get_by_role("heading", name="Thank you. Your plan is on the way")).to_be_visible()
    shop.post(url)
    expect(customer.locator(".plan .badge")).to_have_text("Active")
    expect(customer.locator(".total b")).to_have_text("1,500")
    customer.goto("/subscriptions/cancel")
    customer.get_by_role("button", name="Cancel on 28 February 2026").click()
    expect(customer.locator(".plan .badge")).to_have_text("Ends 28 February 2026")
    assert shop.subscription["cancel_at_period_end"]
    customer.get_by_role("button", name="Manage payment method and invoices").click()
    expect(customer.get_by_text("On file: ending in 4242.")).to_be_visible()
    customer.get_by_role("link", name="Back").click()
    expect(customer.locator(".total b")).to_have_text("1,500")


def test_a_customer_leaves(customer: Page) -> None:
    """Who leaves the provider's page has bought nothing, and reads that."""
    customer.get_by_role("button", name="Buy 500 credits for $6.00").click()
    customer.get_by_role("button", name="Cancel").click()
    expect(customer.locator(".note")).to_have_text("Nothing was bought.")
