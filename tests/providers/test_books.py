"""From a delivery to the books: what each provider says becomes credits in a real database."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coinpurse.app import accounts, wallets
from coinpurse.app.billing import apply
from coinpurse.app.context import Context, Who
from coinpurse.domain.credits import Balance
from coinpurse.domain.ports import Provider
from coinpurse.providers.paddle import Paddle
from coinpurse.settings import ProviderSettings, Settings
from coinpurse.wiring import open_context
from providers.pretending import CATALOG, CATALOG_TEXT, fixture, paddle_headers, standard_headers
from providers.test_polar import BOUGHT, ORDER, SUBSCRIPTION
from providers.test_standard import KEY
from providers.test_standard import SECRET as STANDARD_SECRET

WHO = Who("test")
SECRET = "a secret"
SET = ProviderSettings(webhook_secrets=(SECRET,))


@pytest.fixture
async def ctx(database_url: str, tmp_path: Path) -> AsyncIterator[Context]:
    """A context with all three providers configured, and an account."""
    (tmp_path / "catalog.toml").write_text(CATALOG_TEXT, "utf-8")
    settings = replace(
        Settings.from_env({}),
        database_url=database_url,
        catalog=tmp_path / "catalog.toml",
        paddle=SET,
        polar=SET,
        standard=ProviderSettings(webhook_secrets=(STANDARD_SECRET,)),
    )
    async with open_context(settings) as ctx:
        await accounts.put_account(ctx, WHO, "ann")
        yield ctx


async def deliver(ctx: Context, provider: Provider, body: bytes, headers: dict[str, str]) -> str:
    """Verifies a delivery and applies its facts."""
    now = datetime.now(UTC)
    notice = provider.verify(body, headers, now)
    facts = await provider.facts(notice, body, now)
    return (await apply(ctx, provider.name, facts, test=notice.test)).status


async def balance(ctx: Context) -> tuple[int, int]:
    """What is there by the month, and what was bought."""
    found: Balance = await wallets.balance(ctx, WHO, "ann")
    return found.monthly.available, found.addon.available


def test_only_what_is_configured_is_there(ctx: Context) -> None:
    """A provider is there if its secret or key is set."""
    assert set(ctx.providers) == {"paddle", "polar", "standard"}
    assert all(ctx.providers[name].name == name for name in ctx.providers)


async def test_paddle(ctx: Context) -> None:
    """P1, P2, P3, B1: Paddle's first payment gives ten seats' credits and a pack, once; a refund takes it."""
    paddle, now = ctx.providers["paddle"], datetime.now(UTC)
    start = (now - timedelta(days=1)).isoformat()
    ends = (now + timedelta(days=29)).isoformat()
    sold = fixture("paddle/transaction.completed.json") | {
        "custom_data": {"coinpurse_account": "ann"},
        "billing_period": {"starts_at": start, "ends_at": ends},
    }
    for type_ in ("transaction.completed", "transaction.updated"):
        body = _paddle(type_, sold)
        assert await deliver(ctx, paddle, body, paddle_headers(SECRET, body, now)) == "applied"
        assert await balance(ctx) == (10_000, 500)
    adjustment = fixture("paddle/adjustment.created.json") | {"status": "approved"}
    line = {"item_id": sold["details"]["line_items"][2]["id"], "type": "full", "totals": {"total": "21666"}}
    body = _paddle("adjustment.updated", adjustment | {"items": [line]})
    assert await deliver(ctx, paddle, body, paddle_headers(SECRET, body, now)) == "applied"
    assert await balance(ctx) == (10_000, 0)
    body = _paddle("subscription.canceled", fixture("paddle/subscription.canceled.json"))
    assert await deliver(ctx, paddle, body, paddle_headers(SECRET, body, now)) == "applied"
    assert await balance(ctx) == (0, 0)


async def test_polar(ctx: Context) -> None:
    """P1, P3, B1: Polar's orders give a month and a pack; a refund takes half of the pack."""
    polar, now = ctx.providers["polar"], datetime.now(UTC)
    period = {
        "current_period_start": (now - timedelta(days=1)).isoformat(),
        "current_period_end": (now + timedelta(days=29)).isoformat(),
    }
    bought = BOUGHT | {"id": "ord_2", "metadata": {"account": "ann"}}
    said: list[tuple[str, dict[str, Any], tuple[int, int]]] = [
        ("subscription.active", SUBSCRIPTION | period, (0, 0)),
        (
            "order.paid",
            ORDER | {"subscription": SUBSCRIPTION | period, "created_at": now.isoformat()},
            (1000, 0),
        ),
        ("order.paid", bought, (1000, 500)),
        ("order.refunded", bought | {"status": "partially_refunded", "refunded_amount": 9950}, (1000, 250)),
    ]
    for type_, data, expected in said:
        body = json.dumps({"type": type_, "timestamp": now.isoformat(), "data": data}).encode()
        headers = standard_headers(SECRET.encode(), body, now)
        assert await deliver(ctx, polar, body, headers) == "applied"
        assert await balance(ctx) == expected


async def test_standard(ctx: Context) -> None:
    """P1, P3, B1, B4: an in-house system tells of a subscription and a top-up, and of their end."""
    standard, now = ctx.providers["standard"], datetime.now(UTC)
    start, end = (now - timedelta(days=1)).isoformat(), (now + timedelta(days=29)).isoformat()
    sub = {"subscription": "s_1", "plan": "starter", "interval": "month"}
    said: list[tuple[str, dict[str, Any], tuple[int, int]]] = [
        ("customer.linked", {"customer": "c_1", "account": "ann"}, (0, 0)),
        ("subscription.standing", sub | {"state": "active", "customer": "c_1"}, (0, 0)),
        ("subscription.paid", sub | {"line": "l_1", "start": start, "end": end}, (1000, 0)),
        ("topup.pending", {"purchase": "t_1", "pack": "small", "customer": "c_1"}, (1000, 0)),
        (
            "topup.paid",
            {"purchase": "t_1", "pack": "small", "customer": "c_1", "payment": "p_1", "amount": 19900},
            (1000, 500),
        ),
        (
            "payment.returned",
            {"payment": "p_1", "total": 19900, "dispute": "d", "disputed": 19900},
            (1000, 0),
        ),
        ("payment.returned", {"payment": "p_1", "total": 19900, "dispute": "d", "disputed": 0}, (1000, 500)),
        ("subscription.standing", sub | {"state": "ended"}, (0, 500)),
    ]
    for number, (type_, data, expected) in enumerate(said):
        told = (now + timedelta(microseconds=number)).isoformat()
        body = json.dumps({"type": type_, "timestamp": told, "data": data}).encode()
        assert await deliver(ctx, standard, body, standard_headers(KEY, body, now)) == "applied"
        assert await balance(ctx) == expected, type_


def test_a_key_alone_is_enough() -> None:
    """Without a secret nothing is believed, but a provider can be asked."""
    paddle = Paddle(CATALOG, secrets=[], api_key="k")
    assert paddle.can_ask


def _paddle(type_: str, entity: Any) -> bytes:
    now = datetime.now(UTC).isoformat()
    return json.dumps({"event_id": "evt_1", "event_type": type_, "occurred_at": now, "data": entity}).encode()
