"""What operators see of the inbox: the doctor, the metrics, the command line and the library."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from coinpurse import Coinpurse
from coinpurse.app import doctor
from coinpurse.app.context import Context
from coinpurse.app.doctor import Finding
from coinpurse.domain.errors import Conflict, NotFound
from coinpurse.settings import ProviderSettings, Settings
from coinpurse.wiring import open_context
from inbox.conftest import Clients
from inbox.place import SECRET, Place
from inbox.post import Post
from serving import invoke

LATER = "UPDATE coinpurse.events SET changed_at = changed_at - interval '5 minutes' RETURNING 1"


async def findings(ctx: Context) -> dict[str, Finding]:
    """What the doctor finds, by name."""
    return {finding.name: finding for finding in await doctor.examine(ctx)}


async def test_doctor_finds_all_well(post: Post, ctx: Context, place: Place) -> None:
    """Providers answer, before anything was sold and after; nothing waits, nothing failed."""
    assert (await findings(ctx))["stripe"].state == "ok"
    place.subscribes()
    await post.bring_all()
    await post.work()
    found = await findings(ctx)
    names = ("stripe", "standard", "providers", "billing events", "failed events", "renewals")
    assert {name: found[name].state for name in names} == dict.fromkeys(names, "ok")


async def test_doctor_finds_what_is_wrong(post: Post, ctx: Context, place: Place) -> None:
    """Events that nobody works on, that failed, and a provider that is down; each with what to do."""
    await post.tell("msg_1", "topup.paid", purchase="b", pack="unknown", account="ann")
    await post.work()
    await post.tell("msg_2", "topup.paid", purchase="c", pack="small", account="ann")
    await ctx.db.rows(LATER)
    place.down = True
    found = await findings(ctx)
    assert (found["billing events"].state, found["billing events"].value >= 300) == ("wrong", True)
    assert (found["failed events"].state, found["failed events"].value) == ("note", {"live": 0, "test": 1})
    assert (found["stripe"].state, found["stripe"].value) == ("note", "silent")
    named = ("billing events", "failed events", "stripe")
    assert all(found[name].advice for name in named)
    assert "coinpurse worker" in str(found["billing events"].advice)


async def test_doctor_finds_what_is_not_set(post: Post, settings: Settings) -> None:
    """A provider without a secret, without a key, and one that is gone while its events wait."""
    await post.tell("msg_1", "topup.paid", purchase="b", pack="small", account="ann")
    half = replace(
        settings,
        stripe=ProviderSettings(api_key="sk_test_1", api_base=settings.stripe.api_base),
        paddle=ProviderSettings(webhook_secrets=("pdl",)),
        standard=ProviderSettings(),
    )
    async with open_context(half) as ctx:
        found = await findings(ctx)
    assert (found["stripe"].state, "_WEBHOOK_SECRET" in str(found["stripe"].advice)) == ("wrong", True)
    assert (found["paddle"].state, "PADDLE_API_KEY" in str(found["paddle"].advice)) == (
        "note",
        True,
    )
    assert (found["providers"].state, found["providers"].value) == ("wrong", {"standard": 1})


async def test_doctor_finds_a_key_that_is_refused(settings: Settings, ctx: Context, place: Place) -> None:
    """A key that the provider doesn't take is wrong, not a passing trouble."""
    place.answer = lambda *request: (  # type: ignore[method-assign]
        401, {"Content-Type": "application/json"}, b'{"error": {"type": "invalid_request_error"}}'
    )  # fmt: skip
    assert (await findings(ctx))["stripe"].value == "refused"


async def test_metrics(post: Post, ctx: Context, place: Place) -> None:
    """Gauges of what waits and failed, by mode, and for how long the oldest has waited."""

    async def gauges() -> dict[str, float]:
        lines = (await post.client.get("/metrics")).text.splitlines()
        pairs = [line.rsplit(" ", 1) for line in lines if line.startswith("coinpurse_billing_events")]
        return {name.removeprefix("coinpurse_billing_events"): float(value) for name, value in pairs}

    assert set((await gauges()).values()) == {0.0}
    await post.tell("msg_1", "topup.paid", purchase="b", pack="unknown", account="ann")
    await post.work()
    await post.tell("msg_2", "topup.paid", purchase="c", pack="small", account="ann")
    await post.tell("msg_3", "topup.paid", test=False, purchase="d", pack="small", account="ann")
    await ctx.db.rows(LATER)
    found = await gauges()
    assert found.pop("_oldest_waiting_seconds") >= 300
    assert found == {
        '{mode="live",status="waiting"}': 1.0,
        '{mode="test",status="waiting"}': 1.0,
        '{mode="live",status="failed"}': 0.0,
        '{mode="test",status="failed"}': 1.0,
    }


async def test_command_line(post: Post, ctx: Context) -> None:
    """`coinpurse events` lists, shows and retries."""
    env: Any = {"COINPURSE_DATABASE_URL": ctx.db.conninfo, "COINPURSE_CATALOG": str(ctx.settings.catalog)}

    async def run(*arguments: str) -> str:
        done = await asyncio.to_thread(invoke, "events", *arguments, **env)
        return done.output

    assert await run("list") == "No billing events.\n"
    for n, pack in ((1, "small"), (2, "unknown")):
        await post.tell(f"msg_{n}", "topup.paid", purchase=f"b_{n}", pack=pack, account="ann")
    await post.work()
    listed = (await run("list")).splitlines()
    assert ["msg_2" in line for line in listed] == [True, False]
    assert "msg_1" not in await run("list", "--status", "failed")
    assert "msg_2" not in await run("list", "--account", "ann", "--test")
    cursor = (await run("list", "--limit", "1")).partition('--cursor "')[2].partition('"')[0]
    assert "msg_1" in await run("list", "--cursor", cursor)
    shown = await run("show", "msg_1")
    assert all(word in shown for word in ("topup.paid", "applied", "ann", "test money"))
    assert "will be worked on again" in await run("retry", "msg_1")
    await post.work()
    assert '"status": "applied"' in await run("show", "msg_1", "--json")
    assert "look at the provider's log" in await run("show", "nobody")


@pytest.fixture(params=["in process", "over HTTP"])
async def purse(
    request: pytest.FixtureRequest,
    ctx: Context,
    place: Place,
    client_with: Clients,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Coinpurse]:
    """The library, on the same database with the same provider or by asking the server."""
    monkeypatch.setenv("COINPURSE_STRIPE_API_KEY", "sk_test_1")
    monkeypatch.setenv("COINPURSE_STRIPE_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("COINPURSE_STRIPE_API_BASE", place.url)
    if request.param == "in process":
        async with Coinpurse(ctx.db.conninfo, catalog=ctx.settings.catalog) as purse:
            yield purse
        return
    async with Coinpurse("http://credits.test", "cp_test_x") as purse:
        client = await client_with("admin")
        client.base_url = httpx.URL("http://credits.test/v1/")
        monkeypatch.setattr(purse._way, "_http", client)
        yield purse


async def test_library(post: Post, place: Place, purse: Coinpurse) -> None:
    """The same calls in process and over HTTP: lists, one event, a retry, a look-up."""
    place.subscribes()
    place.buys()
    [id] = [(await post.bring(d))["received"] for d in place.deliveries() if d.type == "invoice.paid"]
    await post.tell(id, "topup.paid", purchase="b", pack="small", account="ann")
    await post.work()
    with pytest.raises(Conflict, match="name the provider"):
        await purse.get_billing_event(id)
    event = await purse.get_billing_event(id, provider="stripe")
    assert (event.type, event.status, event.account) == ("invoice.paid", "applied", "ann")
    assert event in (await purse.billing_events(status="applied")).data
    assert (await purse.billing_events(account="ann", limit=1)).next_cursor
    assert (await purse.retry_billing_event(id, provider="stripe")).status == "waiting"
    with pytest.raises(NotFound):
        await purse.retry_billing_event("nobody")
    [subscription] = await purse.subscriptions("ann")
    looked = await purse.look_up(subscription.id)
    assert (looked.status, looked.acts, looked.subscription.id) == ("applied", 0, subscription.id)
