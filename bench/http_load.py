"""A lean load generator: keep-alive connections, each with one request at a time."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any


class Connection(asyncio.Protocol):
    """One keep-alive connection. `ask` sends a request and gives the status and the body of the answer."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: Any = None

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connects to this machine."""
        _, made = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return made

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._buffer.find(b"content-length: ", 0, head)
        end = head + 4 + int(self._buffer[at + 16 : self._buffer.find(b"\r", at)])
        if len(self._buffer) >= end and self._answer is not None:
            answer, self._answer = self._answer, None
            body = self._buffer[head + 4 : end]
            status, self._buffer = int(self._buffer[9:12]), self._buffer[end:]
            answer.set_result((status, body))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the server hung up"))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """One request and its answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Hangs up."""
        self._transport.close()


class Server:
    """What is asked of a running server."""

    def __init__(self, port: int, key: str, users: list[str], pid: int) -> None:
        self.port, self.pid = port, pid
        self._users = users
        self._common = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"

    def charge(self, hot: bool) -> bytes:
        """POST /v1/charges."""
        body = f'{{"account":"{self._user(hot)}","operation":"image.generate"}}'
        return self._post("/v1/charges", body)

    def batch(self, hot: bool) -> bytes:
        """POST /v1/charges/batch with 1,000 charges."""
        items = [f'{{"account":"{self._user(hot)}","operation":"image.generate"}}' for _ in range(1_000)]
        return self._post("/v1/charges/batch", f"[{','.join(items)}]")

    def balance(self, hot: bool) -> bytes:
        """GET the balance of an account."""
        return self._get(f"/v1/accounts/{self._user(hot)}/balance")

    def nothing(self, hot: bool) -> bytes:
        """GET what answers without a look at the database, on the same route stack."""
        return self._get("/v1/health/live")

    def _user(self, hot: bool) -> str:
        return self._users[0] if hot else random.choice(self._users)

    def _get(self, path: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\n{self._common}\r\n".encode()

    def _post(self, path: str, body: str) -> bytes:
        return (
            f"POST {path} HTTP/1.1\r\n{self._common}Idempotency-Key: {random.getrandbits(96):x}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()


async def load(
    port: int, make: Callable[[], bytes], connections: int, seconds: float
) -> tuple[int, float, list[float]]:
    """How many requests were answered with success, in how many seconds, and how long each took."""
    took: list[float] = []
    opened = [await Connection.open(port) for _ in range(connections)]
    end = time.perf_counter() + seconds

    async def client(connection: Connection) -> None:
        while (began := time.perf_counter()) < end:
            status, body = await connection.ask(make())
            assert status in (200, 201), body
            took.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(client(connection) for connection in opened))
    spent = time.perf_counter() - began
    for connection in opened:
        connection.close()
    return len(took), spent, took
