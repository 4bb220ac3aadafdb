"""Polar: signatures, what its objects mean, and its API. Objects are made here, by Polar's own schemas."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinpurse.domain.facts import ChangePaid, Fact, Paid, Purchase, PurchaseState, Returned, Standing, Unpaid
from coinpurse.domain.ports import Buyer, Item, Notice, NotOurs, NotYet, Provider, ProviderError, Refused
from coinpurse.providers.polar import Polar
from providers.pretending import (
    CATALOG,
    NOW,
    PretendApi,
    at,
    json_values,
    pretend_api,
    spoilt,
    standard_headers,
)

SECRET = "polar_whs_ovyN6cPrTv56AApvzCaJno08SSmGJmgbWilb33N2JuK"
DEAF: Provider = Polar(CATALOG, secrets=[SECRET])
START, END = "2026-03-14T09:28:00.123456Z", "2026-04-14T09:28:00.123456Z"
SAID = "2026-03-14T09:29:00Z"

SUBSCRIPTION: dict[str, Any] = {
    "id": "sub_1",
    "created_at": START,
    "modified_at": START,
    "status": "active",
    "recurring_interval": "month",
    "recurring_interval_count": 1,
    "current_period_start": START,
    "current_period_end": END,
    "trial_start": None,
    "trial_end": None,
    "cancel_at_period_end": False,
    "pause_at_period_end": False,
    "ends_at": None,
    "ended_at": None,
    "customer_id": "cus_1",
    "product_id": "prod_starter",
    "checkout_id": "che_1",
    "seats": None,
    "units": None,
    "metadata": {"coinpurse_account": "ann"},
    "customer": {"id": "cus_1", "external_id": "ann_at_polar"},
    "prices": [{"id": "price_1"}],
}
ORDER: dict[str, Any] = {
    "id": "ord_1",
    "created_at": "2026-03-14T09:28:03Z",
    "modified_at": None,
    "status": "paid",
    "paid": True,
    "net_amount": 3000,
    "tax_amount": 600,
    "refunded_amount": 0,
    "currency": "usd",
    "billing_reason": "subscription_cycle",
    "customer_id": "cus_1",
    "product_id": "prod_starter",
    "subscription_id": "sub_1",
    "checkout_id": None,
    "seats": None,
    "units": None,
    "metadata": {},
    "customer": {"id": "cus_1", "external_id": None},
    "subscription": {k: v for k, v in SUBSCRIPTION.items() if k not in {"customer", "prices"}},
    "items": [{"id": "item_1", "proration": False, "product_price_id": "price_1"}],
}
BOUGHT = ORDER | {
    "billing_reason": "purchase",
    "product_id": "prod_small",
    "subscription_id": None,
    "subscription": None,
    "checkout_id": "che_1",
    "net_amount": 19900,
}
PAID = Paid(
    subscription="sub_1",
    line="ord_1",
    plan="starter",
    interval="month",
    start=at(START),
    end=at(END),
    amount=3000,
    invoice="ord_1",
    payment="ord_1",
    customer="cus_1",
)
CHECKOUT: dict[str, Any] = {
    "id": "che_1",
    "created_at": START,
    "modified_at": None,
    "status": "confirmed",
    "product_id": "prod_small",
    "customer_id": None,
    "metadata": {"coinpurse_account": "ann"},
    "url": "https://polar/checkout",
    "expires_at": END,
}


def event(type_: str, data: Any) -> bytes:
    """The body of a delivery."""
    return json.dumps({"type": type_, "timestamp": SAID, "data": data}).encode()


async def told(type_: str, entity: Any, provider: Provider = DEAF) -> list[Fact]:
    """What a provider makes of an object that is delivered."""
    body = event(type_, entity)
    headers = standard_headers(SECRET.encode(), body, NOW)
    return await provider.facts(provider.verify(body, headers, NOW), body, NOW)


async def refused(type_: str, entity: Any, provider: Provider = DEAF) -> str:
    """Why an object that is delivered moves nothing."""
    with pytest.raises(NotOurs) as reason:
        await told(type_, entity, provider)
    return str(reason.value)


def subscription(**change: Any) -> dict[str, Any]:
    """A subscription."""
    return SUBSCRIPTION | change


def order(within: dict[str, Any] | None = None, **change: Any) -> dict[str, Any]:
    """An order, and what is different about the subscription within it."""
    return ORDER | {"subscription": ORDER["subscription"] | (within or {})} | change


def listed(*values: Any, pages: int = 1) -> dict[str, Any]:
    """A page of Polar."""
    return {"items": list(values), "pagination": {"total_count": len(values), "max_page": pages}}


@pytest.fixture
def api() -> Iterator[PretendApi]:
    """An API that listens."""
    with pretend_api() as api:
        yield api


@pytest.fixture
def polar(api: PretendApi) -> Polar:
    """Polar with a key."""
    return Polar(CATALOG, secrets=[SECRET], api_key="polar_oat_1", api_base=api.url)


# ---- signatures


def test_the_secret_is_used_as_it_is() -> None:
    """E3: Polar's secret is the key itself, prefix and all, and not base64."""
    body = event("order.paid", ORDER)
    notice = DEAF.verify(body, standard_headers(SECRET.encode(), body, NOW, "evt_1"), NOW)
    assert (notice.id, notice.type, notice.created_at, notice.test) == (
        "evt_1",
        "order.paid",
        at(SAID),
        False,
    )
    assert list(notice.objects) == ["ord_1", "sub_1", "cus_1"]
    with pytest.raises(Refused, match="signature is wrong"):
        DEAF.verify(body, standard_headers(SECRET.removeprefix("polar_whs_").encode(), body, NOW), NOW)


def test_refuses_what_is_not_to_be_believed() -> None:
    """E3: unsigned, changed, stale and future deliveries are refused, and so is what is no event."""
    body = event("order.paid", ORDER)
    headers = standard_headers(SECRET.encode(), body, NOW)
    for seconds in (301, -301):
        with pytest.raises(Refused, match="5 minutes"):
            DEAF.verify(body, headers, NOW + timedelta(seconds=seconds))
    with pytest.raises(Refused, match="wrong"):
        DEAF.verify(body + b" ", headers, NOW)
    with pytest.raises(Refused, match="isn't signed"):
        DEAF.verify(body, {}, NOW)
    with pytest.raises(Refused, match="no event of Polar: data is missing"):
        DEAF.verify(b'{"type": "x"}', standard_headers(SECRET.encode(), b'{"type": "x"}', NOW), NOW)


def test_knows_the_sandbox() -> None:
    """Polar's sandbox is told from the address of its API."""
    assert Polar(CATALOG, secrets=[], api_base="https://sandbox-api.polar.sh").test
    assert not Polar(CATALOG, secrets=[]).test


# ---- subscriptions


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("incomplete", "incomplete"),
        ("incomplete_expired", "ended"),
        ("active", "active"),
        ("past_due", "past_due"),
        ("canceled", "ended"),
        ("unpaid", "ended"),
        ("paused", "active"),
    ],
)
async def test_subscriptions_stand(status: str, state: str) -> None:
    """Each status has its state; a paused one is active and paused."""
    [fact] = await told("subscription.updated", subscription(status=status, seats=4))
    assert isinstance(fact, Standing)
    assert (fact.state, fact.paused, fact.rank) == (state, status == "paused", 1)
    assert (fact.subscription, fact.customer, fact.account, fact.quantity) == ("sub_1", "cus_1", "ann", 4)
    assert fact.as_of == at(SAID)


async def test_prices_of_the_past_are_known() -> None:
    """P5: a price may name several products; the first is sold, the others are still paid."""
    [fact] = await told("subscription.updated", subscription(product_id="prod_old"))
    assert isinstance(fact, Standing)
    assert (fact.plan, fact.interval) == ("starter", "month")


async def test_trials_have_their_dates() -> None:
    """B8: a trial has its start and end; without an end it can't be read."""
    trial = subscription(status="trialing", trial_start=START, trial_end=END)
    [fact] = await told("subscription.created", trial)
    assert isinstance(fact, Standing)
    assert (fact.state, fact.trial_start, fact.trial_end, fact.rank) == ("trialing", at(START), at(END), 0)
    with pytest.raises(NotYet, match=r"data\.trial_end is missing"):
        await told("subscription.created", trial | {"trial_end": None})


@pytest.mark.parametrize(
    ("change", "ends_at", "with_period"),
    [
        ({"cancel_at_period_end": True, "ends_at": END}, END, True),
        ({"cancel_at_period_end": True}, END, True),
        ({"cancel_at_period_end": True, "ends_at": "2026-04-01T00:00:00Z"}, "2026-04-01T00:00:00Z", False),
        ({"pause_at_period_end": True}, END, True),
        ({}, None, False),
    ],
)
async def test_what_is_to_come(change: dict[str, Any], ends_at: str | None, with_period: bool) -> None:
    """B3, T7: a cancellation or pause that is to come ends what is paid for."""
    [fact] = await told("subscription.canceled", subscription(**change))
    assert isinstance(fact, Standing)
    assert (fact.ends_at, fact.ends_with_period) == (at(ends_at) if ends_at else None, with_period)


@pytest.mark.parametrize(
    ("metadata", "external", "account"),
    [
        ({"coinpurse_account": "ann", "account": "bob"}, "eve", "ann"),
        ({"account": "bob"}, "eve", "bob"),
        ({"account": 7}, "eve", "eve"),
        ({}, None, None),
    ],
)
async def test_whose_it_is(metadata: dict[str, Any], external: str | None, account: str | None) -> None:
    """The account is in the metadata, or is the customer's external id."""
    thing = subscription(metadata=metadata, customer={"id": "cus_1", "external_id": external})
    [fact] = await told("subscription.active", thing)
    assert isinstance(fact, Standing)
    assert fact.account == account


async def test_unknown_products() -> None:
    """Another product is not ours; one that was sold here waits for its price."""
    foreign = subscription(product_id="prod_x", metadata={})
    assert "(its prices: prod_x, price_1)" in await refused("subscription.active", foreign)
    with pytest.raises(NotYet, match="sold here"):
        await told("subscription.active", subscription(product_id="prod_x"))
    assert "no price of the catalog" in await refused("order.paid", order(product_id="prod_x"))


# ---- orders


async def test_a_renewal_is_paid() -> None:
    """B1: a renewal's order pays for the period of its subscription in which it was made."""
    assert await told("order.paid", ORDER) == [PAID]
    assert await told("order.updated", order(billing_reason="subscription_create")) == [PAID]


async def test_an_order_of_an_earlier_period() -> None:
    """T8: an order that is looked at a period later still pays for its own period."""
    later = {"current_period_start": "2026-05-14T09:28:00Z", "current_period_end": "2026-06-14T09:28:00Z"}
    [fact] = await told("order.paid", order(later))
    assert isinstance(fact, Paid)
    assert (fact.start, fact.end) == (at("2026-03-14T09:28:00Z"), at("2026-04-14T09:28:00Z"))


async def test_a_year() -> None:
    """B9: a yearly product pays for a year, and for its own when looked at in the next one."""
    within = {"current_period_start": "2027-03-14T09:28:00Z", "current_period_end": "2028-03-14T09:28:00Z"}
    [fact] = await told("order.paid", order(within, product_id="prod_year"))
    assert isinstance(fact, Paid)
    assert (fact.interval, fact.start, fact.end) == (
        "year",
        at("2026-03-14T09:28:00Z"),
        at("2027-03-14T09:28:00Z"),
    )


@pytest.mark.parametrize(
    ("within", "change"),
    [
        ({"trial_end": END}, {"billing_reason": "subscription_create"}),
        ({"ended_at": "2026-03-14T09:28:01Z"}, {}),
        ({}, {"billing_reason": "subscription_meter_cycle"}),
        ({}, {"status": "draft"}),
        ({}, {"status": "void"}),
        ({}, {"status": "pending"}),
        ({}, {"subscription_id": None}),
    ],
)
async def test_what_pays_for_no_period(within: dict[str, Any], change: dict[str, Any]) -> None:
    """B6, B8: trials, last bills for usage, metered bills and unpaid orders are no paid periods."""
    assert "moves no credits" in await refused("order.updated", order(within, **change))


async def test_changes_are_paid() -> None:
    """B6: the difference of an upgrade is no period; one that resets the period pays for the new one."""
    changed = ChangePaid(subscription="sub_1", invoice="ord_1", customer="cus_1")
    upgrade = order(billing_reason="subscription_update", created_at="2026-03-20T00:00:00Z")
    assert await told("order.paid", upgrade) == [changed]
    assert await told("order.paid", order(billing_reason="subscription_update")) == [PAID, changed]


async def test_a_failed_renewal() -> None:
    """B7: an order that will be tried again says that the period is unpaid."""
    failed = order(status="pending", next_payment_attempt_at=END)
    assert await told("order.updated", failed) == [
        Unpaid(subscription="sub_1", invoice="ord_1", start=at(START), customer="cus_1")
    ]


@pytest.mark.parametrize(
    ("status", "state"),
    [("pending", "pending"), ("paid", "paid"), ("refunded", "paid"), ("void", "failed")],
)
async def test_packs_are_bought(status: str, state: str) -> None:
    """P1, P2: an order of a pack is a top-up, by the key of its checkout."""
    fact = (await told("order.updated", BOUGHT | {"status": status, "units": 2}))[0]
    assert isinstance(fact, Purchase)
    assert (fact.purchase, fact.state, fact.pack) == ("che_1", state, "small")
    assert (fact.quantity, fact.amount, fact.payment) == (2, 19900, "ord_1")


@pytest.mark.parametrize(
    ("status", "state"), [("confirmed", "pending"), ("failed", "failed"), ("expired", "expired")]
)
async def test_checkouts_say_how_they_are(status: str, state: PurchaseState) -> None:
    """P1: a checkout of a pack is pending, failed or expired; that it is paid is the order's word."""
    [fact] = await told("checkout.updated", CHECKOUT | {"status": status})
    assert fact == Purchase(purchase="che_1", state=state, pack="small", account="ann")
    assert "the order tells" in await refused("checkout.updated", CHECKOUT | {"status": "succeeded"})
    assert "the order tells" in await refused("checkout.updated", CHECKOUT | {"product_id": "prod_starter"})


async def test_what_went_back() -> None:
    """P3: an order says how much of it went back in all, without tax."""
    refunded = BOUGHT | {"status": "partially_refunded", "refunded_amount": 9950}
    assert (await told("order.refunded", refunded))[1:] == [
        Returned(payment="ord_1", total=19900, refunded=9950, as_of=at(SAID))
    ]
    metered = order(billing_reason="subscription_meter_cycle", status="refunded", refunded_amount=3000)
    assert [type(fact) for fact in await told("order.refunded", metered)] == [Returned]
    assert "order.refunded tells" in await refused("refund.created", {"id": "ref_1", "order_id": "ord_1"})


async def test_what_moves_nothing() -> None:
    """E1: events that move no credits say so."""
    assert "benefit.created moves no credits" in await refused("benefit.created", {"id": "ben_1"})


# ---- the API


async def test_asks_for_the_current_object(api: PretendApi, polar: Polar) -> None:
    """E2: what is delivered late is not believed."""
    api.answers = {"GET /v1/subscriptions/sub_1": subscription(status="canceled")}
    [fact] = await told("subscription.active", SUBSCRIPTION, polar)
    assert isinstance(fact, Standing)
    assert (fact.state, fact.as_of) == ("ended", NOW)
    assert api.asked[0].headers["Authorization"] == "Bearer polar_oat_1"
    api.answers = {"GET /v1/orders/ord_1": ORDER}
    assert await told("order.created", order(status="pending"), polar) == [PAID]
    await polar.close()


@pytest.mark.parametrize(
    ("status", "held", "lost"),
    [
        ("needs_response", 3000, 0),
        ("under_review", 3000, 0),
        ("lost", 0, 3000),
        ("won", 0, 0),
        ("early_warning", 0, 0),
    ],
)
async def test_disputes(api: PretendApi, polar: Polar, status: str, held: int, lost: int) -> None:
    """P3: with a refund, the disputes of its order are asked for as well."""
    api.answers = {
        "GET /v1/orders/ord_1": ORDER,
        "GET /v1/disputes/": listed({"id": "dis_1", "status": status, "amount": 3000, "order_id": "ord_1"}),
    }
    facts = await told("refund.updated", {"id": "ref_1", "order_id": "ord_1"}, polar)
    assert facts == [
        PAID,
        Returned(payment="ord_1", total=3000, disputed=held, lost=lost, dispute="dis_1", as_of=NOW),
    ]
    api.answers["GET /v1/disputes/"] = (403, {"error": "NotPermitted", "detail": "no scope"})
    assert await told("refund.updated", {"id": "ref_1", "order_id": "ord_1"}, polar) == [PAID]
    api.answers["GET /v1/disputes/"] = (503, b"")
    with pytest.raises(ProviderError, match="Polar is not able to do that now"):
        await told("refund.updated", {"id": "ref_1", "order_id": "ord_1"}, polar)


async def test_looks_a_subscription_up(api: PretendApi, polar: Polar) -> None:
    """E4: how it stands and all that was paid for it, page by page; what moves nothing is passed over."""
    second = order(id="ord_2")

    def orders(request: Any) -> Any:
        first = request.query["page"] == "1"
        return listed(ORDER, order(status="void"), pages=2) if first else listed(second, pages=2)

    api.answers = {
        "GET /v1/subscriptions/sub_1": SUBSCRIPTION,
        "GET /v1/orders/": orders,
        "GET /v1/disputes/": listed(),
    }
    standing, *paid = await polar.look_up("sub_1", NOW)
    assert isinstance(standing, Standing)
    assert [fact.line for fact in paid if isinstance(fact, Paid)] == ["ord_1", "ord_2"]


async def test_tells_what_has_changed(api: PretendApi, polar: Polar) -> None:
    """E4: everything of a span, oldest first: also the refund of an order that is older."""
    refund = {"id": "ref_1", "order_id": "ord_0", "created_at": "2026-03-14T12:00:00Z", "modified_at": None}
    api.answers = {
        "GET /v1/subscriptions/": listed(SUBSCRIPTION, subscription(modified_at="2026-02-01T00:00:00Z")),
        "GET /v1/orders/": listed(ORDER),
        "GET /v1/refunds/": listed(refund),
        "GET /v1/disputes/": (403, {"error": "NotPermitted", "detail": "no scope"}),
        "GET /v1/orders/ord_0": BOUGHT | {"id": "ord_0", "refunded_amount": 19900, "status": "refunded"},
    }
    found = [one async for one in polar.changes(at("2026-03-14T00:00:00Z"), at("2026-03-15T00:00:00Z"))]
    assert [(one.about, one.summary) for one in found] == [
        ("sub_1", "standing"),
        ("ord_1", "paid"),
        ("ref_1", "purchase, returned"),
    ]


async def test_opens_a_checkout(api: PretendApi, polar: Polar) -> None:
    """P1: a checkout says whose and what it is, and the customer gets the account's name."""
    api.answers = {"POST /v1/checkouts/": (201, CHECKOUT)}
    buyer, item = (
        Buyer(account="ann", test=False, email="a@b.c"),
        Item(price="prod_small prod_x", pack="small"),
    )
    opened = await polar.check_out(
        buyer, item, reference="co_1", success_url="https://s", cancel_url="https://c"
    )
    assert (opened.url, opened.reference, opened.expires_at) == ("https://polar/checkout", "che_1", at(END))
    assert api.asked[0].content == {
        "products": ["prod_small"],
        "metadata": {"coinpurse_account": "ann", "coinpurse_checkout": "co_1", "coinpurse_pack": "small"},
        "success_url": "https://s",
        "return_url": "https://c",
        "external_customer_id": "ann",
        "customer_email": "a@b.c",
    }


async def test_opens_the_portal(api: PretendApi, polar: Polar) -> None:
    """The portal has a way back."""
    session = {"id": "ses_1", "customer_portal_url": "https://portal", "expires_at": END}
    api.answers = {"POST /v1/customer-sessions/": (201, session)}
    assert (await polar.portal("cus_1", return_url="https://back")).url == "https://portal"
    assert api.asked[0].content == {"customer_id": "cus_1", "return_url": "https://back"}


async def test_acts_on_subscriptions(api: PretendApi, polar: Polar) -> None:
    """B3, B5, B11: cancelling, pausing, resuming and changing are asked for in Polar's words."""
    here = "/v1/subscriptions/sub_1"
    api.answers = {f"PATCH {here}": SUBSCRIPTION, f"GET {here}": SUBSCRIPTION}
    await polar.cancel("sub_1", at="now", now=NOW)
    await polar.cancel("sub_1", at="period_end", now=NOW)
    await polar.pause("sub_1", now=NOW)
    await polar.change("sub_1", price="prod_pilot prod_x", now=NOW)
    for change in ({}, {"pause_at_period_end": True}, {"status": "paused"}):
        api.answers[f"GET {here}"] = subscription(**change)
        await polar.resume("sub_1", now=NOW)
    assert [one.content for one in api.asked if one.method == "PATCH"] == [
        {"revoke": True},
        {"cancel_at_period_end": True},
        {"pause_at_period_end": True},
        {"product_id": "prod_pilot", "proration_behavior": "invoice"},
        {"cancel_at_period_end": False},
        {"pause_at_period_end": False},
        {"resume": True},
    ]


async def test_buys_off_session_once(api: PretendApi, polar: Polar) -> None:
    """P4: a draft bears our reference; asked again, the same order is found and not paid twice."""
    draft, orders = BOUGHT | {"status": "draft", "checkout_id": None}, list[Any]()

    def create(request: Any) -> Any:
        orders.append(draft)
        return 201, draft

    def finalise(request: Any) -> Any:
        orders[0] = draft | {"status": "paid"}
        return 500, b"the answer is lost"

    api.answers = {
        "GET /v1/orders/": lambda request: listed(*orders),
        "POST /v1/orders/": create,
        "POST /v1/orders/ord_1/finalize": finalise,
    }
    buyer = Buyer(account="ann", test=False, customer="cus_1")
    item = Item(price="prod_small prod_x", pack="small")
    with pytest.raises(ProviderError) as error:
        await polar.buy(buyer, item, amount=19900, currency="usd", reference="auto_1")
    assert error.value.passing
    bought = await polar.buy(buyer, item, amount=19900, currency="usd", reference="auto_1")
    assert (bought.state, bought.purchase, bought.payment) == ("paid", "ord_1", "ord_1")
    assert [one for one in api.made() if one.startswith("POST")] == [
        "POST /v1/orders/",
        "POST /v1/orders/ord_1/finalize",
    ]
    assert api.asked[0].query["metadata[coinpurse_checkout]"] == "auto_1"
    assert api.asked[1].content["product_id"] == "prod_small"


@pytest.mark.parametrize("code", ["PaymentFailed", "PaymentActionRequired"])
async def test_a_refused_card(api: PretendApi, polar: Polar, code: str) -> None:
    """P4: a card that is refused or wants its owner is a failed purchase, not an error."""
    api.answers = {
        "GET /v1/orders/": listed(BOUGHT | {"status": "draft", "checkout_id": None}),
        "POST /v1/orders/ord_1/finalize": (402, {"error": code, "detail": "no"}),
    }
    buyer, item = Buyer(account="ann", test=False, customer="cus_1"), Item(price="prod_small", pack="small")
    bought = await polar.buy(buyer, item, amount=19900, currency="usd", reference="auto_1")
    assert bought.state == "failed"


async def test_says_what_it_cannot_do(api: PretendApi, polar: Polar) -> None:
    """A card of nobody can't be charged; nor where Polar hasn't switched such charges on."""
    item = Item(price="prod_small", pack="small")
    with pytest.raises(ProviderError, match="only for a customer") as error:
        await polar.buy(Buyer(account="ann", test=False), item, amount=1, currency="usd", reference="r")
    assert not error.value.passing
    with pytest.raises(ProviderError, match="live money, and this is a test account"):
        await polar.check_out(
            Buyer(account="ann", test=True), item, reference="r", success_url="", cancel_url=""
        )
    api.answers = {
        "GET /v1/orders/": listed(BOUGHT | {"status": "draft"}),
        "POST /v1/orders/ord_1/finalize": (
            403,
            {"error": "OffSessionChargesNotEnabled", "detail": "Not enabled."},
        ),
    }
    buyer = Buyer(account="ann", test=False, customer="cus_1")
    with pytest.raises(ProviderError, match="refused: Not enabled") as error:
        await polar.buy(buyer, item, amount=1, currency="usd", reference="r")
    assert not error.value.passing
    await polar.hasten(Notice(id="e", type="t", created_at=NOW, test=False), b"")


@given(st.data())
async def test_survives_anything(data: st.DataObject) -> None:
    """Whatever is signed rightly ends as facts, as nothing of ours, as something to wait for, or refused."""
    things = {
        "subscription.updated": SUBSCRIPTION,
        "order.paid": ORDER,
        "order.refunded": BOUGHT | {"status": "refunded", "refunded_amount": 1},
        "checkout.updated": CHECKOUT,
    }
    name = data.draw(st.sampled_from(sorted(things)))
    made = spoilt(things[name]).map(lambda one: event(name, one))
    body = data.draw(json_values.map(json.dumps).map(str.encode) | made)
    try:
        notice = DEAF.verify(body, standard_headers(SECRET.encode(), body, NOW), NOW)
        assert await DEAF.facts(notice, body, NOW)
    except (Refused, NotOurs, NotYet):
        return
