"""Paddle Billing: signatures, what its real objects mean, and its API."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinpurse.domain.facts import ChangePaid, Fact, Linked, Paid, Purchase, Returned, Standing, Unpaid
from coinpurse.domain.ports import Buyer, Item, Notice, NotOurs, NotYet, Provider, ProviderError, Refused
from coinpurse.providers.paddle import Paddle
from providers.pretending import (
    CATALOG,
    NOW,
    PretendApi,
    at,
    fixture,
    json_values,
    paddle_headers,
    pretend_api,
    spoilt,
)

SECRET = "pdl_ntf_test"
DEAF: Provider = Paddle(CATALOG, secrets=[SECRET])
PLAN, PACK = "pri_01gsz8x8sawmvhz1pv30nge1ke", "pri_01gsz98e27ak2tyhexptwc58yk"
SUB, CUSTOMER = "sub_01hv8x29kz0t586xy6zn1a62ny", "ctm_01hv6y1jedq4p1n0yqn5ba3ky4"
START, END = at("2024-04-12T10:18:47.635628Z"), at("2024-05-12T10:18:47.635628Z")


def event(type_: str, entity: Any) -> bytes:
    """A notification with an entity in it."""
    wrapped = {
        "event_id": "evt_1",
        "event_type": type_,
        "occurred_at": "2026-03-14T09:29:00.5Z",
        "notification_id": "ntf_1",
        "data": entity,
    }
    return json.dumps(wrapped).encode()


async def told(type_: str, entity: Any, provider: Provider = DEAF) -> list[Fact]:
    """What a provider makes of an entity that is delivered."""
    body = event(type_, entity)
    return await provider.facts(provider.verify(body, paddle_headers(SECRET, body, NOW), NOW), body, NOW)


async def refused(type_: str, entity: Any, provider: Provider = DEAF) -> str:
    """Why an entity that is delivered moves nothing."""
    with pytest.raises(NotOurs) as reason:
        await told(type_, entity, provider)
    return str(reason.value)


def real(name: str) -> Any:
    """A real entity."""
    return fixture(f"paddle/{name}.json")


@pytest.fixture
def api() -> Iterator[PretendApi]:
    """An API that listens."""
    with pretend_api() as api:
        yield api


@pytest.fixture
def paddle(api: PretendApi) -> Paddle:
    """Paddle with a key."""
    return Paddle(CATALOG, secrets=[SECRET], api_key="pdl_sdbx_apikey_1", api_base=api.url)


def data(value: Any) -> dict[str, Any]:
    """An answer of Paddle."""
    return {"data": value, "meta": {"request_id": "r"}}


def listed(*values: Any) -> dict[str, Any]:
    """A last page of Paddle."""
    return {"data": list(values), "meta": {"pagination": {"has_more": False, "next": "https://x/?after=z"}}}


# ---- signatures


def test_believes_the_vector_of_paddle() -> None:
    """E3: Paddle's own vector, with two signatures of which one is right, is believed."""
    vector = fixture("signature_vectors.json")["paddle"]
    provider, when = Paddle(CATALOG, secrets=["x", vector["secret"]]), datetime.fromtimestamp(1696195954, UTC)
    headers, body = {"paddle-signature": vector["header"]}, vector["payload"].encode()
    with pytest.raises(Refused, match="signed rightly, but is no event of Paddle"):
        provider.verify(body, headers, when)
    with pytest.raises(Refused, match="signature is wrong"):
        provider.verify(body + b"\n", headers, when)
    for seconds, words in ((301, "more than 5 minutes old"), (-301, "dated more than 5 minutes ahead")):
        with pytest.raises(Refused, match=words):
            provider.verify(body, headers, when + timedelta(seconds=seconds))


@pytest.mark.parametrize("name", ["standard_payload", "special_chars_payload"])
def test_reads_real_payloads(name: str) -> None:
    """A payload as Paddle sends it is read, whatever letters are in it."""
    body = json.dumps(real(name), ensure_ascii=False).encode()
    notice = DEAF.verify(body, paddle_headers(SECRET, body, NOW), NOW)
    assert notice.type == "customer.created"
    assert notice.id.startswith("evt_")
    assert list(notice.objects) == [real(name)["data"]["id"]]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("", "no header paddle-signature"),
        ("ts=1;ts=2;h1=aa", "must be like"),
        ("h1=aa", "must be like"),
        ("ts=x;h1=aa", "not a number"),
        ("ts={now}", "signature is wrong"),
        ("ts={now};h1=", "signature is wrong"),
        ("ts={now};h1=zz;h2=aa", "signature is wrong"),
    ],
)
def test_refuses_what_is_signed_badly(header: str, words: str) -> None:
    """E3: unsigned, forged and garbled signatures are refused, and the text says why."""
    headers = {"Paddle-Signature": header.format(now=int(NOW.timestamp()))}
    with pytest.raises(Refused, match=words):
        DEAF.verify(event("x", {}), headers, NOW)


def test_a_notice_says_what_it_is_about() -> None:
    """A notice has the event's id, which a repeated notification keeps, and all that it names."""
    body = event("transaction.completed", real("transaction.completed"))
    notice = DEAF.verify(body, paddle_headers(SECRET, body, NOW), NOW)
    assert (notice.id, notice.test, notice.created_at) == ("evt_1", False, at("2026-03-14T09:29:00.5Z"))
    assert {SUB, CUSTOMER, "txn_01hv8wptq8987qeep44cyrewp9"} <= set(notice.objects)


@pytest.mark.parametrize(
    ("key", "base", "test"),
    [
        (None, None, False),
        ("pdl_live_apikey_1", None, False),
        ("pdl_sdbx_apikey_1", None, True),
        (None, "https://sandbox-api.paddle.com", True),
    ],
)
def test_knows_the_sandbox(key: str | None, base: str | None, test: bool) -> None:
    """Paddle's sandbox is told from the key or the address, for deliveries don't say."""
    assert Paddle(CATALOG, secrets=[], api_key=key, api_base=base).test is test


# ---- subscriptions


@pytest.mark.parametrize(
    ("name", "state", "paused", "quantity"),
    [
        ("created", "active", False, 10),
        ("activated", "active", False, 10),
        ("imported", "active", False, 10),
        ("updated", "active", False, 20),
        ("resumed", "active", False, 10),
        ("past_due", "past_due", False, 10),
        ("paused", "active", True, 10),
        ("canceled", "ended", False, 20),
    ],
)
async def test_real_subscriptions(name: str, state: str, paused: bool, quantity: int) -> None:
    """Each real subscription stands as Paddle says, with the plan and quantity of its item in the catalog."""
    [fact] = await told(f"subscription.{name}", real(f"subscription.{name}"))
    assert isinstance(fact, Standing)
    assert (fact.subscription, fact.customer, fact.plan, fact.interval) == (SUB, CUSTOMER, "starter", "month")
    assert (fact.state, fact.paused, fact.quantity) == (state, paused, quantity)
    assert fact.as_of == at("2026-03-14T09:29:00.5Z")
    assert fact.rank == {"created": 0, "canceled": 2}.get(name, 1)
    assert fact.ends_at is None


async def test_a_real_trial() -> None:
    """B8: a trial has its dates."""
    [fact] = await told("subscription.trialing", real("subscription.trialing"))
    assert isinstance(fact, Standing)
    assert (fact.state, fact.plan) == ("trialing", "pilot")
    assert (fact.trial_start, fact.trial_end) == (
        at("2024-04-12T11:30:29.637Z"),
        at("2024-04-26T11:30:29.637Z"),
    )


@pytest.mark.parametrize("action", ["cancel", "pause", "resume"])
async def test_scheduled_changes(action: str) -> None:
    """B3, T7: a cancellation or pause that is to come ends what is paid for; a resumption doesn't."""
    change = {"action": action, "effective_at": END.isoformat(), "resume_at": None}
    entity = real("subscription.created") | {"scheduled_change": change}
    [fact] = await told("subscription.updated", entity)
    assert isinstance(fact, Standing)
    assert (fact.ends_at, fact.ends_with_period) == ((END, True) if action != "resume" else (None, False))


@pytest.mark.parametrize("key", ["coinpurse_account", "account"])
async def test_custom_data_names_the_account(key: str) -> None:
    """The account is named in the custom data."""
    entity = real("subscription.created") | {"custom_data": {key: "ann"}}
    [fact] = await told("subscription.created", entity)
    assert isinstance(fact, Standing)
    assert fact.account == "ann"
    assert await told("customer.updated", {"id": "ctm_1", "custom_data": {key: "ann"}}) == [
        Linked(customer="ctm_1", account="ann")
    ]


async def test_unknown_prices() -> None:
    """Another product's subscription is not ours; one that was sold here waits for its price."""
    entity = real("subscription.created")
    entity["items"] = entity["items"][1:]
    assert "no price of the catalog (its prices: pri_01h1vjfevh5etwq3rb416a23h2)" in await refused(
        "subscription.created", entity
    )
    with pytest.raises(NotYet, match="sold here"):
        await told("subscription.created", entity | {"custom_data": {"coinpurse_account": "ann"}})


async def test_inactive_items_count_no_more() -> None:
    """B5: an item that is no longer active doesn't say which plan it is."""
    entity = real("subscription.created")
    left = entity["items"][0] | {"status": "inactive", "price": {"id": "pri_01hv0vax6rv18t4tamj848ne4d"}}
    [fact] = await told("subscription.updated", entity | {"items": [left, *entity["items"]]})
    assert isinstance(fact, Standing)
    assert fact.plan == "starter"


# ---- transactions


async def test_a_real_first_payment() -> None:
    """P1, B1: a plan and a pack in one transaction: a paid period and a top-up, each with its own line."""
    facts = await told("transaction.completed", real("transaction.completed"))
    assert facts == [
        Purchase(
            purchase="txn_01hv8wptq8987qeep44cyrewp9",
            state="paid",
            pack="small",
            amount=21666,
            payment="txnitm_01hv8wt98jahpbm1t1v67vqnb6",
            customer=CUSTOMER,
        ),
        Paid(
            subscription=SUB,
            line="txnitm_01hv8wt98jahpbm1t1tzr06z6n",
            plan="starter",
            interval="month",
            start=START,
            end=END,
            quantity=10,
            amount=32662,
            invoice="txn_01hv8wptq8987qeep44cyrewp9",
            payment="txnitm_01hv8wt98jahpbm1t1tzr06z6n",
            customer=CUSTOMER,
        ),
    ]


async def test_paid_before_the_subscription_is_made() -> None:
    """P2: `transaction.paid` comes before the subscription has an id: the pack is paid, by the same key."""
    paid = real("transaction.paid")
    [fact] = await told("transaction.paid", paid)
    assert isinstance(fact, Purchase)
    assert fact.purchase == "txn_01hv8wptq8987qeep44cyrewp9"
    _without(paid, PACK)
    assert "transaction.completed" in await refused("transaction.paid", paid)
    with pytest.raises(NotYet, match="names no subscription yet"):
        await told("transaction.completed", paid | {"status": "completed"})


async def test_a_real_renewal() -> None:
    """B1, B7: a renewal's lines carry a proration of rate 1; unpaid it is a failure, paid it is a period."""
    entity = real("transaction.past_due")
    start, end = at("2024-05-12T10:18:47.635628Z"), at("2024-06-12T10:18:47.635628Z")
    unpaid = Unpaid(subscription=SUB, invoice=entity["id"], start=start, customer=CUSTOMER)
    assert await told("transaction.past_due", entity) == [unpaid]
    assert await told("transaction.payment_failed", entity | {"status": "billed"}) == [unpaid]
    [paid] = await told("transaction.completed", entity | {"status": "completed"})
    assert isinstance(paid, Paid)
    assert (paid.start, paid.end, paid.line) == (start, end, "txnitm_01hv8xbv0wdggp4a9338b18ckn")
    open_yet = entity | {"status": "billed", "payments": []}
    assert "moves no credits" in await refused("transaction.billed", open_yet)


async def test_prorations_are_no_renewals() -> None:
    """B6: what an upgrade costs is no paid period, but says that the change is paid."""
    entity = real("transaction.past_due") | {"origin": "subscription_update", "status": "completed"}
    for line in entity["details"]["line_items"]:
        line["proration"]["rate"] = "0.4"
    changed = ChangePaid(subscription=SUB, invoice=entity["id"], customer=CUSTOMER)
    assert await told("transaction.completed", entity) == [changed]
    # Billed in full for what is left of the period: still no period of its own.
    for line in entity["details"]["line_items"]:
        line["proration"] = {
            "rate": "1",
            "billing_period": {"starts_at": "2024-05-20T00:00:00Z", "ends_at": "2024-06-12T10:18:47.635628Z"},
        }
    assert await told("transaction.completed", entity) == [changed]


async def test_a_change_of_interval_begins_a_period() -> None:
    """B9: from monthly to yearly Paddle bills a whole year from now: that is a paid period."""
    entity = real("transaction.past_due") | {"origin": "subscription_update", "status": "completed"}
    period = {"starts_at": "2024-05-20T00:00:00Z", "ends_at": "2025-05-20T00:00:00Z"}
    line = entity["details"]["line_items"][0]
    line |= {
        "price_id": "pri_01gsz91wy9k1yn7kx82aafwvea",
        "proration": {"rate": "1", "billing_period": period},
    }
    paid, changed = await told("transaction.completed", entity)
    assert isinstance(changed, ChangePaid)
    assert isinstance(paid, Paid)
    assert (paid.interval, paid.start, paid.end) == (
        "year",
        at("2024-05-20T00:00:00Z"),
        at("2025-05-20T00:00:00Z"),
    )


async def test_a_trial_pays_for_nothing() -> None:
    """B8: the first transaction of a trial is no paid period; a renewal at the same price is."""
    entity = real("transaction.completed")
    _without(entity, PACK)
    entity["items"][0]["price"]["trial_period"] = {"interval": "day", "frequency": 14}
    assert "moves no credits" in await refused("transaction.completed", entity)
    [paid] = await told("transaction.completed", entity | {"origin": "subscription_recurring"})
    assert isinstance(paid, Paid)


@pytest.mark.parametrize("status", ["draft", "ready", "billed"])
async def test_open_checkouts_move_nothing(status: str) -> None:
    """P1: a card that is declined at the checkout leaves it open; a draft of ours waits for nothing."""
    entity = real("transaction.payment_failed") | {"status": status}
    assert "moves no credits" in await refused("transaction.payment_failed", entity)
    if status != "billed":
        empty = entity | {"details": None, "custom_data": {"coinpurse_account": "ann"}}
        assert "moves no credits" in await refused("transaction.created", empty)


async def test_canceled_checkouts_expire() -> None:
    """A checkout that was cancelled won't be paid."""
    [fact] = await told("transaction.canceled", real("transaction.canceled"))
    assert isinstance(fact, Purchase)
    assert (fact.state, fact.pack) == ("expired", "small")


async def test_several_packs_are_several_purchases() -> None:
    """P2: each pack of a transaction has its own key."""
    entity = real("transaction.completed")
    entity["details"]["line_items"][0]["price_id"] = PACK + "2"
    packs = dict(CATALOG.packs)
    other = replace(
        packs["small"], id="other", price=replace(packs["small"].price, providers={"paddle": PACK + "2"})
    )
    provider = Paddle(replace(CATALOG, packs=packs | {"other": other}), secrets=[SECRET])
    facts = await told("transaction.completed", entity, provider)
    keys = [fact.purchase for fact in facts if isinstance(fact, Purchase)]
    assert keys == [f"{entity['id']}/{PACK}2", f"{entity['id']}/{PACK}"]


async def test_what_moves_nothing() -> None:
    """E1: events that move no credits say why."""
    entity = real("transaction.completed")
    changed = entity | {"origin": "subscription_payment_method_change"}
    assert "payment method" in await refused("transaction.completed", changed)
    assert "product.created moves no credits" in await refused("product.created", {"id": "pro_1"})
    assert "names no account" in await refused("customer.created", real("standard_payload")["data"])
    entity["details"]["line_items"] = entity["details"]["line_items"][1:2]
    assert "no price of the catalog" in await refused("transaction.completed", entity)


# ---- money that goes back


def adjustment(
    action: str, amount: int, *, status: str = "approved", kind: str = "partial", id: str = "adj_1"
) -> Any:
    """An adjustment of the pack's line of the real transaction."""
    item = {"item_id": "txnitm_01hv8wt98jahpbm1t1v67vqnb6", "type": kind, "totals": {"total": str(amount)}}
    return real("adjustment.created") | {
        "id": id,
        "action": action,
        "status": status,
        "transaction_id": "txn_01hv8wptq8987qeep44cyrewp9",
        "items": [item],
    }


def gone(**fields: Any) -> Returned:
    """What has gone back of the pack."""
    line = "txnitm_01hv8wt98jahpbm1t1v67vqnb6"
    return Returned(payment=line, total=fields.pop("total", 21666), as_of=NOW, **fields)


def disputed(disputed: int, lost: int) -> Returned:
    """What a dispute of the pack holds back and has taken."""
    return gone(disputed=disputed, lost=lost, dispute="txnitm_01hv8wt98jahpbm1t1v67vqnb6")


@pytest.mark.parametrize(
    ("adjustments", "expected"),
    [
        ([("refund", 1000, "pending_approval")], [gone(refunded=0)]),
        ([("refund", 1000, "approved")], [gone(refunded=1000)]),
        (
            [("refund", 1000, "approved"), ("refund", 500, "approved"), ("refund", 9, "rejected")],
            [gone(refunded=1500)],
        ),
        ([("refund", 1000, "reversed")], [gone(refunded=0)]),
        ([("chargeback_warning", 21666, "approved")], [disputed(21666, 0)]),
        (
            [("chargeback_warning", 21666, "approved"), ("chargeback_warning_reverse", 21666, "approved")],
            [disputed(0, 0)],
        ),
        (
            [("chargeback_warning", 21666, "approved"), ("chargeback", 21666, "approved")],
            [disputed(0, 21666)],
        ),
        ([("chargeback", 21666, "approved"), ("chargeback_reverse", 21666, "approved")], [disputed(0, 0)]),
        ([("chargeback", 21666, "reversed"), ("chargeback_reverse", 21666, "approved")], [disputed(0, 0)]),
        ([("chargeback", 21666, "reversed")], [disputed(0, 0)]),
        (
            [("refund", 1000, "approved"), ("chargeback", 5000, "approved")],
            [gone(refunded=1000), disputed(0, 5000)],
        ),
    ],
)
async def test_what_went_back_is_summed(
    api: PretendApi, paddle: Paddle, adjustments: list[tuple[str, int, str]], expected: list[Fact]
) -> None:
    """P3: refunds and disputes are told in sum, by line, from all adjustments of the transaction."""
    entities = [adjustment(a, n, status=s, id=f"adj_{i}") for i, (a, n, s) in enumerate(adjustments)]
    api.answers = {
        "GET /transactions/txn_01hv8wptq8987qeep44cyrewp9": data(real("transaction.completed")),
        "GET /adjustments": listed(*entities),
    }
    assert await told("adjustment.updated", entities[-1], paddle) == expected


async def test_tax_that_went_back_is_no_share(api: PretendApi, paddle: Paddle) -> None:
    """P3: a tax given back takes no credits, and the rest is then the whole."""
    entities = [adjustment("refund", 1766, kind="tax"), adjustment("refund", 19900, id="adj_2")]
    api.answers = {
        "GET /transactions/txn_01hv8wptq8987qeep44cyrewp9": data(real("transaction.completed")),
        "GET /adjustments": listed(*entities),
    }
    assert await told("adjustment.updated", entities[0], paddle) == [gone(total=19900, refunded=19900)]


async def test_adjustments_that_are_believed() -> None:
    """P3: without a key, a whole line that went back says enough; a part of one doesn't."""
    when = at("2026-03-14T09:29:00.5Z")
    [fact] = await told("adjustment.created", adjustment("refund", 21666, kind="full"))
    assert fact == replace(gone(refunded=21666), as_of=when)
    [fact] = await told("adjustment.created", adjustment("chargeback", 21666, kind="full"))
    assert fact == replace(disputed(0, 21666), as_of=when)
    with pytest.raises(NotYet, match="COINPURSE_PADDLE_API_KEY"):
        await told("adjustment.created", adjustment("refund", 100))
    assert "approved" in await refused("adjustment.created", real("adjustment.created"))
    assert "gives no money back" in await refused("adjustment.created", adjustment("credit", 100))


# ---- the API


async def test_asks_for_the_current_object(api: PretendApi, paddle: Paddle) -> None:
    """E2: what is delivered late is not believed: Paddle is asked, and `now` is the instant of its answer."""
    api.answers = {f"GET /subscriptions/{SUB}": data(real("subscription.canceled"))}
    [fact] = await told("subscription.updated", real("subscription.created"), paddle)
    assert isinstance(fact, Standing)
    assert (fact.state, fact.as_of) == ("ended", NOW)
    assert api.asked[0].headers["Authorization"] == "Bearer pdl_sdbx_apikey_1"
    assert api.asked[0].headers["Paddle-Version"] == "1"
    await paddle.close()


@pytest.mark.parametrize(
    ("status", "answer", "passing", "words"),
    [
        (500, b"oops", True, "not able to do that now"),
        (429, {"error": {"code": "too_many_requests", "detail": "x"}}, True, "not able to do that now"),
        (409, {"error": {"code": "conflict", "detail": "Locked."}}, True, r"\(409: Locked\)"),
        (
            403,
            {"error": {"code": "forbidden", "detail": "no."}},
            False,
            "refused: no. Check COINPURSE_PADDLE_API_KEY",
        ),
        (404, {"error": {"code": "not_found", "detail": "Gone"}}, False, "refused: Gone"),
        (200, b"<html>", True, "can't be read"),
        (200, {"data": []}, False, "can't be read"),
    ],
)
async def test_failures_say_whether_they_pass(
    api: PretendApi, paddle: Paddle, status: int, answer: Any, passing: bool, words: str
) -> None:
    """A failure says what happened, what to do, and whether to try again."""
    api.answers = {f"GET /subscriptions/{SUB}": (status, answer)}
    with pytest.raises(ProviderError, match=words) as error:
        await told("subscription.updated", real("subscription.created"), paddle)
    assert error.value.passing is passing


async def test_an_api_that_is_away() -> None:
    """An address that nobody answers at is a failure that passes."""
    paddle = Paddle(CATALOG, secrets=[SECRET], api_key="k", api_base="http://127.0.0.1:9")
    with pytest.raises(ProviderError, match="can't be reached") as error:
        await paddle.look_up("sub_1", NOW)
    assert error.value.passing
    with pytest.raises(ProviderError, match="Set COINPURSE_PADDLE_API_KEY") as error:
        await DEAF.look_up("sub_1", NOW)
    assert not error.value.passing


async def test_looks_a_subscription_up(api: PretendApi, paddle: Paddle) -> None:
    """E4: how it stands and all that was paid for it, page by page, with what went back."""
    first, second = real("transaction.completed"), real("transaction.past_due") | {"status": "completed"}

    def transactions(request: Any) -> Any:
        if "after" in request.query:
            return listed(second)
        assert request.query["subscription_id"] == SUB
        more = {"has_more": True, "next": f"{api.url}/transactions?after={first['id']}&per_page=50"}
        return {"data": [first], "meta": {"pagination": more}}

    api.answers = {
        f"GET /subscriptions/{SUB}": data(real("subscription.created")),
        "GET /adjustments": listed(adjustment("refund", 1000)),
        "GET /transactions": transactions,
    }
    facts = await paddle.look_up(SUB, NOW)
    assert [type(fact) for fact in facts] == [Standing, Purchase, Paid, Returned, Paid]
    assert facts[3] == gone(refunded=1000)


async def test_tells_what_has_changed(api: PretendApi, paddle: Paddle) -> None:
    """E4: everything of a span, oldest first; what is not ours comes with the reason."""
    foreign = real("subscription.trialing") | {"id": "sub_other", "items": []}
    api.answers = {
        "GET /subscriptions": listed(real("subscription.created"), real("subscription.past_due"), foreign),
        "GET /transactions": listed(real("transaction.completed")),
        "GET /transactions/txn_01hv8wptq8987qeep44cyrewp9": data(real("transaction.completed")),
        "GET /adjustments": listed(adjustment("refund", 1000), adjustment("refund", 500, id="adj_2")),
    }
    found = [one async for one in paddle.changes(at("2024-04-01T00:00:00Z"), at("2024-05-01T00:00:00Z"))]
    assert [(one.about[:3], one.summary.partition(" (")[0]) for one in found] == [
        ("sub", "standing"),
        ("txn", "purchase, paid"),
        ("sub", "Subscription sub_other is for no price of the catalog"),
        ("adj", "returned"),
    ]
    [sum_of_both] = found[-1].facts
    assert isinstance(sum_of_both, Returned)
    assert sum_of_both.refunded == 1500
    assert all(one.test for one in found)
    asked = next(one for one in api.asked if one.path == "/transactions")
    assert asked.query["updated_at[GTE]"] == "2024-04-01T00:00:00+00:00"


async def test_opens_a_checkout(api: PretendApi, paddle: Paddle) -> None:
    """P1: a checkout says whose and what it is; without a payment page Paddle gives no address."""
    api.answers = {
        "POST /transactions": data({"id": "txn_1", "checkout": {"url": "https://pay/?_ptxn=txn_1"}})
    }
    buyer = Buyer(account="ann", test=True, customer=CUSTOMER)
    item = Item(price=f"{PACK}, pri_old", pack="small", quantity=2)
    opened = await paddle.check_out(buyer, item, reference="co_1", success_url="s", cancel_url="c")
    assert (opened.url, opened.reference) == ("https://pay/?_ptxn=txn_1", "txn_1")
    assert api.asked[0].content == {
        "items": [{"price_id": PACK, "quantity": 2}],
        "custom_data": {"coinpurse_account": "ann", "coinpurse_checkout": "co_1", "coinpurse_pack": "small"},
        "customer_id": CUSTOMER,
    }
    with pytest.raises(ProviderError, match="test money, and this is a live account"):
        await paddle.check_out(
            replace(buyer, test=False), item, reference="co_1", success_url="s", cancel_url="c"
        )
    api.answers = {"POST /transactions": data({"id": "txn_1", "checkout": None})}
    with pytest.raises(ProviderError, match="default payment link"):
        await paddle.check_out(buyer, item, reference="co_1", success_url="s", cancel_url="c")


async def test_opens_the_portal(api: PretendApi, paddle: Paddle) -> None:
    """The portal's page is Paddle's overview."""
    session = {"id": "cpls_1", "urls": {"general": {"overview": "https://portal"}, "subscriptions": []}}
    api.answers = {"POST /customers/ctm_1/portal-sessions": (201, data(session))}
    assert (await paddle.portal("ctm_1", return_url="x")).url == "https://portal"


async def test_acts_on_subscriptions(api: PretendApi, paddle: Paddle) -> None:
    """B3, B5, B11: cancelling, pausing, resuming and changing are asked for in Paddle's words."""
    here, entity = f"/subscriptions/{SUB}", data(real("subscription.created"))
    api.answers = {f"POST {here}/{act}": entity for act in ("cancel", "pause", "resume")}
    api.answers |= {f"GET {here}": entity, f"PATCH {here}": entity}
    await paddle.cancel(SUB, at="now", now=NOW)
    await paddle.cancel(SUB, at="period_end", now=NOW)
    await paddle.pause(SUB, now=NOW)
    await paddle.resume(SUB, now=NOW)
    [fact] = await paddle.change(SUB, price="pri_new pri_old", now=NOW)
    assert isinstance(fact, Standing)
    assert [(one.method, one.content) for one in api.asked if one.method != "GET"] == [
        ("POST", {"effective_from": "immediately"}),
        ("POST", {"effective_from": "next_billing_period"}),
        ("POST", {"effective_from": "immediately", "on_resume": "continue_existing_billing_period"}),
        ("PATCH", {"scheduled_change": None}),
        (
            "PATCH",
            {
                "items": [
                    {"price_id": "pri_new", "quantity": 10},
                    {"price_id": "pri_01h1vjfevh5etwq3rb416a23h2", "quantity": 1},
                ],
                "proration_billing_mode": "prorated_immediately",
                "on_payment_failure": "prevent_change",
            },
        ),
    ]
    api.answers[f"GET {here}"] = data(real("subscription.paused"))
    await paddle.resume(SUB, now=NOW)
    assert api.made()[-1] == f"POST {here}/resume"


async def test_identifiers_stay_in_their_place(api: PretendApi, paddle: Paddle) -> None:
    """An identifier from outside can't reach another address of the API."""
    with pytest.raises(ProviderError):
        await paddle.cancel("../customers?x=", at="now", now=NOW)
    assert api.asked[0].query == {}
    assert api.asked[0].path.startswith("/subscriptions/")


async def test_says_what_it_cannot_do() -> None:
    """P4: Paddle can't be asked twice safely to charge a card, so it isn't asked at all."""
    buyer, item = Buyer(account="ann", test=True), Item(price=PACK, pack="small")
    with pytest.raises(ProviderError, match="could charge twice") as error:
        await DEAF.buy(buyer, item, amount=1, currency="usd", reference="r")
    assert not error.value.passing
    await DEAF.hasten(Notice(id="e", type="t", created_at=NOW, test=False), b"")


@given(st.data())
async def test_survives_anything(data: st.DataObject) -> None:
    """Whatever is signed rightly ends as facts, as nothing of ours, as something to wait for, or refused."""
    names = ("subscription.trialing", "transaction.completed", "transaction.past_due", "adjustment.created")
    name = data.draw(st.sampled_from(names))
    entity = real(name)
    if name == "adjustment.created":
        entity = adjustment("refund", 5, kind="full")
    body = data.draw(
        json_values.map(json.dumps).map(str.encode) | spoilt(entity).map(lambda one: event(name, one))
    )
    try:
        notice = DEAF.verify(body, paddle_headers(SECRET, body, NOW), NOW)
        assert await DEAF.facts(notice, body, NOW)
    except (Refused, NotOurs, NotYet):
        return


def _without(entity: Any, price: str) -> None:
    """Takes a price's lines out of a transaction."""
    lines = entity["details"]["line_items"]
    entity["details"]["line_items"] = [line for line in lines if line["price_id"] != price]
