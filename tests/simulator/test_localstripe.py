"""The same calls made to a stranger's Stripe (localstripe 1.15, where it is installed): the same answers."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from simulator.conftest import served
from simulator.shop import Shop
from simulator.test_shapes import differences
from stranger import process


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """localstripe on a port of the loopback."""
    if process.program() is None:
        pytest.skip("localstripe is not installed (COINPURSE_LOCALSTRIPE can name it)")
    with process.running(tmp_path_factory.mktemp("localstripe")) as address:
        yield address


DEFAULT = {"invoice_settings[default_payment_method]": "{method}"}
CARD = {
    "card[number]": "4242424242424242", "card[exp_month]": "12", "card[exp_year]": "2042", "card[cvc]": "123",
}  # fmt: skip
CALLS: list[tuple[str, str, str, dict[str, str]]] = [
    ("customer", "POST", "customers", {"email": "ada@example.com", "metadata[account]": "ada"}),
    ("again", "GET", "customers/{customer}", {}),
    ("method", "POST", "payment_methods", {"type": "card", **CARD}),
    ("attached", "POST", "payment_methods/{method}/attach", {"customer": "{customer}"}),
    ("chosen", "POST", "customers/{customer}", DEFAULT),
    (
        "intent",
        "POST",
        "payment_intents",
        {
            "amount": "1500",
            "currency": "usd",
            "customer": "{customer}",
            "payment_method": "{method}",
            "confirm": "true",
            "off_session": "true",
        },
    ),
    ("charge", "GET", "charges/{charge_of}", {}),
    ("refund", "POST", "refunds", {"charge": "{charge_of}", "amount": "500"}),
    ("refunded", "GET", "charges/{charge_of}", {}),
    ("customers", "GET", "customers", {"limit": "5"}),
    ("gone", "GET", "customers/cus_unknown", {}),
]  # fmt: skip
# localstripe gives each customer the euro; Stripe leaves it open until the first invoice.
KNOWN_DIFFERENCES = {f"{name}.currency" for name in ("customer", "again", "chosen")}
SAME = (
    "object email metadata amount currency status amount_refunded amount_received refunded paid captured "
    "type livemode has_more url name"
)


def conversation(address: str) -> dict[str, tuple[int, Any]]:
    """Makes the calls, each with the ids that the earlier ones gave."""
    known: dict[str, str] = {}
    said: dict[str, tuple[int, Any]] = {}
    with httpx.Client(base_url=f"{address}/v1/", headers={"Authorization": "Bearer sk_test_1"}) as client:
        for name, method, path, form in CALLS:
            sent = {key: value.format(**known) for key, value in form.items()}
            query, data = (sent, None) if method == "GET" else (None, sent)
            answer = client.request(method, path.format(**known), params=query, data=data)
            body = answer.json()
            said[name] = (answer.status_code, body)
            known[name] = body.get("id", "")
            if name == "intent":
                charge = body["latest_charge"]  # localstripe tells all of it
                known["charge_of"] = charge if isinstance(charge, str) else charge["id"]
    return said


def test_a_stranger_says_the_same(stranger: str) -> None:
    """Statuses are equal, shared fields have the same types, and the telling ones the same values."""
    with served(Shop()) as address:
        mine = conversation(address)
    theirs = conversation(stranger)
    for name in mine:
        assert mine[name][0] == theirs[name][0], (name, mine[name], theirs[name])
        assert list(differences(mine[name][1], theirs[name][1], name)) == []
        for field in SAME.split():
            told = field in mine[name][1] and theirs[name][1].get(field) is not None
            if told and f"{name}.{field}" not in KNOWN_DIFFERENCES:
                assert mine[name][1][field] == theirs[name][1][field], (name, field)
    assert mine["refunded"][1]["amount_refunded"] == theirs["refunded"][1]["amount_refunded"] == 500
