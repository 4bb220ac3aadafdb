"""Sends signed messages to other people's servers, and never to an address within our own network.

The check stands where the connection is made: the address that was checked is the one that is used, so
that a name which answers differently the second time gains nothing.
"""

import asyncio
import contextlib
import secrets
import socket
from base64 import b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpcore
from standardwebhooks import Webhook

from coinpurse import __version__
from coinpurse.domain.addresses import is_outward

TIMEOUT = 10.0  # seconds for all of an attempt: name, connection, answer
ANSWER_BYTES, ANSWER_SECONDS = 16_384, 1.0  # of an answer's body that are waited for
CONNECTIONS = 100
GONE = 410


class Refused(Exception):
    """What an attempt came to, other than a 2xx: the text says it in words. `gone` says that the receiver
    wants nothing more."""

    def __init__(self, text: str, *, gone: bool = False) -> None:
        super().__init__(text)
        self.gone = gone


def new_secret() -> str:
    """A signing secret as Standard Webhooks writes it: 32 random bytes."""
    return "whsec_" + b64encode(secrets.token_bytes(32)).decode()


def signed(message: str, body: bytes, keys: Iterable[str | None], now: datetime) -> dict[str, str]:
    """The three headers of Standard Webhooks; each secret adds its signature."""
    signatures = [Webhook(key).sign(message, now, body.decode()) for key in keys if key]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


class Sender:
    """Posts messages. One for many, so that connections are used again. `inward` allows addresses within our
    own network."""

    def __init__(self, *, inward: bool) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=CONNECTIONS, keepalive_expiry=30, network_backend=_Checked(inward)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.aclose()

    async def post(self, url: str, message: str, body: bytes, keys: Iterable[str | None]) -> None:
        """Sends a message, signed now. Raises Refused unless the answer is a 2xx; redirects are not
        followed."""
        headers = {
            "content-type": "application/json",
            "user-agent": f"Coinpurse/{__version__}",
            **signed(message, body, keys, datetime.now(UTC)),
        }
        try:
            async with asyncio.timeout(TIMEOUT):
                status = await self._status(url, headers, body)
        except TimeoutError as error:
            raise Refused(f"it did not answer within {TIMEOUT:g} seconds") from error
        except (OSError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise Refused(f"it can't be reached: {error or type(error).__name__}") from error
        if not 200 <= status < 300:
            hint = "; redirects are not followed" if 300 <= status < 400 else ""
            raise Refused(f"it answered {status}{hint}", gone=status == GONE)

    async def _status(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        async with self._pool.stream("POST", url, headers=list(headers.items()), content=body) as response:
            await _pass_by(response)
            return int(response.status)


async def _pass_by(response: httpcore.Response) -> None:
    """Reads to the end of a short answer, so that the connection can be used again. What it says is not
    looked at, and one that is long or slow is left: that costs its connection."""
    read = 0
    with contextlib.suppress(TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):
        async with asyncio.timeout(ANSWER_SECONDS):
            async for part in response.aiter_stream():
                read += len(part)
                if read > ANSWER_BYTES:
                    return


class _Checked(httpcore.AsyncNetworkBackend):
    """Connects to what a name stands for, where that lies outside."""

    def __init__(self, inward: bool) -> None:
        self._inward = inward
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception = Refused(f"{host} has no address")
        for address in await _addresses(host, port):
            if not self._inward and not is_outward(address):
                raise Refused(
                    f"{host} leads to {address}, within our own network, where nothing is sent. Set "
                    "COINPURSE_ALLOW_PRIVATE_WEBHOOKS=yes if it should be"
                )
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.NetworkError as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def _addresses(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Refused(f"the name {host} can't be looked up: {error.strerror or error}") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
