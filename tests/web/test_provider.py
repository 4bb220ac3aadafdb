"""The demo at its payment provider: a past that was lived through, and what a newcomer can let happen."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from coinpurse.app import events, subscriptions, wallets
from coinpurse.demo import clock, customers, serve, troubles
from coinpurse.demo.customers import Studio
from coinpurse.demo.prices import priced
from coinpurse.demo.provider import STUDIO, Provider
from coinpurse.domain.catalog import Catalog
from coinpurse.domain.credits import Balance
from coinpurse.settings import Settings
from coinpurse.simulator import Simulator

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def home(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo keeps its pictures and its provider: another for each database."""
    return tmp_path_factory.mktemp("home")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def studio(module_database_url: str, home: Path) -> AsyncIterator[Studio]:
    """The demo, open, with its own servers; the tests of this module go on where the one before ended."""
    settings = replace(Settings.from_env({}), database_url=module_database_url, home=home)
    with serve.listen("127.0.0.1", 0) as listener:
        async with serve.open_demo(settings, listener, lambda text: None) as demo:
            yield demo.studio


async def balance(studio: Studio, customer: str) -> Balance:
    """A customer's credits."""
    return await wallets.balance(studio.ctx, STUDIO, customer)


async def test_customers_move_in_once(studio: Studio) -> None:
    """The demo's people have a past at the provider, at the first start only."""
    found = {id: await balance(studio, id) for id in customers.CUSTOMERS}
    assert found["mia"].monthly.available == 1000 - 86 * 4 - 3 * 4
    assert not found["mia"].monthly.provisional
    assert found["mia"].addon.available == 500
    assert found["noor"].subscription is not None
    assert (found["noor"].subscription.interval, found["noor"].subscription.provider) == ("year", "stripe")
    assert found["sam"].subscription is None
    assert found["sam"].available == 12
    assert {one.as_of for one in found.values()} == {studio.provider.now}
    assert not await customers.ensure(studio)
    assert {id: await balance(studio, id) for id in customers.CUSTOMERS} == found


async def test_the_past_came_by_webhook(studio: Studio) -> None:
    """Every delivery was worked off, and both of Mia's months were confirmed by the provider."""
    for status in ("waiting", "failed"):
        assert not (await events.billing_events(studio.ctx, STUDIO, status=status)).data
    told = await events.billing_events(studio.ctx, STUDIO, account="mia", status="applied", limit=100)
    assert {"checkout.session.completed", "invoice.paid"} <= {event.type for event in told.data}
    periods = (await subscriptions.renewals(studio.ctx, STUDIO, account="mia")).data
    assert {renewal.state for renewal in periods} == {"granted"}


async def test_a_card_that_fails_and_recovers(studio: Studio) -> None:
    """Declined at the renewal: frozen. The provider tries again a day later, and it is as before (T7)."""
    moved = await clock.move(studio, "mia", "renewal", card_works=False)
    assert (moved.after.monthly.frozen, moved.after.available) == (1000, 500)
    assert not (await troubles.panel(studio, "mia")).card_works
    moved = await clock.move(studio, "mia", "day", card_works=True)
    assert (moved.after.monthly.frozen, moved.after.available) == (0, 1500)
    await clock.move(studio, "mia", "renewal", card_works=False)
    moved = await clock.move(studio, "mia", "pay", card_works=False)
    assert (moved.before.monthly.frozen, moved.after.monthly.frozen) == (1000, 0)


async def test_lost_webhooks(studio: Studio) -> None:
    """Nobody hears of the payment: late. Asking brings it; the lost ones then change nothing (T7, E2)."""
    await troubles.lose(studio, "mia")
    moved = await clock.move(studio, "mia", "renewal", card_works=True)
    assert moved.after.monthly.provisional
    await clock.move(studio, "mia", "hour", card_works=True)
    latest = (await subscriptions.renewals(studio.ctx, STUDIO, account="mia")).data[0]
    assert latest.state == "late"
    assert await troubles.look_up(studio, "mia") == ("asked", ())
    assert await troubles.look_up(studio, "mia") == ("known", ())
    before = await balance(studio, "mia")
    assert not before.monthly.provisional
    assert (await troubles.panel(studio, "mia")).lost > 0
    name, numbers = await troubles.find(studio, "mia")
    assert (name, numbers[0] > 0) == ("found", True)
    assert (await balance(studio, "mia")).available == before.available


async def test_a_bank_debit_takes_days(studio: Studio) -> None:
    """A top-up by debit gives nothing until the money is there (P1)."""
    assert await troubles.debit(studio, "sam") == ("debit", (500, 4))
    panel = await troubles.panel(studio, "sam")
    assert panel.debits == [studio.provider.now + timedelta(days=4)]
    for _ in range(3):
        assert (await clock.move(studio, "sam", "day", card_works=True)).after.addon.available == 0
    assert (await clock.move(studio, "sam", "day", card_works=True)).after.addon.available == 500


async def test_money_goes_back(studio: Studio) -> None:
    """A dispute freezes what is left of the top-up until it ends; a refund takes it back (P3)."""
    assert await troubles.dispute(studio, "sam") == ("disputed", (0, 500))
    assert await troubles.refund(studio, "sam") == ("nothing", ())
    assert await troubles.win(studio, "sam") == ("won", (500, 0))
    assert await troubles.refund(studio, "sam") == ("refunded", (0, 0))
    top_up = (await troubles.panel(studio, "sam")).top_up
    assert top_up
    assert top_up.returned


async def test_forms_of_the_panel(studio: Studio) -> None:
    """The panel works by plain forms, and only by its own buttons."""
    origin = {"Origin": studio.ctx.settings.public_url}
    async with httpx.AsyncClient(base_url=studio.ctx.settings.public_url, headers=origin) as client:
        client.cookies.set("studio_customer", "noor")
        answer = await client.post("/studio/provider", data={"act": "look_up"}, follow_redirects=True)
        assert "Everything was known already." in answer.text
        assert "<details" in answer.text
        assert (await client.post("/studio/provider", data={"act": "panel"})).status_code == 422
        evil = {"Sec-Fetch-Site": "cross-site"}
        refused = await client.post("/studio/provider", data={"act": "lose"}, headers=evil)
        assert refused.status_code == 403


async def test_the_provider_is_kept(studio: Studio, home: Path) -> None:
    """What is read from the file is the same world, at the same instant, with the same secret and prices."""
    again = Provider(home, "http://127.0.0.1:1", "http://127.0.0.1:2", studio.ctx.catalog)
    assert (again.fresh, again.now, again.notes) == (False, studio.provider.now, studio.provider.notes)
    assert again.simulator.journal() == studio.provider.simulator.journal()
    assert again.catalog == studio.ctx.catalog
    settings = again.settings(studio.ctx.settings)
    assert settings.stripe.webhook_secrets == studio.ctx.settings.stripe.webhook_secrets


CATALOG = """
[plans.pro]
name = "Pro"
monthly_credits = 100
prices.month = {{ amount = "{0}", currency = "{1}", stripe = "price_real", paddle = "pri_real" }}
"""


async def test_whatever_is_for_sale_has_a_price() -> None:
    """Prices are made for any catalog, once; those of real providers stay out, earlier ones are named."""
    simulator = Simulator(seed=1)
    names = []
    for amount, currency in (("9.00", "usd"), ("1000", "jpy"), ("9.00", "usd")):
        catalog = priced(Catalog.parse(CATALOG.format(amount, currency)), simulator)
        names.append(catalog.plans["pro"].prices["month"].providers)
    dollars, yen = "price_plan_pro_month_900_usd", "price_plan_pro_month_1000_jpy"
    assert names == [{"stripe": dollars}, {"stripe": f"{yen} {dollars}"}, {"stripe": f"{dollars} {yen}"}]
    assert simulator.world.tables.prices.get(yen)["unit_amount"] == 1000
