"""The scenarios of a billing life, at the simulator in every run and, with `make live-stripe`, in a real
test account at Stripe.

A real account can't reach this machine, so its events are fetched, signed here and delivered to the inbox
as a webhook would be. The adapter asks the very account.
"""

import os
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from coinpurse.app import accounts, checks, inbox, subscriptions, wallets
from coinpurse.app.context import Context, Who
from coinpurse.domain.catalog import Catalog
from coinpurse.domain.credits import Balance
from coinpurse.providers.stripe import Stripe
from coinpurse.settings import Settings
from coinpurse.simulator import Simulator
from coinpurse.simulator.deliveries import sign
from coinpurse.store.db import Database
from live_stripe.accounts import START, Real, Simulated, StripeAccount
from providers.test_stripe_life import serving

KEY = os.environ.get("COINPURSE_LIVE_STRIPE_KEY", "")
WHO = Who("live", test=True)
SECRET = "whsec_of_this_test"
HOUR = timedelta(hours=1)
CATALOG = """
[plans.starter]
name = "Starter"
monthly_credits = 1000
prices.month = {{ amount = "12.00", currency = "usd", stripe = "{starter}" }}
[plans.studio]
name = "Studio"
monthly_credits = 3000
prices.month = {{ amount = "30.00", currency = "usd", stripe = "{studio}" }}
[packs.small]
name = "500 credits"
credits = 500
price = {{ amount = "6.00", currency = "usd", stripe = "{small}" }}
"""


class Life:
    """One customer's: what they do at Stripe, and what Coinpurse says of it."""

    def __init__(self, at: StripeAccount, ctx: Context, prices: dict[str, str], customer: str) -> None:
        self.at, self.ctx, self.prices, self.customer = at, ctx, prices, customer
        self.stripe = ctx.providers["stripe"]
        self.heard: set[str] = set()

    async def hears(self) -> None:
        """All that Stripe has told since, delivered and worked on."""
        events = [e async for e in self.at.api.all("/v1/events", created={"gte": self.at.began})]
        for event in reversed(events):
            if event["id"] not in self.heard:
                body = msgspec.json.encode(event)
                stamp = int((await self.ctx.db.rows("SELECT now() AS now"))[0]["now"].timestamp())
                await inbox.receive(self.ctx, "stripe", body, {"Stripe-Signature": sign(body, SECRET, stamp)})
                self.heard.add(event["id"])
        while await inbox.work(self.ctx):
            pass

    async def lives_until(self, instant: datetime) -> Balance:
        """Time passes at Stripe and here."""
        await self.at.advance(instant)
        await accounts.move_clock(self.ctx, WHO, "ann", instant)
        await self.hears()
        return await self.balance()

    async def balance(self) -> Balance:
        return await wallets.balance(self.ctx, WHO, "ann")

    async def card(self, token: str) -> str:
        """Another card, to which everything is charged."""
        method = await self.at.api.post(f"/v1/payment_methods/{token}/attach", customer=self.customer)
        await self.at.api.post(
            f"/v1/customers/{self.customer}",
            invoice_settings={"default_payment_method": method["id"]},
        )
        return str(method["id"])

    async def subscribes(self, plan: str) -> dict[str, Any]:
        made = await self.at.api.post(
            "/v1/subscriptions",
            customer=self.customer,
            items=[{"price": self.prices[plan]}],
            metadata={"coinpurse_account": "ann"},
        )
        await self.hears()
        return dict(made)

    async def states(self) -> list[str]:
        page = await subscriptions.renewals(self.ctx, WHO, account="ann", limit=100)
        return [renewal.state for renewal in page.data[::-1]]


@pytest.fixture(params=["simulator", pytest.param("stripe", marks=pytest.mark.slow)])
def account(request: pytest.FixtureRequest) -> Any:
    """The account at which the scenario is lived."""
    if request.param == "stripe":
        if not KEY.startswith(("sk_test_", "rk_test_")):
            pytest.skip(
                "opt-in: make live-stripe, with COINPURSE_LIVE_STRIPE_KEY set to a key for test money"
            )
        yield Real(KEY)
        return
    simulator = Simulator(seed=5, start=START)
    with serving(simulator) as base:
        yield Simulated(simulator, base)


@pytest_asyncio.fixture
async def life(account: StripeAccount, database_url: str) -> AsyncIterator[Life]:
    """A customer with a good card, known to Coinpurse, and nothing bought yet."""
    needed = await account.open()
    prices = {}
    for name, cents in (("starter", 1200), ("studio", 3000), ("small", 600)):
        product = await account.api.post("/v1/products", name=f"Coinpurse {name}")
        every: Any = {} if name == "small" else {"recurring": {"interval": "month"}}
        price = await account.api.post(
            "/v1/prices", product=product["id"], currency="usd", unit_amount=cents, **every
        )
        prices[name] = str(price["id"])
    customer = await account.api.post(
        "/v1/customers", email="ann@example.com", metadata={"coinpurse_account": "ann"}, **needed
    )
    catalog = Catalog.parse(CATALOG.format(**prices))
    stripe = Stripe(catalog, secrets=[SECRET], api_key=account.key, api_base=account.base)
    async with Database(database_url) as db:
        ctx = Context(db, catalog, Settings(None, Path("/none"), Path("/none")), {"stripe": stripe})
        await accounts.put_account(ctx, WHO, "ann", clock=START)
        made = Life(account, ctx, prices, str(customer["id"]))
        await made.card("pm_card_visa")
        yield made
        assert await checks.verify(ctx) == []
    await stripe.close()
    await account.close()


async def test_a_plan_is_bought_renews_and_is_cancelled(life: Life) -> None:
    """The anchor day clips in February and comes back in March; cancelled, it ends with what is paid."""
    sub = await life.subscribes("starter")
    assert (await life.balance()).monthly.available == 1000
    now = await life.lives_until(datetime.fromisoformat("2026-02-28T13:00:00Z"))
    assert (now.monthly.available, now.monthly.provisional) == (1000, False)
    assert now.monthly.renews_at == datetime.fromisoformat("2026-03-31T10:00:00Z")
    await life.at.api.post(f"/v1/subscriptions/{sub['id']}", cancel_at_period_end=True)
    await life.hears()
    ended = await life.lives_until(datetime.fromisoformat("2026-03-31T13:00:00Z"))
    assert (ended.monthly.available, ended.subscription) == (0, None)
    assert await life.states() == ["granted", "granted"]


async def test_a_renewal_fails_and_recovers(life: Life) -> None:
    """A declined card freezes the unpaid month; a good one brings it back, from the period's own start."""
    await life.subscribes("starter")
    await life.card("pm_card_chargeCustomerFail")
    now = await life.lives_until(datetime.fromisoformat("2026-02-28T13:00:00Z"))
    assert (now.monthly.available, now.subscription and now.subscription.status) == (0, "past_due")
    await life.card("pm_card_visa")
    [invoice] = [i async for i in life.at.api.all("/v1/invoices", customer=life.customer, status="open")]
    await life.at.api.post(f"/v1/invoices/{invoice['id']}/pay")
    await life.hears()
    assert (await life.balance()).monthly.available == 1000
    assert await life.states() == ["granted", "granted"]


async def test_an_upgrade_gives_the_difference_when_it_is_paid(life: Life) -> None:
    """Its own invoice is paid at once; what was used stays used."""
    sub = await life.subscribes("starter")
    await wallets.charge(life.ctx, WHO, "ann", amount=800)
    await life.at.advance(START + 24 * HOUR)
    item = sub["items"]["data"][0]["id"]
    await life.at.api.post(
        f"/v1/subscriptions/{sub['id']}",
        items=[{"id": item, "price": life.prices["studio"]}],
        proration_behavior="always_invoice",
        payment_behavior="pending_if_incomplete",
    )
    await life.hears()
    assert (await life.balance()).monthly.available == 2200


async def test_a_top_up_is_bought_off_session_and_refunded(life: Life) -> None:
    """Half of the money takes half of the credits."""
    method = await life.card("pm_card_visa")
    paid = await life.at.api.post(
        "/v1/payment_intents",
        amount=600,
        currency="usd",
        customer=life.customer,
        payment_method=method,
        off_session=True,
        confirm=True,
        metadata={"coinpurse_account": "ann", "coinpurse_pack": "small"},
    )
    await life.hears()
    assert (await life.balance()).addon.available == 500
    await life.at.api.post("/v1/refunds", payment_intent=paid["id"], amount=300)
    await life.hears()
    assert (await life.balance()).addon.available == 250
