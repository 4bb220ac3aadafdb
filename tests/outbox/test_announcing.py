"""What is announced, and when (E5): in the transaction of its cause, or not at all."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from coinpurse.app import accounts, billing, endpoints, grants, subscriptions, wallets
from coinpurse.app.context import Context, key_and_fingerprint
from coinpurse.app.wallets import ChargeRequest
from coinpurse.domain.errors import InsufficientCredits
from coinpurse.domain.facts import Fact, Purchase, Returned
from coinpurse.domain.outgoing import TYPES
from outbox.helpers import LIVE, WHO, account, listen, news, types, when


async def subscribed(ctx: Context) -> tuple[str, str]:
    """An account with a subscription: its name, and the subscription's id."""
    ann = await account(ctx)
    return ann, (await subscriptions.subscribe(ctx, WHO, ann, plan="starter")).subscription.id


async def told(ctx: Context, name: str, *facts: Fact) -> None:
    """What a provider says of an account."""
    assert (await billing.apply(ctx, "stripe", facts, test=True)).status == "applied"


async def test_e5_a_subscriptions_life_is_told(ctx: Context) -> None:
    """E5: each step of a subscription is told in its own words, in order."""
    await listen(ctx)
    ann, id = await subscribed(ctx)
    await subscriptions.cancel(ctx, WHO, id)
    await subscriptions.resume(ctx, WHO, id)
    await subscriptions.pause(ctx, WHO, id)
    await subscriptions.resume(ctx, WHO, id)
    await subscriptions.change(ctx, WHO, id, plan="studio", policy="difference")
    await accounts.move_clock(ctx, WHO, ann, when("2026-03-01T10:00"))
    await subscriptions.pay(ctx, WHO, id, periods=2)
    await subscriptions.cancel(ctx, WHO, id, at="now", reason="enough")
    assert await types(ctx, ann) == [
        "subscription.created",
        "credits.renewed",
        "subscription.cancelled",
        "subscription.resumed",
        "subscription.paused",
        "subscription.resumed",
        "credits.granted",
        "subscription.changed",
        "credits.renewed",
        "renewal.late",
        "subscription.past_due",
        "credits.low",
        "credits.depleted",
        "subscription.paid",
        "subscription.recovered",
        "credits.expired",
        "subscription.ended",
        "credits.low",
        "credits.depleted",
    ]
    assert (await news(ctx, ann))[-3]["data"]["reason"] == "enough"


async def test_e5_what_changes_nothing_says_nothing(ctx: Context) -> None:
    """E5: cancelling twice is one cancellation."""
    await listen(ctx)
    ann, id = await subscribed(ctx)
    for _ in range(2):
        await subscriptions.cancel(ctx, WHO, id)
    for _ in range(2):
        await subscriptions.resume(ctx, WHO, id)
    assert (await types(ctx, ann))[2:] == ["subscription.cancelled", "subscription.resumed"]


async def test_t4_a_renewal_worked_off_late_has_its_own_instant(ctx: Context) -> None:
    """T4, T5: an account that nobody touched for months tells of each period at the instant when it began."""
    await listen(ctx, types=["credits.renewed"])
    ann = await account(ctx, clock="2026-01-31T10:00")
    sub = await subscriptions.subscribe(ctx, WHO, ann, plan="starter", interval="year")
    await accounts.move_clock(ctx, WHO, ann, when("2026-05-15T00:00"))
    at = [row["at"] for row in await news(ctx, ann)]
    starts = ["2026-01-31T10:00", "2026-02-28T10:00", "2026-03-31T10:00", "2026-04-30T10:00"]
    assert at == [when(start) for start in starts]
    data = (await news(ctx, ann))[-1]["data"]
    assert sub.subscription.id.endswith(f"_{data['subscription']['id']}")
    assert (data["amount"], data["expired"], data["balance"]["monthly"]) == (1000, 1000, 1000)


async def test_e5_credits_that_come_and_go(ctx: Context) -> None:
    """E5: grants, reversals, revocations and expiries tell amounts and the balance after them."""
    await listen(ctx)
    ann = await account(ctx)
    given = await grants.grant(ctx, WHO, ann, kind="addon", amount=500, reason="hello")
    charge = await wallets.charge(ctx, WHO, ann, amount=200)
    await wallets.reverse(ctx, WHO, charge.id, amount=50, reason="broken")
    await grants.revoke(ctx, WHO, given.id, amount=20, reason="slip")
    soon = when("2026-02-01T10:00")
    await grants.grant(ctx, WHO, ann, kind="promo", amount=7, expires_at=soon, reason="week")
    await accounts.move_clock(ctx, WHO, ann, when("2026-03-01T10:00"))
    told = [(row["type"], row["data"]["amount"], row["data"]["balance"]) for row in await news(ctx, ann)]

    def left(addon: int, other: int = 0) -> dict[str, int]:
        return {"available": addon + other, "held": 0, "monthly": 0, "other": other, "addon": addon}

    assert told == [
        ("credits.granted", 500, left(500)),
        ("charge.reversed", 50, left(350)),
        ("credits.revoked", 20, left(330)),
        ("credits.granted", 7, left(330, 7)),
        ("credits.expired", 7, left(330)),
    ]


async def test_p3_a_top_ups_money_that_goes_back_is_told(ctx: Context) -> None:
    """P1, P3: a top-up, a dispute, its end, and a refund."""
    await listen(ctx)
    ann = await account(ctx)
    paid: dict[str, Any] = {"purchase": "cs_1", "pack": "small", "amount": 600, "payment": "pi_1"}
    await told(ctx, ann, Purchase(state="paid", account=ann, **paid))
    await wallets.charge(ctx, WHO, ann, amount=300)
    await told(ctx, ann, Returned(payment="pi_1", total=600, disputed=600, lost=0, dispute="dp_1"))
    await told(ctx, ann, Returned(payment="pi_1", total=600, disputed=0, lost=0, dispute="dp_1"))
    await told(ctx, ann, Returned(payment="pi_1", total=600, refunded=600))
    assert await types(ctx, ann) == [
        "topup.succeeded",
        "topup.disputed",
        "credits.low",
        "credits.depleted",
        "topup.released",
        "topup.refunded",
        "credits.low",
        "credits.depleted",
    ]
    rows = await news(ctx, ann)
    assert rows[0]["data"]["source"]["reference"] == "cs_1"
    refund = rows[5]["data"]
    assert (refund["taken"], refund["shortfall"]) == (200, 300)


async def test_e5_a_dip_is_told_once(ctx: Context) -> None:
    """E5: however many charges race, one passes the threshold and one empties the account."""
    await listen(ctx)
    ann = await account(ctx, clock=None)
    for _ in range(2):
        await grants.grant(ctx, WHO, ann, kind="addon", amount=200, reason="top-up")
        await asyncio.gather(*(wallets.charge(ctx, WHO, ann, amount=5) for _ in range(40)))
    assert await types(ctx, ann) == ["credits.granted", "credits.low", "credits.depleted"] * 2
    low = (await news(ctx, ann))[1]["data"]
    assert (low["threshold"], low["balance"]["available"]) == (100, 95)


async def test_e5_telling_of_a_dip_is_quick(ctx: Context) -> None:
    """E5: PostgreSQL up to 17 would compile the hot path's plan for seconds if telling needed a scan in
    it."""
    await listen(ctx)
    ann = await account(ctx)
    started = asyncio.get_running_loop().time()
    for _ in range(10):
        await grants.grant(ctx, WHO, ann, kind="addon", amount=100, reason="top-up")
        await wallets.charge(ctx, WHO, ann, amount=100)
    assert asyncio.get_running_loop().time() - started < 3


async def test_e5_every_way_down_is_told(ctx: Context) -> None:
    """E5: batches, holds and slow charges pass a threshold like any charge, and a charge of 0 passes none."""
    await listen(ctx)
    ann = await account(ctx)
    await grants.grant(ctx, WHO, ann, kind="addon", amount=100, reason="hello")
    await wallets.charge(ctx, WHO, ann, amount=0)
    hold = await wallets.hold(ctx, WHO, ann, amount=1)
    await wallets.release(ctx, WHO, hold.id)
    batch = [ChargeRequest(account=ann, amount=amount) for amount in (1, 99, 0)]
    await wallets.charge_batch(ctx, WHO, batch)
    expected = ["credits.granted", "credits.low", "credits.low", "credits.depleted"]
    assert await types(ctx, ann) == expected
    balances = [row["data"]["balance"] for row in await news(ctx, ann)]
    assert [(b["available"], b["held"]) for b in balances] == [(100, 0), (99, 1), (99, 0), (0, 0)]


async def test_e5_what_is_undone_says_nothing(ctx: Context) -> None:
    """E5: a refused charge, and a transaction that is rolled back, leave nothing to be told."""
    await listen(ctx)
    ann = await account(ctx)
    with pytest.raises(InsufficientCredits):
        await wallets.charge(ctx, WHO, ann, amount=1)
    digest = await ctx.directory.account(ann, True)
    given: dict[str, Any] = {"kind": "addon", "amount": 5, "expires_at": None, "priority": 0, "source": {}}
    more = key_and_fingerprint("k", "x")
    await ctx.db.rehearse("give", account=digest, actor="x", reason=None, **given, **more)
    assert await types(ctx, ann) == []
    await ctx.db.call("give", account=digest, actor="x", reason=None, **given, **more)
    assert await types(ctx, ann) == ["credits.granted"]


async def test_e5_where_nobody_listens_nothing_is_written(ctx: Context) -> None:
    """E5: no endpoint, one of the other mode, one for other types, and a removed one: no row."""
    ann = await account(ctx)
    bob = await account(ctx, LIVE, clock=None)

    async def give() -> None:
        await grants.grant(ctx, WHO, ann, kind="addon", amount=5, reason="x")
        await grants.grant(ctx, LIVE, bob, kind="addon", amount=5, reason="x")
        await wallets.charge(ctx, WHO, ann, amount=5)

    await give()
    await listen(ctx, types=["topup.succeeded"])
    await give()
    gone = await listen(ctx)
    await endpoints.remove_endpoint(ctx, WHO, gone)
    await give()
    for table in ("outbox", "webhook_deliveries", "webhook_queues"):
        assert await ctx.db.rows(f"SELECT FROM coinpurse.{table}") == []
    await listen(ctx)
    await give()
    assert await types(ctx, ann) == ["credits.granted", "credits.depleted"]
    assert await types(ctx, bob) == []


async def test_every_type_is_in_the_documentation() -> None:
    """Each type has its line in docs/webhooks.md, and there are no others."""
    text = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", text, re.MULTILINE)) == set(TYPES)
