"""U3: what staff do, with whose limits, with whose consent, and that all of it is kept."""

import asyncio
import uuid
from dataclasses import replace

import psycopg
import pytest

from coinpurse.app import accounts, grants, ledger, staff, support, trail, wallets
from coinpurse.app.context import Context
from coinpurse.app.staff import Staff
from coinpurse.domain.errors import Conflict, Forbidden, Invalid
from support.desk import Hire, address
from web.helpers import TESTER

WHY = "The export failed twice"


async def member(ctx: Context, role: str, email: str | None = None) -> Staff:
    """Somebody of a role."""
    known, _ = await staff.add(ctx, "test", email or f"{role}@staff.test", role=role, password=False)
    return known


async def give(
    ctx: Context, me: Staff, amount: int, id: uuid.UUID | None = None, **more: object
) -> support.Done:
    """Gives compensation credits to ann."""
    given = {"kind": "compensation", "reason": WHY, **more}
    return await support.give(ctx, me, id or uuid.uuid4(), "ann", test=True, amount=amount, **given)  # type: ignore[arg-type]


async def has(ctx: Context) -> int:
    """What ann can spend."""
    return (await wallets.balance(ctx, TESTER, "ann")).available


async def test_u3_giving_is_in_the_books_and_in_the_trail(ctx: Context) -> None:
    """U3: the ledger says who gave and why, and the trail says it too."""
    me = await member(ctx, "agent")
    done = await give(ctx, me, 250)
    assert done.state == "done"
    [entry] = (await ledger.entries(ctx, TESTER, "ann")).data
    assert (entry.actor, entry.reason, entry.amount) == ("staff:agent@staff.test", WHY, 250)
    act, added = (await trail.acts(ctx)).data
    assert (act.act, act.staff, act.account, act.amount, act.reason) == ("given", me.email, "ann", 250, WHY)
    assert (act.state, act.result) == ("done", done.result)
    assert (added.act, added.target) == ("staff_added", me.email)


async def test_s8_a_form_sent_twice_counts_once(ctx: Context) -> None:
    """S8: the same form again gives nothing more and answers as the first time; for something else it is
    refused."""
    me, id = await member(ctx, "agent"), uuid.uuid4()
    first = await give(ctx, me, 100, id)
    assert await give(ctx, me, 100, id) == first
    assert await asyncio.gather(*(give(ctx, me, 100, id) for _ in range(4))) == [first] * 4
    with pytest.raises(Conflict, match="used before"):
        await give(ctx, me, 100, id, reason="Something else entirely")
    assert await has(ctx) == 100


@pytest.mark.parametrize("reason", [None, "", "  ", "abc", "x" * 501])
async def test_u3_no_act_without_a_reason(ctx: Context, reason: str | None) -> None:
    """U3: a reason is asked for, and nothing is noted or done without one."""
    me = await member(ctx, "agent")
    with pytest.raises(Invalid):
        await give(ctx, me, 1, reason=reason)
    assert await has(ctx) == 0
    assert len((await trail.acts(ctx)).data) == 1


async def test_u3_a_viewer_changes_nothing(ctx: Context) -> None:
    """U3: who may look may not act."""
    me = await member(ctx, "viewer")
    with pytest.raises(Forbidden):
        await give(ctx, me, 1)
    assert await has(ctx) == 0


async def test_u3_beyond_the_limit_a_second_person(ctx: Context) -> None:
    """U3: what is beyond the day's limit waits, moves nothing, and is done when somebody else agrees; the
    books name both."""
    agent, lead = await member(ctx, "agent"), await member(ctx, "lead")
    await give(ctx, agent, 900)
    id = uuid.uuid4()
    assert (await give(ctx, agent, 200, id)).state == "waiting"
    assert await has(ctx) == 900
    assert (await give(ctx, agent, 100)).state == "done", "what waits uses up nothing"
    assert (await give(ctx, agent, 1)).state == "waiting", "the day's limit is used up"
    with pytest.raises(Forbidden):
        await support.decide(ctx, agent, id, approve=True, why=None)
    assert (await support.decide(ctx, lead, id, approve=True, why=None)).state == "done"
    assert await has(ctx) == 1200
    [entry, *_] = (await ledger.entries(ctx, TESTER, "ann")).data
    assert entry.actor == "staff:agent@staff.test+lead@staff.test"
    act = await trail.find_act(ctx, id)
    assert (act.state, act.decided_by) == ("done", lead.email)
    with pytest.raises(Conflict, match="doesn't wait"):
        await support.decide(ctx, lead, id, approve=True, why=None)
    assert await has(ctx) == 1200


async def test_u3_nobody_agrees_to_their_own(ctx: Context) -> None:
    """U3: not even a lead or an admin; and a lead agrees to no more than a lead may do."""
    lead, other = await member(ctx, "lead"), await member(ctx, "lead", "other@staff.test")
    admin = await member(ctx, "admin")
    id = uuid.uuid4()
    assert (await give(ctx, lead, 20_000, id)).state == "waiting"
    with pytest.raises(Conflict, match="yourself"):
        await support.decide(ctx, lead, id, approve=True, why=None)
    with pytest.raises(Conflict, match="An admin has to"):
        await support.decide(ctx, other, id, approve=True, why=None)
    assert await has(ctx) == 0
    await support.decide(ctx, admin, id, approve=True, why="Agreed with the customer")
    assert await has(ctx) == 20_000
    big = uuid.uuid4()
    assert (await give(ctx, admin, 200_000, big)).state == "waiting"
    with pytest.raises(Conflict, match="yourself"):
        await support.decide(ctx, admin, big, approve=True, why=None)


async def test_u3_declined_and_withdrawn(ctx: Context) -> None:
    """U3: declining takes a word, and nothing moves; who asked may withdraw."""
    agent, lead = await member(ctx, "agent"), await member(ctx, "lead")
    first, second = uuid.uuid4(), uuid.uuid4()
    await give(ctx, agent, 5_000, first)
    await give(ctx, agent, 6_000, second)
    with pytest.raises(Invalid):
        await support.decide(ctx, lead, first, approve=False, why=None)
    await support.decide(ctx, lead, first, approve=False, why="Not without a ticket")
    await support.decide(ctx, agent, second, approve=False, why="My mistake")
    states = [(act.state, act.decided_by) for act in (await trail.acts(ctx, limit=2)).data]
    assert states == [("declined", agent.email), ("declined", lead.email)]
    with pytest.raises(Conflict, match="declined"):
        await give(ctx, agent, 5_000, first)
    assert await has(ctx) == 0


async def test_s7_many_at_once_stay_within_the_limit(ctx: Context) -> None:
    """S7: acts of one person at the same time can't pass the limit together."""
    me = await member(ctx, "agent")
    done = await asyncio.gather(*(give(ctx, me, 300) for _ in range(8)))
    assert sorted(one.state for one in done) == ["done"] * 3 + ["waiting"] * 5
    assert await has(ctx) == 900


async def test_s7_two_who_decide_at_once(ctx: Context) -> None:
    """S7: of two who agree at the same time one does it, once."""
    agent = await member(ctx, "agent")
    first, second = await member(ctx, "lead"), await member(ctx, "admin")
    id = uuid.uuid4()
    await give(ctx, agent, 5_000, id)
    answers = await asyncio.gather(
        *(support.decide(ctx, one, id, approve=True, why=None) for one in (first, second)),
        return_exceptions=True,
    )
    assert sorted(isinstance(one, Conflict) for one in answers) == [False, True]
    assert await has(ctx) == 5_000


async def test_u3_taking_back_counts_too(ctx: Context) -> None:
    """U3: credits taken are within the same limit; the whole of a grant counts as what is unspent of it."""
    me = await member(ctx, "agent")
    made = await grants.grant(ctx, TESTER, "ann", kind="addon", amount=1_500, reason="A gift")
    await wallets.charge(ctx, TESTER, "ann", amount=300)
    whole = uuid.uuid4()
    taken = await support.take_back(ctx, me, whole, made.id, amount=None, reason=WHY)
    assert taken.state == "waiting", "1,200 are more than 1,000"
    await support.take_back(ctx, me, uuid.uuid4(), made.id, amount=400, reason=WHY)
    assert await has(ctx) == 800
    again = uuid.uuid4()
    with pytest.raises(Conflict, match="800"):
        await support.take_back(ctx, await member(ctx, "lead"), again, made.id, amount=900, reason=WHY)
    assert (await trail.find_act(ctx, again)).state == "refused"


async def test_b10_an_exception_is_recorded_as_one(ctx: Context) -> None:
    """B10: credits in place of unused monthly ones are marked, in the grant and in the trail."""
    me = await member(ctx, "agent")
    await give(ctx, me, 40, exception=True)
    [made] = await grants.grants(ctx, TESTER, "ann")
    assert made.source == {"type": "support", "exception": True}
    assert (await trail.acts(ctx, limit=1)).data[0].act == "exception_given"


async def test_u3_cut_off_and_finished(ctx: Context) -> None:
    """U3: an act that breaks off before its end is known stays in the trail, and is finished once."""
    me, id = await member(ctx, "agent"), uuid.uuid4()
    done = await give(ctx, me, 70, id)
    async with await psycopg.AsyncConnection.connect(ctx.db.conninfo, autocommit=True) as conn:
        await conn.execute("ALTER TABLE coinpurse.staff_acts DISABLE TRIGGER USER")
        await conn.execute(
            "UPDATE coinpurse.staff_acts SET state = 'under_way', result = NULL WHERE id = %s", [id]
        )
        await conn.execute("ALTER TABLE coinpurse.staff_acts ENABLE TRIGGER USER")
    assert await support.finish(ctx, await member(ctx, "agent", "b@staff.test"), id) == done
    assert await has(ctx) == 70
    assert (await trail.find_act(ctx, id)).state == "done"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM coinpurse.staff_acts",
        "TRUNCATE coinpurse.staff_acts",
        "UPDATE coinpurse.staff_acts SET reason = 'nothing'",
    ],
)
async def test_u3_the_trail_is_kept(ctx: Context, statement: str) -> None:
    """U3: the database itself refuses to take anything out of the trail, or to change what has ended."""
    await give(ctx, await member(ctx, "agent"), 5)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with await psycopg.AsyncConnection.connect(ctx.db.conninfo, autocommit=True) as conn:
            await conn.execute(statement)


async def test_u3_limits_are_settings(ctx: Context) -> None:
    """U3: an operator sets the limits; nobody who is disabled acts."""
    limits = replace(ctx.settings.staff, limits={"agent": 10})
    strict = replace(ctx, settings=replace(ctx.settings, staff=limits))
    me = await member(ctx, "agent")
    assert (await give(strict, me, 11)).state == "waiting"
    assert (await give(strict, me, 10)).state == "done"
    await staff.change(ctx, "test", me.email, enabled=False)
    with pytest.raises(Conflict, match="disabled"):
        await give(ctx, me, 1)


async def test_u3_through_the_forms(ctx: Context, hire: Hire) -> None:
    """U3: the whole way in the browser: asked for by one, agreed to by another, told to both."""
    agent, lead = await hire("agent"), await hire("lead")
    where = await address(ctx, "ann")
    page = await agent.press(
        await agent.open(where), "Give credits", amount="2,500", reason=WHY, kind="addon"
    )
    assert "waits for a second person" in page.text
    assert "0 credits to spend" in page.text
    page = await lead.open("/support/requests")
    assert "agent@staff.test asks to give 2,500 credits" in page.text
    page = await lead.press(page, "Approve and do it", decision="approve")
    assert "Done: gave credits." in page.text
    page = await agent.open(where)
    assert "2,500 credits to spend" in page.text
    assert "decided by lead@staff.test" in page.text
    page = await agent.press(page, "Take back", amount="500", reason=WHY)
    assert "Done: took credits back. 500 credits taken back" in page.text
    page = await agent.press(page, "Make the exception", amount="12", reason="Upgraded in mid-month")
    assert "Done: made an exception: gave credits." in page.text
    assert "an exception: Upgraded in mid-month" in page.text
    assert "2,012 credits to spend" in page.text
    trail_page = await lead.open("/support/trail")
    assert "made an exception" in trail_page.text


async def test_u3_accounts_of_both_modes(ctx: Context, hire: Hire) -> None:
    """U3: a live account and a test account of one name are told apart."""
    await accounts.put_account(ctx, replace(TESTER, test=False), "ann", name="Live Ann")
    agent = await hire("agent")
    live = await address(ctx, "ann", test=False)
    await agent.press(await agent.open(live), "Give credits", amount="7", reason=WHY, kind="promo")
    assert await has(ctx) == 0
    assert (await wallets.balance(ctx, replace(TESTER, test=False), "ann")).available == 7
