"""A bad line on loopback: it cuts, delays and refuses, as its weather says."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

CHUNK = 2**16
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Weather:
    """Chances for each piece that passes: `lost` requests never arrive, `unheard` answers never come back
    though the request did arrive. `delay` is the longest, in seconds. `closed` refuses everybody."""

    lost: float = 0.0
    unheard: float = 0.0
    delay: float = 0.0
    closed: bool = False


class Proxy:
    """Listens on a free port of loopback and passes on to whatever `connect` reaches."""

    def __init__(self, connect: Callable[[], Awaitable[Streams]], tally: Counter[str], seed: str) -> None:
        self._connect = connect
        self._tally = tally
        self._random = random.Random(f"proxy {seed}")
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.weather = Weather()
        self.port = 0

    async def start(self) -> int:
        """The port on which it listens from now on."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    def cut_all(self) -> None:
        """Every connection ends now."""
        for writer in list(self._open):
            writer.transport.abort()

    async def stop(self) -> None:
        """No more."""
        if self._server is not None:
            self._server.close()
        self.cut_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.weather.closed:
            self._tally["connections refused"] += 1
            writer.transport.abort()
            return
        try:
            there, onward = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, onward}
        self._open |= ends
        try:
            await asyncio.gather(self._asked(reader, onward, writer), self._answered(there, writer))
        except (OSError, RuntimeError):  # uvloop says RuntimeError of a closed end
            pass
        finally:
            self._open -= ends
            for end in ends:
                with suppress(OSError):
                    end.transport.abort()

    async def _asked(
        self, reader: asyncio.StreamReader, onward: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        while piece := await reader.read(CHUNK):
            now = self.weather
            if now.delay:
                await asyncio.sleep(self._random.uniform(0, now.delay))
            if now.lost and self._random.random() < now.lost:
                self._tally["requests lost"] += 1
                raise ConnectionResetError
            onward.write(piece)
            await onward.drain()
            if now.unheard and self._random.random() < now.unheard:
                self._tally["answers lost"] += 1
                back.transport.abort()
                await asyncio.sleep(0.5)  # meanwhile it is carried out
                raise ConnectionResetError
        onward.write_eof()

    async def _answered(self, reader: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        while piece := await reader.read(CHUNK):
            if self.weather.delay:
                await asyncio.sleep(self._random.uniform(0, self.weather.delay))
            back.write(piece)
            await back.drain()
        if back.can_write_eof():
            back.write_eof()
