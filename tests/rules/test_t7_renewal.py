"""T7: a renewal whose payment is not confirmed yet follows the plan's policy."""

from datetime import timedelta

import pytest

from coinpurse.app import subscriptions
from coinpurse.domain.errors import Conflict, InsufficientCredits
from rules.conftest import NewLife
from rules.life import MICROSECOND, Life, instant, parts

pytestmark = pytest.mark.asyncio(loop_scope="module")

START = "2026-01-31T10:00"
END = instant("2026-02-28T10:00")
NEXT = instant("2026-03-31T10:00")
LATE = END + timedelta(minutes=10)
FAILS = END + timedelta(hours=24)
POLICIES = ["starter", "patient", "strict"]


async def unpaid(born: NewLife, plan: str, charged: int = 400) -> Life:
    """A subscription whose first month ends now without a payment; `charged` credits of it and of a top-up
    of 500 were spent."""
    life = await born(START)
    await life.topup(500)
    await life.subscribe(plan)
    await life.charge(charged)
    await life.wait_until(END)
    return life


async def test_t7_provisional_lands_on_time(born: NewLife) -> None:
    """The new allocation is there at the instant, marked provisional; the old credits are gone."""
    life = await unpaid(born, "starter")
    now = await life.balance()
    assert (now.monthly.available, now.monthly.allocation, now.addon.available) == (1000, 1000, 500)
    assert (now.monthly.provisional, now.monthly.renewing) == (True, False)
    assert now.monthly.period
    assert (now.monthly.period.start, now.monthly.period.end) == (END, NEXT)
    assert await life.states() == ["granted", "provisional"]
    assert (await life.subscription()).status == "active"


async def test_t7_a_cap_bounds_what_is_provisional(born: NewLife) -> None:
    """At most the cap lands before the payment; the payment brings the rest, to the same end."""
    life = await unpaid(born, "capped")
    assert await life.buckets() == (300, 500)
    await life.charge(120)
    before = (await life.balance()).sequence
    await life.wait_until(END + timedelta(hours=3))
    now = (await life.pay()).balance
    assert (now.monthly.available, now.monthly.provisional) == (880, False)
    assert await life.wrote(before) == [("grant", "monthly", 700)]
    assert {g.expires_at for g in await life.grants() if g.kind == "monthly"} == {NEXT}
    assert await life.states() == ["granted", "granted"]


@pytest.mark.parametrize("plan", POLICIES)
async def test_t7_late_after_ten_minutes_exactly(born: NewLife, plan: str) -> None:
    """A microsecond before `late_after` the renewal is not late, at it it is: listed, and no credit moves."""
    life = await unpaid(born, plan)
    before = await life.balance()
    first = {"starter": "provisional"}.get(plan, "expected")
    await life.wait_until(LATE - MICROSECOND)
    assert await life.states() == ["granted", first]
    after = await life.wait_until(LATE)
    assert await life.states() == ["granted", "late"]
    assert (after.buckets, after.sequence) == (before.buckets, before.sequence)
    page = await subscriptions.renewals(life.ctx, life.who, state="late", account=life.name)
    assert [(r.period.start, r.changed_at, r.policy) for r in page.data] == [
        (END, LATE, {"starter": "provisional", "patient": "paid_with_grace", "strict": "strict"}[plan])
    ]


async def test_t7_provisional_freezes_at_the_end_of_the_grace(born: NewLife) -> None:
    """A microsecond before the end of the grace the credits are spendable; at it what is unspent freezes,
    what was spent is recorded as unpaid, and the subscription is past due."""
    life = await unpaid(born, "starter")
    await life.charge(150)
    await life.wait_until(FAILS - MICROSECOND)
    await life.charge(50)
    assert await life.buckets() == (800, 500)
    now = await life.wait_until(FAILS)
    assert (now.monthly.available, now.monthly.frozen, now.addon.available) == (0, 800, 500)
    assert now.monthly.provisional is False
    assert await life.states() == ["granted", "failed"]
    renewal = (await life.renewals())[-1]
    assert (renewal.unpaid, renewal.changed_at) == (200, FAILS)
    assert (await life.subscription()).status == "past_due"
    last = (await life.entries())[-1]
    assert (last.kind, last.source, last.target, last.moved, last.at) == (
        "freeze", "available", "frozen", 800, FAILS)  # fmt: skip
    with pytest.raises(InsufficientCredits):
        await life.charge(501)
    assert parts((await life.charge(500)).taken) == [("addon", 500)]


async def test_t7_recovery_thaws_the_same_grant(born: NewLife) -> None:
    """The payment that comes days late thaws what was frozen, in the grant that it was; nothing is given
    twice and nothing is owed any more."""
    life = await unpaid(born, "starter")
    await life.charge(200)
    grant = (await life.grants())[0].id
    await life.wait_until("2026-03-05")
    before = (await life.balance()).sequence
    now = (await life.pay()).balance
    assert (now.monthly.available, now.monthly.frozen) == (800, 0)
    assert await life.wrote(before) == [("thaw", "monthly", 800)]
    assert (await life.grants())[0].id == grant
    assert await life.states() == ["granted", "granted"]
    assert (await life.renewals())[-1].unpaid == 0
    assert (await life.subscription()).status == "active"
    assert parts((await life.charge(801)).taken) == [("monthly", 800), ("addon", 1)]


async def test_t7_a_payment_in_time_only_takes_the_mark_away(born: NewLife) -> None:
    """Confirmed minutes later, provisional credits become ordinary ones: nothing moves, nothing will
    freeze."""
    life = await unpaid(born, "starter")
    await life.charge(200)
    await life.wait_until(END + timedelta(minutes=7))
    before = (await life.balance()).sequence
    now = (await life.pay()).balance
    assert (now.monthly.available, now.monthly.provisional) == (800, False)
    assert await life.wrote(before) == []
    later = await life.wait_until(FAILS + timedelta(days=3))
    assert (later.monthly.available, later.monthly.frozen) == (800, 0)
    assert await life.states() == ["granted", "granted"]


async def test_t7_a_late_payment_at_the_last_microsecond(born: NewLife) -> None:
    """Late, but a microsecond before the end of the grace: the renewal is granted and never fails; at the
    end of the grace itself it has failed first and is thawed then."""
    for life, at, wrote in (
        (await unpaid(born, "starter"), FAILS - MICROSECOND, []),
        (await unpaid(born, "starter"), FAILS, [("freeze", "monthly", -1000), ("thaw", "monthly", 1000)]),
    ):
        before = (await life.balance()).sequence
        await life.wait_until(at)
        assert (await life.pay()).balance.monthly.available == 1000
        await life.wait_until(FAILS + timedelta(days=1))
        assert await life.wrote(before) == wrote
        assert await life.states() == ["granted", "granted"]


async def test_t7_paid_with_grace_keeps_the_old_credits(born: NewLife) -> None:
    """The old monthly credits stay spendable until the payment lands, and are then replaced, not added to."""
    life = await unpaid(born, "patient")
    now = await life.balance()
    assert (now.monthly.available, now.monthly.renewing, now.monthly.provisional) == (600, True, False)
    assert now.monthly.period
    assert now.monthly.period.start == END
    assert parts((await life.charge(100)).taken) == [("monthly", 100)]
    before = now.sequence + 1
    await life.wait_until(END + timedelta(hours=5))
    paid = (await life.pay()).balance
    assert (paid.monthly.available, paid.monthly.renewing) == (1000, False)
    assert await life.wrote(before) == [("expiry", "monthly", -500), ("grant", "monthly", 1000)]
    assert [g.expires_at for g in await life.grants() if g.kind == "monthly"] == [NEXT]


async def test_t7_paid_with_grace_ends_with_the_grace(born: NewLife) -> None:
    """Without a payment the old credits go at the end of the grace, not a microsecond sooner; a payment
    after that brings the month."""
    life = await unpaid(born, "patient")
    assert (await life.wait_until(FAILS - MICROSECOND)).monthly.available == 600
    now = await life.wait_until(FAILS)
    assert (now.monthly.available, now.monthly.frozen, now.addon.available) == (0, 0, 500)
    assert await life.states() == ["granted", "failed"]
    assert (await life.subscription()).status == "past_due"
    assert (await life.entries())[-1].kind == "expiry"
    await life.wait_until("2026-03-10")
    paid = await life.pay()
    assert (paid.balance.monthly.available, paid.subscription.status) == (1000, "active")
    assert (await life.wait_until(NEXT - MICROSECOND)).monthly.available == 1000


async def test_t7_strict_is_empty_until_the_payment_lands(born: NewLife) -> None:
    """Monthly is empty and says that it renews; the payment brings the allocation, to the period's own
    end."""
    life = await unpaid(born, "strict")
    now = await life.balance()
    assert (now.monthly.available, now.monthly.renewing, now.addon.available) == (0, True, 500)
    assert now.monthly.allocation == 1000
    await life.wait_until(END + timedelta(hours=2))
    paid = (await life.pay()).balance
    assert (paid.monthly.available, paid.monthly.renewing) == (1000, False)
    assert paid.monthly.period
    assert paid.monthly.period.end == NEXT
    assert (await life.grants())[0].expires_at == NEXT


async def test_t7_strict_fails_without_moving_anything(born: NewLife) -> None:
    """At the end of the grace a strict renewal has failed and the subscription is past due; there was
    nothing to take, and the page no longer says "Renewing"."""
    life = await unpaid(born, "strict")
    before = (await life.balance()).sequence
    now = await life.wait_until(FAILS)
    assert (now.monthly.available, now.monthly.renewing) == (0, False)
    assert await life.wrote(before) == []
    assert await life.states() == ["granted", "failed"]
    assert (await life.pay()).balance.monthly.available == 1000


@pytest.mark.parametrize("plan", [*POLICIES, "capped"])
async def test_t7_nothing_provisional_for_one_that_is_ending(born: NewLife, plan: str) -> None:
    """No grace and no provisional grant for a subscription that was cancelled: monthly is gone at the end."""
    life = await born(START)
    await life.topup(500)
    await life.subscribe(plan)
    await life.cancel()
    assert (await life.wait_until(END - MICROSECOND)).monthly.available == 1000
    now = await life.wait_until(END)
    assert (now.monthly.available, now.monthly.provisional, now.monthly.renewing) == (0, False, False)
    assert now.addon.available == 500
    assert await life.states() == ["granted"]
    assert now.subscription is None


@pytest.mark.parametrize("plan", POLICIES)
async def test_t7_past_due_gets_no_further_period(born: NewLife, plan: str) -> None:
    """After a failed renewal the next periods are skipped: no credits, one row each; frozen ones lapse."""
    life = await unpaid(born, plan)
    now = await life.wait_until("2026-05-05")
    assert (now.monthly.available, now.monthly.frozen, now.addon.available) == (0, 0, 500)
    assert await life.states() == ["granted", "failed", "skipped", "skipped"]
    assert [r.period.start for r in await life.renewals()] == [
        instant(day + "T10:00") for day in ("2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30")
    ]


async def test_t7_the_plans_own_grace_and_lateness(born: NewLife) -> None:
    """A plan may be late after one minute and lose patience after an hour and a half."""
    life = await unpaid(born, "hasty")
    await life.wait_until(END + timedelta(minutes=1) - MICROSECOND)
    assert (await life.states())[-1] == "provisional"
    await life.wait_until(END + timedelta(minutes=1))
    assert (await life.states())[-1] == "late"
    assert (await life.wait_until(END + timedelta(minutes=90) - MICROSECOND)).monthly.available == 1000
    assert (await life.wait_until(END + timedelta(minutes=90))).monthly.frozen == 1000


async def test_t7_work_that_runs_through_the_failure(born: NewLife) -> None:
    """Provisional credits that were held when the renewal failed: captured they are spent, released they
    freeze with the rest, and the payment thaws them."""
    life = await unpaid(born, "starter")
    await life.wait_until(FAILS - timedelta(minutes=30))
    kept, given_back = await life.hold(100), await life.hold(70)
    now = await life.wait_until(FAILS)
    assert (now.monthly.available, now.monthly.held, now.monthly.frozen) == (0, 170, 830)
    assert (await life.renewals())[-1].unpaid == 0
    assert (await life.capture(kept)).balance.monthly.frozen == 830
    back = (await life.release(given_back)).balance
    assert (back.monthly.available, back.monthly.held, back.monthly.frozen) == (0, 0, 900)
    assert (await life.pay()).balance.monthly.available == 900


async def test_t7_credits_given_back_while_frozen(born: NewLife) -> None:
    """A reversal of a provisional charge after the failure goes to the frozen credits: it can't be spent."""
    life = await unpaid(born, "starter")
    made = await life.charge(200)
    await life.wait_until(FAILS)
    back = await life.reverse(made, 80)
    assert parts(back.returned) == [("monthly", 80)]
    assert (back.lapsed, back.balance.monthly.available, back.balance.monthly.frozen) == (0, 0, 880)
    assert (await life.pay()).balance.monthly.available == 880


async def test_t7_one_row_per_subscription_and_period(born: NewLife) -> None:
    """Through late, failed and recovered, each period of each subscription keeps its one row."""
    life = await unpaid(born, "starter")
    one = life.sub
    await life.subscribe("strict")
    await life.wait_until("2026-04-02")
    await life.pay(one, periods=2)
    rows = [(r.subscription, r.period.start) for r in await life.renewals()]
    assert len(set(rows)) == len(rows) == 3 + 2


async def test_t7_an_ended_subscription_takes_no_payment(born: NewLife) -> None:
    """Cancelled while unconfirmed it ends at once, its renewal failed; paying for it is a conflict."""
    life = await unpaid(born, "starter")
    await life.charge(10)
    ended = await life.cancel()
    assert (ended.subscription.status, ended.subscription.ends_at) == ("ended", END)
    assert ended.balance.monthly.available == 0
    assert await life.states() == ["granted", "failed"]
    assert (await life.renewals())[-1].unpaid == 10
    with pytest.raises(Conflict):
        await life.pay()
