"""A bad line on loopback: it cuts, delays and refuses, as its weather says."""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

Ends = tuple[asyncio.BaseTransport, asyncio.BaseProtocol]
Speaker = Callable[[], asyncio.Protocol]
#: Reaches what is behind the line, and has the speaker speak to it.
Reach = Callable[[Speaker], Awaitable[Ends]]
UNHEARD_SECONDS = 0.5


@dataclass
class Weather:
    """Chances for each piece that passes: `lost` requests never arrive, `unheard` answers never come back
    though the request did arrive. `delay` is the longest, in seconds. `closed` refuses everybody."""

    lost: float = 0.0
    unheard: float = 0.0
    delay: float = 0.0
    closed: bool = False

    @property
    def calm(self) -> bool:
        """Whether everything passes as it comes."""
        return not (self.lost or self.unheard or self.delay)


class Proxy:
    """Listens on a free port of loopback and passes on to whatever `reach` reaches."""

    def __init__(self, reach: Reach, tally: Counter[str], seed: str) -> None:
        self.reach, self.tally = reach, tally
        self.random = random.Random(f"proxy {seed}")
        self.open: set[_End] = set()
        self._server: asyncio.Server | None = None
        self.weather = Weather()
        self.port = 0

    async def start(self) -> int:
        """The port on which it listens from now on."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Asking(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    def cut_all(self) -> None:
        """Every connection ends now."""
        for end in list(self.open):
            end.cut()

    async def stop(self) -> None:
        """No more."""
        if self._server is not None:
            self._server.close()
        self.cut_all()


class _End(asyncio.Protocol):
    """One end of a connection. What arrives here goes out at the `other`: at once while the weather is calm
    and nothing waits, else piece by piece."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.transport: asyncio.Transport
        self.other: _End | None = None
        self._waiting: deque[bytes] = deque()
        self._ended = False
        self._passing: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.proxy.open.add(self)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self._passing is None and self.proxy.weather.calm:
            self.other.write(data)
        else:
            self._waiting.append(data)
            self.go_on()

    def eof_received(self) -> bool:
        self._ended = True
        self.go_on()
        return True  # the other direction may have something to say yet

    def connection_lost(self, exc: Exception | None) -> None:
        self.proxy.open.discard(self)
        if self.other is not None:
            self.other.cut()

    def pause_writing(self) -> None:
        if self.other is not None and self.other.is_open:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.is_open:
            self.other.transport.resume_reading()

    @property
    def is_open(self) -> bool:
        """Whether something can be written or read here."""
        return self in self.proxy.open and not self.transport.is_closing()

    def write(self, data: bytes) -> None:
        """Out at this end."""
        if self.is_open:
            self.transport.write(data)

    def cut(self) -> None:
        """This end ends, and the other with it."""
        self._waiting.clear()
        if self in self.proxy.open:
            self.transport.abort()

    def go_on(self) -> None:
        """Passes on what waits, in its order."""
        if (self._waiting or self._ended) and self._passing is None and self.other is not None:
            self._passing = asyncio.create_task(self._pass_on(self.other))

    async def _pass_on(self, other: "_End") -> None:
        while self._waiting:
            await self.weathered(other, self._waiting.popleft())
        self._passing = None
        if self._ended and other.is_open:
            other.transport.write_eof()
            if other._ended:
                other.transport.close()

    async def weathered(self, other: "_End", piece: bytes) -> None:
        """Passes one piece on through this weather."""
        raise NotImplementedError

    async def delay(self) -> None:
        """As long as a piece takes."""
        if self.proxy.weather.delay:
            await asyncio.sleep(self.proxy.random.uniform(0, self.proxy.weather.delay))


class _Asking(_End):
    """The end at which somebody asks."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.proxy.weather.closed:
            self.proxy.tally["connections refused"] += 1
            self.cut()
        else:
            self._reaching = asyncio.create_task(self._reach())

    async def _reach(self) -> None:
        answering = _Answering(self.proxy)
        try:
            await self.proxy.reach(lambda: answering)
        except OSError:
            self.cut()
            return
        if self not in self.proxy.open:  # whoever asked has gone meanwhile
            answering.cut()
            return
        self.other, answering.other = answering, self
        self.go_on()
        answering.go_on()

    async def weathered(self, other: _End, piece: bytes) -> None:
        """A request: it may be lost, or arrive and never be answered."""
        now, random = self.proxy.weather, self.proxy.random
        await self.delay()
        if now.lost and random.random() < now.lost:
            self.proxy.tally["requests lost"] += 1
            self.cut()
            return
        other.write(piece)
        if now.unheard and random.random() < now.unheard:
            self.proxy.tally["answers lost"] += 1
            self.other = other.other = None  # the asker hears no more, while it is carried out
            self.cut()
            await asyncio.sleep(UNHEARD_SECONDS)
            other.cut()


class _Answering(_End):
    """The end that answers."""

    async def weathered(self, other: _End, piece: bytes) -> None:
        """An answer, which comes late at the worst."""
        await self.delay()
        other.write(piece)
