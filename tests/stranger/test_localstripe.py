"""Buying, topping up and cancelling at a Stripe that strangers wrote: localstripe 1.15, over real sockets.

Where it differs from Stripe: its events have the shapes of 2017, mixed with newer ones; it never sends
`invoice.paid`, `customer.subscription.updated` or anything about refunds, never renews, tries each delivery
once, and knows plans but no prices and no checkout.
"""

import json
import time
from datetime import UTC, datetime

import httpx
import pytest

import servers
from stranger.conftest import SECRET, Purse, Stranger
from stranger.wire import EVENT, deliveries, dump, signed

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("server", servers.wanted()[:1], indirect=True)]
Purses = list[Purse]


def _accounts(purses: Purses, account: str) -> None:
    for purse in purses:
        purse.http.put(f"/accounts/{account}").raise_for_status()


def _instant(seconds: int) -> str:
    """An instant as the API writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def test_b1_p1_buy_top_up_and_end(purses: Purses, shop: Stranger) -> None:
    """A subscription gives its month from `invoice.payment_succeeded` alone, by the period on the line (B1,
    T8); a payment with our metadata gives its pack, once (P1, P2); the provider's deletion ends the month
    and leaves the pack (B4, B2)."""
    _accounts(purses, "ann")
    customer = shop.customer("ann")
    sub = shop.subscribe(customer)
    for purse in purses:
        purse.wait_for("ann", (1000, 0))
        found = purse.subscription("ann")
        assert (found["plan"], found["status"]) == ("starter", "active")
        start, end = _instant(sub["current_period_start"]), _instant(sub["current_period_end"])
        assert found["current_period"] == {"start": start, "end": end}
    shop.top_up(customer, "ann")
    for purse in purses:
        purse.wait_for("ann", (1000, 500))
        made = purse.http.post("/charges", json={"account": "ann", "amount": 1200})
        assert [(part["kind"], part["amount"]) for part in made.json()["taken"]] == [
            ("monthly", 1000),
            ("addon", 200),
        ]
    shop("delete", f"/v1/subscriptions/{sub['id']}")
    for purse in purses:
        purse.wait_for_subscription("ann", status="ended")
        assert purse.buckets("ann") == (0, 300)


def test_p1_a_declined_card_gives_nothing(purses: Purses, shop: Stranger) -> None:
    """The first payment of a subscription fails, and so does a top-up: nothing is sold (P1)."""
    _accounts(purses, "bob")
    customer = shop.customer("bob")
    bad = shop.card(customer, "4000000000000341")
    shop.subscribe(customer)
    with pytest.raises(Exception, match="declined"):
        shop.top_up(customer, "bob", bad)
    for purse in purses:
        purse.wait_for_events("bob", "payment_intent.payment_failed", 1)
        purse.wait_for_events("bob", "customer.subscription.created", 1)
        purse.wait_for("bob", (0, 0))
        assert purse.get("/accounts/bob/subscriptions")["data"] == []


def test_b3_a_cancellation_is_seen_by_asking(purses: Purses, shop: Stranger) -> None:
    """localstripe tells nobody of `cancel_at_period_end`. Who can ask sees it when any event of the
    subscription is worked on again (E2); who is only told can't know, and keeps the month either way
    (B3)."""
    _accounts(purses, "cho")
    sub = shop.subscribe(shop.customer("cho"))
    for purse in purses:
        purse.wait_for("cho", (1000, 0))
    shop("post", f"/v1/subscriptions/{sub['id']}", cancel_at_period_end=True)
    for purse, ends in zip(purses, (True, False), strict=True):
        [told] = [e for e in purse.get("/accounts/cho/events")["data"] if e["type"].endswith("tion.created")]
        purse.http.post(f"/billing-events/{told['id']}/retry").raise_for_status()
        purse.wait_for_subscription("cho", ends_at=_instant(sub["current_period_end"]) if ends else None)
        purse.wait_for("cho", (1000, 0))


def test_b9_to_a_year(purses: Purses, shop: Stranger) -> None:
    """A change to the year's plan is invoiced by localstripe at once, beside a line that takes the month's
    money back. Unlike Stripe it lets the year begin where the month began: still one month's credits, and
    twelve months are paid (B9, T8)."""
    _accounts(purses, "dee")
    sub = shop.subscribe(shop.customer("dee"))
    for purse in purses:
        purse.wait_for("dee", (1000, 0))
    item = sub["items"]["data"][0]["id"]
    changed = shop("post", f"/v1/subscriptions/{sub['id']}", items=[{"id": item, "plan": "starter-year"}])
    for purse in purses:
        purse.wait_for_subscription("dee", paid_through=_instant(changed["current_period_end"]))
        purse.wait_for("dee", (1000, 0))


def test_e3_what_is_not_to_be_believed_changes_nothing(purses: Purses) -> None:
    """Forged, stale, future-dated, oversized and malformed deliveries are refused, and not a byte of the
    database is another afterwards; one that is right is then taken (E3)."""
    _wait_for_silence(purses)
    for purse in purses:
        before = dump(purse.database)
        for name, (body, headers, expected) in deliveries(SECRET).items():
            status = _post(purse, body, headers)
            assert status in expected, (name, status)
        assert httpx.post(f"{purse.address}/v1/webhooks/paddle", content=b"{}").status_code == 404
        assert httpx.get(f"{purse.address}/v1/webhooks/stripe").status_code == 405
        assert dump(purse.database) == before
        right = json.dumps({**EVENT, "id": "evt_right", "type": "plan.created"}).encode()
        assert _post(purse, right, signed(right, SECRET)) == 200
        assert dump(purse.database) != before


def _wait_for_silence(purses: Purses) -> None:
    """Until nothing is written any more: localstripe tells of everything a second late."""
    before, now = None, [dump(purse.database) for purse in purses]
    while before != now:
        time.sleep(1.3)
        before, now = now, [dump(purse.database) for purse in purses]


def _post(purse: Purse, body: bytes, headers: dict[str, str]) -> int:
    """The answer's status; 413 too where the server hangs up on a body that it won't read."""
    try:
        return httpx.post(f"{purse.address}/v1/webhooks/stripe", content=body, headers=headers).status_code
    except httpx.TransportError:
        return 413
