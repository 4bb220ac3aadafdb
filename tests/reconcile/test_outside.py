"""Reconciling as it is asked for from outside: the command line as a process, the API, and the library, with
the provider behind real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from api.helpers import plain_client, pointers, refused
from coinpurse import Coinpurse
from coinpurse.api import create_api
from coinpurse.app import accounts, checkouts, keys, wallets
from coinpurse.app.context import Context, Who
from coinpurse.app.live import Hub
from coinpurse.wiring import open_context
from serving import coinpurse, serving
from shop import START, Shop, open_shop

WHO = Who("tests", test=True)
WINDOW = {"since": "2026-01-20T00:00:00Z", "until": "2026-02-10T00:00:00Z"}


@pytest_asyncio.fixture
async def shop() -> AsyncIterator[Shop]:
    """A payment provider over real HTTP."""
    async with open_shop() as opened:
        yield opened


@pytest_asyncio.fixture
async def ctx(database_url: str, tmp_path: Path, shop: Shop) -> AsyncIterator[Context]:
    """A deployment at which Ann bought a pack and a plan, of which no event came."""
    async with open_context(shop.settings(database_url, tmp_path)) as opened:
        await accounts.put_account(opened, WHO, "ann", clock=START)
        items: list[dict[str, Any]] = [{"pack": "small"}, {"plan": "starter", "interval": "month"}]
        for item in items:
            checkout = await checkouts.start_checkout(opened, WHO, "ann", **item)
            await shop.press(checkout.url, "pay")
        yield opened


@pytest.fixture
def env(ctx: Context, shop: Shop) -> dict[str, str]:
    """The same deployment, for processes."""
    return {
        "COINPURSE_DATABASE_URL": str(ctx.settings.database_url),
        "COINPURSE_CATALOG": str(ctx.settings.catalog),
        "COINPURSE_STRIPE_API_KEY": "sk_test_1",
        "COINPURSE_STRIPE_WEBHOOK_SECRET": shop.secret,
        "COINPURSE_STRIPE_API_BASE": shop.url,
    }


async def available(ctx: Context) -> int:
    """What Ann can spend."""
    return (await wallets.balance(ctx, WHO, "ann")).available


async def test_the_command(ctx: Context, env: dict[str, str], shop: Shop) -> None:
    """E4: the command reports (exit 1), heals (exit 0), and then finds nothing; JSON is on stdout alone."""

    async def run(*more: str) -> Any:
        return await asyncio.to_thread(coinpurse, "reconcile", "--since", "2026-01-31", *more, **env)

    found = await run()
    assert (found.returncode, found.stderr) == (1, "")
    assert "Missing here: ann (test), cs_" in found.stdout
    assert "the pack small, paid, for 600 usd" in found.stdout
    assert "To apply: 500 add-on credits." in found.stdout
    assert "2 differences, 0 of them healed." in found.stdout
    assert await available(ctx) == 0
    healed = await run("--heal", "--json", "--provider", "stripe")
    assert healed.returncode == 0, healed.stdout + healed.stderr
    assert {one["healed"] for one in json.loads(healed.stdout)["differences"]} == {True}
    assert await available(ctx) == 1500
    again = await run("--heal")
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "There are no differences.")
    await shop.deliver(ctx)
    assert await available(ctx) == 1500
    early = await run("--until", "2026-01-30")
    assert (early.returncode, "must begin before it ends" in early.stderr) == (1, True)
    shop.down = True
    down = await run("--json")
    assert (down.returncode, json.loads(down.stdout)["code"]) == (1, "provider_failed")


async def test_the_api(ctx: Context) -> None:
    """E4: support may ask, for at most 31 days at once; another scope may not."""
    made = await keys.create_key(ctx, scopes=["support"], test=True)
    live = await keys.create_key(ctx, scopes=["support"], test=False)
    other = await keys.create_key(ctx, scopes=["spend"], test=True)
    async with Hub(ctx) as hub:
        api = create_api(ctx, hub)
        async with plain_client(api, {"Authorization": f"Bearer {made.key}"}) as client:
            found = (await client.post("/v1/reconcile", json=WINDOW)).json()
            assert (found["found"], found["healed"], found["until"]) == (2, 0, "2026-02-10T00:00:00Z")
            assert {one["account"] for one in found["differences"]} == {"ann"}
            assert await available(ctx) == 0
            healed = (await client.post("/v1/reconcile", json=WINDOW | {"heal": True})).json()
            assert (healed["found"], healed["healed"]) == (2, 2)
            assert await available(ctx) == 1500
            again = (await client.post("/v1/reconcile", json=WINDOW | {"heal": True})).json()
            assert (again["checked"], again["differences"]) == (healed["checked"], [])
            assert (await client.post("/v1/reconcile")).json()["found"] == 0
            long = await client.post("/v1/reconcile", json={"since": "2025-01-01T00:00:00Z"})
            assert pointers(long) == {"/since"}
            refused(await client.post("/v1/reconcile", json={"provider": "polar"}), 404, "not_found")
        async with plain_client(api, {"Authorization": f"Bearer {live.key}"}) as client:
            unseen = (await client.post("/v1/reconcile", json=WINDOW)).json()
            assert (unseen["checked"], unseen["found"]) == (0, 0)
        async with plain_client(api, {"Authorization": f"Bearer {other.key}"}) as client:
            refused(await client.post("/v1/reconcile", json=WINDOW), 403, "forbidden")


async def test_the_library(ctx: Context, env: dict[str, str]) -> None:
    """E4: the library asks over HTTP, and gets the differences as values."""
    made = await keys.create_key(ctx, scopes=["support"], test=True)

    def served() -> Any:
        with serving(**env) as url:
            return asyncio.run(asked(url))

    async def asked(url: str) -> Any:
        async with Coinpurse(url, made.key) as purse:
            return await purse.reconcile(since=START, until=START.replace(month=2, day=10), heal=True)

    report = await asyncio.to_thread(served)
    assert (report.found, report.healed) == (2, 2)
    assert {one.kind for one in report.differences} == {"missing"}
    assert await available(ctx) == 1500
