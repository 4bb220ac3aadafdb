"""Taking over what Stripe knows, while its payments go on arriving."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from coinpurse.app import inbox
from coinpurse.settings import Settings
from coinpurse.simulator.courier import Courier
from coinpurse.simulator.deliveries import Delivery
from coinpurse.simulator.server import create_app
from coinpurse.wiring import open_context
from importing.conftest import books
from serving import coinpurse
from simulator.shop import DAY, Shop

SECRET = "whsec_importing"
CATALOG = """\
[plans.starter]
name = "Starter"
monthly_credits = 1000
prices.month = { amount = "19.00", currency = "usd", stripe = "price_starter" }
[packs.small]
name = "500 credits"
credits = 500
price = { amount = "5.00", currency = "usd", stripe = "price_pack" }
"""
PAGES = {"success_url": "https://app.example/done", "cancel_url": "https://app.example/"}
RATE = ("--credits-per-unit", "100")


class Waiting(Courier):
    """Delivers nothing by itself: the tests say when."""

    async def flush(self) -> int:
        """Later."""
        return 0


@contextmanager
def served(shop: Shop) -> Iterator[str]:
    """The shop's API over HTTP, for processes; its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    app = create_app(shop.sim, courier=Waiting(shop.sim))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


class Town:
    """A shop that has been selling for months, and Coinpurse beside it."""

    def __init__(self, shop: Shop, address: str, database: str, folder: Path) -> None:
        self.shop, self.folder = shop, folder
        (folder / "coinpurse.toml").write_text(CATALOG)
        self.env = {
            "COINPURSE_DATABASE_URL": database,
            "COINPURSE_CATALOG": str(folder / "coinpurse.toml"),
            "COINPURSE_STRIPE_API_KEY": "sk_test_any",
            "COINPURSE_STRIPE_API_BASE": address,
            "COINPURSE_STRIPE_WEBHOOK_SECRET": SECRET,
        }
        self.ann = self.born("Ann", coinpurse_account="ann")
        self.bob, _ = self.born("Bob"), self.born("Cai")
        self.mapping = folder / "mapping.csv"
        self.mapping.write_text(f"customer;account\n{self.bob};bob\n")

    def born(self, name: str, **metadata: str) -> str:
        """A customer."""
        made = self.shop.call("POST", "/v1/customers", name=name, metadata=metadata)
        return str(made["id"])

    def buys(self, customer: str, mode: str, price: str, **more: Any) -> Any:
        """Buys at a checkout."""
        session = self.shop.call(
            "POST",
            "/v1/checkout/sessions",
            mode=mode,
            customer=customer,
            line_items=[{"price": price, "quantity": 1}],
            **more,
            **PAGES,
        )
        return self.shop.sim.control("pay_checkout", {"session": session["id"]})

    def has(self, customer: str, cents: int, **more: Any) -> None:
        """Has billing credits."""
        amount = {"type": "monetary", "monetary": {"value": cents, "currency": "usd"}}
        self.shop.call("POST", "/v1/billing/credit_grants", customer=customer, amount=amount, **more)

    def bring(self, *options: str, kind: str = "stripe") -> dict[str, Any]:
        """Imports, and gives the report."""
        done = coinpurse("import", kind, *options, "--json", **self.env)
        assert not done.stderr, done.stderr
        return {**json.loads(done.stdout), "code": done.returncode}

    def ask(self, *arguments: str) -> Any:
        """What a command answers."""
        done = coinpurse(*arguments, "--json", **self.env)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def delivered(self, by: int) -> list[str]:
        """Lets time pass at Stripe; all that is told of it arrives and is worked on. Gives the outcomes."""
        return asyncio.run(self._delivered(by))

    async def _delivered(self, by: int) -> list[str]:
        async with open_context(Settings.from_env(self.env)) as ctx:

            async def post(delivery: Delivery) -> int:
                headers = delivery.headers(int(datetime.now(UTC).timestamp()))
                await inbox.receive(ctx, "stripe", delivery.body, headers)
                return 200

            await Courier(self.shop.sim, post).advance(self.shop.sim.now + by)
            while await inbox.work(ctx):
                pass
            rows = await ctx.db.rows("SELECT type, status, outcome FROM coinpurse.events ORDER BY type")
            return [f"{row['type']} {row['status']}: {row['outcome']}" for row in rows]


@pytest.fixture
def town(database_url: str, tmp_path: Path) -> Iterator[Town]:
    """A shop since 70 days: Ann subscribes and has credits, Bob is named by no one, Cai has never paid."""
    shop = Shop(start=datetime.now(UTC).replace(microsecond=0) - timedelta(days=70))
    for endpoint in shop.get("/v1/webhook_endpoints")["data"]:
        shop.call("DELETE", f"/v1/webhook_endpoints/{endpoint['id']}")
    shop.sim.listen("in-process", SECRET)
    with served(shop) as address:
        town = Town(shop, address, database_url, tmp_path)
        town.buys(town.ann, "subscription", "price_starter")
        town.buys(town.bob, "subscription", "price_starter")
        shop.advance(shop.sim.now + 70 * DAY)
        shop.events.clear()
        yield town


def test_a_customer_that_nobody_knows(town: Town) -> None:
    """Who pays and has no account is named; who never paid is not asked for."""
    report = town.bring()
    assert (report["code"], report["rows"], report["created"]) == (1, 5, 2)
    assert [town.bob in problem["detail"] for problem in report["problems"]] == [True]


def test_taken_over(town: Town) -> None:
    """Customers become accounts, subscriptions go on; a rehearsal changes nothing, nor does a second run."""
    how = ("--mapping", str(town.mapping), *RATE)
    before = books(town.env["COINPURSE_DATABASE_URL"])
    rehearsed = town.bring(*how)
    assert books(town.env["COINPURSE_DATABASE_URL"]) == before
    done = town.bring(*how, "--apply")
    assert (done["code"], done["problems"]) == (0, [])
    assert {**rehearsed, "applied": True}["rows"] == done["rows"] == 5
    assert done["accounts_created"] == 2
    for account in ("ann", "bob"):
        shown = town.ask("accounts", "show", account, "--test")
        assert shown["account"]["name"] == account.title()
        assert shown["balance"]["buckets"]["monthly"]["available"] == 1000
        assert len(shown["subscriptions"]) == 1
        assert datetime.fromisoformat(shown["subscriptions"][0]["paid_through"]) > datetime.now(UTC)
    before = books(town.env["COINPURSE_DATABASE_URL"])
    again = town.bring(*how, "--apply")
    assert (again["code"], again["created"], again["skipped"]) == (0, 0, 5)
    after = books(town.env["COINPURSE_DATABASE_URL"])
    # When Stripe was asked, and when the account was looked at.
    assert {name for name in after if after[name] != before[name]} <= {"standings", "wallets"}
    assert town.ask("verify")["problems"] == []


def test_billing_credits(town: Town) -> None:
    """Money in advance becomes credits at a rate; what expires is promotional, what is over is left out."""
    soon = int(datetime.now(UTC).timestamp()) + 40 * DAY
    town.has(town.ann, 1250)
    town.has(town.ann, 301, expires_at=soon)
    voided = town.shop.sim.world.tables.credit_grants
    town.has(town.ann, 9900)
    last = next(g["id"] for g in voided.find(customer=town.ann) if g["amount"]["monetary"]["value"] == 9900)
    town.shop.call("POST", f"/v1/billing/credit_grants/{last}/void")
    how = ("--mapping", str(town.mapping))
    assert len(town.bring(*how)["problems"]) == 2
    report = town.bring(*how, "--credits-per-unit", "9", "--credits-per-unit", "usd=1.5", "--apply")
    assert (report["code"], report["notes_in_all"]) == (0, 2 * 1)
    shown = town.ask("accounts", "show", "ann", "--test")
    assert {(g["kind"], g["amount"]) for g in shown["grants"]} == {
        ("monthly", 1000),
        ("addon", 18),
        ("promo", 4),
    }
    again = town.bring(*how, "--credits-per-unit", "1.5", "--apply")
    assert (again["code"], again["created"]) == (0, 0)


def test_p2_payments_go_on_arriving(town: Town) -> None:
    """P2: what was imported is not given again when its webhook comes, late; a refund finds it; the next
    renewal is paid as ever."""
    session = town.buys(town.ann, "payment", "price_pack")
    intent = town.shop.get(f"/v1/checkout/sessions/{session['id']}")["payment_intent"]
    town.bring("--mapping", str(town.mapping), *RATE, "--apply")
    file = town.folder / "topups.csv"
    file.write_text(f"account,payment,credits,provider,paid_at\nann,{intent},500,stripe,2026-01-01T10:00Z\n")
    assert town.bring(str(file), "--test", "--apply", kind="topups")["created"] == 1
    outcomes = town.delivered(0)
    assert any(line.startswith("checkout.session.completed applied") for line in outcomes)
    balance = town.ask("balance", "ann", "--test")
    assert (balance["buckets"]["addon"]["available"], balance["available"]) == (500, 1500)
    town.shop.call("POST", "/v1/refunds", payment_intent=intent, amount=250)
    town.delivered(1)
    assert town.ask("balance", "ann", "--test")["buckets"]["addon"]["available"] == 250
    paid = town.ask("accounts", "show", "ann", "--test")["subscriptions"][0]["paid_through"]
    town.delivered(32 * DAY)
    later = town.ask("accounts", "show", "ann", "--test")["subscriptions"][0]["paid_through"]
    assert later > paid
    assert town.ask("verify")["problems"] == []
    assert town.bring(str(file), "--test", "--apply", kind="topups")["skipped"] == 1


def test_webhook_first(town: Town) -> None:
    """P2: a payment that its webhook told of is known when it is imported."""
    town.bring("--mapping", str(town.mapping), *RATE, "--apply")
    session = town.buys(town.ann, "payment", "price_pack")
    intent = town.shop.get(f"/v1/checkout/sessions/{session['id']}")["payment_intent"]
    town.delivered(0)
    assert town.ask("balance", "ann", "--test")["buckets"]["addon"]["available"] == 500
    file = town.folder / "topups.csv"
    file.write_text(f"account,payment,credits,provider\nann,{intent},500,stripe\n")
    assert town.bring(str(file), "--test", "--apply", kind="topups")["skipped"] == 1
    assert town.ask("balance", "ann", "--test")["buckets"]["addon"]["available"] == 500


def test_stripe_cannot_be_asked(town: Town) -> None:
    """Without a key, or where nobody answers, it is said kindly."""
    del town.env["COINPURSE_STRIPE_API_KEY"]
    assert "COINPURSE_STRIPE_API_KEY" in town.bring()["detail"]
    town.env |= {"COINPURSE_STRIPE_API_KEY": "sk_test_any", "COINPURSE_STRIPE_API_BASE": "http://127.0.0.1:9"}
    report = town.bring()
    assert report["code"] == 1
    assert "can't be reached" in report["problems"][0]["detail"]
