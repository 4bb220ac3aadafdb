"""The bad line: what passes, in which order, and what doesn't."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from coinpurse.ordeal.proxy import Proxy, Weather

ENDED = (ConnectionError, asyncio.IncompleteReadError)
PIECES = [b"one ", b"two ", b"three", b"."]


@asynccontextmanager
async def line(heard: list[bytes]) -> AsyncIterator[Proxy]:
    """A line to somebody who says everything again, and goes when nothing comes any more."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(100):
            heard.append(piece)
            writer.write(piece)
        writer.close()

    there = await asyncio.start_server(echo, "127.0.0.1", 0)
    port, loop = there.sockets[0].getsockname()[1], asyncio.get_running_loop()
    proxy = Proxy(lambda speaker: loop.create_connection(speaker, "127.0.0.1", port), Counter(), "seed")
    await proxy.start()
    yield proxy
    await proxy.stop()
    there.close()


@pytest.mark.parametrize("weather", [Weather(), Weather(delay=0.02)])
async def test_everything_passes_in_its_order(weather: Weather) -> None:
    """In calm weather and with delays; the line ends where both ends have."""
    async with line([]) as proxy:
        proxy.weather = weather
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        for piece in PIECES:
            writer.write(piece)
            await asyncio.sleep(0.005)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 5) == b"".join(PIECES)
        writer.close()
        await asyncio.sleep(0.05)
        assert proxy.open == set()


@pytest.mark.parametrize(("weather", "arrives"), [(Weather(lost=1), False), (Weather(unheard=1), True)])
async def test_what_gets_lost_ends_the_line(weather: Weather, arrives: bool) -> None:
    """A request that is lost doesn't arrive; one whose answer is lost does. Either way nobody hears more."""
    heard: list[bytes] = []
    async with line(heard) as proxy:
        proxy.weather = weather
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"request")
        with pytest.raises(ENDED):
            await asyncio.wait_for(reader.readexactly(1), 5)
        await asyncio.sleep(0.1)
        assert heard == ([b"request"] if arrives else [])
        writer.close()


async def test_a_closed_line_refuses_everybody() -> None:
    """Who is on the line is cut off, and nobody gets on it until it is open again."""
    async with line([]) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        proxy.weather = Weather(closed=True)
        proxy.cut_all()
        for one in (reader, (await asyncio.open_connection("127.0.0.1", proxy.port))[0]):
            with pytest.raises(ENDED):
                await one.readexactly(1)
        writer.close()
