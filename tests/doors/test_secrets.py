"""Secrets are never logged, however talkative the logs are made; and log lines can't be forged."""

import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from coinpurse.cli import logs
from doors.conftest import House
from providers.pretending import standard_headers
from providers.test_standard import KEY, SECRET

#: What the client in this process says, and the access log that `coinpurse serve` switches off.
SOMEBODY_ELSES = re.compile(r"HTTP Request: |send_request|receive_response|connect_tcp|HTTP/1\.1")


class Ear(logging.Handler):
    """Hears everything, formatted as the server's own lines are."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.setFormatter(logs.formatter(True))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def ear() -> Iterator[Ear]:
    """Everything that any library has to say."""
    root, heard = logging.getLogger(), Ear()
    before, quiet = root.level, {n: logging.getLogger(n).level for n in list(logging.root.manager.loggerDict)}
    root.setLevel(logging.DEBUG)
    for name in quiet:
        logging.getLogger(name).setLevel(logging.DEBUG)
    root.addHandler(heard)
    yield heard
    root.removeHandler(heard)
    root.setLevel(before)
    for name, level in quiet.items():
        logging.getLogger(name).setLevel(level)


def test_no_secret_is_ever_logged(house: House, ear: Ear) -> None:
    """Keys, session tokens, the secrets of webhooks on their way in and out, wrong ones too."""
    secrets = {house.admin, house.session, SECRET, "cp_live_wrong_key_but_a_secret", "hunter2-in-a-query"}
    with house.client(house.admin) as client:
        made = client.post("/v1/webhook-endpoints", json={"url": "https://secrets.example/hook"}).json()
        secrets |= {
            made["secret"],
            client.post(f"/v1/webhook-endpoints/{made['id']}/rotate").json()["secret"],
        }
        secrets.add(client.post("/v1/sessions", json={"account": "seeded"}).json()["token"])
        client.post("/v1/charges", json={"account": "seeded", "amount": 1}, headers={"Idempotency-Key": "k"})
        client.get("/v1/accounts", params={"query": "hunter2-in-a-query"})
        client.get(
            "/v1/accounts/seeded/balance", headers={"Authorization": "Bearer cp_live_wrong_key_but_a_secret"}
        )
        body = b'{"type": "topup.paid", "timestamp": "2026-01-01T00:00:00Z", "data": {}}'
        signed = standard_headers(KEY, body, datetime.now(UTC), "ev_secret")
        client.post("/v1/webhooks/standard", content=body, headers=signed)
        secrets.add(signed["webhook-signature"])
    httpx.get(f"{house.url}/v1/me/balance", headers={"Authorization": f"Bearer {house.session}"})
    mine = [line for line in ear.lines if not SOMEBODY_ELSES.search(line)]
    assert any('"event": "request"' in line for line in mine), "the server's own lines are among them"
    found = {secret[:12] for secret in secrets for line in mine if secret in line}
    assert found == set()


def test_log_lines_cant_be_forged(house: House, ear: Ear) -> None:
    """Line breaks and terminal codes in a path stay within the line, as escapes."""
    with house.client(house.admin) as client:
        client.get("/v1/accounts/x%0A%7B%22event%22%3A%22forged%22%7D%1B%5B31m")
    lines = [line for line in ear.lines if "forged" in line and '"event": "request"' in line]
    assert lines
    for line in lines:
        assert "\n" not in line
        assert "\x1b" not in line
        assert json.loads(line)["event"] == "request"
