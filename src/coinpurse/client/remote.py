"""Operations carried out by a Coinpurse server, over HTTP."""

import asyncio
import dataclasses
import random
import time
import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, get_args, get_origin
from urllib.parse import quote

import httpx
import msgspec

from coinpurse.app.wallets import ChargeRequest
from coinpurse.client.operations import Operation
from coinpurse.domain.credits import Balance, Charge, Page, Subscription, SubscriptionChange
from coinpurse.domain.errors import CoinpurseError, Unavailable

T = TypeVar("T")
# Nothing was done, or nobody knows what was: ask again with the same key.
PASSING = (429, 502, 503, 504)
FIRST_PAUSE = 0.1  # seconds; doubled up to the longest
LONGEST_PAUSE = 5.0
TIMEOUT = httpx.Timeout(10.0, connect=5.0)


class Remote:
    """Calls `/v1` of a server. While it is down or busy, each call is repeated for `patience` seconds.

    Every write travels with an idempotency key, ours if the caller gave none: a repeated call must never
    spend twice.
    """

    def __init__(self, url: str, key: str, patience: float) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._patience = patience
        self._http: httpx.AsyncClient | None = None

    async def open(self) -> None:
        """Make ready; the first call connects."""
        if self._http is None:
            self._http = httpx.AsyncClient(
                base_url=self._url + "/v1", headers={"Authorization": f"Bearer {self._key}"}, timeout=TIMEOUT
            )

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            http, self._http = self._http, None
            await http.aclose()

    async def call(self, operation: Operation[T], /, **fields: Any) -> T:
        """Carry one operation out."""
        key = fields.pop("key", None)
        path = operation.path.format_map({n: _segment(v) for n, v in fields.items()})
        rest = {n: v for n, v in fields.items() if v is not None and f"{{{n}}}" not in operation.path}
        response = await self._send(operation.method, path, rest, key, operation.seconds)
        answer: T = _read(operation.answer, response.content)
        if response.headers.get("Idempotent-Replayed") == "true":
            answer = dataclasses.replace(answer, replayed=True)  # type: ignore[type-var]
        return answer

    async def charge_batch(self, items: Sequence[ChargeRequest]) -> list[Charge | CoinpurseError]:
        """Many charges in one call; those without a key of their own get one, as in `call`. Those for which
        the server found no database are asked for again, as a call is."""
        keyed = [item if item.key else dataclasses.replace(item, key=uuid.uuid4().hex) for item in items]
        patience = _Patience(self._patience)
        answers = await self._batch(keyed)
        while late := {n: a for n, a in enumerate(answers) if isinstance(a, Unavailable)}:
            try:
                await patience.rest(next(iter(late.values())))
                again = await self._batch([keyed[number] for number in late])
            except Unavailable:
                break
            for number, answer in zip(late, again, strict=True):
                answers[number] = answer
        return answers

    async def _batch(self, keyed: Sequence[ChargeRequest]) -> list[Charge | CoinpurseError]:
        response = await self._send("POST", "/charges/batch", keyed, None)
        return [_charge_or_error(item) for item in _decoder(_Listed).decode(response.content).data]

    async def _send(
        self, method: str, path: str, content: Any, key: str | None, seconds: float = 10.0
    ) -> httpx.Response:
        """Send, and send again while the server is unreachable or busy. Raises the refusal."""
        request = self._request(method, path, content, key)
        request.extensions["timeout"]["read"] = seconds
        patience = _Patience(self._patience)
        while True:
            try:
                response = await self._client().send(request)
                if response.status_code not in PASSING:
                    return _checked(response)
                refusal = _refusal(response)
            except httpx.TransportError as error:
                refusal = Unavailable(
                    f"{self._url} can't be reached ({type(error).__name__}: {error}). Is the server running? "
                    "If this was a write, it may have been done: retry it with the same key.",
                    retry_after=1,
                )
            await patience.rest(refusal)

    def _request(self, method: str, path: str, content: Any, key: str | None) -> httpx.Request:
        if method == "GET":
            return self._client().build_request(
                method, path, params={n: _text(v) for n, v in content.items()}
            )
        if method == "DELETE":
            return self._client().build_request(method, path)
        headers = {"Content-Type": "application/json"}
        if method == "POST":
            headers["Idempotency-Key"] = key or uuid.uuid4().hex
        return self._client().build_request(
            method, path, content=msgspec.json.encode(content), headers=headers
        )

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            raise RuntimeError("This Coinpurse is not open. Use it as `async with Coinpurse(…) as purse:`.")
        return self._http


class _Patience:
    """How long something is tried again, with pauses that grow."""

    def __init__(self, seconds: float) -> None:
        self._give_up = time.monotonic() + seconds
        self._pause = FIRST_PAUSE

    async def rest(self, refusal: CoinpurseError) -> None:
        """Wait before the next try. Raises the refusal where no time is left for one."""
        wait = max(refusal.fields.get("retry_after") or 0, self._pause * random.uniform(0.5, 1.0))
        if time.monotonic() + wait > self._give_up:
            raise refusal
        await asyncio.sleep(wait)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)


class _Listed(msgspec.Struct):
    data: list[msgspec.Raw]


class _WithBalance(msgspec.Struct):
    balance: Balance


@cache
def _decoder(answer: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(answer)


def _read(answer: Any, content: bytes) -> Any:
    """Two answers are written differently: lists as pages, the balance among a subscription's fields."""
    if get_origin(answer) is list:
        return _decoder(Page[get_args(answer)[0]]).decode(content).data  # type: ignore[misc]
    if answer is SubscriptionChange:
        subscription = _decoder(Subscription).decode(content)
        return SubscriptionChange(subscription, _decoder(_WithBalance).decode(content).balance)
    return _decoder(answer).decode(content)


def _segment(value: object) -> str:
    """A value inside a path; one that is only dots would otherwise be taken for a step up."""
    text = quote(str(value), safe="")
    return text.replace(".", "%2E") if not text.strip(".") else text


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    raise _refusal(response)


def _refusal(response: httpx.Response) -> CoinpurseError:
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):  # not from us: a proxy's page, say
        problem = {"detail": f"{response.url} answered {response.status_code}: {response.text[:200]}"}
    problem.setdefault("status", response.status_code)
    if after := response.headers.get("Retry-After", "").strip():
        problem.setdefault("retry_after", int(after) if after.isdigit() else 1)
    return error_of(problem)


def error_of(problem: dict[str, Any]) -> CoinpurseError:
    """The exception that a problem document (RFC 9457) stands for; its other members become attributes."""
    known = {n: problem.pop(n, None) for n in ("type", "title", "status", "detail", "code", "instance")}
    kind = _kinds().get(str(known["code"]), CoinpurseError)
    error = kind(known["detail"] or known["title"] or kind.title, **problem)
    if kind is CoinpurseError:  # a newer server's code, or no code at all
        error.code = known["code"] or error.code
        error.status = known["status"] or error.status
        error.title = known["title"] or error.title
    return error


@cache
def _kinds() -> dict[str, type[CoinpurseError]]:
    found: dict[str, type[CoinpurseError]] = {}
    waiting: list[type[CoinpurseError]] = [CoinpurseError]
    while waiting:
        kind = waiting.pop()
        found[kind.code] = kind
        waiting += kind.__subclasses__()
    return found


def _charge_or_error(item: msgspec.Raw) -> Charge | CoinpurseError:
    plain = msgspec.json.decode(item)
    if "taken" not in plain:
        return error_of(plain)
    charge: Charge = _decoder(Charge).decode(item)
    return charge
