"""Which deliveries are believed to be Stripe's (E3)."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe as library

from coinpurse.domain.ports import Refused
from coinpurse.providers.stripe import Stripe
from providers.stripe_objects import CATALOG, CREATED, event, instant, invoice

SECRET = "whsec_current"
BODY = json.dumps(event("invoice.paid", invoice())).encode()
FIXTURES = Path(os.environ.get("COINPURSE_FIXTURES", Path(__file__).parents[3] / "shared" / "fixtures"))


def provider(*secrets: str) -> Stripe:
    """One that knows these secrets."""
    return Stripe(CATALOG, secrets=secrets or (SECRET,))


def signed(body: bytes = BODY, secret: str = SECRET, at: int = CREATED) -> dict[str, str]:
    """The header as the official library makes it."""
    header = library.WebhookSignature.generate_signature_header(body.decode(), secret, at)
    return {"Stripe-Signature": header}


def test_e3_a_signed_event_is_believed() -> None:
    """The notice says what it is about, for search, and which kind of money."""
    notice = provider().verify(BODY, signed(), instant(CREATED))
    assert (notice.id, notice.type, notice.test) == ("evt_1", "invoice.paid", True)
    assert notice.created_at == instant(CREATED + 5)
    assert {"in_1", "cus_1", "sub_1", "pi_1"} == set(notice.objects)


@pytest.mark.parametrize(
    ("age", "fits"), [(299, True), (300, True), (301, False), (-300, True), (-301, False), (-3600, False)]
)
def test_e3_five_minutes_on_either_side(age: int, fits: bool) -> None:
    """A delivery dated ahead is refused like a stale one: the library would let it be replayed for ever."""
    now = instant(CREATED) + timedelta(seconds=age)
    if fits:
        assert provider().verify(BODY, signed(), now)
    else:
        with pytest.raises(Refused, match="clock"):
            provider().verify(BODY, signed(), now)


def test_e3_secrets_can_be_rotated() -> None:
    """Several secrets are known at once, and several signatures may come; one pair that fits is enough."""
    now, old = instant(CREATED), signed(secret="whsec_old")
    assert provider("whsec_old", SECRET).verify(BODY, old, now)
    both = {"stripe-signature": f"{signed(secret='whsec_x')['Stripe-Signature']},v1={'0' * 64}"}
    both["stripe-signature"] += "," + old["Stripe-Signature"].partition(",")[2]
    assert provider(SECRET, "whsec_old").verify(BODY, both, now)
    with pytest.raises(Refused, match="doesn't fit"):
        provider("whsec_new").verify(BODY, old, now)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "v1=" + "a" * 64,
        "t=,v1=" + "a" * 64,
        "t=now,v1=" + "a" * 64,
        f"t={CREATED}",
        f"t={CREATED},v0=" + "a" * 64,
        f"t={CREATED},v1=é",
        f"t={CREATED},t={CREATED + 1},v1=" + "a" * 64,
        "t=" + "9" * 5000 + ",v1=" + "a" * 64,
        "===,,,=",
    ],
)
def test_e3_a_header_that_says_nothing_is_refused(header: str | None) -> None:
    """Missing, malformed, without an instant, or with the old scheme only."""
    headers = {} if header is None else {"Stripe-Signature": header}
    with pytest.raises(Refused):
        provider().verify(BODY, headers, instant(CREATED))


def test_e3_the_bytes_count() -> None:
    """A body that was read and written again is another one, though it means the same."""
    again = json.dumps(json.loads(BODY), indent=1).encode()
    with pytest.raises(Refused, match="doesn't fit"):
        provider().verify(again, signed(), instant(CREATED))


def test_e3_without_a_secret_nothing_is_believed() -> None:
    """No secret set must not mean: any signature will do."""
    for secrets in ((), ("",)):
        bare = Stripe(CATALOG, secrets=secrets)
        with pytest.raises(Refused):
            bare.verify(BODY, signed(secret=""), instant(CREATED))


NOT_EVENTS: list[Any] = [
    "not json {",
    "[]",
    '"text"',
    "{}",
    json.dumps({"object": "v2.core.event", "id": "evt_1", "type": "v1.billing.meter.no_meter_found"}),
    json.dumps({**event("x", {}), "id": ""}),
    json.dumps({**event("x", {}), "created": "today"}),
    json.dumps({**event("x", {}), "created": 10**30}),
    json.dumps({**event("x", {}), "data": None}),
    "[" * 100_000,
]


@pytest.mark.parametrize("body", NOT_EVENTS, ids=range(len(NOT_EVENTS)))
def test_e3_what_is_no_event_is_refused(body: str) -> None:
    """Signed, and still nothing that could be worked on."""
    with pytest.raises(Refused):
        provider().verify(body.encode(), signed(body.encode()), instant(CREATED))


def test_e3_vectors() -> None:
    """A signature made elsewhere, and what was observed of it."""
    path = FIXTURES / "signature_vectors.json"
    if not path.is_file():
        pytest.skip("no fixtures here")
    vector = json.loads(path.read_text("utf-8"))["stripe"]
    body, headers = vector["payload"].encode(), {"Stripe-Signature": vector["header"]}
    made = datetime.fromtimestamp(vector["timestamp"], UTC)
    for age in (-299, 0, 299):
        notice = provider(vector["secret"]).verify(body, headers, made + timedelta(seconds=age))
        assert (notice.id, notice.created_at) == ("evt_vector", made), "it has no date but the signature's"
    with pytest.raises(Refused, match="doesn't fit"):
        provider("whsec_other").verify(body, headers, made)
    with pytest.raises(Refused, match="clock"):
        provider(vector["secret"]).verify(body, headers, made + timedelta(seconds=301))
