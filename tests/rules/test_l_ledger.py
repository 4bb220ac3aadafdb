"""L1-L3 and L5: the ledger."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from coinpurse.app import accounts, ledger, wallets
from coinpurse.app.context import Who
from coinpurse.domain.credits import Balance
from coinpurse.domain.errors import Invalid
from coinpurse.store.checks import go_through
from coinpurse.wiring import open_context
from rules.conftest import NewLife, settings
from rules.life import MICROSECOND, PLACES, Life, instant, run

pytestmark = pytest.mark.asyncio(loop_scope="module")

START = "2026-01-31T10:00"
#: What somebody may force upon the books, what puts it right, and the act where it must be noticed.
FORCED: list[tuple[LiteralString, LiteralString, int]] = [
    (f"UPDATE coinpurse.{what} {to} {where}", f"UPDATE coinpurse.{what} {back} {where}", act)
    for what, to, back, where, act in (
        ("acts", "SET amounts = '{19}'", "SET amounts = '{20}'", "WHERE act = 2", 2),
        ("acts", "SET addon = 481", "SET addon = 480", "WHERE act = 2", 2),
        ("acts", "SET moves = 'x'", "SET moves = 'c'", "WHERE act = 2", 2),
        ("acts", "SET at = at + interval '1 day'", "SET at = at - interval '1 day'", "WHERE act = 2", 3),
        ("wallets", "SET addon = 460", "SET addon = 450", "", 3),
        ("wallets", "SET remaining = '{451}'", "SET remaining = '{450}'", "", 1),
        ("grants", "SET amount = 501", "SET amount = 500", "", 1),
    )
]


async def eventful(born: NewLife) -> tuple[Life, list[tuple[datetime, Balance]]]:
    """A life with everything in it, and what was shown after each act and at each look between them. Each
    act has an instant of its own."""
    life = await born(START)
    shown: list[tuple[datetime, Balance]] = []

    async def tick(days: float = 0, answer: Any = None) -> None:
        """Notes what is shown after an act and after a while, and leaves each instant to one act."""
        now = await life.balance()
        assert answer is None or answer.balance.buckets == now.buckets
        shown.append((now.as_of, now))
        later = await life.wait_until(now.as_of + timedelta(days=days, microseconds=1))
        shown.append((later.as_of, later))
        await life.wait_until(later.as_of + MICROSECOND)

    await tick(answer=await life.topup(500))
    await tick(answer=await life.subscribe("starter"))
    await tick(answer=await life.charge(300))
    await tick(answer=await life.give("promo", 40, "2026-02-20"))
    await tick(answer=await life.give("compensation", 60))
    made = await life.charge(750)
    await tick(answer=made)
    hold = await life.hold(120, expires_in=604_800)
    await tick(3, answer=hold)
    await tick(answer=await life.reverse(made, 40))
    await tick(answer=await life.capture(hold, 100))
    await tick(answer=await life.hold(35, expires_in=86_400))
    await tick(20)  # the hold and the promotion expire
    await tick(8)  # the renewal: provisional
    await tick(answer=await life.charge(5))
    await tick(2)  # failed and frozen
    await tick(answer=await life.pay())
    await tick(answer=await life.change("studio"))
    await tick(answer=await life.reverse(made))
    await tick(answer=await life.pause())
    await tick(40)
    await tick(answer=await life.resume())
    gift = (await life.grants())[-1]
    await tick(answer=await life.revoke(gift.id, 10))
    await tick(answer=await life.revoke(gift.id))
    await tick(400, answer=await life.cancel(at="now"))
    return life, shown


async def test_l1_entries_have_no_gaps_and_say_everything(born: NewLife) -> None:
    """Each line has its number, instant, grant, amount, balance after it, cause and actor; support's lines
    their reason (gaps and sums are audited after every test here)."""
    life, _ = await eventful(born)
    lines = await life.entries()
    assert [e.sequence for e in lines] == list(range(1, len(lines) + 1))
    kinds = {"grant", "charge", "hold", "release", "reversal", "expiry", "revocation", "freeze"}
    assert {e.kind for e in lines} == kinds | {"thaw"}
    for e in lines:
        assert e.grant.startswith("gr_")
        assert e.cause.type
        assert e.actor in ("tests", "time")
        assert e.at.utcoffset() == timedelta(0)
    assert {e.reason for e in lines if e.kind == "revocation"} == {"as a test"}
    causes = defaultdict(set)
    for e in lines:
        causes[e.kind].add(e.cause.type)
    assert causes["reversal"] == {"reversal"}
    assert causes["grant"] == {"grant", "topup", "renewal", "plan_change"}


async def test_l1_entries_page_without_loss(born: NewLife) -> None:
    """Pages of any size, newest first, give the same lines, each once."""
    life, _ = await eventful(born)
    whole = (await life.entries())[::-1]
    for size in (1, 2, 7, len(whole), len(whole) + 1):
        found, cursor = [], None
        while True:
            page = await ledger.entries(life.ctx, life.who, life.name, limit=size, cursor=cursor)
            assert len(page.data) <= size
            found += page.data
            cursor = page.next_cursor
            if cursor is None:
                break
        assert found == whole


@pytest.mark.parametrize("table", ["acts", "terms"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE coinpurse.{} SET account = account",
        "UPDATE coinpurse.{} SET account = account WHERE false",
        "DELETE FROM coinpurse.{}",
        "TRUNCATE coinpurse.{}",
        "TRUNCATE coinpurse.{} CASCADE",
        "WITH gone AS (DELETE FROM coinpurse.{} RETURNING 1) SELECT count(*) FROM gone",
        "MERGE INTO coinpurse.{} t USING coinpurse.{} s ON t.account = s.account WHEN MATCHED THEN DELETE",
    ],
)
async def test_l1_the_database_refuses_to_change_the_ledger(
    born: NewLife, table: LiteralString, statement: LiteralString
) -> None:
    """Even its owner can't update, delete or empty what was written."""
    life = await born()
    await life.topup(10)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        await run(life.ctx, sql.SQL(statement.replace("{}", table)).format())
    assert await life.buckets() == (0, 10)


async def test_l1_the_books_notice_what_was_forced(database_url: str) -> None:
    """Somebody with the database's keys switches the guard off and changes a line, a wallet or a grant: the
    check of the books names the account and the act."""
    async with open_context(settings(database_url)) as ctx:
        life = Life(ctx, "tampered", Who("tests", True))
        await accounts.put_account(ctx, life.who, life.name, clock=instant(START))
        await life.topup(500)
        await life.charge(20)
        await life.charge(30)
        assert (await go_through(ctx.db)).problems == []
        await run(ctx, "ALTER TABLE coinpurse.acts DISABLE TRIGGER USER")
        for forced, mended, act in FORCED:
            await run(ctx, forced)
            assert act in {problem.act for problem in (await go_through(ctx.db)).problems}, forced
            await run(ctx, mended)
            assert (await go_through(ctx.db)).problems == []


async def test_l2_whatever_leaves_one_place_arrives_in_another(born: NewLife) -> None:
    """Of every grant, all places together sum to zero after every line: issued so much, and as much lies
    elsewhere; in the end nothing is held or frozen."""
    life, _ = await eventful(born)
    places: dict[str, int] = dict.fromkeys(PLACES, 0)
    for e in await life.entries():
        places[e.source] -= e.moved
        places[e.target] += e.moved
        assert sum(places.values()) == 0
    given = sum(e.moved for e in await life.entries() if e.kind == "grant")
    assert places["issued"] == -given
    assert (places["held"], places["frozen"]) == (0, 0)
    assert places["available"] == (await life.balance()).available


async def test_l3_the_past_is_what_was_shown_then(born: NewLife) -> None:
    """At the instant of every act and between them the balance, asked long after, equals what was answered
    then: buckets, periods, subscription and all."""
    life, shown = await eventful(born)
    assert len(shown) > 40
    for at, then in shown:
        assert await life.balance(at) == then


async def test_l3_before_and_after(born: NewLife) -> None:
    """Before anything happened there was nothing; what has not come can't be asked for."""
    life = await born(START)
    await life.topup(10)
    before = await life.balance("2020-01-01")
    assert (before.available, before.sequence, before.subscription, before.buckets.other) == (0, 0, None, [])
    assert (await life.balance(instant(START) - MICROSECOND)).available == 0
    assert (await life.balance(START)).available == 10
    with pytest.raises(Invalid):
        await life.balance(instant(START) + MICROSECOND)


async def test_l3_what_nobody_had_looked_at(born: NewLife) -> None:
    """The past of an account that slept through renewals is what a look would have shown at each instant."""
    sleeper, watched = await born(START), await born(START)
    shown = []
    for life in (sleeper, watched):
        await life.topup(10)
        await life.subscribe("capped")
    for days in (20, 28, 28.006, 28.007, 29, 30, 60, 90):
        await watched.wait_until(instant(START) + timedelta(days=days))
        shown.append(await watched.balance())
    await sleeper.wait_until("2027-01-01")
    for then in shown:
        again = await sleeper.balance(then.as_of)
        assert (again.as_of, again.buckets) == (then.as_of, then.buckets)


async def test_l5_an_explanation_adds_up(born: NewLife) -> None:
    """For each credit the grant, where it is and what stands behind it; for each charge what paid; the sums
    are the balance."""
    life, _ = await eventful(born)
    told = await ledger.explain(life.ctx, life.who, life.name)
    now = await life.balance()
    assert told.balance.available == now.available == sum(g.available for g in told.grants)
    assert told.balance.held == sum(g.held for g in told.grants)
    for g in told.grants:
        assert g.amount == g.available + g.held + g.frozen + g.spent + g.expired + g.revoked, g
        assert g.sentence
        assert g.source["type"] in ("topup", "subscription", "support", "reversal")
    charged = [c for c in told.charges if c.amount]
    assert sum(g.spent for g in told.grants) == sum(c.amount for c in charged) - 750
    for c in charged:
        assert sum(part.amount for part in c.taken) == c.amount
        assert c.sentence
    assert told.sentences[0] == f"{now.available:,} credits can be spent now."


async def test_l5_each_available_credit_is_explained_however_many_grants_came_after(born: NewLife) -> None:
    """A top-up of long ago that is still there is told of, though a hundred grants were given and spent
    since."""
    life = await born(START)
    bought = await life.topup(500)
    for _ in range(100):
        await life.give("promo", 1)
    await life.charge(100)
    told = await ledger.explain(life.ctx, life.who, life.name)
    assert sum(g.available for g in told.grants) == 500
    assert bought.id in {g.grant for g in told.grants}


async def test_l5_in_words_that_a_customer_understands(born: NewLife) -> None:
    """The sentences name the buckets, what paid, and what happened to the rest."""
    life = await born(START)
    await life.subscribe("starter")
    await life.topup(500, f"receipt-{life.name}")
    await life.charge(operation="image.generate", quantity=275)
    await life.hold(30)
    told = await ledger.explain(life.ctx, life.who, life.name)
    assert (
        told.charges[0].sentence == "image.generate × 275 cost 1,100: 1,000 monthly and 100 add-on credits."
    )
    topup, plan = told.grants
    assert f"receipt-{life.name}" in topup.sentence
    assert "100 spent, 370 left, 30 set aside" in topup.sentence
    assert "Starter" in plan.sentence or "starter" in plan.sentence
    assert any("30 more are set aside" in sentence for sentence in told.sentences)
    assert any("never expire" in sentence for sentence in told.sentences)
    assert (await wallets.balance(life.ctx, life.who, life.name)).available == 370
