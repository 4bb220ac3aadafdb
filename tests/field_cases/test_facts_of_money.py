"""What is so at Stripe, and decides whether top-ups, refunds and signatures are handled right."""

import asyncio
import time
from typing import Any

import pytest
import stripe

from coinpurse.app import billing, events, inbox
from coinpurse.domain.errors import WebhookRefused
from coinpurse.domain.facts import Purchase
from coinpurse.store.db import Database
from field_cases.conftest import MODES, Opens
from field_cases.scene import DAY, Scene, of_type, rewritten, shuffled
from lives.inside import WHO
from lives.town import SECRET

pytestmark = pytest.mark.asyncio(loop_scope="module")
YEAR = 365 * DAY


@MODES
async def test_fact_two_keys(opens: Opens, asks: bool) -> None:
    """The event's id keeps a delivery from being worked on twice, and the money's key keeps a payment from
    being given twice, whatever events tell of it and whoever tells at the same time (E1, P2)."""
    scene = await opens(asks=asks)
    [paid] = of_type(await scene.buys(pack="small"), "checkout.session.completed")
    assert [await scene.receives(paid) for _ in range(3)] == [True, False, False]
    copies = [rewritten(paid, id=f"{paid.event}_{n}") for n in range(6)]
    assert [await scene.receives(one) for one in copies] == [True] * 6
    await asyncio.gather(scene.works(), scene.works(scene.second))
    await scene.tries_again()
    assert await scene.life.buckets() == (0, 500)
    bought = Purchase(purchase=f"cs_{asks}", state="paid", pack="small", account=scene.life.name)
    both = (scene.ctx, scene.second)
    applied = await asyncio.gather(
        *(billing.apply(ctx, "stripe", [bought], test=True) for ctx in both for _ in range(4))
    )
    assert sorted(one.acts for one in applied) == [0] * 7 + [1]
    assert await scene.life.buckets() == (0, 1000)


@MODES
async def test_fact_refunds_are_cumulative_and_can_fail(opens: Opens, asks: bool) -> None:
    """A charge tells the sum of its refunds. One that the bank sends back (`refund.failed`) gives the credits
    back; a refund alone doesn't know the sum, so that takes asking (P3)."""
    scene = await opens(asks=asks)
    await scene.bought(pack="small")
    await scene.life.charge(450)
    made = scene.does("refund", charge=scene.charge["id"], amount=300)
    await scene.hears(scene.told())
    assert await scene.life.buckets() == (0, 0)
    await scene.until(scene.simulator.now + 3600)
    scene.does("fail_refund", refund=made["id"])
    failed = scene.told()
    assert "refund.failed" in {one.type for one in failed}
    await scene.hears(shuffled(failed, 6))
    assert await scene.life.buckets() == (0, 50 if asks else 0)


@MODES
async def test_fact_inquiries_move_no_money(opens: Opens, asks: bool) -> None:
    """A bank that only asks (`warning_…`) takes nothing; when it goes on to dispute, the rest freezes
    (P3)."""
    scene = await opens(asks=asks)
    await scene.bought(pack="small")
    inquiry = scene.does("dispute", charge=scene.charge["id"], inquiry=True)
    await scene.hears(scene.told())
    assert await scene.life.buckets() == (0, 500)
    await scene.until(scene.simulator.now + 3600)
    scene.does("escalate", dispute=inquiry["id"])
    await scene.hears(scene.told())
    assert await scene.life.buckets() == (0, 0)
    assert (await scene.life.balance()).addon.frozen == 500


@MODES
@pytest.mark.parametrize(
    ("token", "credits"), [("pm_usBankAccount_success", 500), ("pm_usBankAccount_insufficientFunds", 0)]
)
async def test_fact_a_checkout_completes_unpaid(opens: Opens, asks: bool, token: str, credits: int) -> None:
    """A bank debit's checkout completes at once and is paid, or bounces, days later: only then are there
    credits (P1)."""
    scene = await opens(asks=asks)
    completed = await scene.buys(pack="small", token=token)
    assert "checkout.session.completed" in {one.type for one in completed}
    await scene.hears(completed)
    assert await scene.life.buckets() == (0, 0)
    settled = await scene.until(scene.simulator.now + 5 * DAY)
    await scene.hears(shuffled([*completed, *settled], 5))
    assert await scene.life.buckets() == (0, credits)


@pytest.mark.parametrize("seconds", [-YEAR, -301, 301, YEAR])
async def test_fact_the_library_takes_any_date(opens: Opens, seconds: int) -> None:
    """Stripe's own library takes signatures that are dated ahead, and with a tolerance of 0 of any age; here
    both sides are checked, and what is refused leaves no trace (E3)."""
    scene = await opens()
    [paid] = of_type(await scene.buys(pack="small"), "checkout.session.completed")
    headers = paid.headers(int(time.time()) + seconds)
    signed = headers["Stripe-Signature"]
    tolerance = 0 if seconds < 0 else 300
    assert stripe.WebhookSignature.verify_header(paid.body.decode(), signed, SECRET, tolerance)
    with pytest.raises(WebhookRefused):
        await inbox.receive(scene.ctx, "stripe", paid.body, headers)
    assert paid.event not in {one.id for one in await _all_events(scene)}
    await scene.hears([paid])
    assert await scene.life.buckets() == (0, 500)


async def test_fact_signed_by_the_official_library(opens: Opens) -> None:
    """What the library signs is believed, over the raw bytes; one blank more and it isn't (E3)."""
    scene = await opens()
    [paid] = of_type(await scene.buys(pack="small"), "checkout.session.completed")
    now = int(time.time())
    text = f"{now}.{paid.body.decode()}"
    mac = stripe.WebhookSignature._compute_signature(text, SECRET)
    headers = {"Stripe-Signature": f"t={now},v1={mac}"}
    with pytest.raises(WebhookRefused):
        await inbox.receive(scene.ctx, "stripe", paid.body + b" ", headers)
    assert not (await inbox.receive(scene.ctx, "stripe", paid.body, headers)).duplicate
    await scene.works()
    assert await scene.life.buckets() == (0, 500)


async def test_fact_months_depend_on_the_sessions_zone(opens: Opens) -> None:
    """PostgreSQL adds months by the clock of the session's zone: across a change of clocks an hour is
    missing. Ours are reckoned in UTC whatever the session says (T1, T2)."""
    scene = await opens()
    query = """
        SELECT '2026-02-08T15:00Z'::timestamptz + interval '1 month' = '2026-03-08T15:00Z' AS theirs,
               coinpurse.month_start('2026-02-08T15:00Z', 1) = '2026-03-08T15:00Z' AS ours"""
    zone = "options=-c%20TimeZone%3DAmerica/New_York"
    async with Database(f"{scene.ctx.db.conninfo}&{zone}") as there:
        [row] = await there.rows(query)
    assert (row["theirs"], row["ours"]) == (False, True)


async def _all_events(scene: Scene) -> list[Any]:
    return list((await events.billing_events(scene.ctx, WHO, limit=1000)).data)
