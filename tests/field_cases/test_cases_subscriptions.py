"""What went wrong elsewhere with subscriptions: cases 6 to 13, 23 and 24."""

from dataclasses import replace
from datetime import timedelta

import pytest

from coinpurse.domain.errors import InsufficientCredits
from coinpurse.store.db import Database
from field_cases.conftest import MODES, Opens
from field_cases.scene import DAY, Scene, of_type, shuffled
from rules.life import MICROSECOND, when

pytestmark = pytest.mark.asyncio(loop_scope="module")
END = "2026-02-28T10:00:00"
EDITED = """
[plans.starter]
name = "Starter, another now"
monthly_credits = {credits}
prices.month = {{ amount = "12.00", currency = "usd", stripe = "{starter_month}" }}
[packs.small]
name = "One credit"
credits = 1
price = {{ amount = "6.00", currency = "usd", stripe = "{small}" }}
"""


@MODES
async def test_case_06_updated_before_created(opens: Opens, asks: bool) -> None:
    """Elsewhere an update that came before the creation broke, and a late retry brought an old state back
    (E2)."""
    scene = await opens(asks=asks)
    begun = await scene.buys(plan="starter")
    await scene.until(scene.simulator.now + DAY)
    cancelled = scene.updates(cancel_at_period_end=True)
    await scene.hears(cancelled)
    await scene.hears(begun[::-1])
    await scene.hears(of_type(begun, "customer.subscription.updated", "customer.subscription.created"))
    [sub] = await scene.subscriptions()
    assert (sub.status, sub.ends_at) == ("active", when(END))
    assert await scene.life.buckets() == (1000, 0)


@MODES
@pytest.mark.parametrize("behaviour", ["pending_if_incomplete", "allow_incomplete"])
async def test_case_07_an_upgrade_that_nobody_paid(opens: Opens, asks: bool, behaviour: str) -> None:
    """Elsewhere an upgrade without a card, and back again, left credits that nobody had paid for (B5, B6)."""
    scene = await opens(asks=asks)
    await scene.bought(plan="starter")
    await scene.life.charge(200)
    await scene.until(scene.simulator.now + 10 * DAY)
    scene.does("card", customer=scene.customer.buyer.customer, behaviour="declines")
    up = scene.changes("studio", payment_behavior=behaviour)
    await scene.hears(up)
    assert await scene.life.buckets() == (800, 0)
    await scene.until(scene.simulator.now + DAY)
    down = scene.changes("starter")
    await scene.hears(shuffled([*up, *down], 7))
    assert await scene.life.buckets() == (800, 0)
    scene.does("card", customer=scene.customer.buyer.customer, behaviour="pays")
    await scene.lives_until("2026-02-28T12:00:00")
    assert await scene.life.buckets() == (1000, 0)


@MODES
@pytest.mark.parametrize("seed", [1, 2])
async def test_case_08_an_upgrade_in_any_order(opens: Opens, asks: bool, seed: int) -> None:
    """Elsewhere the old plan's credits were taken before the new ones came, and the balance fell below zero
    (B5, S7): 100 of 1,000 left, 3,000 a month now, makes 2,100, whatever comes first."""
    scene = await opens(asks=asks)
    await scene.bought(plan="starter")
    await scene.life.charge(900)
    await scene.until(scene.simulator.now + 10 * DAY)
    await scene.hears(shuffled(scene.changes("studio"), seed))
    assert await scene.life.buckets() == (2100, 0)
    await scene.until(scene.simulator.now + DAY)
    await scene.hears(shuffled(scene.changes("starter"), seed))
    assert await scene.life.buckets() == (2100, 0)
    await scene.lives_until("2026-02-28T12:00:00")
    assert await scene.life.buckets() == (1000, 0)


@MODES
async def test_case_09_the_catalog_is_edited(opens: Opens, asks: bool) -> None:
    """Elsewhere an edit of the catalog emptied the balances of those who had bought before (P5)."""
    scene = await opens(asks=asks)
    await scene.bought(plan="starter")
    await scene.bought(pack="small")
    await scene.life.charge(300)
    _edit_catalog(scene, 10)
    assert await scene.life.buckets() == (700, 500)
    await scene.tells_all_again()
    assert await scene.life.buckets() == (700, 500)


@MODES
@pytest.mark.parametrize("credits", [10, 5000])
async def test_case_09_what_was_sold_renews_as_sold(opens: Opens, asks: bool, credits: int) -> None:
    """A subscription keeps the terms under which it was sold, whatever is told of it and paid for it after
    the catalog was edited (P5)."""
    scene = await opens(asks=asks)
    await scene.bought(plan="starter")
    _edit_catalog(scene, credits)
    await scene.hears(scene.updates(metadata={"note": "nothing that matters"}))
    assert await scene.life.buckets() == (1000, 0)
    await scene.lives_until("2026-02-28T12:00:00")
    assert await scene.life.buckets() == (1000, 0)


@MODES
async def test_case_09_a_plan_that_is_sold_no_more_renews(opens: Opens, asks: bool) -> None:
    """A plan that was taken out of the catalog goes on for those who have it, and who pay for it (P5)."""
    scene = await opens(asks=asks)
    await scene.bought(plan="studio")
    await scene.life.charge(600)
    _edit_catalog(scene, 10)
    await scene.lives_until("2026-02-28T12:00:00")
    assert await scene.life.buckets() == (3000, 0)
    assert await scene.life.states() == ["granted", "granted"]
    [sub] = await scene.subscriptions()
    assert (sub.plan, sub.paid_through) == ("studio", when("2026-03-31T10:00:00"))


def _edit_catalog(scene: Scene, credits: int) -> None:
    """From now on other numbers are in the catalog, and one of the plans is gone."""
    prices = {name.replace(" ", "_"): id for name, id in scene.town.prices.items()}
    scene.sells(EDITED.format(credits=credits, **prices))


@MODES
async def test_case_10_a_year_is_twelve_months(opens: Opens, asks: bool) -> None:
    """Elsewhere a year's credits all came on the first day (B9, T6)."""
    scene = await opens(asks=asks)
    await scene.bought(plan="starter", interval="year")
    assert await scene.life.buckets() == (1000, 0)
    for day in (
        "02-28",
        "03-31",
        "04-30",
        "05-31",
        "06-30",
        "07-31",
        "08-31",
        "09-30",
        "10-31",
        "11-30",
        "12-31",
    ):
        await scene.life.charge(600)
        await scene.lives_until(f"2026-{day}T10:00:00")
        assert await scene.life.buckets() == (1000, 0), day
    assert await scene.life.states() == ["granted"] * 12
    [sub] = await scene.subscriptions()
    assert sub.paid_through == when("2027-01-31T10:00:00")


@MODES
async def test_case_11_the_anchor_does_not_drift(opens: Opens, asks: bool) -> None:
    """Elsewhere a subscription of the 31st came to renew on the 29th for ever (T1)."""
    scene = await opens(asks=asks)
    await scene.bought(plan="starter")
    for day in ("02-28", "03-31", "04-30", "05-31"):
        now = await scene.life.balance()
        assert now.monthly.renews_at == when(f"2026-{day}T10:00:00")
        await scene.lives_until(f"2026-{day}T12:00:00")
    assert await scene.life.states() == ["granted"] * 5


@MODES
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu"])
async def test_case_12_no_zone_expires_early(opens: Opens, asks: bool, zone: str) -> None:
    """Elsewhere credits went hours or a day early in other time zones, and when the clocks changed (T1, T2,
    U2): here a month that New York's clocks cut by an hour ends at its microsecond."""
    scene = await opens(asks=asks, start=when("2026-02-08T15:00:00"))
    async with Database(f"{scene.ctx.db.conninfo}&options=-c%20TimeZone%3D{zone}") as there:
        scene.moves_to(replace(scene.ctx, db=there))
        [row] = await there.rows("SELECT current_setting('TimeZone') AS zone")
        assert row["zone"] == zone
        await scene.bought(plan="starter")
        await scene.life.charge(400)
        end = when("2026-03-08T15:00:00")
        now = await scene.life.wait_until(end - MICROSECOND)
        assert (now.monthly.available, now.monthly.renews_at) == (600, end)
        now = await scene.life.wait_until(end)
        assert (now.monthly.available, now.monthly.renews_at) == (1000, when("2026-04-08T15:00:00"))
        await scene.hears(await scene.until("2026-03-08T17:00:00"))
        assert await scene.life.states() == ["granted"] * 2
    scene.moves_to(scene.second)


@MODES
async def test_case_13_what_has_expired_is_gone_at_once(opens: Opens, asks: bool) -> None:
    """Elsewhere credits could be spent after their end, until a job came by (T2, T4): nothing runs here, no
    delivery arrives, and the first microsecond of the end finds them gone."""
    scene = await opens(asks=asks)
    await scene.bought(plan="starter")
    await scene.life.give("promo", 50, expires="2026-02-10T10:00:00")
    await scene.hears(scene.updates(cancel_at_period_end=True))
    await scene.life.wait_until(when("2026-02-10T10:00:00") - MICROSECOND)
    assert (await scene.life.balance()).available == 1050
    await scene.life.wait_until("2026-02-10T10:00:00")
    assert (await scene.life.balance()).available == 1000
    await scene.life.wait_until(when(END) - MICROSECOND)
    assert (await scene.life.charge(1)).amount == 1
    await scene.life.wait_until(END)
    with pytest.raises(InsufficientCredits):
        await scene.life.charge(1)
    scene.customer.clock = when(END)
    await scene.hears(await scene.until("2026-02-28T10:00:01"))
    assert await scene.life.buckets() == (0, 0)


@MODES
async def test_case_23_a_declined_card_ends_nothing_at_once(opens: Opens, asks: bool) -> None:
    """Elsewhere access was gone at the first declined card, and after recovery the month began on the day of
    payment (B7): under `paid_with_grace` the old credits stay for a day, and the month keeps its start."""
    scene = await opens(asks=asks)
    await scene.bought(plan="patient")
    await scene.bought(pack="small")
    await scene.life.charge(400)
    scene.does("card", customer=scene.customer.buyer.customer, behaviour="declines")
    await scene.lives_until("2026-02-28T16:00:00")
    assert await scene.life.buckets() == (1100, 500)
    scene.does("new_card", customer=scene.customer.buyer.customer)
    scene.does("pay_invoice", invoice=scene.sub["latest_invoice"])
    await scene.hears(shuffled(scene.told(), 23))
    assert await scene.life.buckets() == (1500, 500)
    [_, running] = await scene.life.renewals()
    assert (running.state, running.period.start) == ("granted", when(END))
    assert (await scene.life.balance()).monthly.renews_at == when("2026-03-31T10:00:00")


@MODES
async def test_case_23_recovery_thaws_the_same_month(opens: Opens, asks: bool) -> None:
    """Under `provisional` a declined card freezes what is unspent of the month, nothing else; the payment
    five days later thaws the same grant, which ends when it always did (B2, B7, T7)."""
    scene = await opens(asks=asks)
    await scene.bought(plan="starter")
    await scene.bought(pack="small")
    scene.does("card", customer=scene.customer.buyer.customer, behaviour="declines")
    await scene.life.wait_until(END)
    scene.customer.clock = when(END)
    await scene.life.charge(100)
    await scene.lives_until("2026-02-28T16:00:00")
    assert await scene.life.buckets() == (0, 500)
    assert (await scene.life.balance()).monthly.frozen == 900
    await scene.lives_until("2026-03-05T10:00:00")
    scene.does("new_card", customer=scene.customer.buyer.customer)
    scene.does("pay_invoice", invoice=scene.sub["latest_invoice"])
    await scene.hears(shuffled(scene.told(), 23))
    assert await scene.life.buckets() == (900, 500)
    [grant, _] = await scene.life.grants()
    assert (grant.starts_at, grant.expires_at) == (when(END), when("2026-03-31T10:00:00"))


@MODES
@pytest.mark.parametrize("days", [28, 12])
async def test_case_24_cancelled_by_an_instant(opens: Opens, asks: bool, days: int) -> None:
    """Elsewhere only the flag was read, and a cancellation by date, as the provider's own portal makes it,
    renewed for ever (B3, E2)."""
    scene = await opens(asks=asks)
    await scene.bought(plan="starter")
    await scene.bought(pack="small")
    ends = when(END) if days == 28 else scene.town.now + timedelta(days=days)
    await scene.hears(scene.updates(cancel_at=int(ends.timestamp()), proration_behavior="none"))
    assert not scene.sub["cancel_at_period_end"]
    [sub] = await scene.subscriptions()
    assert sub.ends_at == ends
    await scene.life.wait_until(ends - MICROSECOND)
    assert await scene.life.buckets() == (1000, 500)
    await scene.life.wait_until(ends)
    assert await scene.life.buckets() == (0, 500)
    scene.customer.clock = ends
    await scene.lives_until(ends + timedelta(hours=2))
    assert await scene.life.buckets() == (0, 500)
    assert await scene.life.states() == ["granted"]
