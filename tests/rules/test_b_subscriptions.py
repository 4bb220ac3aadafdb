"""B1-B5 and B8-B12: what subscriptions give and take."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from coinpurse.app import subscriptions
from coinpurse.domain.errors import Conflict, Invalid
from rules.conftest import NewLife
from rules.life import MICROSECOND, Life, instant, parts

pytestmark = pytest.mark.asyncio(loop_scope="module")

START = "2026-04-01T00:00"
MAY, JUNE, JULY = instant("2026-05-01"), instant("2026-06-01"), instant("2026-07-01")


async def subscribed(born: NewLife, plan: str = "starter", left: int = 1000, **more: Any) -> Life:
    """A subscription since April 1st with so many monthly credits left, and 500 add-on credits."""
    life = await born(START)
    begun = await life.subscribe(plan, **more)
    await life.charge(begun.balance.monthly.available - left)
    await life.topup(500)
    return life


async def test_b1_renewal_replaces_the_monthly_credits(born: NewLife) -> None:
    """1,000-credit plan, 400 left, renews: 1,000, not 1,400."""
    life = await subscribed(born, left=400)
    await life.pay()
    assert (await life.wait_until(MAY - MICROSECOND)).monthly.available == 400
    assert (await life.wait_until(MAY)).monthly.available == 1000


async def test_b1_a_plan_that_gives_nothing(born: NewLife) -> None:
    """An allocation of 0 makes no grant and renews all the same."""
    life = await subscribed(born, "nothing", left=0)
    await life.pay()
    now = await life.wait_until(MAY)
    assert (now.monthly.available, now.monthly.allocation, now.monthly.renews_at) == (0, 0, JUNE)
    assert [kind for kind, _, _ in await life.wrote()] == ["grant"]
    assert await life.states() == ["granted", "granted"]


async def test_b2_addon_is_never_touched(born: NewLife) -> None:
    """Renewal, plan change, failed payment, recovery, pause, resumption, cancellation and end: add-on
    credits have no entry but their own grant."""
    life = await subscribed(born)
    await life.pay()
    await life.wait_until(MAY)
    await life.change("studio")
    await life.change("starter")
    await life.wait_until(JUNE + timedelta(days=3))
    assert (await life.subscription()).status == "past_due"
    await life.pay()
    await life.pause()
    await life.wait_until(JULY + timedelta(days=3))
    await life.resume()
    await life.cancel(at="now")
    await life.wait_until("2036-01-01")
    assert await life.buckets() == (0, 500)
    assert [(kind, amount) for kind, bucket, amount in await life.wrote() if bucket == "addon"] == [
        ("grant", 500)
    ]
    assert (await life.grants())[0].expires_at is None


async def test_b3_cancelling_keeps_everything_until_the_end_of_what_is_paid(born: NewLife) -> None:
    """The remaining monthly credits stay until `paid_through`; then monthly is gone and add-on can be spent
    with no subscription at all."""
    life = await subscribed(born, left=300)
    cancelled = await life.cancel(reason="too dear")
    assert (cancelled.subscription.status, cancelled.subscription.ends_at) == ("active", MAY)
    assert (cancelled.balance.monthly.available, cancelled.balance.monthly.renews_at) == (300, None)
    await life.wait_until(MAY - MICROSECOND)
    assert parts((await life.charge(100)).taken) == [("monthly", 100)]
    now = await life.wait_until(MAY)
    assert (now.subscription, now.monthly.period, now.monthly.allocation) == (None, None, 0)
    assert await life.buckets() == (0, 500)
    assert parts((await life.charge(1)).taken) == [("addon", 1)]
    assert (await life.subscription()).status == "ended"


async def test_b3_an_annual_plan_keeps_its_coming_months(born: NewLife) -> None:
    """Cancelled in the first month, a paid year still gives twelve months, then ends."""
    life = await subscribed(born, interval="year")
    assert (await life.cancel()).subscription.ends_at == instant("2027-04-01")
    for month in range(5, 13):
        assert (await life.wait_until(f"2026-{month:02}-01")).monthly.available == 1000
    assert (await life.wait_until(instant("2027-04-01") - MICROSECOND)).monthly.available == 1000
    assert (await life.wait_until("2027-04-01")).monthly.available == 0
    assert await life.states() == ["granted"] * 12


async def test_b3_undoing_a_cancellation_changes_nothing_but_the_flag(born: NewLife) -> None:
    """After cancel and resume all is as before, and it renews."""
    life = await subscribed(born, left=300)
    before = await life.balance()
    await life.cancel()
    undone = await life.resume()
    assert (undone.balance.buckets, undone.balance.sequence) == (before.buckets, before.sequence)
    assert undone.subscription == before.subscription
    await life.pay()
    assert (await life.wait_until(MAY)).monthly.available == 1000


async def test_b3_subscribing_again_starts_a_new_anchor(born: NewLife) -> None:
    """Back after the end, on another day: new periods from that day; the ended one can't be resumed."""
    life = await subscribed(born)
    await life.cancel()
    await life.wait_until("2026-05-20T15:30")
    with pytest.raises(Conflict):
        await life.resume()
    again = await life.subscribe("starter")
    assert again.subscription.anchor == instant("2026-05-20T15:30")
    assert (again.balance.monthly.available, again.balance.monthly.renews_at) == (
        1000,
        instant("2026-06-20T15:30"),
    )


async def test_b3_a_payment_keeps_a_cancelled_one_longer(born: NewLife) -> None:
    """A payment that arrives for a cancelled but running subscription moves its end by what it pays."""
    life = await subscribed(born)
    await life.cancel()
    assert (await life.pay()).subscription.ends_at == JUNE
    assert (await life.wait_until(MAY)).monthly.available == 1000
    assert (await life.wait_until(JUNE)).monthly.available == 0


async def test_b4_immediate_termination_ends_the_monthly_bucket_now(born: NewLife) -> None:
    """Refund, dispute or deletion: monthly is gone at once, also a year's coming months; the reason is
    kept."""
    life = await subscribed(born, interval="year", left=300)
    before = (await life.balance()).sequence
    await life.wait_until("2026-04-10")
    ended = await life.cancel(at="now", reason="dispute lost")
    assert (ended.subscription.status, ended.subscription.ends_at) == ("ended", instant("2026-04-10"))
    assert ended.balance.subscription is None
    gone = (await life.entries())[before:]
    assert [(e.kind, e.amount, e.reason, e.actor) for e in gone] == [
        ("expiry", -300, "dispute lost", "tests")
    ]
    await life.wait_until("2026-12-01")
    assert await life.buckets() == (0, 500)


async def test_b5_difference_joins_the_running_period_at_once(born: NewLife) -> None:
    """200 of 1,000 left, upgraded to 3,000 mid-period under `difference`: 2,200, to the same end."""
    life = await subscribed(born, left=200)
    await life.wait_until("2026-04-16")
    changed = await life.change("studio", policy="difference")
    assert (changed.balance.monthly.available, changed.balance.monthly.allocation) == (2200, 3000)
    assert (changed.subscription.plan, changed.balance.monthly.renews_at) == ("studio", MAY)
    assert (changed.subscription.anchor, changed.subscription.paid_through) == (instant(START), MAY)
    await life.pay()
    assert (await life.wait_until(MAY)).monthly.available == 3000


async def test_b5_difference_is_the_default(born: NewLife) -> None:
    """Without a policy an upgrade gives the difference now, and a downgrade waits for the renewal."""
    life = await subscribed(born, left=200)
    assert (await life.change("studio")).balance.monthly.available == 2200
    back = await life.change("starter")
    assert back.balance.monthly.available == 2200
    pending = back.subscription.pending_change
    assert pending
    assert (pending.plan, pending.allocation, pending.at) == ("starter", 1000, MAY)
    await life.pay()
    now = await life.wait_until(MAY)
    assert (now.monthly.available, now.monthly.allocation) == (1000, 1000)


@pytest.mark.parametrize(
    ("at", "more"),
    [
        (instant(START), 2000),
        (instant(START) + MICROSECOND, 2000),
        (instant("2026-04-16"), 1000),
        (instant("2026-04-11"), 1333),  # 20 of 30 days: 1,333.33
        (instant("2026-04-21"), 667),  # 10 of 30 days: 666.67
        (MAY - timedelta(minutes=10, seconds=48), 1),  # half a credit exactly: up
        (MAY - timedelta(minutes=10, seconds=48) + MICROSECOND, 0),  # a microsecond less than half a credit
        (MAY - MICROSECOND, 0),
    ],
)
async def test_b5_prorated_gives_the_share_of_the_period_left(born: NewLife, at: datetime, more: int) -> None:
    """The difference of 2,000 by the share of April that is left, in microseconds, rounded half up: a
    credit is 21 minutes and 36 seconds."""
    life = await subscribed(born, left=200)
    await life.wait_until(at)
    changed = await life.change("studio", policy="prorated")
    assert changed.balance.monthly.available == 200 + more
    assert (changed.subscription.plan, changed.balance.monthly.renews_at) == ("studio", MAY)


async def test_b5_restart_begins_a_new_period_now(born: NewLife) -> None:
    """The old credits lapse, a full new allocation and a new anchor start now."""
    life = await subscribed(born, left=200)
    await life.wait_until("2026-04-16T08:00")
    before = (await life.balance()).sequence
    changed = await life.change("studio", policy="restart")
    assert await life.wrote(before) == [("expiry", "monthly", -200), ("grant", "monthly", 3000)]
    assert changed.subscription.anchor == instant("2026-04-16T08:00")
    assert changed.subscription.paid_through == instant("2026-05-16T08:00")
    await life.wait_until(MAY)
    assert await life.buckets() == (3000, 500)
    assert (await life.wait_until("2026-05-16T08:00")).monthly.provisional is True


async def test_b5_at_renewal_changes_nothing_yet(born: NewLife) -> None:
    """An upgrade that waits for the renewal; asked back, it is forgotten."""
    life = await subscribed(born, left=200)
    await life.pay(periods=1)
    waiting = await life.change("studio", policy="at_renewal")
    assert (waiting.balance.monthly.available, waiting.subscription.plan) == (200, "starter")
    assert (await life.change("starter")).subscription.pending_change is None
    await life.change("studio", policy="at_renewal")
    assert (await life.wait_until(MAY)).monthly.available == 1000
    await life.pay()
    assert (await life.wait_until(JUNE)).monthly.available == 3000


async def test_b5_credits_given_are_not_taken_back(born: NewLife) -> None:
    """A downgrade waits or restarts; by difference or share it is refused."""
    life = await subscribed(born, "studio", left=2500)
    for policy in ("difference", "prorated"):
        with pytest.raises(Conflict):
            await life.change("starter", policy=policy)
    assert await life.buckets() == (2500, 500)
    assert (await life.change("starter", policy="restart")).balance.monthly.available == 1000


async def test_b5_not_while_the_period_is_unpaid(born: NewLife) -> None:
    """Provisional, past due, paused or in a trial, a change takes effect at the renewal only."""
    life = await subscribed(born)
    trial = await born(START)
    await trial.subscribe("tryout", trial_days=14)
    with pytest.raises(Conflict):
        await trial.change("studio")
    for at in (MAY, MAY + timedelta(hours=24)):
        await life.wait_until(at)
        for policy in ("difference", "prorated", "restart"):
            with pytest.raises(Conflict):
                await life.change("studio", policy=policy)
    await life.pay()
    await life.pause()
    with pytest.raises(Conflict):
        await life.change("studio")
    assert (await life.change("studio", policy="at_renewal")).subscription.pending_change


async def test_b8_a_trial_costs_nothing_and_has_its_own_allocation(born: NewLife) -> None:
    """14 days of 50 credits; turning paid at its end starts the first paid period, with its own anchor."""
    life = await born("2026-01-17T10:00")
    begun = await life.subscribe("tryout", trial_days=14)
    assert (begun.subscription.status, begun.subscription.anchor) == ("trialing", instant("2026-01-31T10:00"))
    assert (begun.balance.monthly.available, begun.balance.monthly.allocation) == (50, 50)
    assert begun.balance.monthly.renews_at == instant("2026-01-31T10:00")
    assert (await life.pay()).balance.monthly.available == 50
    assert (await life.wait_until(instant("2026-01-31T10:00") - MICROSECOND)).monthly.available == 50
    now = await life.wait_until("2026-01-31T10:00")
    assert (now.monthly.available, now.monthly.allocation) == (1000, 1000)
    assert now.monthly.renews_at == instant("2026-02-28T10:00")
    assert (await life.subscription()).status == "active"
    assert (await life.states())[-1] == "granted"


async def test_b8_by_default_a_trial_gives_the_plans_allocation(born: NewLife) -> None:
    """Without an allocation of its own the trial gives the plan's."""
    life = await born()
    assert (await life.subscribe("starter", trial_days=1)).balance.monthly.available == 1000


async def test_b8_a_trial_that_nobody_pays_follows_the_policy(born: NewLife) -> None:
    """At its end the first period is unconfirmed, like any renewal."""
    life = await born("2026-01-17T10:00")
    await life.subscribe("tryout", trial_days=14)
    now = await life.wait_until("2026-01-31T10:00")
    assert (now.monthly.available, now.monthly.provisional) == (1000, True)
    assert (await life.wait_until("2026-02-01T10:00")).monthly.frozen == 1000
    assert (await life.states())[-1] == "failed"


async def test_b8_a_cancelled_trial_keeps_its_credits_to_its_end(born: NewLife) -> None:
    """Then it ends; nothing was ever paid and nothing provisional comes."""
    life = await born("2026-01-17T10:00")
    await life.subscribe("tryout", trial_days=14)
    assert (await life.cancel()).subscription.ends_at == instant("2026-01-31T10:00")
    assert (await life.wait_until(instant("2026-01-31T10:00") - MICROSECOND)).monthly.available == 50
    assert (await life.wait_until("2026-01-31T10:00")).available == 0


async def test_b9_a_year_is_twelve_grants(born: NewLife) -> None:
    """Twelve grants at twelve anchored instants, each replacing the one before, from one payment."""
    life = await born("2026-01-31T10:00")
    await life.subscribe("starter", interval="year")
    now = await life.wait_until("2027-01-31T09:59:59.999999")
    assert now.monthly.available == 1000
    given = [e for e in await life.entries() if e.kind == "grant"]
    assert [e.amount for e in given] == [1000] * 12
    assert [e.available_after for e in given] == [1000] * 12
    assert [e.at for e in given] == [r.period.start for r in await life.renewals()]
    assert (await life.wait_until("2027-01-31T10:00")).monthly.provisional is True


@pytest.mark.parametrize("policy", ["difference", "prorated", "at_renewal", None])
async def test_b9_monthly_to_annual_gives_no_month_twice_and_skips_none(
    born: NewLife, policy: str | None
) -> None:
    """Switched in the second month; the year is paid when the month ends: the months follow one another."""
    life = await born("2026-01-31T10:00")
    await life.subscribe("starter")
    await life.pay()
    await life.wait_until("2026-03-10")
    before = (await life.balance()).sequence
    switched = await life.change("starter", interval="year", policy=policy)
    assert await life.wrote(before) == []
    assert switched.balance.monthly.available == 1000
    if policy == "at_renewal":
        await life.wait_until("2026-03-31T10:00")
    assert (await life.pay()).subscription.interval == "year"
    assert (await life.subscription()).paid_through == instant("2027-03-31T10:00")
    await life.wait_until("2027-03-31T09:00")
    await every_month_once(life, 14)


async def test_b9_annual_to_monthly_gives_no_month_twice_and_skips_none(born: NewLife) -> None:
    """Switched in the third month of a paid year: the year is given to its end, then months are paid
    singly."""
    for policy in (None, "at_renewal"):
        life = await born("2026-01-31T10:00")
        await life.subscribe("starter", interval="year")
        await life.wait_until("2026-04-10")
        switched = await life.change("starter", interval="month", policy=policy)
        assert switched.subscription.paid_through == instant("2027-01-31T10:00")
        await life.wait_until("2027-01-31T10:00")
        paid = await life.pay()
        assert (paid.subscription.interval, paid.subscription.paid_through) == (
            "month",
            instant("2027-02-28T10:00"),
        )
        await life.wait_until("2027-02-20")
        await every_month_once(life, 13)


async def every_month_once(life: Life, months: int) -> None:
    """Each month was granted once, and they follow one another without a gap."""
    renewals = await life.renewals()
    assert [r.state for r in renewals] == ["granted"] * months
    assert all(a.period.end == b.period.start for a, b in pairwise(renewals))
    given = [e for e in await life.entries() if e.kind == "grant"]
    assert [e.at for e in given] == [r.period.start for r in renewals]
    assert {e.amount for e in given} == {1000}


async def test_b10_monthly_credits_are_not_given_by_hand(born: NewLife) -> None:
    """Only a subscription gives monthly credits."""
    life = await born()
    with pytest.raises(Invalid):
        await life.give("monthly", 10)


async def test_b10_an_exception_is_recorded_as_one(born: NewLife) -> None:
    """An agent who refunds an unused month takes its credits back, with a reason that the ledger keeps;
    without a reason it can't be done."""
    life = await subscribed(born, left=700)
    grant = (await life.grants())[0]
    with pytest.raises(Invalid):
        await life.revoke(grant.id, reason=None)
    taken = await life.revoke(grant.id, reason="upgraded mid-month, refunded as an exception")
    assert (taken.revoked, taken.remaining) == (700, 0)
    last = (await life.entries())[-1]
    assert (last.kind, last.amount, last.target) == ("revocation", -700, "revoked")
    assert (last.actor, last.reason) == ("tests", "upgraded mid-month, refunded as an exception")
    assert await life.buckets() == (0, 500)
    await life.pay()
    assert (await life.wait_until(MAY)).monthly.available == 1000


async def test_b11_pausing_stops_new_periods(born: NewLife) -> None:
    """What is there stays until its period ends; then no new period comes; add-on stays spendable."""
    life = await subscribed(born, left=300)
    await life.pay()
    paused = await life.pause()
    assert (paused.subscription.status, paused.balance.monthly.renews_at) == ("paused", None)
    assert (await life.wait_until(MAY - MICROSECOND)).monthly.available == 300
    now = await life.wait_until(MAY)
    assert (now.monthly.available, now.addon.available) == (0, 500)
    assert parts((await life.charge(1)).taken) == [("addon", 1)]
    await life.wait_until(JULY)
    assert await life.states() == ["granted", "skipped", "skipped", "skipped"]


async def test_b11_resuming_starts_them_again(born: NewLife) -> None:
    """Resumed in a month that was paid before the pause, that month's credits come at once and once; the
    anchor stays."""
    life = await subscribed(born, left=300)
    await life.pay(periods=2)
    await life.pause()
    await life.wait_until("2026-05-10")
    resumed = await life.resume()
    assert (resumed.subscription.status, resumed.balance.monthly.available) == ("active", 1000)
    assert resumed.balance.monthly.renews_at == JUNE
    assert (await life.wait_until(JUNE)).monthly.available == 1000
    assert await life.states() == ["granted"] * 3


async def test_b11_resumed_within_the_period_nothing_happens(born: NewLife) -> None:
    """Paused and resumed before the period's end: the same credits, no second grant."""
    life = await subscribed(born, left=300)
    await life.pay()
    await life.pause()
    await life.wait_until("2026-04-20")
    assert (await life.resume()).balance.monthly.available == 300
    assert (await life.wait_until(MAY)).monthly.available == 1000


async def test_b11_paused_months_are_not_owed(born: NewLife) -> None:
    """Three months paused with nothing paid ahead: resumed, one payment brings the running month."""
    life = await subscribed(born)
    await life.pause()
    await life.wait_until("2026-07-10")
    assert (await life.resume()).balance.monthly.available == 0
    paid = await life.pay()
    assert paid.balance.monthly.available == 1000
    assert paid.subscription.paid_through == instant("2026-08-01")
    assert await life.states() == ["granted", "skipped", "skipped", "granted"]


async def test_b11_an_unpaid_period_cannot_be_paused(born: NewLife) -> None:
    """A pause must not make provisional credits a gift, nor hide a failed payment."""
    life = await subscribed(born)
    for at in (MAY, MAY + timedelta(hours=24)):
        await life.wait_until(at)
        with pytest.raises(Conflict):
            await life.pause()


async def test_b12_several_subscriptions_burn_soonest_expiry_first(born: NewLife) -> None:
    """Seats: the monthly credits that end first go first, whichever subscription is older; each renews by
    itself."""
    life = await born("2026-04-01")
    await life.subscribe("starter", interval="year")
    await life.wait_until("2026-04-20")
    younger = await life.subscribe("studio", interval="year")
    old_grant, young_grant = await life.grants()
    assert (old_grant.expires_at, young_grant.expires_at) == (MAY, instant("2026-05-20"))
    now = await life.balance()
    assert (now.monthly.available, now.monthly.allocation, now.monthly.renews_at) == (4000, 4000, MAY)
    assert [part.grant for part in (await life.charge(1100)).taken] == [old_grant.id, young_grant.id]
    now = await life.wait_until(MAY)
    assert (now.monthly.available, now.monthly.renews_at) == (3900, instant("2026-05-20"))
    assert next(g.id for g in await life.grants()) == young_grant.id
    assert parts((await life.charge(2900 + 5)).taken) == [("monthly", 2900), ("monthly", 5)]
    assert (await life.wait_until("2026-05-20")).monthly.available == 995 + 3000
    await life.cancel(younger.subscription.id, at="now")
    assert (await life.balance()).monthly.available == 995


async def test_b12_a_change_or_payment_touches_its_own_subscription_only(born: NewLife) -> None:
    """One of two is upgraded and paid; the other renews provisionally as it would alone."""
    life = await born("2026-04-01")
    one = (await life.subscribe("starter")).subscription.id
    other = (await life.subscribe("capped")).subscription.id
    await life.change("studio", one)
    await life.pay(one)
    assert (await life.wait_until(MAY)).monthly.available == 3000 + 300
    states = {s.id: s.status for s in await subscriptions.subscriptions(life.ctx, life.who, life.name)}
    assert states == {one: "active", other: "active"}
    assert (await life.wait_until(MAY + timedelta(hours=24))).monthly.available == 3000
    assert (await life.subscription(other)).status == "past_due"
    assert (await life.subscription(one)).status == "active"
