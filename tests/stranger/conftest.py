"""A stranger's Stripe and two Coinpurses that it tells of everything: one asks it back, one believes what it
is told. All are processes of their own."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import stripe

from conftest import url
from serving import answer, serving
from stranger import process

SECRET = "whsec_shared_with_a_stranger"
PATIENCE = 12.0  # seconds until what localstripe tells (after one second) must be in the books
PLANS = {"starter-month": (1200, "month"), "starter-year": (12000, "year"), "studio-month": (3000, "month")}
CATALOG = """
[plans.starter]
name = "Starter"
monthly_credits = 1000
prices.month = { amount = "12.00", currency = "usd", stripe = "starter-month" }
prices.year = { amount = "120.00", currency = "usd", stripe = "starter-year" }
[plans.studio]
name = "Studio"
monthly_credits = 3000
prices.month = { amount = "30.00", currency = "usd", stripe = "studio-month" }
[packs.small]
name = "500 credits"
credits = 500
price = { amount = "6.00", currency = "usd", stripe = "price_small" }
"""


@dataclass
class Purse:
    """A running Coinpurse, as an app sees it."""

    address: str
    database: str
    http: httpx.Client

    def get(self, path: str) -> Any:
        return self.http.get(path).raise_for_status().json()

    def buckets(self, account: str) -> tuple[int, int]:
        """What is available: monthly, add-on."""
        found = self.get(f"/accounts/{account}/balance")["buckets"]
        return found["monthly"]["available"], found["addon"]["available"]

    def subscription(self, account: str) -> Any:
        [found] = self.get(f"/accounts/{account}/subscriptions")["data"]
        return found

    def wait_for_subscription(self, account: str, **fields: Any) -> Any:
        """Until the account's one subscription has these fields; gives it."""
        self.wait(lambda: fields.items() <= self.subscription(account).items(), f"{account}: {fields}")
        return self.subscription(account)

    def wait_for_events(self, account: str, type: str, count: int) -> None:
        """Until so many events of a type have come for the account."""

        def come() -> bool:
            types: list[str] = [e["type"] for e in self.get(f"/accounts/{account}/events")["data"]]
            return types.count(type) >= count

        self.wait(come, f"{account}: {count} of {type}")

    def wait(self, true: Callable[[], bool], what: str) -> None:
        """Until what the stranger told has been worked on."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, "\n".join([what, *self.story()])
            time.sleep(0.1)

    def wait_for(self, account: str, buckets: tuple[int, int]) -> None:
        """Until these credits are there, and nothing more waits to be worked on."""
        self.wait(lambda: self.buckets(account) == buckets and not self.open(), f"{account}: {buckets}")

    def open(self) -> bool:
        """Whether an event waits or failed."""
        return any(self.get(f"/billing-events?status={status}")["data"] for status in ("waiting", "failed"))

    def story(self) -> list[str]:
        """The latest events, for whoever looks for a fault."""
        found = self.get("/billing-events?limit=20")["data"]
        return [f"{e['type']} {e['account']} {e['status']}: {e['outcome']}" for e in found]


class Stranger:
    """localstripe through the official library. It knows plans, not prices, and no checkout."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._client = stripe.StripeClient(
            process.KEY, base_addresses={"api": address}, max_network_retries=0
        )

    def __call__(self, method: str, path: str, **params: Any) -> Any:
        return json.loads(self._client.raw_request(method, path, **params).body)

    def customer(self, account: str) -> str:
        """A customer of an account, with a card on file."""
        made: str = self("post", "/v1/customers", metadata={"coinpurse_account": account})["id"]
        self.card(made, "4242424242424242")
        return made

    def card(self, customer: str, number: str) -> str:
        """Another card, which is charged from now on."""
        card = {"number": number, "exp_month": "12", "exp_year": "2042", "cvc": "123"}
        method: str = self("post", "/v1/payment_methods", type="card", card=card)["id"]
        self("post", f"/v1/payment_methods/{method}/attach", customer=customer)
        self("post", f"/v1/customers/{customer}", invoice_settings={"default_payment_method": method})
        return method

    def subscribe(self, customer: str, plan: str = "starter-month") -> Any:
        return self("post", "/v1/subscriptions", customer=customer, items=[{"plan": plan}])

    def top_up(self, customer: str, account: str, method: str | None = None) -> Any:
        """What an automatic top-up asks for: the pack off-session, with the metadata that Coinpurse puts."""
        kept = self("get", f"/v1/payment_methods?customer={customer}&type=card")["data"]
        names = {"account": account, "pack": "small", "purchase": f"dip of {account}"}
        return self(
            "post",
            "/v1/payment_intents",
            amount=600,
            currency="usd",
            customer=customer,
            payment_method=method or kept[0]["id"],
            confirm=True,
            metadata={f"coinpurse_{name}": value for name, value in names.items()},
        )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    """A stranger's Stripe that sells our plans."""
    if process.program() is None:
        pytest.skip(
            "localstripe is not installed (pip install localstripe, or name it: COINPURSE_LOCALSTRIPE)"
        )
    with process.running(tmp_path_factory.mktemp("localstripe")) as address:
        shop = Stranger(address)
        for id, (amount, interval) in PLANS.items():
            plan = {"id": id, "amount": amount, "currency": "usd", "interval": interval}
            shop("post", "/v1/plans", **plan, product={"name": id})
        yield shop


@pytest.fixture(scope="module")
def purses(server: str, shop: Stranger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Purse]]:
    """Two Coinpurses with databases of their own: one has an API key and asks, one is only told."""
    catalog = tmp_path_factory.mktemp("catalog") / "catalog.toml"
    catalog.write_text(CATALOG, "utf-8")
    key = {"COINPURSE_STRIPE_API_KEY": process.KEY, "COINPURSE_STRIPE_API_BASE": shop.address}
    with _purse(server, "asking", catalog, **key) as asking, _purse(server, "told", catalog) as told:
        for name, purse in (("asking", asking), ("told", told)):
            hook = {"url": f"{purse.address}/v1/webhooks/stripe", "secret": SECRET}
            httpx.post(f"{shop.address}/_config/webhooks/{name}", json=hook).raise_for_status()
        yield [asking, told]


@contextmanager
def _purse(server: str, name: str, catalog: Path, **env: str) -> Iterator[Purse]:
    database = f"stranger_{name}"
    with psycopg.connect(server, dbname="postgres", autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{database}" TEMPLATE coinpurse_template')
    env |= {"COINPURSE_DATABASE_URL": url(server, database), "COINPURSE_CATALOG": str(catalog)}
    env["COINPURSE_STRIPE_WEBHOOK_SECRET"] = SECRET
    with serving("serve", **env) as address:
        scopes = [word for scope in ("spend", "grant", "support", "read") for word in ("--scope", scope)]
        key = answer("keys", "create", "--test", *scopes, **env)["key"]
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=f"{address}/v1", headers=headers) as http:
            yield Purse(address, env["COINPURSE_DATABASE_URL"], http)
    with psycopg.connect(server, dbname="postgres", autocommit=True) as conn:
        conn.execute(f'DROP DATABASE "{database}" WITH (FORCE)')
