"""What went wrong elsewhere with spending, holds and the ledger: cases 15 to 18 and 20 to 22. Most of these
have nothing to do with payment providers; they stand here so that all cases are found in one place."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from coinpurse.app import accounts, ledger, upkeep
from coinpurse.app.context import Who
from coinpurse.app.live import Hub
from coinpurse.domain.catalog import Catalog
from coinpurse.domain.credits import Balance
from coinpurse.domain.errors import CatalogError, HoldClosed, InsufficientCredits, Invalid
from field_cases.conftest import MODES, Opens
from field_cases.scene import DAY
from lives.inside import WHO
from rules.life import Life, run

pytestmark = pytest.mark.asyncio(loop_scope="module")
SOON = 5  # seconds in which a watcher must have heard


async def test_case_15_five_charges_at_once(opens: Opens) -> None:
    """Elsewhere five parallel charges each saw a balance that was enough for one of them (S7)."""
    scene = await opens()
    await scene.bought(plan="starter")
    there = scene.life.through(scene.second)
    racing = [life.charge(300, key=f"c{n}") for n, life in enumerate([scene.life, there] * 3) if n < 5]
    answers = await asyncio.gather(*racing, return_exceptions=True)
    assert sorted(type(a).__name__ for a in answers) == ["Charge"] * 3 + ["InsufficientCredits"] * 2
    assert await scene.life.buckets() == (100, 0)


async def test_case_16_a_forgotten_hold_comes_back_once(opens: Opens) -> None:
    """Elsewhere the hold of a job that crashed was kept for ever, or given back by the sweeper and by the
    late job too (H3)."""
    scene = await opens()
    who = Who("app", test=False)
    life = Life(scene.ctx, f"{scene.life.name}-live", who)
    await accounts.put_account(scene.ctx, who, life.name)
    await life.give("addon", 500)
    hold = await life.hold(200, expires_in=1)
    assert await life.buckets() == (0, 300)
    await asyncio.sleep(1.05)
    there = life.through(scene.second)
    late = [upkeep.sweep(scene.second), life.release(hold), there.release(hold), there.capture(hold, 200)]
    answers = await asyncio.gather(*late, return_exceptions=True)
    assert [type(answer) for answer in answers[1:]] == [HoldClosed] * 3
    assert await life.buckets() == (0, 500)
    assert [e.moved for e in await life.entries() if e.kind == "release"] == [200]


async def test_case_17_no_price_gives_credits(opens: Opens) -> None:
    """Elsewhere an unknown model was priced at -1, and its use minted credits (S6)."""
    scene = await opens()
    await scene.bought(pack="small")
    with pytest.raises(CatalogError, match="credits"):
        Catalog.parse("[operations.chat]\ncredits = -1\nper = 1")
    for wrong in (
        {"amount": -1},
        {"operation": "an unknown model"},
        {"amount": 0.5},
        {"amount": float("nan")},
    ):
        with pytest.raises(Invalid):
            await scene.life.charge(**wrong)
    assert await scene.life.buckets() == (0, 500)


async def test_case_18_a_capture_above_the_hold(opens: Opens) -> None:
    """Elsewhere work that cost more than was held failed, though the add-on bucket was full (H2)."""
    scene = await opens()
    await scene.bought(plan="starter")
    await scene.bought(pack="small")
    await scene.life.charge(900)
    hold = await scene.life.hold(80)
    await scene.life.capture(hold, 300, exceed=True)
    assert await scene.life.buckets() == (0, 300)


@MODES
async def test_case_20_the_pill_is_told(opens: Opens, asks: bool) -> None:
    """Elsewhere the number stayed old after a purchase, and fell during a run as if it had been charged (U1,
    H1): here each change is told within a second, and what is held is told apart from what is spent."""
    scene = await opens(asks=asks)
    async with Hub(scene.second) as hub:
        heard = hub.watch(scene.life.name)
        assert await _next(heard) == (0, 0)
        await scene.bought(pack="small")
        assert await _next(heard) == (500, 0)
        hold = await scene.life.hold(120)
        assert await _next(heard) == (380, 120)
        assert [e.kind for e in await scene.life.entries()] == ["grant", "hold"]
        await scene.life.release(hold)
        assert await _next(heard) == (500, 0)


async def _next(heard: AsyncIterator[Balance]) -> tuple[int, int]:
    """The next balance that a watcher is told: what is available and what is held."""
    async with asyncio.timeout(SOON):
        told = await anext(heard)
    return told.available, told.held


@MODES
async def test_case_21_writers_stand_in_line(opens: Opens, asks: bool) -> None:
    """Elsewhere writers locked the newest row of the ledger, which is not there yet for the first of them,
    and two read the same balance (S7): charges, grants and deliveries of two workers race from the first row
    on."""
    scene = await opens(asks=asks)
    there = scene.life.through(scene.second)
    told = await scene.buys(pack="large")
    for one in told:
        await scene.receives(one)
    racing = [life.give("addon", 100) for life in (scene.life, there) for _ in range(5)]
    charges = [life.charge(7) for life in (scene.life, there) for _ in range(10)]
    working = [scene.works(), scene.works(scene.second)]
    answers = await asyncio.gather(*racing, *working, *charges, return_exceptions=True)
    refused = sum(isinstance(answer, InsufficientCredits) for answer in answers)
    assert [a for a in answers if isinstance(a, Exception) and not isinstance(a, InsufficientCredits)] == []
    assert await scene.life.buckets() == (0, 6000 - 7 * (20 - refused))


@MODES
async def test_case_22_every_credit_is_accounted_for(opens: Opens, asks: bool) -> None:
    """Elsewhere thousands of credits were gone and nobody could say why (L1, L5): whatever left a balance is
    a line with its cause, in words, and no line can be taken out."""
    scene = await opens(asks=asks)
    await scene.bought(plan="starter")
    await scene.bought(pack="large")
    made = await scene.life.charge(1500)
    await scene.life.reverse(made, 100)
    scene.does("refund", charge=scene.charge["id"], amount=1200)
    await scene.hears(scene.told())
    await scene.lives_until(scene.simulator.now + 31 * DAY)
    explained = await ledger.explain(scene.ctx, WHO, scene.life.name)
    for one in explained.grants:
        places = (one.available, one.held, one.frozen, one.spent, one.expired, one.revoked)
        assert sum(places) == one.amount
        assert one.sentence
    assert sum(one.available for one in explained.grants) == (await scene.life.balance()).available
    causes = {(entry.kind, entry.actor) for entry in await scene.life.entries()}
    assert {("grant", "provider:stripe"), ("revocation", "provider:stripe"), ("charge", "lives")} <= causes
    events = {e.id for e in await scene.events() if e.acts}
    assert len(events) >= 3
    assert all(one.source for one in explained.grants)
    for wrong in ("DELETE FROM coinpurse.entries", "UPDATE coinpurse.entries SET moved = 1"):
        with pytest.raises(psycopg.errors.Error):
            await run(scene.ctx, wrong)
