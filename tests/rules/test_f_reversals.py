"""F1 and F2: credits given back."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from coinpurse.domain.credits import Charge
from coinpurse.domain.errors import NotFound, ReversalExceedsCharge
from rules.conftest import NewLife
from rules.life import Life, instant, parts
from rules.test_s7_concurrency import apart

pytestmark = pytest.mark.asyncio(loop_scope="module")

START = "2026-04-01T00:00"
MAY = instant("2026-05-01")


async def charged(born: NewLife, amount: int = 150) -> tuple[Life, Charge]:
    """A charge on an account that had 100 monthly and 200 add-on credits in a paid month and the next."""
    life = await born(START)
    await life.subscribe("starter")
    await life.charge(900)
    await life.pay()
    await life.topup(200)
    return life, await life.charge(amount)


def compensating(life: Life) -> Life:
    """The same account under the policy `reverse_expired = "compensate"`."""
    policies = replace(life.ctx.catalog.policies, reverse_expired="compensate")
    return life.through(replace(life.ctx, catalog=replace(life.ctx.catalog, policies=policies)))


async def test_f1_the_whole_charge_returns_to_its_grants(born: NewLife) -> None:
    """By default all of it, add-on before monthly."""
    life, made = await charged(born)
    back = await life.reverse(made, reason="the picture was black")
    assert (back.amount, back.lapsed, back.compensated, back.compensation) == (150, 0, 0, None)
    assert parts(back.returned) == [("addon", 50), ("monthly", 100)]
    assert await life.buckets() == (100, 200)
    last = (await life.entries())[-1]
    assert (last.kind, last.reason, last.cause.id) == ("reversal", "the picture was black", back.id)


async def test_f1_in_part_last_taken_first(born: NewLife) -> None:
    """Three parts: the first comes from add-on, the second from both, the last is what is left."""
    life, made = await charged(born)
    answers = [parts((await life.reverse(made, n)).returned) for n in (30, 40, None)]
    assert answers == [[("addon", 30)], [("addon", 20), ("monthly", 20)], [("monthly", 80)]]
    assert await life.buckets() == (100, 200)


async def test_f1_lapses_into_an_expired_grant(born: NewLife) -> None:
    """After the renewal the monthly part lapses, the add-on part returns; the answer says so, and the new
    period isn't swelled."""
    life, made = await charged(born)
    await life.wait_until(MAY)
    back = await life.reverse(made)
    assert (back.amount, parts(back.returned), back.lapsed, back.compensated) == (
        150,
        [("addon", 50)],
        100,
        0,
    )
    assert await life.buckets() == (1000, 200)
    assert [(e.kind, e.target, e.moved) for e in (await life.entries())[-2:]] == [
        ("reversal", "available", 50),
        ("reversal", "expired", 100),
    ]


async def test_f1_a_microsecond_before_the_renewal_it_still_returns(born: NewLife) -> None:
    """Into a running period the credits come back, and lapse with it."""
    life, made = await charged(born)
    await life.wait_until(MAY - timedelta(microseconds=1))
    assert (await life.reverse(made)).lapsed == 0
    assert await life.buckets() == (100, 200)
    await life.wait_until(MAY)
    assert await life.buckets() == (1000, 200)


async def test_f1_compensates_for_an_expired_grant(born: NewLife) -> None:
    """Under `compensate` the lapsed part becomes a compensation grant that expires with the running
    period."""
    life, made = await charged(born)
    await life.wait_until("2026-05-10")
    back = await compensating(life).reverse(made)
    assert (parts(back.returned), back.lapsed, back.compensated) == ([("addon", 50)], 100, 100)
    assert back.balance.available == 1000 + 100 + 200
    found = next(g for g in await life.grants() if g.id == back.compensation)
    assert (found.kind, found.amount, found.expires_at) == ("compensation", 100, instant("2026-06-01"))
    assert (found.source["type"], found.source["charge"]) == ("reversal", made.id)
    assert parts((await life.charge(1001)).taken) == [("monthly", 1000), ("compensation", 1)]
    now = await life.wait_until("2026-06-01")
    assert (now.buckets.other, now.addon.available) == ([], 200)


async def test_f1_compensation_expires_with_the_first_period_to_end_or_never(born: NewLife) -> None:
    """Of two running periods the one that ends first; without a running period it never expires."""
    life = await born("2026-04-20")
    await life.give("promo", 10, "2026-04-21")
    made, other = await life.charge(4), await life.charge(6)
    await life.wait_until("2026-04-25")
    never = await compensating(life).reverse(made)
    await life.subscribe("starter", interval="year")
    await life.wait_until("2026-05-10")
    await life.subscribe("studio", interval="year")
    soon = await compensating(life).reverse(other)
    expiries = {g.id: g.expires_at for g in await life.grants()}
    assert expiries[never.compensation or ""] is None
    assert expiries[soon.compensation or ""] == instant("2026-05-25")


async def test_f1_a_promotional_grant_that_expired_or_was_taken_back(born: NewLife) -> None:
    """Credits of an expired promotion lapse, those of a revoked grant are revoked again; both count as
    lapsed."""
    life = await born(START)
    await life.give("promo", 10, "2026-04-02")
    gift = await life.give("promo", 10)
    await life.topup(10)
    made = await life.charge(25)
    await life.revoke(gift.id)
    await life.wait_until("2026-04-03")
    back = await life.reverse(made)
    assert (parts(back.returned), back.lapsed) == ([("addon", 5)], 20)
    assert [(e.target, e.moved) for e in (await life.entries())[-3:]] == [
        ("available", 5),
        ("revoked", 10),
        ("expired", 10),
    ]


async def test_f1_a_capture_can_be_reversed(born: NewLife) -> None:
    """What a hold has spent can be given back like a charge; what it returned can't be given back again."""
    life, _ = await charged(born, 0)
    captured = await life.capture(await life.hold(150), 120)
    assert captured.charge
    back = await life.reverse(captured.charge)
    assert parts(back.returned) == [("addon", 20), ("monthly", 100)]
    assert await life.buckets() == (100, 200)


async def test_f1_a_capture_beyond_its_hold_returns_last_taken_first(born: NewLife) -> None:
    """A hold took monthly and add-on; an upgrade brought new monthly credits; the capture beyond the hold
    took those, then add-on again. Given back a little, it is add-on, which was taken last."""
    life = await born(START)
    await life.subscribe("starter")
    await life.charge(900)
    await life.topup(200)
    hold = await life.hold(150)
    await life.change("studio", policy="difference")
    await life.charge(1990)
    captured = await life.capture(hold, 180, exceed=True)
    assert captured.charge
    assert parts(captured.charge.taken) == [("monthly", 100), ("addon", 50), ("monthly", 10), ("addon", 20)]
    assert parts((await life.reverse(captured.charge, 15)).returned) == [("addon", 15)]
    assert parts((await life.reverse(captured.charge, 20)).returned)[0] == ("addon", 5)
    await life.reverse(captured.charge)
    assert await life.buckets() == (110, 200)


async def test_f2_reversals_never_exceed_the_charge(born: NewLife) -> None:
    """One credit too many is refused and says what is left; nothing is left after all was given back."""
    life, made = await charged(born)
    await life.reverse(made, 100)
    with pytest.raises(ReversalExceedsCharge) as refused:
        await life.reverse(made, 51)
    assert (refused.value.charged, refused.value.reversible, refused.value.asked) == (150, 50, 51)
    await life.reverse(made, 50)
    for amount in (None, 1):
        with pytest.raises(ReversalExceedsCharge):
            await life.reverse(made, amount)
    assert await life.buckets() == (100, 200)


async def test_f2_what_lapsed_counts_as_given_back(born: NewLife) -> None:
    """A part that lapsed can't be had a second time, not even as a compensation."""
    life, made = await charged(born)
    await life.wait_until(MAY)
    await life.reverse(made)
    with pytest.raises(ReversalExceedsCharge):
        await compensating(life).reverse(made)


async def test_f2_under_concurrency(born: NewLife) -> None:
    """Twenty reversals of 20 of a charge of 150 race through eight queues: seven are made, and 10 are
    left."""
    life, made = await charged(born)
    sides = [life.through(ctx) for ctx in apart(life.ctx, 8)]
    outcomes = await asyncio.gather(
        *(sides[n % 8].reverse(made, 20) for n in range(20)),
        return_exceptions=True,
    )
    assert sum(not isinstance(o, BaseException) for o in outcomes) == 7
    assert {type(o).__name__ for o in outcomes if isinstance(o, BaseException)} == {"ReversalExceedsCharge"}
    assert (await life.reverse(made)).amount == 10
    assert await life.buckets() == (100, 200)


async def test_f2_a_charge_of_nothing_has_nothing_to_give_back(born: NewLife) -> None:
    """Zero was charged, so nothing can be reversed; and what isn't a charge is not found."""
    life, _ = await charged(born)
    nothing = await life.charge(0)
    with pytest.raises(ReversalExceedsCharge):
        await life.reverse(nothing)
    hold = await life.hold(1)
    for wrong in ("ch" + hold.id[2:], "ch_", nothing.id[:-1] + "99"):
        with pytest.raises(NotFound):
            await life.reverse(replace(nothing, id=wrong))
