"""H1-H4: credits set aside for work that can fail."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from coinpurse.app import wallets
from coinpurse.app.context import Who
from coinpurse.domain.credits import Charge, Hold
from coinpurse.domain.errors import (
    CaptureExceedsHold,
    CreditsHeld,
    HoldClosed,
    InsufficientCredits,
    Invalid,
    NotFound,
)
from rules.conftest import NewLife
from rules.life import MICROSECOND, Life, instant, parts

pytestmark = pytest.mark.asyncio(loop_scope="module")

START = "2026-04-01T00:00"
MAY = instant("2026-05-01")


async def purseful(born: NewLife, monthly: int = 100, addon: int = 50) -> Life:
    """An account with so many monthly and add-on credits; its month ends on May 1st and the next one is
    paid."""
    life = await born(START)
    await life.subscribe("starter")
    await life.charge(1000 - monthly)
    await life.pay()
    await life.topup(addon)
    return life


async def test_h1_a_hold_sets_aside_in_burn_order(born: NewLife) -> None:
    """Monthly first, then add-on; what is held is neither available nor spent."""
    life = await purseful(born)
    hold = await life.hold(120)
    assert parts(hold.taken) == [("monthly", 100), ("addon", 20)]
    assert (hold.status, hold.expires_at) == ("held", instant(START) + timedelta(hours=1))
    now = hold.balance
    assert (now.available, now.held, now.monthly.held, now.addon.held) == (30, 120, 100, 20)
    with pytest.raises(CreditsHeld):
        await life.charge(31)
    with pytest.raises(CreditsHeld):
        await life.hold(31)
    assert parts((await life.charge(30)).taken) == [("addon", 30)]
    with pytest.raises(InsufficientCredits) as refused:
        await life.hold(121)
    assert (refused.value.code, refused.value.held) == ("insufficient_credits", 120)


async def test_h1_an_operation_can_be_held(born: NewLife) -> None:
    """The rate card prices a hold like a charge, and the captured charge says of what."""
    life = await purseful(born)
    hold = await life.hold(operation="video.second", quantity=8, member="ann", metadata={"n": 1})
    assert (hold.amount, hold.operation, hold.quantity) == (64, "video.second", 8)
    charge = (await life.capture(hold)).charge
    assert charge
    assert (charge.amount, charge.operation, charge.quantity) == (64, "video.second", 8)
    assert (charge.member, charge.metadata) == ("ann", {"n": 1})


async def test_h1_holds_and_charges_at_the_same_moment(born: NewLife) -> None:
    """Holds and charges of 20, in turn, that travel together on 90 monthly, 30 promotional and 80 add-on
    credits: each takes what is next, and answers with what was held and available after it; captured
    together, all is spent."""
    life = await purseful(born, monthly=90, addon=80)
    await life.give("promo", 30)

    async def take(number: int) -> Charge | Hold:
        return await (life.hold(20) if number % 2 else life.charge(20))

    answers = await asyncio.gather(*map(take, range(10)))
    shown = [
        (a.balance.monthly.held, sum(o.held for o in a.balance.buckets.other), a.balance.addon.held)
        for a in answers
    ]
    assert shown == [
        (0, 0, 0),
        (20, 0, 0),
        (20, 0, 0),
        (40, 0, 0),
        (40, 0, 0),
        (40, 20, 0),
        (40, 20, 0),
        (40, 20, 20),
        (40, 20, 20),
        (40, 20, 40),
    ]
    assert [a.balance.available for a in answers] == list(range(180, -1, -20))
    assert parts(answers[4].taken) == [("monthly", 10), ("promo", 10)]
    holds = [a for a in answers if isinstance(a, Hold)]
    captured = await asyncio.gather(*(life.capture(hold) for hold in holds))
    assert sorted(c.balance.held for c in captured) == [0, 20, 40, 60, 80]
    assert [c.charge.taken for c in captured if c.charge] == [hold.taken for hold in holds]
    for hold, done in zip(holds, captured, strict=True):
        assert await life.look_at(hold) == done


@pytest.mark.parametrize(
    ("spent", "monthly", "addon"),
    [(0, 100, 50), (1, 99, 50), (99, 1, 50), (100, 0, 50), (101, 0, 49), (119, 0, 31), (120, 0, 30)],
)
async def test_h2_capture_spends_first_taken_and_returns_last_taken(
    born: NewLife, spent: int, monthly: int, addon: int
) -> None:
    """Of 100 monthly and 20 add-on held, what isn't spent comes back add-on first: in the end monthly was
    spent first."""
    life = await purseful(born)
    captured = await life.capture(await life.hold(120), spent)
    assert captured.status == "captured"
    assert captured.charge
    assert captured.charge.amount == spent
    assert sum(part.amount for part in captured.charge.taken) == spent
    assert await life.buckets() == (monthly, addon)
    assert captured.balance.held == 0


async def test_h2_the_entries_of_a_capture(born: NewLife) -> None:
    """First what is spent, in burn order; then what returns, last-taken first."""
    life = await purseful(born)
    hold = await life.hold(120)
    before = hold.balance.sequence
    await life.capture(hold, 90)
    assert [(e.kind, e.bucket, e.source, e.target, e.moved) for e in (await life.entries())[before:]] == [
        ("charge", "monthly", "held", "spent", 90),
        ("release", "addon", "held", "available", 20),
        ("release", "monthly", "held", "available", 10),
    ]


async def test_h2_more_than_held_only_where_asked_for(born: NewLife) -> None:
    """Without `exceed` it is refused; with it the rest is charged in burn order, or nothing happens at
    all."""
    life = await purseful(born)
    hold = await life.hold(60)
    acts = await life.acts()
    with pytest.raises(CaptureExceedsHold) as more:
        await life.capture(hold, 61)
    assert (more.value.held, more.value.asked) == (60, 61)
    with pytest.raises(InsufficientCredits) as short:
        await life.capture(hold, 151, exceed=True)
    assert (short.value.needed, short.value.available, short.value.shortfall, short.value.held) == (
        91,
        90,
        1,
        0,
    )
    assert await life.acts() == acts
    captured = await life.capture(hold, 110, exceed=True)
    assert captured.charge
    assert parts(captured.charge.taken) == [
        ("monthly", 60),
        ("monthly", 40),
        ("addon", 10),
    ]
    assert await life.buckets() == (0, 40)


async def test_h2_a_short_capture_may_leave_credits_held_elsewhere(born: NewLife) -> None:
    """The refusal of a capture beyond its hold doesn't count its own credits as held: only another's."""
    life = await purseful(born)
    hold = await life.hold(60)
    await life.hold(80)
    with pytest.raises(CreditsHeld) as refused:
        await life.capture(hold, 75, exceed=True)
    assert (refused.value.needed, refused.value.available, refused.value.held) == (15, 10, 80)


async def test_h3_release_gives_everything_back(born: NewLife) -> None:
    """To the grants that it came from, last-taken first."""
    life = await purseful(born)
    given = [g.id for g in await life.grants()]
    hold = await life.hold(120)
    before = hold.balance.sequence
    released = await life.release(hold)
    assert (released.status, released.charge, released.balance.held) == ("released", None, 0)
    assert await life.wrote(before) == [("release", "addon", 20), ("release", "monthly", 100)]
    assert [(g.id, g.remaining) for g in await life.grants()] == [(given[0], 100), (given[1], 50)]


async def test_h3_a_hold_left_alone_expires(born: NewLife) -> None:
    """A microsecond before its end it can be captured, at its end it has expired and all is back, dated
    then."""
    one, other = await purseful(born), await purseful(born)
    for life in (one, other):
        hold = await life.hold(120, expires_in=60)
        end = instant(START) + timedelta(seconds=60)
        assert hold.expires_at == end
        if life is one:
            await life.wait_until(end - MICROSECOND)
            assert (await life.look_at(hold)).status == "held"
            assert (await life.capture(hold)).status == "captured"
            continue
        await life.wait_until(end)
        assert (await life.look_at(hold)).status == "expired"
        assert await life.buckets() == (100, 50)
        assert {(e.at, e.actor) for e in (await life.entries())[-2:]} == {(end, "time")}
        for act in (life.capture, life.release):
            with pytest.raises(HoldClosed) as refused:
                await act(hold)
            assert refused.value.state == "expired"


async def test_h3_the_first_end_wins(born: NewLife) -> None:
    """The same end again is a no-op with the same answer; another one is refused and names the state."""
    life = await purseful(born)
    hold, other = await life.hold(60), await life.hold(30)
    first = await life.capture(hold, 25)
    await life.charge(1)
    acts = await life.acts()
    again = await life.capture(hold, 25)
    assert (again.replayed, again.charge, again.balance) == (True, first.charge, first.balance)
    others: list[Callable[[], Awaitable[Hold]]] = [
        lambda: life.capture(hold, 26),
        lambda: life.capture(hold),
        lambda: life.capture(hold, 0),
        lambda: life.capture(hold, 70, exceed=True),
        lambda: life.release(hold),
    ]
    for act in others:
        with pytest.raises(HoldClosed) as refused:
            await act()
        assert refused.value.state == "captured"
    assert await life.acts() == acts
    released = await life.release(other)
    again = await life.release(other)
    assert (again.replayed, again.balance) == (True, released.balance)
    for amount in (None, 0, 30):
        with pytest.raises(HoldClosed) as refused:
            await life.capture(other, amount)
        assert refused.value.state == "released"


async def test_h3_how_long_a_hold_lasts(born: NewLife) -> None:
    """From a second to a week, by default an hour."""
    life = await purseful(born)
    for wrong in (0, -1, 604_801, 1.5, True, "60"):
        with pytest.raises(Invalid):
            await life.hold(1, expires_in=wrong)
    for seconds in (1, 604_800):
        assert (await life.hold(1, expires_in=seconds)).expires_at == instant(START) + timedelta(
            seconds=seconds
        )


async def test_h3_a_hold_that_is_none(born: NewLife) -> None:
    """What isn't a hold, by its form, its number or what it names, is not found; nor is somebody else's."""
    life = await purseful(born)
    hold, made = await life.hold(1), await life.charge(1)
    for wrong in ("ho_x", hold.id[:-1] + "99", made.id, "ho" + made.id[2:]):
        for act in (life.release, life.capture, life.look_at):
            with pytest.raises(NotFound):
                await act(replace(hold, id=wrong))
    with pytest.raises(NotFound):
        await wallets.release(life.ctx, Who("tests", False), hold.id)


async def held_across_the_renewal(born: NewLife) -> tuple[Life, Hold]:
    life = await purseful(born)
    await life.wait_until(MAY - timedelta(minutes=30))
    hold = await life.hold(120)
    now = await life.wait_until(MAY)
    assert (now.monthly.available, now.monthly.held, now.addon.available, now.addon.held) == (
        1000,
        100,
        30,
        20,
    )
    return life, hold


async def test_h4_captured_after_the_renewal(born: NewLife) -> None:
    """The hold keeps its old monthly credits for its capture: the new period pays nothing for it."""
    life, hold = await held_across_the_renewal(born)
    captured = await life.capture(hold)
    assert captured.charge
    assert parts(captured.charge.taken) == [("monthly", 100), ("addon", 20)]
    assert await life.buckets() == (1000, 30)


async def test_h4_released_after_the_renewal(born: NewLife) -> None:
    """The old monthly credits lapse with their period and don't swell the new one; add-on credits come
    back."""
    life, hold = await held_across_the_renewal(born)
    before = (await life.balance()).sequence
    await life.release(hold)
    assert await life.buckets() == (1000, 50)
    assert [(e.kind, e.source, e.target, e.moved, e.amount) for e in (await life.entries())[before:]] == [
        ("release", "held", "available", 20, 20),
        ("expiry", "held", "expired", 100, 0),
    ]


async def test_h4_captured_in_part_after_the_renewal(born: NewLife) -> None:
    """70 of the old monthly credits are spent, 30 lapse, 20 add-on come back."""
    life, hold = await held_across_the_renewal(born)
    before = (await life.balance()).sequence
    await life.capture(hold, 70)
    assert await life.buckets() == (1000, 50)
    assert [(e.kind, e.bucket, e.target, e.moved) for e in (await life.entries())[before:]] == [
        ("charge", "monthly", "spent", 70),
        ("release", "addon", "available", 20),
        ("expiry", "monthly", "expired", 30),
    ]


async def test_h4_exceeded_after_the_renewal(born: NewLife) -> None:
    """What goes beyond the hold is charged to the new period."""
    life, hold = await held_across_the_renewal(born)
    captured = await life.capture(hold, 150, exceed=True)
    assert captured.charge
    assert parts(captured.charge.taken) == [
        ("monthly", 100),
        ("addon", 20),
        ("monthly", 30),
    ]
    assert await life.buckets() == (970, 30)


async def test_h4_expired_after_the_renewal(born: NewLife) -> None:
    """Left alone across the renewal, the hold's old monthly credits lapse too; one that ends at the instant
    of the renewal ends before it, and its credits lapse with the rest."""
    life, _ = await held_across_the_renewal(born)
    await life.wait_until("2026-05-02")
    assert await life.buckets() == (1000, 50)
    other = await purseful(born)
    await other.wait_until(MAY - timedelta(minutes=30))
    await other.hold(100, expires_in=1800)
    before = (await other.balance()).sequence
    await other.wait_until(MAY)
    assert await other.wrote(before) == [
        ("release", "monthly", 100),
        ("expiry", "monthly", -100),
        ("grant", "monthly", 1000),
    ]


async def test_h4_across_several_ends(born: NewLife) -> None:
    """A hold on promotional credits that expired and on a grant that was taken back meanwhile: captured it
    spends them, released they go where their grants went."""
    life = await purseful(born, monthly=0, addon=50)
    promo = await life.give("promo", 10, instant(START) + timedelta(minutes=10))
    gift = await life.give("compensation", 20)
    one, other = await life.hold(15), await life.hold(25)
    await life.revoke(gift.id)
    now = await life.wait_until(instant(START) + timedelta(minutes=10))
    assert (now.held, now.available) == (40, 40)
    assert [g.id for g in await life.grants()] != [promo.id]
    captured = await life.capture(one)
    assert captured.charge
    assert parts(captured.charge.taken) == [("promo", 10), ("compensation", 5)]
    before = (await life.balance()).sequence
    await life.release(other)
    assert [(e.bucket, e.kind, e.target, e.moved) for e in (await life.entries())[before:]] == [
        ("addon", "release", "available", 10),
        ("compensation", "revocation", "revoked", 15),
    ]
    assert await life.buckets() == (0, 50)
