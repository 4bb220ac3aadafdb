"""U3, T7: what support sees and does over HTTP: events, renewals and what came of them, look-ups."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from coinpurse.app import accounts
from coinpurse.app.context import Context, Who
from inbox.conftest import Clients
from inbox.place import Place, signed
from inbox.post import Post
from simulator.shop import HOUR, period

ROUTES = [
    ("GET", "/v1/billing-events"),
    ("GET", "/v1/billing-events/msg_1"),
    ("POST", "/v1/billing-events/msg_1/retry"),
    ("GET", "/v1/accounts/ann/events"),
    ("GET", "/v1/renewals"),
]


@pytest.fixture
async def support(client_with: Clients) -> httpx.AsyncClient:
    """A client of support, on the test side."""
    return await client_with("support")


async def topup(post: Post, id: str, **more: Any) -> None:
    """A top-up that was paid, told by hand."""
    data = {"purchase": f"buy {id}", "pack": "small", "account": "ann"} | more
    assert (await post.tell(id, "topup.paid", **data)).status_code == 200


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_only_support_may_look(post: Post, client_with: Clients, method: str, path: str) -> None:
    """Scopes: `support` (or `admin`) looks and retries; spending and granting keys don't."""
    await topup(post, "msg_1")
    for scope in ("read", "spend", "grant"):
        assert (await (await client_with(scope)).request(method, path)).status_code == 403
    for scope in ("support", "admin"):
        assert (await (await client_with(scope)).request(method, path)).status_code == 200


async def test_test_and_live_sides(post: Post, ctx: Context, client_with: Clients) -> None:
    """What is told of live money is there for live keys only, and the other way round."""
    await accounts.put_account(ctx, Who("test", False), "ann")
    await topup(post, "msg_test")
    await post.tell("msg_live", "topup.paid", test=False, purchase="buy_9", pack="small", account="ann")
    await post.work()
    for test, mine, theirs in ((True, "msg_test", "msg_live"), (False, "msg_live", "msg_test")):
        client = await client_with("support", test=test)
        for path in ("/v1/billing-events", "/v1/accounts/ann/events"):
            listed = (await client.get(path)).json()["data"]
            assert [(event["id"], event["test"], event["account"]) for event in listed] == [
                (mine, test, "ann")
            ]
        assert (await client.get(f"/v1/billing-events/{theirs}")).status_code == 404
        assert (await client.post(f"/v1/billing-events/{theirs}/retry")).status_code == 404
        assert (await client.get("/v1/accounts/ann/balance")).json()["available"] == 500
    assert await post.statuses("msg_test", "msg_live") == ["applied", "applied"]


async def test_lists(post: Post, support: httpx.AsyncClient) -> None:
    """Newest first, in pages, by status and provider; bodies are not shown."""
    for n in range(5):
        await topup(post, f"msg_{n}")
    await topup(post, "msg_5", pack="unknown")
    await post.work()
    found: list[Any] = []
    answer: dict[str, Any] = {"next_cursor": None}
    while not found or answer["next_cursor"]:
        query = {"limit": 2} | ({"cursor": answer["next_cursor"]} if found else {})
        answer = (await support.get("/v1/billing-events", params=query)).json()
        found += answer["data"]
    assert [event["id"] for event in found] == [f"msg_{n}" for n in (5, 4, 3, 2, 1, 0)]
    assert "body" not in found[0]
    assert found[1]["outcome"]
    assert found[1]["acts"] == 1
    failed = (await support.get("/v1/billing-events?status=failed")).json()["data"]
    assert [(event["id"], event["status"]) for event in failed] == [("msg_5", "failed")]
    assert (await support.get("/v1/billing-events?provider=stripe")).json()["data"] == []
    assert (await support.get("/v1/accounts/nobody/events")).status_code == 404


async def test_of_an_account(post: Post, support: httpx.AsyncClient, place: Place) -> None:
    """An account's events are also those about its customer that were ignored or found nobody."""
    subscription = place.subscribes()
    await post.bring_all()
    await post.work()
    listed = (await support.get("/v1/accounts/ann/events?limit=200")).json()["data"]
    by_type = {event["type"]: event for event in listed}
    assert by_type["invoice.finalized"]["account"] is None
    assert by_type["invoice.finalized"]["status"] == "ignored"
    assert by_type["invoice.paid"]["account"] == "ann"
    assert {subscription["customer"]} <= set(by_type["invoice.paid"]["objects"])
    await post.tell("msg_1", "topup.paid", purchase="b", pack="small", customer=subscription["customer"])
    listed = (await support.get("/v1/accounts/ann/events?limit=200")).json()["data"]
    assert "msg_1" not in {event["id"] for event in listed}, "the same name at another provider is another"


async def test_two_providers_share_an_id(
    post: Post, support: httpx.AsyncClient, place: Place, ctx: Context
) -> None:
    """An id that two providers use is refused until one is named, and the other is left alone."""
    place.buys()
    [delivery] = place.deliveries("checkout.session.completed")
    await post.bring(delivery)
    await topup(post, delivery.event)
    await post.work()
    path = f"/v1/billing-events/{delivery.event}"
    refused = await support.get(path)
    assert (refused.status_code, "standard and stripe both" in refused.text) == (409, True)
    assert (await support.post(f"{path}/retry")).status_code == 409
    assert (await support.get(f"{path}?provider=stripe")).json()["type"] == delivery.type
    answer = await support.post(f"{path}/retry", json={"provider": "stripe"})
    assert (answer.status_code, answer.json()["provider"], answer.json()["status"]) == (
        200,
        "stripe",
        "waiting",
    )
    assert (await post.event(delivery.event, "standard")).status == "applied"
    assert (await support.post(f"{path}/retry", json={"provider": "paddle"})).status_code == 404
    assert await post.work() == 1
    assert await post.credits() == (0, 1000)


@pytest.mark.parametrize("id", ["a/b", "a b", "~%+?#", ".", "x" * 255, "a/retry"])
async def test_odd_ids(post: Post, support: httpx.AsyncClient, id: str) -> None:
    """Senders choose their ids: all that could be stored are found and retried."""
    assert (await post.tell(id, "customer.linked", customer="c", account="ann")).is_success
    path = "/v1/billing-events/" + quote(id, safe="").replace(".", "%2E")
    assert (await support.get(path)).json()["id"] == id
    assert (await support.post(f"{path}/retry")).json()["status"] == "waiting"


@pytest.mark.parametrize("id", ["%00", "a%0Ab", "x" * 256, "nobody"])
async def test_ids_that_nobody_sent(support: httpx.AsyncClient, id: str) -> None:
    """Whatever is asked for is refused or not found."""
    for answer in (
        await support.get(f"/v1/billing-events/{id}"),
        await support.post(f"/v1/billing-events/{id}/retry"),
        await support.post(f"/v1/subscriptions/{id}/lookup"),
    ):
        assert answer.status_code in (404, 422)


async def test_retry_by_id(post: Post, support: httpx.AsyncClient, ctx: Context) -> None:
    """A failed event is worked on again when support says so, once what was missing is there."""
    await topup(post, "msg_1", account="carl")
    await post.work()
    failed = (await support.get("/v1/billing-events/msg_1")).json()
    assert failed["status"] == "failed"
    assert failed["outcome"] == 'There is no account "carl". Create it, then retry this event.'
    await accounts.put_account(ctx, Who("test", True), "carl")
    assert (await support.post("/v1/billing-events/msg_1/retry")).json()["status"] == "failed"
    assert await post.work() == 1
    assert (await support.get("/v1/billing-events/msg_1")).json()["account"] == "carl"
    assert await post.credits("carl") == (0, 500)
    for _ in range(2):
        await support.post("/v1/billing-events/msg_1/retry")
        await post.work()
    assert (await support.get("/v1/billing-events/msg_1")).json()["acts"] == 1
    assert await post.credits("carl") == (0, 500)


async def renewing(post: Post, ctx: Context, place: Place) -> None:
    """A customer on a test clock whose month is over, and whose second invoice Stripe has made and paid: told
    so far is only the first month."""
    start = datetime.fromtimestamp(place.shop.sim.now, UTC)
    await accounts.put_account(ctx, Who("test", True), "eve", clock=start)
    subscription = place.subscribes("eve")
    await post.bring_all()
    await post.work()
    await month_over(ctx, place, subscription)


async def month_over(ctx: Context, place: Place, subscription: Any) -> None:
    """Two hours into the second month, at Stripe and here."""
    place.shop.sim.advance(period(subscription)[1] + 2 * HOUR)
    await accounts.move_clock(ctx, Who("test", True), "eve", datetime.fromtimestamp(place.shop.sim.now, UTC))


async def test_t7_a_late_renewal_says_what_came(
    post: Post, ctx: Context, support: httpx.AsyncClient, place: Place
) -> None:
    """T7: a late renewal lists the billing events that did and didn't arrive, and is late no more when the
    missing one has come."""
    await renewing(post, ctx, place)
    deliveries = {delivery.type: delivery for delivery in place.deliveries()}
    await post.bring(deliveries["invoice.created"])
    await post.work()
    [late] = (await support.get("/v1/renewals?state=late")).json()["data"]
    assert late["account"] == "eve"
    assert [(event["type"], event["arrived"], event["status"]) for event in late["events"]] == [
        ("invoice.created", deliveries["invoice.created"].event, "ignored"),
        ("invoice.finalized", None, None),
        ("invoice.paid", None, None),
        ("customer.subscription.updated", None, None),
    ]
    await post.bring(deliveries["invoice.paid"])
    place.down = True
    await post.work()
    [late] = (await support.get("/v1/renewals?state=late")).json()["data"]
    assert {event["type"]: event["status"] for event in late["events"]}["invoice.paid"] == "failed"
    place.down = False
    await post.due_now()
    await post.work()
    assert (await support.get("/v1/renewals?state=late")).json()["data"] == []
    assert await post.credits("eve") == (1000, 0)


async def test_t7_a_failed_payment_is_among_what_came(
    post: Post, ctx: Context, support: httpx.AsyncClient, place: Place
) -> None:
    """T7: what nobody expects but explains it is listed too."""
    start = datetime.fromtimestamp(place.shop.sim.now, UTC)
    await accounts.put_account(ctx, Who("test", True), "eve", clock=start)
    subscription = place.subscribes("eve", card="pm_card_declinesLater")
    await post.bring_all()
    await post.work()
    await month_over(ctx, place, subscription)
    await post.bring_all()
    await post.work()
    [failed] = (await support.get("/v1/renewals?state=failed")).json()["data"]
    came = {event["type"]: event["status"] for event in failed["events"]}
    assert (came["invoice.paid"], came["invoice.payment_failed"]) == (None, "applied")


async def test_e2_looking_up_what_has_not_come(
    post: Post, ctx: Context, support: httpx.AsyncClient, place: Place
) -> None:
    """E2: asking the provider brings the renewal; the late events afterwards change nothing."""
    await renewing(post, ctx, place)
    late = place.deliveries()
    [subscription] = (await support.get("/v1/accounts/eve/subscriptions")).json()["data"]
    path = f"/v1/subscriptions/{subscription['id']}/lookup"
    place.down = True
    refused = await support.post(path)
    assert (refused.status_code, refused.json()["code"]) == (502, "provider_failed")
    place.down = False
    looked = (await support.post(path)).json()
    assert (looked["status"], looked["acts"] > 0) == ("applied", True)
    assert looked["subscription"]["paid_through"] > subscription["paid_through"]
    assert (await support.post(path)).json()["acts"] == 0
    before = await post.everything()
    for delivery in late:
        await post.bring(delivery)
    await post.work()
    after = await post.everything()
    changed = {name for name, rows in after.items() if rows != before[name]}
    assert changed <= {"events", "standings", "wallets", "paid_with"}
    assert await post.credits("eve") == (1000, 0)
    assert {(await post.event(delivery.event)).acts for delivery in late} == {0}


async def test_e2_looking_up_wakes_what_waited(
    post: Post, ctx: Context, support: httpx.AsyncClient, place: Place
) -> None:
    """A failed event about the same subscription is tried again at once after a look-up."""
    await renewing(post, ctx, place)
    place.down = True
    [paid] = await post.bring_all("invoice.paid")
    await post.work()
    place.down = False
    [subscription] = (await support.get("/v1/accounts/eve/subscriptions")).json()["data"]
    await support.post(f"/v1/subscriptions/{subscription['id']}/lookup")
    assert await post.work() == 1
    assert await post.statuses(paid) == ["applied"]


async def test_nobody_to_ask(post: Post, support: httpx.AsyncClient, client_with: Clients) -> None:
    """A subscription that is kept here alone, or whose provider can't be asked, says so."""
    now = datetime.now(UTC)
    grant = await client_with("grant")
    body = {"account": "ann", "plan": "starter", "interval": "month"}
    made = (await grant.post("/v1/subscriptions", json=body)).json()
    answer = await support.post(f"/v1/subscriptions/{made['id']}/lookup")
    assert (answer.status_code, "there is nobody to ask" in answer.text) == (409, True)
    line: dict[str, Any] = {
        "subscription": "s_1", "line": "l_1", "plan": "starter", "interval": "month", "account": "ann",
        "start": now.isoformat(), "end": now.replace(year=now.year + 1).isoformat(),
    }  # fmt: skip
    await post.tell("msg_1", "subscription.paid", **line)
    await post.work()
    assert await post.statuses("msg_1") == ["applied"]
    sold = (await support.get("/v1/accounts/ann/subscriptions")).json()["data"][-1]
    answer = await support.post(f"/v1/subscriptions/{sold['id']}/lookup")
    assert (answer.status_code, "subscription.standing" in answer.json()["detail"]) == (409, True)
    assert (await grant.post(f"/v1/subscriptions/{made['id']}/lookup")).status_code == 403


async def test_a_delivery_is_signed_anew_each_time(post: Post, place: Place) -> None:
    """A provider's second attempt, hours later and signed then, is taken for what it is."""
    place.buys()
    [delivery] = place.deliveries("checkout.session.completed")
    url = "/v1/webhooks/stripe"
    early = await post.client.post(url, content=delivery.body, headers=signed(delivery, ago=4000))
    assert early.status_code == 400
    assert (await post.bring(delivery))["duplicate"] is False
