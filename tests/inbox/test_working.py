"""E1, E2: what becomes of an event: applied once, ignored with a reason, or failed and tried again."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from coinpurse import worker
from coinpurse.app import events, inbox
from coinpurse.app.context import Context, Who
from inbox.place import Place
from inbox.post import Post, soon

WHO = Who("test", True)
ROW = "SELECT * FROM coinpurse.events WHERE event = %s"
AGE = "UPDATE coinpurse.events SET received_at = received_at - %s::interval WHERE event = %s RETURNING 1"


async def row(ctx: Context, id: str) -> dict[str, Any]:
    """An event as it is kept."""
    return (await ctx.db.rows(ROW, [id]))[0]


async def test_e2_the_link_comes_later(post: Post, place: Place) -> None:
    """E2: what nobody knows whose it is fails, and is applied at once when the customer's account is told."""
    subscription = place.subscribes(account=None)
    [paid] = await post.bring_all("invoice.paid")
    assert await post.work() == 1
    failed = await post.event(paid)
    assert (failed.status, failed.account) == ("failed", None)
    assert failed.outcome
    assert failed.outcome.startswith(f"No account is known for subscription {subscription['id']} of customer")
    assert failed.next_try_at is not None
    metadata = {"coinpurse_account": "ann"}
    place.shop.call("POST", f"/v1/customers/{subscription['customer']}", metadata=metadata)
    [linked] = await post.bring_all("customer.updated")
    assert await post.work() == 2
    assert await post.statuses(linked, paid) == ["applied", "applied"]
    applied = await post.event(paid)
    assert (applied.account, applied.acts > 0, applied.next_try_at) == ("ann", True, None)
    assert await post.credits() == (1000, 0)


async def test_e2_the_link_comes_while_it_is_worked_on(post: Post, ctx: Context) -> None:
    """E2: what is told while the waiting event is just being tried isn't missed: it is tried again."""
    bought: Any = {"purchase": "buy_1", "pack": "small", "customer": "c_1"}
    await post.tell("msg_1", "topup.paid", **bought)
    [claimed] = await inbox.claim(ctx, 1)
    await post.tell("msg_2", "customer.linked", customer="c_1", account="ann")
    await post.work()
    await ctx.db.call(
        "settle_event", provider="standard", event="msg_1", status="failed", outcome="too early",
        attempt=claimed.attempt, account=None,
    )  # fmt: skip
    assert await post.work() == 1
    assert await post.statuses("msg_1") == ["applied"]
    assert await post.credits() == (0, 500)


async def test_e1_a_provider_that_is_down(post: Post, place: Place) -> None:
    """E1: asking fails, the event fails with the reason, and is applied when the provider is back."""
    place.buys()
    [id] = await post.bring_all("checkout.session.completed")
    place.down = True
    await post.work()
    failed = await post.event(id)
    assert (failed.status, failed.attempts, "Stripe" in str(failed.outcome)) == ("failed", 1, True)
    assert await post.credits() == (0, 0)
    place.down = False
    assert await post.work() == 0, "it isn't due yet"
    await post.due_now()
    assert await post.work() == 1
    applied = await post.event(id)
    assert (applied.status, applied.attempts) == ("applied", 2)
    assert await post.credits() == (0, 500)


async def test_e1_a_provider_that_does_not_answer(
    post: Post, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E1: no answer in time is a failure like another."""
    monkeypatch.setattr(inbox, "ASK", 0.3)
    place.buys()
    [id] = await post.bring_all("checkout.session.completed")
    place.gate.clear()
    await post.work()
    failed = await post.event(id)
    assert (failed.status, failed.outcome) == ("failed", "stripe did not answer within 0.3 seconds.")


def test_the_lease_is_longer_than_an_attempt() -> None:
    """Whoever works on an event is done, one way or the other, before somebody else may take it."""
    assert timedelta(seconds=inbox.ASK + inbox.BOOKS + 5) <= inbox.LEASE


async def test_e1_pauses_grow_exactly(post: Post, ctx: Context) -> None:
    """E1: 5 seconds, doubling to 6 hours."""
    await post.tell("msg_1", "topup.paid", purchase="buy_1", pack="no such pack", account="ann")
    pauses = []
    for _ in range(16):
        await post.work()
        kept = await row(ctx, "msg_1")
        pauses.append((kept["next_at"] - kept["changed_at"]).total_seconds())
        await post.due_now()
    assert pauses == [min(5 * 2**n, 6 * 3600) for n in range(16)]
    assert kept["attempts"] == 16
    assert kept["outcome"].startswith('The catalog has no pack "no such pack"')


async def test_e1_after_three_days_only_by_hand(post: Post, ctx: Context) -> None:
    """E1: no try later than 72 hours after it came; then it stays failed, until somebody wants it again."""
    await post.tell("msg_1", "topup.paid", purchase="buy_1", pack="small", customer="c_1")
    await post.work()
    await ctx.db.rows(AGE, ["71 hours 59 minutes", "msg_1"])
    for expected in (10, 20, None):
        await post.due_now()
        await post.work()
        kept = await row(ctx, "msg_1")
        pause = kept["next_at"] and (kept["next_at"] - kept["changed_at"]).total_seconds()
        assert pause == expected
        await ctx.db.rows(AGE, ["15 seconds", "msg_1"])
    await post.due_now()
    assert await post.work() == 0
    assert (await post.event("msg_1")).next_try_at is None
    await events.retry_event(ctx, WHO, "msg_1")
    assert await post.work() == 1
    assert (await post.event("msg_1")).next_try_at is None, "tried once, by hand, and left again"
    await post.tell("msg_2", "customer.linked", customer="c_1", account="ann")
    await post.work()
    assert await post.statuses("msg_1", "msg_2") == ["applied", "applied"]


async def test_e2_replaying_does_no_harm(post: Post, ctx: Context, place: Place) -> None:
    """E2: events that were applied, worked on again by hand in another order, leave the books as they are,
    and still say whose they were and what they led to."""
    place.subscribes()
    place.buys()
    ids = await post.bring_all()
    await post.work()
    before = {id: await post.event(id) for id in ids}
    books = await post.everything()
    for id in reversed(ids):
        assert (await events.retry_event(ctx, WHO, id)).status == "waiting"
        assert await post.work() == 1
    after = {id: await post.event(id) for id in ids}
    for id in ids:
        kept = ("status", "account", "acts")
        assert [getattr(after[id], each) for each in kept] == [getattr(before[id], each) for each in kept]
        assert after[id].attempts == before[id].attempts + 1
    changed = {name for name, rows in (await post.everything()).items() if rows != books[name]}
    # When it was last looked at, and how the provider has it: nothing that is anybody's.
    assert changed <= {"events", "standings", "wallets", "checkouts"}
    assert await post.credits() == (1000, 500)


async def test_e1_a_failure_keeps_the_account(post: Post, ctx: Context, place: Place) -> None:
    """An event whose account was found once is found by it, however a later attempt ends."""
    place.buys()
    [id] = await post.bring_all("checkout.session.completed")
    await post.work()
    place.down = True
    await events.retry_event(ctx, WHO, id)
    await post.work()
    failed = await post.event(id)
    assert (failed.status, failed.account, failed.acts) == ("failed", "ann", 1)


async def test_e1_a_claim_that_was_dropped(post: Post, ctx: Context, rival: Context) -> None:
    """E1: what a dead worker had claimed is nobody's until the lease is over, then somebody else's; should
    the first not be dead but slow, it changes nothing any more."""
    await post.tell("msg_1", "topup.paid", purchase="buy_1", pack="small", account="ann")
    [slow] = await inbox.claim(ctx, 8)
    assert await inbox.claim(rival, 8) == []
    kept = await row(ctx, "msg_1")
    assert kept["claimed_until"] - kept["received_at"] > inbox.LEASE
    await post.due_now()
    [again] = await inbox.claim(rival, 8)
    assert (slow.attempt, again.attempt) == (1, 2)
    arguments = {"provider": "standard", "event": "msg_1", "outcome": "late", "account": None}
    assert not await ctx.db.call("settle_event", status="ignored", attempt=slow.attempt, **arguments)
    await inbox.handle(rival, again)
    await inbox.handle(ctx, slow)
    assert (await post.event("msg_1")).status == "applied"
    assert await post.credits() == (0, 500)


async def test_e1_retry_waits_for_who_works_on_it(post: Post, ctx: Context, rival: Context) -> None:
    """Retrying what is being worked on doesn't start a second worker on it."""
    await post.tell("msg_1", "topup.paid", purchase="buy_1", pack="small", account="ann")
    await inbox.claim(ctx, 8)
    await events.retry_event(ctx, WHO, "msg_1")
    assert await inbox.claim(rival, 8) == []


async def test_one_provider_never_blocks_another(post: Post, ctx: Context, place: Place) -> None:
    """Twenty events whose provider answers nobody don't hold up those of another provider."""
    for _ in range(20):
        place.buys()
    await post.bring_all("checkout.session.completed")
    place.gate.clear()
    async with worker.running(ctx):
        await soon(lambda: place.is_asked(inbox.AT_ONCE))
        await post.tell("msg_1", "topup.paid", purchase="buy_1", pack="small", account="ann")
        assert await soon(lambda: post.is_applied("msg_1")) < 3
        place.gate.set()


async def test_one_events_trouble_never_blocks_others(
    post: Post, ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event whose account is locked by somebody is given up in time; the others are done meanwhile."""
    monkeypatch.setattr(inbox, "BOOKS", 1.0)
    await post.tell("msg_0", "customer.linked", customer="c_2", account="bob")
    for n in range(3):
        await post.tell(f"msg_{n + 1}", "topup.paid", purchase=f"buy_{n}", pack="small", account="ann")
    async with await psycopg.AsyncConnection.connect(ctx.db.conninfo) as other:
        await other.execute("SELECT FROM coinpurse.wallets FOR UPDATE")
        started = time.perf_counter()
        await post.work()
        assert time.perf_counter() - started < 5
    assert await post.statuses("msg_1", "msg_2", "msg_3") == ["failed"] * 3
    assert (await post.event("msg_1")).outcome == "The account was locked for 1 seconds."
    await post.due_now()
    await post.work()
    assert await post.credits() == (0, 1500)


async def test_broken_code_is_a_failure(post: Post, ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong with one event is its outcome, and the next one is worked on."""
    right = type(ctx.providers["standard"]).facts

    async def wrong(self: Any, notice: Any, body: bytes, now: Any) -> Any:
        if notice.id == "msg_1":
            raise KeyError("secret")
        return await right(self, notice, body, now)

    monkeypatch.setattr(type(ctx.providers["standard"]), "facts", wrong)
    for n in (1, 2):
        await post.tell(f"msg_{n}", "topup.paid", purchase=f"buy_{n}", pack="small", account="ann")
    await post.work()
    assert await post.statuses("msg_1", "msg_2") == ["failed", "applied"]
    assert "KeyError" in str((await post.event("msg_1")).outcome)
    assert "secret" not in str((await post.event("msg_1")).outcome)


async def test_e1_ignored_says_why(post: Post, place: Place) -> None:
    """E1: each type that is none of our business is ignored, with a reason in words, and not tried again."""
    place.subscribes()
    place.buys()
    deliveries = place.deliveries()
    for delivery in deliveries:
        await post.bring(delivery)
    await post.tell("msg_1", "weather.changed", city="Oslo")
    await post.work()
    ended = {delivery.type: await post.event(delivery.event) for delivery in deliveries}
    ended["weather.changed"] = await post.event("msg_1")
    ignored = {type: event for type, event in ended.items() if event.status == "ignored"}
    assert {"charge.succeeded", "customer.created", "invoice.finalized", "weather.changed"} <= ignored.keys()
    assert {event.status for event in ended.values()} == {"applied", "ignored"}
    for type, event in ignored.items():
        assert (event.acts, event.next_try_at, event.attempts) == (0, None, 1), type
        assert len(str(event.outcome).split()) >= 4, type
        assert str(event.outcome).endswith("."), type
    assert ignored["charge.succeeded"].outcome == "Events of type charge.succeeded say nothing about credits."


async def test_the_worker_works_soon_and_stops_cleanly(post: Post, ctx: Context, place: Place) -> None:
    """A running worker takes an event within a second, and ends what is under way when it is stopped."""
    place.buys()
    [delivery] = place.deliveries("checkout.session.completed")
    async with worker.running(ctx):
        await post.bring(delivery)
        assert await soon(lambda: post.is_applied(delivery.event)) < 1.5
    assert await post.credits() == (0, 500)
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("event ")] == []


async def test_what_hangs_is_cancelled_at_the_stop(
    post: Post, ctx: Context, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider that doesn't answer can't keep a worker from stopping; the event is claimed again later."""
    monkeypatch.setattr(worker.clerk, "LAST_EVENTS", 0.2)
    place.buys()
    [id] = await post.bring_all("checkout.session.completed")
    place.gate.clear()
    async with worker.running(ctx):
        await soon(place.is_asked)
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("event ")] == []
    assert await post.statuses(id) == ["waiting"]
    place.gate.set()
    await post.due_now()
    await post.work()
    assert await post.statuses(id) == ["applied"]
