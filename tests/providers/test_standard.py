"""Any sender of Standard Webhooks: signatures, the vocabulary, and what is refused."""

import base64
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from coinpurse.domain.facts import (
    ChangePaid,
    Fact,
    Linked,
    Paid,
    PaidWith,
    Purchase,
    Returned,
    Standing,
    Unpaid,
)
from coinpurse.domain.ports import Buyer, Item, Notice, NotOurs, NotYet, Provider, ProviderError, Refused
from coinpurse.providers.standard import Standard
from providers.pretending import CATALOG, NOW, ROOT, at, fixture, json_values, spoilt, standard_headers

KEY = b"a secret of twenty-four."
SECRET = "whsec_" + base64.b64encode(KEY).decode()
STANDARD: Provider = Standard(CATALOG, secrets=[SECRET])

EXAMPLES: dict[str, tuple[dict[str, Any], Fact]] = {
    "customer.linked": ({"customer": "c_1", "account": "ann"}, Linked(customer="c_1", account="ann")),
    "subscription.standing": (
        {
            "subscription": "s_1",
            "account": "ann",
            "state": "trialing",
            "plan": "starter",
            "interval": "month",
            "quantity": 3,
            "anchor": "2026-01-31T09:00:00Z",
            "paused": True,
            "payment_pending": True,
            "pending_invoice": "inv_8",
            "customer": "c_1",
            "as_of": "2026-03-14T09:29:00Z",
            "trial_start": "2026-03-14T09:00:00Z",
            "trial_end": "2026-03-28T11:00:00+02:00",
            "ends_at": "2026-03-28T09:00:00Z",
            "ends_with_period": True,
            "rank": 1,
        },
        Standing(
            subscription="s_1",
            account="ann",
            customer="c_1",
            as_of=at("2026-03-14T09:29:00Z"),
            anchor=at("2026-01-31T09:00:00Z"),
            paused=True,
            payment_pending=True,
            pending_invoice="inv_8",
            state="trialing",
            plan="starter",
            interval="month",
            quantity=3,
            trial_start=at("2026-03-14T09:00:00Z"),
            trial_end=at("2026-03-28T09:00:00Z"),
            ends_at=at("2026-03-28T09:00:00Z"),
            ends_with_period=True,
            rank=1,
        ),
    ),
    "subscription.paid": (
        {
            "subscription": "s_1",
            "line": "inv_7/1",
            "plan": "starter",
            "interval": "year",
            "start": "2026-03-14T09:00:00Z",
            "end": "2027-03-14T09:00:00Z",
            "amount": 50000,
            "currency": "eur",
            "invoice": "inv_7",
            "payment": "pay_7",
            "customer": "c_1",
        },
        Paid(
            subscription="s_1",
            line="inv_7/1",
            plan="starter",
            interval="year",
            start=at("2026-03-14T09:00:00Z"),
            end=at("2027-03-14T09:00:00Z"),
            amount=50000,
            currency="eur",
            invoice="inv_7",
            payment="pay_7",
            customer="c_1",
        ),
    ),
    "subscription.change_paid": (
        {"subscription": "s_1", "invoice": "inv_8"},
        ChangePaid(subscription="s_1", invoice="inv_8"),
    ),
    "subscription.unpaid": (
        {"subscription": "s_1", "invoice": "inv_9", "start": "2026-03-14T09:00:00Z"},
        Unpaid(subscription="s_1", invoice="inv_9", start=at("2026-03-14T09:00:00Z")),
    ),
    "payment.named": (
        {"invoice": "inv_7", "payment": "pay_7"},
        PaidWith(invoice="inv_7", payment="pay_7"),
    ),
    "payment.returned": (
        {"payment": "pay_7", "total": 600, "refunded": 300},
        Returned(payment="pay_7", total=600, refunded=300, as_of=NOW),
    ),
    **{
        f"topup.{state}": (
            {"purchase": "buy_1", "pack": "small", "quantity": 2, "amount": 600, "account": "ann"},
            Purchase(purchase="buy_1", state=state, pack="small", quantity=2, amount=600, account="ann"),
        )
        for state in ("pending", "paid", "failed", "expired")
    },
}


def documented() -> list[str]:
    """The examples of events in the documentation."""
    text = (ROOT / "docs/providers.md").read_text("utf-8")
    return [line for line in text.splitlines() if line.startswith('{"type"')]


def event(type_: str, data: Any, **more: Any) -> bytes:
    """The body of a delivery."""
    return json.dumps({"type": type_, "timestamp": NOW.isoformat(), "data": data, **more}).encode()


def verify(body: bytes, now: datetime = NOW, headers: dict[str, str] | None = None) -> Notice:
    """Delivers a body that was signed at NOW."""
    return STANDARD.verify(body, standard_headers(KEY, body, NOW) | (headers or {}), now)


def test_believes_the_vector_of_the_standard() -> None:
    """E3: the scheme's own test vector is believed, and nothing near it."""
    vector = fixture("signature_vectors.json")["standard_webhooks"]
    when = datetime.fromtimestamp(vector["timestamp"], NOW.tzinfo)
    headers = {
        "Webhook-Id": vector["msg_id"],
        "Webhook-Timestamp": str(vector["timestamp"]),
        "Webhook-Signature": vector["expected"],
    }
    provider = Standard(CATALOG, secrets=[vector["key"]])
    body = vector["payload"].encode()
    with pytest.raises(Refused, match="signed rightly, but type is missing"):
        provider.verify(body, headers, when)
    with pytest.raises(Refused, match="signature is wrong"):
        provider.verify(body + b" ", headers, when)


@given(st.text(max_size=50), st.text(alphabet="abc_", min_size=1, max_size=20))
def test_signs_as_the_official_library(text: str, event_id: str) -> None:
    """What the official library signs is believed, whatever the body."""
    body = event("customer.linked", {"customer": "c", "account": "ann"}, note=text)
    headers = {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(event_id, NOW.replace(microsecond=0), body.decode()),
    }
    assert STANDARD.verify(body, headers, NOW).id == event_id


@pytest.mark.parametrize("type_", EXAMPLES)
async def test_each_type_is_a_fact(type_: str) -> None:
    """Every type of the vocabulary becomes its fact."""
    data, fact = EXAMPLES[type_]
    body = event(type_, data)
    assert await STANDARD.facts(verify(body), body, NOW) == [fact]


def test_every_field_of_a_standing_is_told() -> None:
    """No field that a sender may write is passed over: the example has them all."""
    assert set(EXAMPLES["subscription.standing"][0]) == set(Standing.__dataclass_fields__)


@pytest.mark.parametrize("line", documented())
async def test_the_documented_examples_are_facts(line: str) -> None:
    """Every example in docs/providers.md is believed and becomes a fact, and every type has one."""
    notice = verify(line.encode())
    assert await STANDARD.facts(notice, line.encode(), NOW)
    types = {json.loads(one)["type"] for one in documented()}
    assert types | {"topup.failed", "topup.expired"} == set(EXAMPLES)


async def test_disputes_are_told_apart() -> None:
    """P3: a dispute says what it holds back and what it has taken."""
    body = event("payment.returned", {"payment": "p", "total": 600, "dispute": "d", "disputed": 600})
    assert await STANDARD.facts(verify(body), body, NOW) == [
        Returned(payment="p", total=600, disputed=600, lost=0, dispute="d", as_of=NOW)
    ]


def test_says_what_it_is_about() -> None:
    """A notice has the sender's id, its instant, its mode and everything it names."""
    data, _ = EXAMPLES["topup.paid"]
    notice = verify(event("topup.paid", data, test=True))
    assert (notice.id, notice.type, notice.created_at, notice.test) == ("msg_1", "topup.paid", NOW, True)
    assert notice.objects == ["buy_1", "ann"]
    assert not verify(event("topup.paid", data)).test


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(299, None), (301, "more than 5 minutes old"), (-299, None), (-301, "dated more than 5 minutes ahead")],
)
def test_tolerance_has_two_sides(seconds: int, words: str | None) -> None:
    """E3: five minutes, into the past and into the future."""
    body = event(*_first())
    if words is None:
        assert verify(body, NOW + timedelta(seconds=seconds))
        return
    with pytest.raises(Refused, match=words):
        verify(body, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"webhook-signature": ""}, "no header webhook-signature"),
        ({"webhook-id": ""}, "no header webhook-id"),
        ({"webhook-id": "msg_2"}, "signature is wrong"),
        ({"webhook-timestamp": "soon"}, "not a number of seconds"),
        ({"webhook-timestamp": "９９"}, "not a number of seconds"),
        ({"webhook-timestamp": "9" * 400}, "not a number of seconds"),
        ({"webhook-timestamp": "-1773480600"}, "not a number of seconds"),
        ({"webhook-signature": "v1,AAAA"}, "signature is wrong"),
        ({"webhook-signature": "v1"}, "signature is wrong"),
        ({"webhook-signature": "v1,£€"}, "signature is wrong"),
        ({"webhook-signature": "v1a,AAAA v2,BBBB"}, "signature is wrong"),
    ],
)
def test_refuses_what_is_signed_badly(headers: dict[str, str], words: str) -> None:
    """E3: unsigned, forged and garbled signatures are refused, and the text says why."""
    with pytest.raises(Refused, match=words):
        verify(event(*_first()), headers=headers)


def test_several_secrets_and_signatures() -> None:
    """A secret can be changed without losing a delivery: one right signature is enough."""
    body = event(*_first())
    headers = standard_headers(KEY, body, NOW)
    headers["webhook-signature"] = "v1a,x v1,AAAA " + headers["webhook-signature"]
    both = Standard(CATALOG, secrets=["whsec_" + base64.b64encode(b"new").decode(), SECRET])
    assert both.verify(body, headers, NOW).id == "msg_1"
    with pytest.raises(Refused, match="wrong"):
        Standard(CATALOG, secrets=[SECRET.replace("Y", "Z")]).verify(body, headers, NOW)
    with pytest.raises(Refused, match="wrong"):
        Standard(CATALOG, secrets=[]).verify(body, headers, NOW)


def test_a_secret_has_its_form() -> None:
    """A secret that is not base64 is refused when it is set, not at the first delivery."""
    for text in ("whsec_", "whsec_ü", "whsec_a*b"):
        with pytest.raises(ValueError, match="base64"):
            Standard(CATALOG, secrets=[text])


@pytest.mark.parametrize(
    ("type_", "change", "words"),
    [
        ("topup.paid", {"pack": None}, "data.pack is missing"),
        ("topup.paid", {"pakc": "small"}, 'data.pakc is no field of this event; did you mean "pack"?'),
        ("topup.paid", {"quantity": "2"}, "data.quantity must be a whole number"),
        ("topup.paid", {"quantity": 0}, "data.quantity must be a whole number from 1"),
        ("topup.paid", {"quantity": True}, "data.quantity must be a whole number"),
        ("topup.paid", {"quantity": 1.5}, "data.quantity must be a whole number"),
        ("topup.paid", {"amount": -1}, "data.amount must be a whole number from 0"),
        ("topup.paid", {"currency": "USD"}, 'data.currency: write the currency in lower case: "usd"'),
        ("topup.paid", {"account": "a\x00"}, "data.account must be a text"),
        ("subscription.paid", {"start": "2026-03-14"}, "data.start must be an instant with its offset"),
        (
            "subscription.paid",
            {"start": "2026-03-14T09:00:00"},
            "data.start must be an instant with its offset",
        ),
        ("subscription.paid", {"end": "2026-03-14T09:00:00Z"}, "data.end must be after data.start"),
        ("subscription.standing", {"state": "paused"}, "data.state must be one of incomplete, trialing"),
        (
            "subscription.standing",
            {"interval": "week"},
            'data.interval must be one of month, year, but is "week"',
        ),
        ("subscription.standing", {"trial_end": None}, "data.trial_end is missing"),
        ("subscription.standing", {"ends_at": None}, "data.ends_at is missing"),
        ("payment.returned", {"refunded": None}, "data.refunded is missing"),
        ("payment.returned", {"lost": 5}, "data.dispute is missing"),
    ],
)
def test_errors_name_the_field(type_: str, change: dict[str, Any], words: str) -> None:
    """A delivery that can't be meant is refused at once, and the sender is told which field it is."""
    with pytest.raises(Refused) as refused:
        verify(event(type_, EXAMPLES[type_][0] | change))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"type": "topup.paid"}', b"[" * 100_000]
)
def test_refuses_what_is_no_event(body: bytes) -> None:
    """A body that is no event is refused, though it is signed."""
    with pytest.raises(Refused, match="signed rightly, but"):
        verify(body)


async def test_other_types_are_not_ours() -> None:
    """E1: a type that we don't know moves nothing; a near one is hinted at."""
    body = event("topup.payed", {"anything": 1})
    with pytest.raises(NotOurs, match=r'did you mean "topup.paid"\?'):
        await STANDARD.facts(verify(body), body, NOW)


@pytest.mark.parametrize(("type_", "name"), [("topup.paid", "pack"), ("subscription.paid", "plan")])
async def test_unknown_offers_wait(type_: str, name: str) -> None:
    """A plan or pack that the catalog doesn't have is waited for: the money was paid."""
    body = event(type_, EXAMPLES[type_][0] | {name: "smal"})
    with pytest.raises(NotYet, match=f'The catalog has no {name} "smal"'):
        await STANDARD.facts(verify(body), body, NOW)


async def test_says_what_it_cannot_do() -> None:
    """What can't be asked of a sender is said kindly, and not tried again."""
    buyer, item = Buyer(account="ann", test=True), Item(price="x", pack="small")
    acts = [
        STANDARD.look_up("s", NOW),
        anext(STANDARD.changes(NOW, NOW)),
        STANDARD.check_out(buyer, item, reference="r", success_url="", cancel_url=""),
        STANDARD.portal("c", return_url=""),
        STANDARD.cancel("s", at="now", now=NOW),
        STANDARD.resume("s", now=NOW),
        STANDARD.pause("s", now=NOW),
        STANDARD.change("s", price="p", now=NOW),
        STANDARD.buy(buyer, item, amount=1, currency="usd", reference="r"),
    ]
    for act in acts:
        with pytest.raises(ProviderError) as error:
            await act
        assert not error.value.passing
        assert str(error.value).startswith("The sender of standard webhooks ")
    await STANDARD.hasten(verify(event(*_first())), b"")
    await STANDARD.close()


@given(st.data())
async def test_survives_anything(data: st.DataObject) -> None:
    """Whatever is signed rightly ends as facts, as nothing of ours, as something to wait for, or refused."""
    type_ = data.draw(st.sampled_from(sorted(EXAMPLES)))
    whole = {"type": type_, "timestamp": NOW.isoformat(), "data": EXAMPLES[type_][0]}
    body = json.dumps(data.draw(json_values | spoilt(whole))).encode()
    try:
        notice = verify(body)
        assert await STANDARD.facts(notice, body, NOW)
    except (Refused, NotOurs, NotYet):
        return


def _first() -> tuple[str, dict[str, Any]]:
    return "customer.linked", EXAMPLES["customer.linked"][0]
