"""T1-T6 and T9: periods, renewal, and that nothing waits for a timer."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from psycopg import sql

from coinpurse.app import accounts, upkeep
from coinpurse.app.context import Who
from coinpurse.domain.errors import AccountNotFound, Conflict, Forbidden, InsufficientCredits, Invalid
from coinpurse.domain.periods import month_start
from coinpurse.wiring import open_context
from rules.conftest import NewLife, settings
from rules.life import MICROSECOND, Life, audit, instant, parts, run
from rules.test_s7_concurrency import apart

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANCHORS = {
    # anchor: the starts of the periods after it
    "2026-01-31T10:00:00.123456": [
        "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30", "2026-07-31",
        "2026-08-31", "2026-09-30", "2026-10-31", "2026-11-30", "2026-12-31", "2027-01-31", "2027-02-28",
    ],
    "2023-12-31T23:59:59.999999": ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"],
    "2024-01-30T00:00:00": ["2024-02-29", "2024-03-30"],
    "2023-01-29T00:00:00.000001": ["2023-02-28", "2023-03-29"],
    "2024-02-29T12:00:00": [
        "2024-03-29", "2024-04-29", "2024-05-29", "2024-06-29", "2024-07-29", "2024-08-29",
        "2024-09-29", "2024-10-29", "2024-11-29", "2024-12-29", "2025-01-29", "2025-02-28", "2025-03-29",
    ],
    "2026-05-28T07:30:00": ["2026-06-28", "2026-07-28"],
}  # fmt: skip


@pytest.mark.parametrize("anchor", ANCHORS)
async def test_t1_periods_are_reckoned_from_the_anchor(born: NewLife, anchor: str) -> None:
    """Each period starts a whole number of months after the anchor itself, clipped to the month's last day,
    at the anchor's time of day: a clipped month doesn't clip the ones after it."""
    life = await born(anchor)
    made = await life.subscribe("starter", interval="year")
    await life.pay()
    time = anchor[10:]
    starts = [instant(anchor), *(instant(day + time) for day in ANCHORS[anchor])]
    assert made.subscription.anchor == starts[0]
    for start, end in pairwise(starts):
        now = await life.wait_until(start)
        assert now.monthly.period is not None
        assert (now.monthly.period.start, now.monthly.period.end) == (start, end)
        assert now.monthly.renews_at == end
    assert [r.period.start for r in await life.renewals()] == starts[:-1]


async def test_t1_four_years_of_leap_days(born: NewLife) -> None:
    """Anchored on a leap day, the years end on February 28th until the next leap year has a 29th again."""
    life = await born("2024-02-29T12:00")
    await life.subscribe("starter", interval="year")
    await life.pay(periods=4)
    await life.wait_until("2028-03-01")
    februaries = [r.period.start for r in await life.renewals() if r.period.start.month == 2]
    assert februaries == [instant(f"{y}T12:00") for y in (
        "2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29")]  # fmt: skip


async def test_t1_the_anchor_is_reckoned_in_utc(born: NewLife) -> None:
    """An anchor given as the last of January in New York is the first of February in UTC, and stays a
    first."""
    life = await born("2026-01-01")
    made = await life.subscribe("starter", starts_at=datetime.fromisoformat("2026-01-31T23:30:00-05:00"))
    assert made.subscription.anchor == instant("2026-02-01T04:30")
    now = await life.wait_until("2026-02-10")
    assert now.monthly.renews_at == instant("2026-03-01T04:30")


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe"])
async def test_t1_no_time_zone_and_no_summer_time_matters(database_url: str, zone: str) -> None:
    """In a database whose zone changes its clocks between two renewals, periods, trials, grace, holds and
    shares of a period are what they are in UTC."""
    async with open_context(settings(database_url)) as ctx:
        name = (await ctx.db.rows("SELECT current_database() AS name"))[0]["name"]
        setting = sql.SQL("ALTER DATABASE {} SET timezone = {}").format(
            sql.Identifier(name), sql.Literal(zone)
        )
        await run(ctx, setting)
    async with open_context(settings(database_url)) as ctx:
        shown = await ctx.db.rows("SHOW timezone")
        assert shown[0]["TimeZone"] == zone
        # 2:30 of March 8th doesn't exist in New York, 2:15 of October 4th doesn't on Lord Howe Island.
        for begin in ("2026-02-08T07:30", "2026-09-03T15:45"):
            life = Life(ctx, f"in {zone} {begin}", Who("tests", True))
            await accounts.put_account(ctx, life.who, life.name, clock=instant(begin))
            made = await life.subscribe("hasty", trial_days=14)
            anchor = instant(begin) + timedelta(days=14)
            assert made.subscription.anchor == anchor
            await life.wait_until(anchor - MICROSECOND)
            assert (await life.subscription()).status == "trialing"
            await life.pay()
            await life.wait_until(anchor)
            end = anchor.replace(month=anchor.month + 1)
            now = await life.balance()
            assert now.monthly.renews_at == end
            await life.wait_until(anchor + (end - anchor) / 2)
            half = await life.change("studio", policy="prorated")
            assert half.balance.monthly.available == 1000 + 2000 // 2
            hold = await life.hold(1, expires_in=604_800)
            assert hold.expires_at == hold.created_at + timedelta(days=7)
            await life.wait_until(end + timedelta(hours=24) - MICROSECOND)
            assert (await life.subscription()).status == "active"
            await life.wait_until(end + timedelta(hours=24))
            assert (await life.subscription()).status == "past_due"
            await audit(life)


async def test_t2_a_charge_at_exactly_the_end_belongs_to_the_new_period(born: NewLife) -> None:
    """One microsecond before the end the old credits pay; at the end the new ones do."""
    life = await born("2026-01-31T10:00")
    await life.subscribe("starter")
    await life.pay()
    end = instant("2026-02-28T10:00")
    await life.wait_until(end - MICROSECOND)
    last = await life.charge(400)
    assert last.balance.monthly.available == 600
    await life.wait_until(end)
    first = await life.charge(1)
    assert first.created_at == end
    assert first.balance.monthly.available == 999
    assert first.taken[0].grant != last.taken[0].grant


async def test_t2_the_past_is_half_open_too(born: NewLife) -> None:
    """Asked later, the balance at the instant of renewal is the new period's, a microsecond before it the old
    one's."""
    life = await born("2026-01-31T10:00")
    await life.subscribe("starter")
    await life.pay()
    await life.charge(400)
    await life.wait_until("2026-03-15")
    end = instant("2026-02-28T10:00")
    before, at = await life.balance(end - MICROSECOND), await life.balance(end)
    assert (before.available, at.available) == (600, 1000)
    assert before.monthly.period
    assert at.monthly.period
    assert (before.monthly.period.end, at.monthly.period.start) == (end, end)


async def test_t3_expiry_and_grant_are_one_act(born: NewLife) -> None:
    """What remains expires and the next allocation stands in its place, in the same instant, caused by the
    same renewal."""
    life = await born("2026-01-31T10:00")
    await life.topup(250)
    await life.subscribe("starter")
    await life.charge(400)
    await life.pay()
    before = (await life.balance()).sequence
    await life.wait_until("2026-02-28T10:00")
    gone, new = (await life.entries())[before:]
    assert (gone.kind, gone.amount, gone.source, gone.target) == ("expiry", -600, "available", "expired")
    assert (new.kind, new.amount, new.bucket) == ("grant", 1000, "monthly")
    assert gone.at == new.at == instant("2026-02-28T10:00")
    assert gone.cause == new.cause
    assert (new.actor, new.available_after) == ("time", 1250)


async def test_t3_nobody_sees_both_neither_or_their_sum(born: NewLife) -> None:
    """While a renewal happens, readers on other connections see 600 or 1,000 credits, never 0 and never
    1,600."""
    life = await born("2026-01-31T10:00")
    await life.subscribe("starter", interval="year")
    sides = [life.through(ctx) for ctx in apart(life.ctx, 4)]
    seen: set[int] = set()
    done = asyncio.Event()

    async def watch(side: Life) -> None:
        while not done.is_set():
            seen.add((await side.balance()).available)

    watching = [asyncio.create_task(watch(side)) for side in sides]
    for end in ANCHORS["2026-01-31T10:00:00.123456"][:10]:
        await life.charge(400)
        await life.wait_until(f"{end}T10:00")
    done.set()
    await asyncio.gather(*watching)
    assert seen == {600, 1000}


async def test_t3_a_used_up_period_is_replaced_by_a_grant_alone(born: NewLife) -> None:
    """Where nothing remains there is nothing to expire."""
    life = await born("2026-01-31T10:00")
    await life.subscribe("starter")
    await life.pay()
    await life.charge(1000)
    before = (await life.balance()).sequence
    await life.wait_until("2026-02-28T10:00")
    assert await life.wrote(before) == [("grant", "monthly", 1000)]


async def until(at: datetime) -> None:
    """Really waits."""
    await asyncio.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()) + 0.02)


async def look(life: Life, how: str) -> None:
    """One of the ways to come upon an account."""
    match how:
        case "balance":
            await life.balance()
        case "entries":
            await life.entries()
        case "grants":
            await life.grants()
        case "charge" | "hold":
            with pytest.raises(InsufficientCredits) as refused:
                await getattr(life, how)(5000)
            assert refused.value.needed == 5000


LOOKS = ["balance", "entries", "grants", "charge", "hold"]


async def test_t4_whoever_comes_first_sees_what_is_due(born: NewLife) -> None:
    """Live accounts, no sweep: a promotion expires and a hold runs out while nobody looks; the first look, of
    whatever kind, finds them so, dated at the very instant. One account is swept instead: the same."""
    lives = {how: await born(None) for how in [*LOOKS, "sweep"]}
    expires = datetime.now(UTC) + timedelta(seconds=1)
    holds = {}
    for how, life in lives.items():
        await life.give("promo", 100, expires)
        await life.hold(30, expires_in=604_800)
        holds[how] = await life.hold(20, expires_in=1)
    await until(max(hold.expires_at for hold in holds.values()))
    for how in LOOKS:
        await look(lives[how], how)
    assert await upkeep.sweep(lives["sweep"].ctx) == 1
    for how, life in lives.items():
        lines = [(e.kind, e.amount, e.target, e.at) for e in await life.entries()][3:]
        assert lines == [
            ("expiry", -50, "expired", expires),
            ("expiry", 0, "expired", holds[how].expires_at),
        ]
        assert (await life.look_at(holds[how])).status == "expired"
        assert (await life.balance()).held == 30


async def test_t4_a_charge_takes_nothing_that_has_expired(born: NewLife) -> None:
    """The quickest way to charge looks at the time too: a promotion that has just ended is not spent, though
    nobody has looked at the account since."""
    life = await born(None)
    await life.topup(100)
    promo = await life.give("promo", 10, datetime.now(UTC) + timedelta(seconds=0.4))
    assert promo.expires_at
    await until(promo.expires_at)
    made = await life.charge(5)
    assert [(part.kind, part.amount) for part in made.taken] == [("addon", 5)]
    assert made.balance.available == 95


async def test_t4_a_live_renewal_waits_for_nobody(born: NewLife) -> None:
    """Live subscriptions renew within the second, no sweep runs: whoever looks first finds the new credits
    in place of the old ones. Two accounts are swept instead: their answers and their ledgers are the
    same."""
    renews = datetime.now(UTC) + timedelta(seconds=1)
    months = next(n for n in range(1, 49) if month_start(month_start(renews, -n), n) == renews)
    lives = {how: await born(None) for how in [*LOOKS, "sweep", "sweep too"]}
    for life in lives.values():
        await life.subscribe("starter", interval="year", starts_at=month_start(renews, -months))
        await life.pay(periods=4)
        assert (await life.charge(400)).balance.monthly.available == 600
    await until(renews)
    for how in LOOKS:
        await look(lives[how], how)
    assert await upkeep.sweep(lives["sweep"].ctx) == 2
    for life in lives.values():
        gone, new = (await life.entries())[-2:]
        assert (gone.kind, gone.amount, gone.at) == ("expiry", -600, renews)
        assert (new.kind, new.amount, new.at) == ("grant", 1000, renews)
        now = await life.balance()
        assert (now.available, now.monthly.renews_at) == (
            1000,
            month_start(month_start(renews, -months), months + 1),
        )


async def test_t5_untouched_for_fourteen_months(born: NewLife) -> None:
    """At the first look each elapsed period has its grant and its expiry in the ledger, in order, dated
    when they were due."""
    life = await born("2026-01-31T10:00")
    await life.topup(500)
    await life.subscribe("starter", interval="year")
    await life.pay()
    await life.charge(400)
    await life.wait_until("2027-04-15T12:00")
    lines = [e for e in await life.entries() if e.actor == "time" and e.at > instant("2026-01-31T10:00")]
    days = [
        "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30", "2026-07-31", "2026-08-31",
        "2026-09-30", "2026-10-31", "2026-11-30", "2026-12-31", "2027-01-31", "2027-02-28", "2027-03-31",
    ]  # fmt: skip
    assert [e.at for e in lines] == [instant(day + "T10:00") for day in days for _ in range(2)]
    assert [e.kind for e in lines] == ["expiry", "grant"] * 14
    assert [e.amount for e in lines] == [-600, 1000] + [-1000, 1000] * 13
    assert await life.buckets() == (1000, 500)
    assert await life.states() == ["granted"] * 15


async def test_t5_live_accounts_too(born: NewLife) -> None:
    """A live subscription that began 14 months ago is worked off at once: a year of paid months, then an
    unpaid one that was provisional, late and failed, each act at its own instant."""
    life = await born(None)
    start = (datetime.now(UTC).replace(day=1) - timedelta(days=13 * 30)).replace(day=1)
    await life.subscribe("starter", interval="year", starts_at=start)
    starts = [r.period.start for r in await life.renewals()]
    assert starts[:13] == [
        start.replace(year=start.year + (start.month - 1 + n) // 12, month=(start.month - 1 + n) % 12 + 1)
        for n in range(13)
    ]
    lines = await life.entries()
    assert [e.at for e in lines if e.kind == "grant"] == starts[:13]
    assert [e.at for e in lines if e.kind == "expiry"][:12] == starts[1:13]
    assert [e.at for e in lines if e.kind == "freeze"] == [starts[12] + timedelta(hours=24)]
    assert await life.states() == ["granted"] * 12 + ["failed"] + ["skipped"] * (len(starts) - 13)


async def test_t5_all_that_fell_due_in_the_order_of_its_instants(born: NewLife) -> None:
    """Holds, promotional credits and renewals of an untouched account are worked off as they would have
    happened: a hold that ends just before the renewal lapses with the old period, one that ends just after
    it lapses apart."""
    life = await born("2026-01-31T10:00")
    await life.subscribe("starter")
    await life.pay()
    end = instant("2026-02-28T10:00")
    await life.give("promo", 5, end - timedelta(hours=1))
    await life.give("promo", 6, end)
    await life.give("compensation", 7, end + timedelta(hours=1))
    await life.wait_until(end - timedelta(days=1))
    await life.hold(100, expires_in=86400 - 7200)
    await life.hold(200, expires_in=86400)
    await life.hold(300, expires_in=86400 + 7200)
    before = (await life.balance()).sequence
    await life.wait_until("2026-03-05")
    lines = (await life.entries())[before:]
    hour = timedelta(hours=1)
    assert [(e.at - end, e.kind, e.source, e.moved) for e in lines] == [
        (-2 * hour, "release", "held", 100),
        (-1 * hour, "expiry", "available", 5),
        (0 * hour, "release", "held", 200),
        (0 * hour, "expiry", "available", 700),
        (0 * hour, "grant", "issued", 1000),
        (0 * hour, "expiry", "available", 6),
        (hour, "expiry", "available", 7),
        (2 * hour, "expiry", "held", 300),
    ]


async def test_t6_paid_through_moves_by_what_was_paid(born: NewLife) -> None:
    """A month's payment moves it by a month, a year's by a year, reckoned from the anchor."""
    life = await born("2026-01-31T10:00")
    monthly = await life.subscribe("starter")
    assert monthly.subscription.paid_through == instant("2026-02-28T10:00")
    assert (await life.pay()).subscription.paid_through == instant("2026-03-31T10:00")
    assert (await life.pay(periods=3)).subscription.paid_through == instant("2026-06-30T10:00")
    yearly = await life.subscribe("starter", interval="year")
    assert yearly.subscription.paid_through == instant("2027-01-31T10:00")
    assert (await life.pay()).subscription.paid_through == instant("2028-01-31T10:00")
    assert await life.buckets() == (2000, 0)


async def test_t6_a_period_is_granted_if_it_starts_before_paid_through(born: NewLife) -> None:
    """The period that starts before it is granted; the one that starts exactly at it is not."""
    life = await born("2026-01-31T10:00")
    await life.subscribe("strict")
    await life.pay()
    assert (await life.wait_until("2026-02-28T10:00")).monthly.available == 1000
    assert (await life.wait_until("2026-03-31T10:00")).monthly.available == 0
    assert await life.states() == ["granted", "granted", "expected"]


async def test_t6_paying_early_gives_nothing_early(born: NewLife) -> None:
    """A payment for what is to come moves the date, and no credit."""
    life = await born("2026-01-31T10:00")
    await life.subscribe("starter")
    before = (await life.balance()).sequence
    assert (await life.pay(periods=12)).balance.monthly.available == 1000
    assert await life.wrote(before) == []
    for wrong in (0, -1, 121, True, 1.0, "1"):
        with pytest.raises(Invalid):
            await life.pay(periods=wrong)


async def test_t9_moving_the_clock_is_waiting(born: NewLife) -> None:
    """One account leaps over five months, its twin goes through them in odd steps and is looked at all the
    while: they end with the same ledger."""
    leaper, walker = await born("2026-01-31T10:00"), await born("2026-01-31T10:00")
    for life in (leaper, walker):
        await life.subscribe("capped")
        await life.give("promo", 30, "2026-03-01")
        await life.hold(50, expires_in=604_800)
        await life.charge(100)
    at, step = instant("2026-01-31T10:00"), timedelta(days=2, hours=23, microseconds=7)
    while at + step < instant("2026-07-01"):
        at += step
        await walker.wait_until(at)
        await walker.balance()
    for life in (leaper, walker):
        await life.wait_until("2026-07-01")
    one, other = await leaper.entries(), await walker.entries()
    assert [(e.sequence, e.kind, e.moved, e.at, e.available_after) for e in one] == [
        (e.sequence, e.kind, e.moved, e.at, e.available_after) for e in other
    ]
    a, b = await leaper.balance(), await walker.balance()
    assert a.buckets == b.buckets
    assert [(r.period, r.state, r.unpaid, r.changed_at) for r in await leaper.renewals()] == [
        (r.period, r.state, r.unpaid, r.changed_at) for r in await walker.renewals()
    ]


async def test_t9_a_clock_stands_still_and_never_goes_back(born: NewLife) -> None:
    """Acts are dated at the clock; the same instant again is allowed, an earlier one is refused and moves
    nothing."""
    life = await born("2026-01-31T10:00")
    await life.topup(10)
    assert (await life.charge(1)).created_at == instant("2026-01-31T10:00")
    await life.wait_until("2026-02-01")
    assert (await life.wait_until("2026-02-01")).as_of == instant("2026-02-01")
    with pytest.raises(Invalid):
        await life.wait_until(instant("2026-02-01") - MICROSECOND)
    assert (await life.charge(1)).created_at == instant("2026-02-01")
    with pytest.raises(Invalid):
        await accounts.put_account(life.ctx, life.who, life.name, clock=instant("2026-01-01"))


async def test_t9_only_test_accounts_have_clocks(born: NewLife) -> None:
    """A live account can't be given one, and a live key can't start one; a test key doesn't see live
    accounts."""
    life = await born(None)
    with pytest.raises(Conflict):
        await life.wait_until("2026-01-01")
    with pytest.raises(Forbidden):
        await accounts.put_account(life.ctx, life.who, life.name, clock=instant("2026-01-01"))
    with pytest.raises(AccountNotFound):
        await Life(life.ctx, life.name, Who("tests", True)).wait_until("2026-01-01")


async def test_t9_a_clock_can_be_started_later(born: NewLife) -> None:
    """A test account that lived by the database's clock is given one of its own in the future, and goes on
    from there; an instant before its latest act is refused."""
    life = await born(None)
    life = replace(life, who=Who("tests", True), name=f"{life.name}-test")
    await accounts.put_account(life.ctx, life.who, life.name)
    await life.subscribe("starter")
    with pytest.raises(Invalid):
        await accounts.put_account(life.ctx, life.who, life.name, clock=instant("2020-01-01"))
    later = datetime.now(UTC) + timedelta(days=40)
    await accounts.put_account(life.ctx, life.who, life.name, clock=later)
    assert await life.states() == ["granted", "failed"]
    assert (await life.charge(0)).created_at == later
    assert parts((await life.charge(0)).taken) == []
    await audit(life)
