"""Deliveries that must not be believed, and what the database holds, to compare."""

import json
import time
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from coinpurse.simulator import sign

Delivery = tuple[bytes, dict[str, str], set[int]]
EVENT: Mapping[str, Any] = {
    "id": "evt_forged",
    "object": "event",
    "type": "payment_intent.succeeded",
    "created": 1_700_000_000,
    "livemode": False,
    "data": {
        "object": {
            "id": "pi_forged",
            "object": "payment_intent",
            "status": "succeeded",
            "amount": 600,
            "currency": "usd",
            "metadata": {"coinpurse_account": "ann", "coinpurse_pack": "small", "coinpurse_purchase": "x"},
        }
    },
}


def signed(body: bytes, secret: str, at: int | None = None) -> dict[str, str]:
    """The header of a delivery that was signed now, or at another instant."""
    return {"Stripe-Signature": sign(body, secret, int(time.time()) if at is None else at)}


def deliveries(secret: str) -> dict[str, Delivery]:
    """By name: body, headers, and the statuses that may answer it."""
    body, now = json.dumps(EVENT).encode(), int(time.time())
    good = signed(body, secret)["Stripe-Signature"]
    stamp, mac = good.split(",")
    headers = {
        "unsigned": {},
        "signed by another": signed(body, "whsec_of_another"),
        "with an empty secret": signed(body, ""),
        "for another body": signed(body + b" ", secret),
        "stale": signed(body, secret, now - 301),
        "of last year": signed(body, secret, now - 31_536_000),
        "dated ahead": signed(body, secret, now + 330),
        "from the far future": signed(body, secret, 10**11),
        "restamped": {"Stripe-Signature": f"t={now + 1},{mac}"},
        "with two instants": {"Stripe-Signature": f"{stamp},t={now + 1},{mac}"},
        "of an old scheme": {"Stripe-Signature": good.replace("v1=", "v0=")},
        "without an instant": {"Stripe-Signature": mac},
        "gibberish": {"Stripe-Signature": "t=one,v1=two"},
    }
    found: dict[str, Delivery] = {name: (body, header, {400}) for name, header in headers.items()}
    large = json.dumps({**EVENT, "padding": "x" * 2_000_000}).encode()
    found["oversized"] = (large, signed(large, secret), {413})
    return found | {f"{name}, signed": (b, signed(b, secret), {400}) for name, b in _malformed().items()}


def _malformed() -> dict[str, bytes]:
    wrong = {
        "no id": {**EVENT, "id": None},
        "an id of another kind": {**EVENT, "id": {"a": 1}},
        "an endless id": {**EVENT, "id": "e" * 10_000},
        "an id with a NUL": {**EVENT, "id": "evt_\0"},
        "no type": {k: v for k, v in EVENT.items() if k != "type"},
        "no object": {**EVENT, "data": {}},
        "a date of another world": {**EVENT, "created": 10**30},
        "a thin event": {"id": "evt_1", "object": "v2.core.event", "type": "v1.billing"},
        "a list": [EVENT],
        "a word": "event",
    }
    found = {name: json.dumps(value).encode() for name, value in wrong.items()}
    broken = {"nothing": b"", "half of it": b'{"id": "evt', "not text": b"\xff\xfe{}", "deep": b"[" * 200_000}
    return found | broken


#: What the worker writes down for itself when it comes to it, whatever is delivered.
OF_THE_WORKER = ["days", "summed", "summing", "watching"]
TABLES = """
    SELECT tablename FROM pg_tables
     WHERE schemaname = 'coinpurse' AND tablename <> ALL (%s) ORDER BY tablename"""


def dump(database: str) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    with psycopg.connect(database) as conn:
        names = conn.execute(TABLES, [OF_THE_WORKER]).fetchall()
        query = sql.SQL("SELECT t::text FROM coinpurse.{} t ORDER BY 1")
        return {
            name: [row[0] for row in conn.execute(query.format(sql.Identifier(name)))] for (name,) in names
        }
