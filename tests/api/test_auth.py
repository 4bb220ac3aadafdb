"""Who may do what: scopes, test and live sides, and what opens nothing."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from api.helpers import Clients, open_account, refused
from coinpurse.api import create_api
from coinpurse.api.guard import Holder, KeyRing
from coinpurse.app import keys
from coinpurse.app.context import Context
from coinpurse.app.keys import SCOPES, ApiKey
from coinpurse.app.live import Hub
from coinpurse.domain.errors import Conflict, Invalid, Unauthorized

CHARGE = {"account": "u", "amount": 1}
GRANT = {"account": "u", "kind": "addon", "amount": 1, "reason": "x"}
PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def documented() -> dict[str, set[str]]:
    """What docs/api.md says that each call needs."""
    rows = re.findall(
        r"^\| ((?:GET|PUT|POST|DELETE) /\S+).*? \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    return {call: set(needs.split(" or ")) - {"nothing"} for call, needs in rows}


async def test_every_route_needs_what_the_page_says(anyone: httpx.AsyncClient) -> None:
    """A new route has to be added to docs/api.md, so that nobody opens one by accident."""
    document = (await anyone.get("/openapi.json")).json()
    found = {
        f"{method.upper()} {path.removeprefix('/v1')}": {
            scope for scheme in operation["security"] for scope in (scheme.get("apiKey") or scheme)
        }
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert found == documented()


async def test_every_route_refuses_strangers(anyone: httpx.AsyncClient) -> None:
    """Without a key, with a wrong one or the wrong scheme: 401, before anything of the request is read."""
    document = (await anyone.get("/openapi.json")).json()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for authorization in (
                None,
                "Bearer cp_test_wrong",
                "Bearer",
                "Basic eDp5",
                "Bearer " + "x" * 9000,
            ):
                if operation["security"]:
                    headers = {"Authorization": authorization} if authorization else {}
                    answer = await anyone.request(method, path, content=b"{", headers=headers)
                    refused(answer, 401, "unauthorized")
                    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("scope", "path", "body", "allowed"),
    [
        ("read", "/v1/charges", CHARGE, False),
        ("grant", "/v1/charges", CHARGE, False),
        ("spend", "/v1/charges", CHARGE, True),
        ("admin", "/v1/charges", CHARGE, True),
        ("read", "/v1/quotes", CHARGE, True),
        ("spend", "/v1/grants", GRANT, False),
        ("support", "/v1/grants", GRANT, False),
        ("grant", "/v1/grants", GRANT, True),
        ("support", "/v1/sessions", {"account": "u"}, True),
    ],
)
async def test_scopes_decide(
    client_with: Clients, scope: str, path: str, body: dict[str, object], allowed: bool
) -> None:
    """Each key does what its scopes say; what is allowed gets as far as the account, which doesn't exist."""
    answer = await (await client_with(scope)).post(path, json=body)
    if allowed:
        refused(answer, 404, "account_not_found")
    else:
        assert refused(answer, 403, "forbidden")["needed"] == [
            path.rpartition("/")[2].rstrip("s").replace("charge", "spend")
        ]


def test_every_scope_includes_reading() -> None:
    """Whoever may change something may look at it; a key without scopes may nothing."""

    def reach(*scopes: str) -> frozenset[str]:
        return Holder.of(ApiKey("ak_1", list(scopes), True, None, datetime.now(UTC), None)).scopes

    assert all("read" in reach(scope) for scope in SCOPES)
    assert reach() == set()
    assert reach("read") == {"read"}
    assert reach("admin") == set(SCOPES)


async def test_live_keys_do_not_see_test_accounts(client_with: Clients, client: httpx.AsyncClient) -> None:
    """T9: the two sides don't touch."""
    account = await open_account(client, addon=5)
    live = await client_with("admin", test=False)
    for answer in (
        await live.get(f"/v1/accounts/{account}"),
        await live.get(f"/v1/accounts/{account}/balance"),
        await live.post("/v1/charges", json={"account": account, "amount": 1}),
        await live.post("/v1/sessions", json={"account": account}),
    ):
        refused(answer, 404, "account_not_found")


async def test_live_keys_do_not_see_what_test_accounts_made(
    client_with: Clients, client: httpx.AsyncClient, account: str
) -> None:
    """An id of the other side is as unknown as any."""
    live = await client_with("admin", test=False)
    charge = (await client.post("/v1/charges", json={"account": account, "amount": 1})).json()
    refused(await live.get(f"/v1/charges/{charge['id']}"), 404, "not_found")
    refused(await live.post(f"/v1/charges/{charge['id']}/reversals"), 404, "not_found")


async def test_only_test_keys_have_clocks(client_with: Clients) -> None:
    """T9: live accounts live by the real time."""
    live = await client_with("admin", test=False)
    clock = {"clock": "2026-01-31T10:00:00Z"}
    refused(await live.put("/v1/accounts/live_clock", json=clock), 403, "forbidden")
    refused(await live.post("/v1/accounts/x/clock", json={"now": "2026-01-31T10:00:00Z"}), 403, "forbidden")


async def test_a_revoked_key_opens_nothing(
    ctx: Context, client_with: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Revoking takes effect within two seconds; we don't wait for them here."""
    monkeypatch.setattr(KeyRing, "SECONDS", 0.0)
    client = await client_with("read")
    secret = client.headers["authorization"].removeprefix("Bearer ")
    assert (await client.get("/v1/accounts/x")).status_code == 404
    await keys.revoke_key(ctx, (await keys.authenticate(ctx, secret)).id)
    refused(await client.get("/v1/accounts/x"), 401, "unauthorized")


async def test_a_rotated_key_works_for_a_while(ctx: Context) -> None:
    """The new one has the same scopes; both work, until the old one's time is over. A key that ends can't be
    rotated again, and can be revoked at once."""
    old = await keys.create_key(ctx, scopes=["spend", "read"], test=True, name="shop")
    new = await keys.rotate_key(ctx, old.id, overlap=3600)
    assert (new.scopes, new.test) == (old.scopes, True)
    assert [(await keys.authenticate(ctx, key)).name for key in (old.key, new.key)] == ["shop", "shop"]
    with pytest.raises(Conflict):
        await keys.rotate_key(ctx, old.id)
    assert (await keys.revoke_key(ctx, old.id)).revoked_at
    with pytest.raises(Unauthorized):
        await keys.authenticate(ctx, old.key)
    newest = await keys.rotate_key(ctx, new.id, overlap=0)
    with pytest.raises(Unauthorized):
        await keys.authenticate(ctx, new.key)
    assert await keys.authenticate(ctx, newest.key)
    for nonsense in (-1, True, 10**9):
        with pytest.raises(Invalid):
            await keys.rotate_key(ctx, newest.id, overlap=nonsense)


async def test_a_key_is_asked_for_again_after_two_seconds(ctx: Context) -> None:
    """Within them the database is spared; a key that was never there is never remembered."""
    now = 0.0
    ring = KeyRing(ctx, lambda: now)
    made = await keys.create_key(ctx, scopes=["read"], test=True)
    assert (await ring.find(made.key)).key.id == made.id
    await keys.revoke_key(ctx, made.id)
    now = 1.9
    assert (await ring.find(made.key)).key.id == made.id
    now = 2.1
    for text in (made.key, "cp_test_wrong"):
        with pytest.raises(Unauthorized):
            await ring.find(text)
    assert ring.found == {}


async def test_sessions_and_keys_are_not_interchangeable(
    client: httpx.AsyncClient, anyone: httpx.AsyncClient, account: str
) -> None:
    """A session opens /me and nothing else; a key opens everything but /me."""
    session = (await client.post("/v1/sessions", json={"account": account})).json()
    browser = {"Authorization": f"Bearer {session['token']}"}
    assert (await anyone.get("/v1/me/balance", headers=browser)).json()["account"] == account
    refused(await anyone.get(f"/v1/accounts/{account}/balance", headers=browser), 401, "unauthorized")
    refused(await anyone.post("/v1/charges", json=CHARGE, headers=browser), 401, "unauthorized")
    for path in ("/v1/me/balance", "/v1/me/entries", "/v1/me/stream"):
        refused(await client.get(path), 401, "unauthorized")


async def test_hasty_keys_wait(ctx: Context, hub: Hub) -> None:
    """A key that asks too often is told how long to wait, and others don't notice."""
    slow = replace(ctx, settings=replace(ctx.settings, rate_limit=1))
    made = [await keys.create_key(ctx, scopes=["read"], test=True) for _ in range(2)]
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_api(slow, hub)), base_url="http://x"
    ) as client:
        answers = [
            await client.get("/v1/accounts/x", headers={"Authorization": f"Bearer {key.key}"})
            for key in (made[0], made[0], made[1])
        ]
    assert [answer.status_code for answer in answers] == [404, 429, 404]
    assert answers[1].headers["retry-after"] == "1"
    refused(answers[1], 429, "rate_limited")
