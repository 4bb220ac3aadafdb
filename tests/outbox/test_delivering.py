"""How events are delivered (E5): at least once, signed, in order for each account, tried again, and given
up."""

import asyncio
import random
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from typing import Any

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from coinpurse.app import endpoints, grants, outbox, sending, wallets
from coinpurse.app.context import Context
from coinpurse.domain.errors import Conflict, NotFound
from coinpurse.settings import Settings
from coinpurse.wiring import open_context
from outbox.helpers import WHO, account, couriers, execute, hasten, until
from outbox.receiver import Receiver, receiving
from serving import environment, free_port, wait_until_ready


async def give(ctx: Context, name: str, amount: int = 1000) -> None:
    """Something to tell."""
    await grants.grant(ctx, WHO, name, kind="addon", amount=amount, reason="hello")


async def states(ctx: Context) -> list[str]:
    """What became of each delivery, in order."""
    rows = await ctx.db.rows("SELECT state FROM coinpurse.webhook_deliveries ORDER BY account, act, n")
    return [row["state"] for row in rows]


async def test_e5_events_are_signed_and_have_a_name(ctx: Context, receiver: Receiver) -> None:
    """E5: a message verifies by the Standard Webhooks library (the receiver does that), and says who and
    what."""
    ann = await account(ctx)
    await give(ctx, ann)
    async with couriers(ctx):
        event = (await receiver.until(1))[0]
    digest = (await ctx.directory.account(ann, True)).hex
    assert event["id"] == f"ev_{digest}_1_1" == receiver.headers[0]["webhook-id"]
    assert (event["type"], event["timestamp"]) == ("credits.granted", "2026-01-31T10:00:00Z")
    assert event["data"]["account"] == ann
    assert event["data"]["grant"] == f"gr_{digest}_1"


async def test_e5_in_order_under_failures_and_four_workers(settings: Settings) -> None:
    """E5: with a receiver that fails every third time and four workers, each account's events arrive in their
    order, never two at once; different accounts don't wait for one another."""
    chance = random.Random(5)
    async with AsyncExitStack() as stack:
        four = [await stack.enter_async_context(open_context(settings, size=3)) for _ in range(4)]
        receiver = await stack.enter_async_context(receiving())
        receiver.secret = (await endpoints.create_endpoint(four[0], WHO, url=receiver.url)).secret
        receiver.answer = lambda event: 500 if chance.random() < 0.33 else 200
        receiver.pause = 0.005
        names = [await account(four[0]) for _ in range(6)]
        await stack.enter_async_context(couriers(*four))
        for _ in range(5):
            for name, ctx in zip(names, [*four, *four], strict=False):
                await give(ctx, name)
                await wallets.charge(ctx, WHO, name, amount=1000)
        total = len(names) * 5 * 3  # given, low, depleted
        async with asyncio.timeout(60):
            while len({event["id"] for event in receiver.got}) < total:
                await hasten(four[0])
                await asyncio.sleep(0.1)
    assert max(receiver.most_at_once.values()) == 1
    assert len(receiver.tried) > total
    for name in names:
        seen = [event["id"].split("_")[2:] for event in receiver.got if event["data"]["account"] == name]
        numbers = [(int(act), int(n)) for act, n in seen]
        assert numbers == sorted(set(numbers)), name


async def test_e5_nothing_overtakes_what_failed(ctx: Context, receiver: Receiver) -> None:
    """E5: while an account's first event fails, its second isn't even tried; other accounts go on."""
    ann, bob = await account(ctx), await account(ctx)
    receiver.answer = lambda event: 500 if event["data"]["account"] == ann else 204
    await give(ctx, ann, 1)
    await give(ctx, ann, 2)
    async with couriers(ctx):
        await until(lambda: len(receiver.tried) == 1)
        await give(ctx, bob)
        await receiver.until(1)
        await asyncio.sleep(1.5)
        assert [e["data"]["amount"] for e in receiver.tried if e["data"]["account"] == ann] == [1]
        receiver.answer = lambda event: 200
        await hasten(ctx)
        await receiver.until(3)
    assert [e["data"]["amount"] for e in receiver.got if e["data"]["account"] == ann] == [1, 2]


async def test_e5_pauses_grow(ctx: Context, receiver: Receiver) -> None:
    """E5: 5 seconds after the first failure, doubling up to 6 hours."""
    rows = await ctx.db.rows(
        "SELECT extract(epoch FROM coinpurse.retry_pause(n))::int AS s FROM generate_series(1, 16) AS n"
    )
    assert [row["s"] for row in rows] == [min(5 * 2**n, 21600) for n in range(16)]
    receiver.answer = lambda event: 503
    await give(ctx, await account(ctx))
    async with couriers(ctx):
        await until(lambda: len(receiver.tried) == 1)
    waiting = (await outbox.deliveries(ctx, WHO, state="waiting")).data[0]
    assert (waiting.attempts, waiting.last_error) == (1, "it answered 503")
    assert waiting.next_at is not None
    assert 4 < (waiting.next_at - waiting.changed_at).total_seconds() < 6


async def test_e5_given_up_after_three_days_and_tried_again_by_hand(ctx: Context, receiver: Receiver) -> None:
    """E5: what fails for three days is dead, the queue goes on, and support can send it after all."""
    ann = await account(ctx)
    receiver.answer = lambda event: 200 if event["data"]["amount"] == 2 else 500
    await give(ctx, ann, 1)
    await execute(ctx, "UPDATE coinpurse.outbox SET written_at = written_at - interval '3 days'")
    await give(ctx, ann, 2)
    async with couriers(ctx):
        await receiver.until(1)
    page = await outbox.deliveries(ctx, WHO, account=ann)
    (dead,) = page.data
    assert (dead.state, dead.account, dead.type, dead.attempts) == ("dead", ann, "credits.granted", 1)
    assert (page.next_cursor, dead.next_at) == (None, None)
    receiver.answer = lambda event: 200
    again = await outbox.retry_delivery(ctx, WHO, dead.id)
    assert again.state == "waiting"
    async with couriers(ctx):
        await receiver.until(2)
    assert receiver.got[-1]["id"] == dead.event
    with pytest.raises(Conflict):
        await outbox.retry_delivery(ctx, WHO, dead.id)
    with pytest.raises(NotFound):
        await outbox.retry_delivery(ctx, WHO, "de_1")


async def test_deliveries_come_in_pages(ctx: Context, receiver: Receiver) -> None:
    """A list of deliveries is walked through by its cursors, each once."""
    for _ in range(5):
        await give(ctx, await account(ctx))
    found, cursor = list[str](), None
    while True:
        page = await outbox.deliveries(ctx, WHO, state="waiting", limit=2, cursor=cursor)
        found += [delivery.id for delivery in page.data]
        if (cursor := page.next_cursor) is None:
            break
    assert len(found) == len(set(found)) == 5


async def test_e5_gone_disables(ctx: Context, receiver: Receiver) -> None:
    """E5: 410 says that the receiver wants nothing more; enabled again it gets what waited."""
    ann = await account(ctx)
    receiver.answer = lambda event: 410
    await give(ctx, ann, 1)
    async with couriers(ctx):
        await until(lambda: len(receiver.tried) == 1)
    (off,) = await endpoints.endpoints(ctx, WHO)
    assert off.disabled_at is not None
    assert "410" in str(off.disabled_why)
    await give(ctx, ann, 2)
    receiver.answer = lambda event: 200
    await endpoints.enable_endpoint(ctx, WHO, off.id)
    await give(ctx, ann, 3)
    await hasten(ctx)
    async with couriers(ctx):
        await receiver.until(2)
    assert [event["data"]["amount"] for event in receiver.got] == [1, 3]


async def test_e5_redirects_are_not_followed(ctx: Context, receiver: Receiver) -> None:
    """E5: a receiver can't send our messages elsewhere."""
    receiver.answer = lambda event: 302
    await give(ctx, await account(ctx))
    async with couriers(ctx):
        await until(lambda: len(receiver.tried) == 1)
    (waiting,) = (await outbox.deliveries(ctx, WHO, state="waiting")).data
    assert waiting.last_error == "it answered 302; redirects are not followed"
    assert len(receiver.tried) == 1


async def test_e5_silence_is_a_failure(
    ctx: Context, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E5: a receiver has so many seconds; one that never answers, or isn't there, costs only an attempt."""
    monkeypatch.setattr(sending, "TIMEOUT", 0.3)
    receiver.pause = 60
    async with receiving() as gone:
        await endpoints.create_endpoint(ctx, WHO, url=gone.url)
    await give(ctx, await account(ctx))
    async with couriers(ctx), asyncio.timeout(10):
        while len(errors := await _errors(ctx)) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert any("did not answer within" in error for error in errors)
    assert any("can't be reached" in error for error in errors)


async def _errors(ctx: Context) -> list[str]:
    page = await outbox.deliveries(ctx, WHO, state="waiting")
    return [delivery.last_error for delivery in page.data if delivery.last_error]


async def test_a_rotated_secret_signs_beside_the_one_before(ctx: Context, receiver: Receiver) -> None:
    """After a rotation both secrets verify for a day, then only the new one."""
    (known,) = await endpoints.endpoints(ctx, WHO)
    old, new = str(receiver.secret), (await endpoints.rotate_endpoint(ctx, WHO, known.id)).secret
    bodies: list[tuple[bytes, dict[str, str]]] = []

    async def one() -> tuple[bytes, dict[str, str]]:
        count = len(receiver.got)
        await give(ctx, await account(ctx))
        async with couriers(ctx):
            await receiver.until(count + 1)
        return receiver.raw[-1], receiver.headers[-1]

    bodies.append(await one())
    receiver.secret = new
    await execute(ctx, "UPDATE coinpurse.webhook_endpoints SET former_until = clock_timestamp()")
    bodies.append(await one())
    for secret in (old, new):
        Webhook(secret).verify(*bodies[0])
    Webhook(new).verify(*bodies[1])
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(*bodies[1])


async def test_ping(ctx: Context, receiver: Receiver) -> None:
    """A ping is sent at once and says how it went."""
    (known,) = await endpoints.endpoints(ctx, WHO)
    assert (await endpoints.ping_endpoint(ctx, WHO, known.id)).delivered
    assert receiver.types() == ["ping"]
    receiver.answer = lambda event: 500
    pong = await endpoints.ping_endpoint(ctx, WHO, known.id)
    assert (pong.delivered, pong.error) == (False, "it answered 500")


async def test_e5_a_lost_claim_notes_nothing(ctx: Context, receiver: Receiver) -> None:
    """E5: who comes back after its lease finds that another has taken over, and changes nothing."""
    await give(ctx, await account(ctx))
    (mine,) = await outbox.claim(ctx, {})
    assert await outbox.claim(ctx, {}) == []
    await execute(ctx, "UPDATE coinpurse.webhook_queues SET next_at = clock_timestamp()")
    (theirs,) = await outbox.claim(ctx, {})

    async def settle(claimed: dict[str, Any]) -> bool:
        names = ("account", "act", "n", "endpoint", "claim")
        arguments = {name: claimed[name] for name in names}
        noted: bool = await ctx.db.call("settle_delivery", **arguments, error=None)
        return noted

    assert (mine["act"], mine["n"]) == (theirs["act"], theirs["n"])
    assert not await settle(mine)
    assert await states(ctx) == ["waiting"]
    assert await settle(theirs)
    assert await states(ctx) == ["delivered"]


async def test_e5_no_event_is_left_behind(ctx: Context, receiver: Receiver) -> None:
    """E5: events written at the very moment when a queue runs empty are delivered too."""
    ann = await account(ctx, clock=None)
    async with couriers(ctx):
        for number in range(60):
            await give(ctx, ann, number + 1)
            await asyncio.sleep(random.uniform(0, 0.01))
        await receiver.until(60)
    assert [event["data"]["amount"] for event in receiver.got] == list(range(1, 61))


async def test_an_endpoint_takes_its_share_only(ctx: Context, receiver: Receiver) -> None:
    """A receiver that is slow holds a few deliveries up, not those to others."""
    receiver.pause = 3
    async with receiving() as quick:
        quick.secret = (await endpoints.create_endpoint(ctx, WHO, url=quick.url)).secret
        for name in [await account(ctx) for _ in range(20)]:
            await give(ctx, name)
        async with couriers(ctx):
            await quick.until(20, seconds=2.5)
            assert len(receiver.tried) == outbox.AT_ONCE


async def test_what_is_old_is_forgotten(ctx: Context, receiver: Receiver) -> None:
    """Delivered events go after 30 days; what still waits stays."""
    ann, bob = await account(ctx), await account(ctx)
    receiver.answer = lambda event: 200 if event["data"]["account"] == ann else 500
    await give(ctx, ann)
    await give(ctx, bob)
    async with couriers(ctx):
        await until(lambda: len(receiver.tried) == 2)
    await outbox.forget(ctx)
    assert sorted(await states(ctx)) == ["delivered", "waiting"]
    await execute(ctx, "UPDATE coinpurse.webhook_deliveries SET changed_at = changed_at - interval '31 days'")
    await outbox.forget(ctx)
    assert await states(ctx) == ["waiting"]
    assert len(await ctx.db.rows("SELECT FROM coinpurse.outbox")) == 1


@pytest.mark.slow
async def test_e5_killed_in_the_middle_it_is_delivered_again(ctx: Context, settings: Settings) -> None:
    """E5: a server that is killed (-9) between sending and noting leaves a claim that ends; the next one
    sends the event again, under the same id."""
    async with receiving() as receiver:
        receiver.secret = (await endpoints.create_endpoint(ctx, WHO, url=receiver.url)).secret
        receiver.pause = 60
        await give(ctx, await account(ctx))
        for _ in range(2):
            known = len(receiver.tried)
            server, url = _server(settings)
            await asyncio.to_thread(wait_until_ready, server, url)
            await until(lambda: len(receiver.tried) > known, seconds=outbox.LEASE + 10)  # noqa: B023
            server.send_signal(signal.SIGKILL)
            await asyncio.to_thread(server.wait)
        receiver.pause = 0
        async with couriers(ctx):
            await receiver.until(1, seconds=outbox.LEASE + 10)
    assert len({event["id"] for event in receiver.tried}) == 1
    assert len(receiver.tried) == 3
    assert await states(ctx) == ["delivered"]


def _server(settings: Settings) -> tuple[subprocess.Popen[bytes], str]:
    port = free_port()
    env = environment(
        COINPURSE_DATABASE_URL=str(settings.database_url),
        COINPURSE_CATALOG=str(settings.catalog),
        COINPURSE_ALLOW_PRIVATE_WEBHOOKS="yes",
    )
    command = [sys.executable, "-m", "coinpurse", "serve", "--port", str(port)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, env=env, stdout=quiet, stderr=quiet), f"http://127.0.0.1:{port}"
