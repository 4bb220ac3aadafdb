"""A receiver of outgoing events, as an app would have one: it verifies each with Standard Webhooks' own
library."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from standardwebhooks import Webhook

Answer = Callable[[dict[str, Any]], int]


class Receiver:
    """Listens on a free port of this machine. `answer` says which status each event gets; `pause` is how many
    seconds that takes."""

    def __init__(self) -> None:
        self.secret: str | None = None
        self.answer: Answer = lambda event: 200
        self.pause = 0.0
        self.got: list[dict[str, Any]] = []  # what was answered with a 2xx, in order
        self.tried: list[dict[str, Any]] = []  # everything that arrived
        self.headers: list[dict[str, str]] = []
        self.raw: list[bytes] = []
        self.under_way: dict[str, int] = {}
        self.most_at_once: dict[str, int] = {}  # by account
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while asked := await reader.readuntil(b"\r\n\r\n"):
                status = await self._receive(asked.decode(), reader)
                body = "" if status == 204 else "ok"
                head = f"Content-Length: {len(body)}\r\nLocation: {self.url}/x"
                writer.write(f"HTTP/1.1 {status} X\r\n{head}\r\n\r\n{body}".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _receive(self, head: str, reader: asyncio.StreamReader) -> int:
        lines = head.split("\r\n")[1:]
        headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        event: dict[str, Any] = (
            Webhook(self.secret).verify(body, headers) if self.secret else json.loads(body)
        )
        self.headers.append(headers)
        self.raw.append(body)
        self.tried.append(event)
        account = event["data"].get("account", "")
        self.under_way[account] = self.under_way.get(account, 0) + 1
        self.most_at_once[account] = max(self.most_at_once.get(account, 0), self.under_way[account])
        try:
            await asyncio.sleep(self.pause)
        finally:
            self.under_way[account] -= 1
        status = self.answer(event)
        if 200 <= status < 300:
            self.got.append(event)
        return status

    async def until(self, count: int, seconds: float = 15) -> list[dict[str, Any]]:
        """Wait for so many deliveries, and give them."""
        async with asyncio.timeout(seconds):
            while len(self.got) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return self.got

    def types(self) -> list[str]:
        """What was delivered."""
        return [event["type"] for event in self.got]


@asynccontextmanager
async def receiving(port: int = 0) -> AsyncIterator[Receiver]:
    """A receiver while it listens."""
    it = Receiver()
    server = await asyncio.start_server(it.serve, "127.0.0.1", port)
    it.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield it
    finally:
        server.close()
