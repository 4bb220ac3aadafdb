"""Webhook endpoints and deliveries over HTTP."""

import httpx

from api.helpers import Clients, open_account, pointers, refused
from coinpurse.app.context import Context
from coinpurse.store.db import Connection

PATH = "/v1/webhook-endpoints"


async def test_an_endpoints_life(client: httpx.AsyncClient) -> None:
    """Its secret is shown when it is made and when it is rotated, and never in a list."""
    made = await client.post(PATH, json={"url": "https://app.example/a", "types": ["credits.low"]})
    assert made.status_code == 201
    new = made.json()
    assert new["id"].startswith("we_")
    assert new["secret"].startswith("whsec_")
    assert (new["types"], new["test"]) == (["credits.low"], True)
    (listed,) = [one for one in (await client.get(PATH)).json()["data"] if one["id"] == new["id"]]
    assert listed.keys() == {"id", "url", "types", "test", "created_at", "disabled_at", "disabled_why"}
    rotated = (await client.post(f"{PATH}/{new['id']}/rotate")).json()
    assert rotated["secret"] != new["secret"]
    assert (await client.post(f"{PATH}/{new['id']}/enable", json={})).json()["disabled_at"] is None
    assert (await client.delete(f"{PATH}/{new['id']}")).json()["id"] == new["id"]
    refused(await client.delete(f"{PATH}/{new['id']}"), 404, "not_found")
    assert new["id"] not in (await client.get(PATH)).text


async def test_who_may(client_with: Clients) -> None:
    """Making and ending endpoints needs admin; looking needs support; the other mode's don't exist."""
    support, spend = await client_with("support"), await client_with("spend")
    refused(await support.post(PATH, json={"url": "https://app.example/b"}), 403, "forbidden")
    refused(await spend.get(PATH), 403, "forbidden")
    refused(await spend.get("/v1/webhook-deliveries"), 403, "forbidden")
    live = await client_with("admin", test=False)
    made = (await live.post(PATH, json={"url": "https://app.example/b"})).json()
    assert made["test"] is False
    assert made["id"] not in (await support.get(PATH)).text
    refused(await (await client_with("admin")).delete(f"{PATH}/{made['id']}"), 404, "not_found")


async def test_refusals(client: httpx.AsyncClient) -> None:
    """What is wrong with an endpoint is named by its field."""
    assert pointers(await client.post(PATH, json={"url": "https://127.0.0.1/"})) == {"/url"}
    assert pointers(await client.post(PATH, json={"url": "https://a.example", "types": ["x"]})) == {"/types"}
    live = await client.post(PATH, json={"url": "https://a.example", "test": False})
    refused(live, 403, "forbidden")
    await client.post(PATH, json={"url": "https://twice.example"})
    refused(await client.post(PATH, json={"url": "https://twice.example"}), 409, "conflict")
    assert pointers(await client.get("/v1/webhook-deliveries", params={"state": "lost"})) == {"/state"}


async def test_dead_letters(client: httpx.AsyncClient, ctx: Context) -> None:
    """What was given up is listed, by account, and can be tried again."""
    made = (await client.post(PATH, json={"url": "https://app.example/dead"})).json()
    account = await open_account(client, addon=5)

    async def die(conn: Connection) -> None:
        await conn.execute("UPDATE coinpurse.webhook_deliveries SET state = 'dead', last_error = 'why'")

    await ctx.db.work(die)
    page = (await client.get("/v1/webhook-deliveries", params={"account": account})).json()
    (dead,) = [one for one in page["data"] if one["endpoint"] == made["id"]]
    assert (dead["state"], dead["type"], dead["last_error"]) == ("dead", "credits.granted", "why")
    assert (dead["at"], dead["account"]) == ("2026-01-31T10:00:00Z", account)
    again = (await client.post(f"/v1/webhook-deliveries/{dead['id']}/retry")).json()
    assert again["state"] == "waiting"
    refused(await client.post(f"/v1/webhook-deliveries/{dead['id']}/retry"), 409, "conflict")
    refused(await client.post("/v1/webhook-deliveries/de_x/retry"), 404, "not_found")


async def test_ping_says_what_went_wrong(client: httpx.AsyncClient) -> None:
    """A ping to nobody is an answer, not an error."""
    made = (await client.post(PATH, json={"url": "https://nobody.invalid/"})).json()
    pong = (await client.post(f"{PATH}/{made['id']}/ping")).json()
    assert pong["delivered"] is False
    assert "nobody.invalid" in pong["error"]
