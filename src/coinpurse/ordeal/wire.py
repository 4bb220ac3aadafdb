"""A client that doesn't give up: what got no answer is asked again, with the same key."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

ATTEMPT_SECONDS = 20.0
PATIENCE_SECONDS = 180.0
BUSY = {502, 503}


class Answer(NamedTuple):
    """What came back in the end, after how many tries; `replayed` as the header says."""

    status: int
    replayed: bool
    body: bytes
    tries: int

    def json(self) -> Any:
        """The body."""
        return msgspec.json.decode(self.body) if self.body else None


class Silent(Exception):
    """Nothing answered for minutes."""


class Lost(Exception):
    """No answer, or half of one: nobody knows whether the request was carried out."""


class _Line:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, message: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
        self.writer.write(message)
        await self.writer.drain()
        head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        body = await self.reader.readexactly(int(headers[b"content-length"]))
        return int(first[9:12]), headers, body


class Wire:
    """Connections to several servers; a request goes to any of them. `tally` counts what happened."""

    def __init__(self, ports: Sequence[int], key: str, tally: Counter[str], seed: str) -> None:
        self.ports, self.key, self.tally = ports, key, tally
        self._idle: dict[int, list[_Line]] = {port: [] for port in ports}
        self._random = random.Random(f"wire {seed}")
        self.crashed: list[str] = []

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """The answer, however long it takes. Raises Silent."""
        message = self.message(method, path, body, {"Idempotency-Key": key} if key else headers or {})
        deadline = time.monotonic() + PATIENCE_SECONDS
        tries = 0
        while time.monotonic() < deadline:
            tries += 1
            try:
                status, found, content = await self.once(self._random.choice(self.ports), message)
            except (Lost, OSError):
                self.tally["requests without an answer"] += 1
            else:
                if status < 500:
                    return Answer(status, b"idempotent-replayed" in found, content, tries)
                self.tally[f"answers {status}"] += 1
                if status not in BUSY:
                    self.tally["crashes"] += 1
                    self.crashed.append(f"{method} {path}: {content[:300].decode(errors='replace')}")
            await asyncio.sleep(self._random.uniform(0.01, 0.05) * min(tries, 20))
        raise Silent(f"{method} {path}: no answer in {tries} tries")

    def message(self, method: str, path: str, body: Any, headers: dict[str, str]) -> bytes:
        """A request as it goes over the wire."""
        content = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        lines = {
            "Host": "127.0.0.1",
            "Authorization": f"Bearer {self.key}",
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            **headers,
        }
        if body is None:
            del lines["Content-Type"]
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content

    async def once(self, port: int, message: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
        """One attempt at one server: status, headers, body. Raises Lost."""
        line = None
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                idle = self._idle[port]
                if idle:
                    line = idle.pop()
                else:
                    line = _Line(*await asyncio.open_connection("127.0.0.1", port, limit=2**20))
                status, headers, body = await line.ask(message)
        except (OSError, asyncio.IncompleteReadError, ValueError, KeyError, TimeoutError) as error:
            if line is not None:
                line.writer.transport.abort()
            raise Lost from error
        if headers.get(b"connection") == b"close":
            line.writer.close()
        else:
            self._idle[port].append(line)
        return status, headers, body

    def close(self) -> None:
        """Lets go of all connections."""
        for lines in self._idle.values():
            for line in lines:
                line.writer.close()
            lines.clear()
