"""Schemathesis, a stranger who believes the OpenAPI document, against a real server with real accounts."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from coinpurse.api import create_api
from coinpurse.app import keys
from coinpurse.app.live import Hub
from coinpurse.settings import ProviderSettings, Settings
from coinpurse.wiring import open_context
from providers.pretending import standard_headers
from providers.test_standard import KEY, SECRET

AnyCase = Case[Any]
AnyOperation = APIOperation[Any, Any, Any, Any]
ACCOUNT = "seeded"
#: Never ends, so a stranger would wait for ever.
ENDLESS = {"my_stream"}
EXAMPLES = 20
#: What is well-formed can still be refused for what it means: both an amount and an operation, say.
MEANING = [positive_data_acceptance]


class Served:
    """A server in a thread of its own, and a key for it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started = threading.Event()
        self.address = self.key = ""
        self.server: uvicorn.Server | None = None

    async def serve(self) -> None:
        """Run until told to stop."""
        async with open_context(self.settings) as ctx, Hub(ctx) as hub:
            self.key = (await keys.create_key(ctx, scopes=["admin"], test=True)).key
            config = uvicorn.Config(create_api(ctx, hub), port=0, log_level="warning", access_log=False)
            self.server = uvicorn.Server(config)
            running = asyncio.create_task(self.server.serve())
            while not self.server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            port = self.server.servers[0].sockets[0].getsockname()[1]
            self.address = f"http://127.0.0.1:{port}"
            self.started.set()
            await running


@contextmanager
def served(settings: Settings) -> Iterator[Served]:
    """The server while it runs."""
    it = Served(settings)
    thread = threading.Thread(target=lambda: asyncio.run(it.serve()))
    thread.start()
    assert it.started.wait(30)
    try:
        yield it
    finally:
        assert it.server
        it.server.should_exit = True
        thread.join()


@pytest.fixture
def stranger(module_database_url: str) -> Iterator[tuple[Served, dict[str, str], dict[str, str]]]:
    """The server, the identifiers of what is in it by path, and the headers of a session."""
    standard = ProviderSettings(webhook_secrets=(SECRET,))
    settings = replace(Settings.from_env({}), database_url=module_database_url, standard=standard)
    with served(settings) as it:
        headers = {"Authorization": f"Bearer {it.key}"}
        with httpx.Client(base_url=it.address, headers=headers) as client:
            ids = seed(client)
            token = client.post("/v1/sessions", json={"account": ACCOUNT}).json()["token"]
        yield it, ids, {"Authorization": f"Bearer {token}"}


def seed(client: httpx.Client) -> dict[str, str]:
    """One of each thing."""

    def post(path: str, **body: object) -> str:
        answer = client.post(path, json={"account": ACCOUNT, **body})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    client.put(f"/v1/accounts/{ACCOUNT}", json={"clock": "2026-01-31T10:00:00Z"})
    endpoint = client.post("/v1/webhook-endpoints", json={"url": "https://nobody.invalid/"}).json()["id"]
    post("/v1/grants", kind="addon", amount=1, reason="told")
    waiting = client.get("/v1/webhook-deliveries", params={"state": "waiting"}).json()["data"]
    return {
        "webhook-endpoints": endpoint,
        "webhook-deliveries": waiting[0]["id"],
        "accounts": ACCOUNT,
        "grants": post("/v1/grants", kind="addon", amount=10**9, reason="seed"),
        "subscriptions": post("/v1/subscriptions", plan="starter", interval="month"),
        "charges": post("/v1/charges", amount=1000),
        "holds": post("/v1/holds", amount=100),
        "checkouts": post("/v1/checkouts", pack="small"),
        "billing-events": deliver(client),
    }


def deliver(client: httpx.Client) -> str:
    """A billing event."""
    now = datetime.now(UTC)
    content = {"type": "customer.linked", "timestamp": now.isoformat(), "test": True}
    body = json.dumps(content | {"data": {"customer": "c_1", "account": ACCOUNT}}).encode()
    answer = client.post("/v1/webhooks/standard", content=body, headers=standard_headers(KEY, body, now))
    return str(answer.json()["received"])


def settle(case: AnyCase, ids: dict[str, str]) -> None:
    """Point a case at something that exists."""
    kind = case.operation.path.split("/")[2]
    if "id" in (case.path_parameters or {}) and kind in ids:
        case.path_parameters["id"] = ids[kind]
    if isinstance(case.body, dict) and isinstance(case.body.get("account"), str):
        case.body["account"] = ACCOUNT


def malformed(case: AnyCase, settled: bool) -> list[Any]:
    """What can't be said of a case that was malformed, and that we have put right since."""
    header = case.meta is not None and case.meta.is_negative_at(ParameterLocation.HEADER)
    batch = case.operation.path == "/v1/charges/batch"  # answers 200 with a problem for each malformed item
    return [negative_data_rejection] if settled or header or batch else []


def examine(
    operation: AnyOperation, headers: dict[str, str], ids: dict[str, str], mode: GenerationMode
) -> None:
    """Send a number of cases, half of them about things that exist, and hold the answers to the document."""

    @given(case=operation.as_strategy(generation_mode=mode), exists=st.booleans())
    @bounded(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    def holds(case: AnyCase, exists: bool) -> None:
        if exists:
            settle(case, ids)
        case.call_and_validate(headers=headers, excluded_checks=[*MEANING, *(malformed(case, exists))])

    holds()


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_as_described(stranger: Any, mode: GenerationMode) -> None:
    """Whatever is sent, well-formed or not: no 500, a described status and shape, nothing malformed taken."""
    it, ids, session = stranger
    key = {"Authorization": f"Bearer {it.key}"}
    schema = schemathesis.openapi.from_url(f"{it.address}/openapi.json")
    failures: list[str] = []
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        name = operation.definition.raw["operationId"]
        if name in ENDLESS:
            continue
        try:
            examine(operation, session if name.startswith("my_") else key, ids, mode)
        except Unsatisfiable:
            pass  # nothing about this call can be malformed: it takes nothing
        except (Exception, BaseExceptionGroup) as failure:
            failures.append(f"{name}: {failure}")
    assert not failures, "\n\n".join(failures)
