"""E4: a day without webhooks is found, told in words, and healed."""

from datetime import UTC, datetime, timedelta
from typing import Any

from coinpurse.app import checks, wallets
from coinpurse.app.reconcile import Reconciled, reconcile
from coinpurse.simulator.deliveries import Faults
from lives.auditor import Auditor
from lives.inside import WHO
from lives.town import Customer
from reconcile.conftest import SILENT, Silence


def about(report: Reconciled, one: Customer) -> str:
    """All that was said of a customer."""
    return "\n".join(d.words for d in report.differences if d.account == one.account)


async def live(silence: Silence) -> dict[str, Customer]:
    """Everything that can happen happens on the silent day, each to somebody else."""
    town, sim = silence.town, silence.town.simulator
    who = {"renews": await silence.subscribed(0)}
    for n, name in enumerate(("tops up", "is refunded", "disputes", "comes", "goes"), 1):
        who[name] = await town.born(n)
    refunded = await silence.topped_up(who["is refunded"])
    disputed = await silence.topped_up(who["disputes"])
    await town.go(silence.day.replace(microsecond=0) - (silence.end - silence.day) * 10)
    for n, name in enumerate(("cancels", "leaves", "upgrades"), 6):
        who[name] = await silence.subscribed(n)
    await silence.begin()
    await silence.topped_up(who["tops up"])
    sim.control("refund", {"charge": refunded, "amount": 300})
    sim.control("dispute", {"charge": disputed})
    sim.control("refund", {"charge": await silence.topped_up(who["goes"])})
    await town.check_out(
        who["comes"], "pm_card_visa", price=town.prices["studio month"], plan="studio", interval="month"
    )
    sim.call("DELETE", f"/v1/subscriptions/{silence.subscription(who['cancels'])}")
    sim.call(
        "POST", f"/v1/subscriptions/{silence.subscription(who['leaves'])}", {"cancel_at_period_end": True}
    )
    path = f"/v1/subscriptions/{silence.subscription(who['upgrades'])}"
    item = sim.call("GET", path)["items"]["data"][0]["id"]
    wish = {"items": [{"id": item, "price": town.prices["studio month"]}]}
    sim.call("POST", path, wish | {"proration_behavior": "always_invoice"})
    await silence.pass_by()
    return who


async def test_e4_each_difference_is_reported_and_nothing_is_changed(silence: Silence) -> None:
    """E4: what the provider has, what is here instead, and that no event came."""
    who = await live(silence)
    before = await silence.books()
    report = await silence.reconcile()
    assert await silence.books() == before
    assert report.healed == 0
    assert report.found == len(report.differences)
    for name, words in {
        "renews": "Here that payment is not counted.",
        "tops up": "the pack small, paid, for 600 usd (in its smallest unit). Here its credits were",
        "is refunded": "300 of 600 refunded of the payment pi_",
        "disputes": "600 of 600 in dispute of the payment pi_",
        "comes": "studio by the month, paid from",
        "goes": "the pack small, paid",
        "cancels": "ended, starter by the month. Here it is active, starter by the month",
        "leaves": "active, starter by the month, ends 20",
        "upgrades": "active, studio by the month. Here it is active, starter by the month",
    }.items():
        assert words in about(report, who[name]), (name, about(report, who[name]))
        assert "No event that tells so has arrived." in about(report, who[name])
    stuck = [d for d in report.differences if d.kind == "stuck"]
    assert ["That payment is missing too" in (d.effect or "") for d in stuck] == [True]
    assert {d.kind for d in report.differences} == {"missing", "stuck"}


async def test_e4_healing_ends_in_the_books_that_the_journal_implies(silence: Silence) -> None:
    """E4, E2: healed, the books are those of a day on which all was told; again, and late events, change
    nothing."""
    await live(silence)
    report = await silence.reconcile(heal=True)
    assert report.found == report.healed == len(report.differences) > 0
    assert await Auditor(silence.town).audit() == []
    assert await checks.verify(silence.ctx) == []
    healed = await silence.books()
    again = await silence.reconcile(heal=True)
    assert (again.found, again.differences) == (0, [])
    assert again.checked == report.checked
    assert (await silence.reconcile()).found == 0
    await silence.arrive()
    assert await silence.books() == healed
    assert await Auditor(silence.town).audit() == []


async def test_e4_the_event_in_between(silence: Silence) -> None:
    """E4: what an event tells while we look is done once, and no difference afterwards."""
    one = await silence.town.born(0)
    await silence.begin()
    await silence.topped_up(one)
    await silence.pass_by()
    assert (await silence.reconcile()).found == 1
    await silence.arrive()
    report = await silence.reconcile(heal=True)
    assert (report.found, report.healed) == (0, 0)
    assert (await wallets.balance(silence.ctx, WHO, one.account)).available == 500


async def test_e4_an_event_that_failed_is_named(silence: Silence) -> None:
    """E4: where an event came and failed, the report says so, and healing has it tried again."""
    one = await silence.town.born(0)
    await silence.town.go(silence.day)
    packs: Any = silence.ctx.catalog.packs
    small = packs.pop("small")
    await silence.topped_up(one)
    await silence.town.go(silence.end)
    stuck = await silence.reconcile(heal=True)
    [told] = [d for d in stuck.differences if d.account == one.account]
    assert (told.kind, told.healed, stuck.healed) == ("stuck", False, 0)
    assert "No catalog ever had the pack 'small'" in (told.effect or "")
    assert "(checkout.session.completed) arrived" in told.words
    assert "failed: No catalog ever had the pack" in told.words
    packs["small"] = small
    report = await silence.reconcile(heal=True)
    assert (report.found, report.healed) == (1, 1)
    await silence.town.work()
    rows = await silence.ctx.db.rows("SELECT count(*) AS n FROM coinpurse.events WHERE status = 'failed'")
    assert rows[0]["n"] == 0
    assert (await wallets.balance(silence.ctx, WHO, one.account)).available == 500


async def test_nothing_is_found_where_all_was_told(silence: Silence) -> None:
    """E4: no false alarm, in either direction, when webhooks work, badly as they may."""
    town = silence.town
    town.simulator.world.deliveries.faults = Faults(repeat=0.3, delay=0.3, reorder=0.3)
    one = await silence.subscribed(0)
    charge = await silence.topped_up(one)
    town.simulator.control("refund", {"charge": charge, "amount": 100})
    await town.go(silence.end)
    await town.settle()
    report = await silence.reconcile()
    assert [d.words for d in report.differences] == []
    assert report.checked > 0


async def test_e4_a_checkout_says_whose_a_subscription_is(silence: Silence) -> None:
    """E4: where only the lost checkout named the account, healing learns it there first."""
    one, sim = await silence.town.born(0), silence.town.simulator
    await silence.begin()
    lines = [{"price": silence.town.prices["starter month"], "quantity": 1}]
    wish = {"mode": "subscription", "line_items": lines, "success_url": "http://127.0.0.1/ok"}
    made = sim.call("POST", "/v1/checkout/sessions", wish | {"client_reference_id": one.account})
    sim.control("pay_checkout", {"session": made["id"], "token": "pm_card_visa"})
    await silence.pass_by()
    report = await silence.reconcile()
    assert ["No account is known" in (d.effect or "") for d in report.differences] == [True, True]
    healed = await silence.reconcile(heal=True)
    assert healed.found == healed.healed > 0
    assert (await wallets.balance(silence.ctx, WHO, one.account)).available == 1000
    assert (await silence.reconcile()).found == 0


async def test_a_subscription_that_is_not_here_at_all(silence: Silence) -> None:
    """E4: it runs there, and its last payment is older than the window."""
    silence.town.simulator.world.deliveries.faults = SILENT
    one = await silence.subscribed(0)
    await silence.town.go(silence.end)
    await silence.town.wake(one)
    report = await reconcile(silence.ctx, WHO, since=datetime.now(UTC) - timedelta(hours=1), heal=True)
    assert [(told.about, told.healed) for told in report.differences] == [(silence.subscription(one), True)]
    assert (await wallets.balance(silence.ctx, WHO, one.account)).monthly.available == 1000
    again = await reconcile(silence.ctx, WHO, since=datetime.now(UTC) - timedelta(hours=1))
    assert (again.found, again.differences) == (0, [])


async def test_what_was_healed_late_is_not_untold(silence: Silence) -> None:
    """E4: a purchase that was found long after it was paid is recorded in a later window than it was made
    in."""
    one = await silence.town.born(0)
    await silence.topped_up(one)
    silence.town.simulator.world.deliveries.outbox.clear()
    await silence.town.go(silence.end)
    everything = await reconcile(silence.ctx, WHO, since=datetime.now(UTC) - timedelta(days=60), heal=True)
    assert everything.healed == 1
    later = await reconcile(silence.ctx, WHO, since=datetime.now(UTC) - timedelta(hours=1))
    assert later.differences == []
