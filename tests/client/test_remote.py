"""What the library does over HTTP when servers and networks fail."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from coinpurse import ChargeRequest, Coinpurse
from coinpurse.client.remote import error_of
from coinpurse.domain import errors
from serving import free_port

BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
PART = {"title": "Try again in a moment", "status": 503, "detail": "No database.", "code": "unavailable"}
PAGE = b"HTTP/1.1 404 No\r\nContent-Type: text/html\r\nContent-Length: 5\r\nConnection: close\r\n\r\n<p>no"


@asynccontextmanager
async def between(url: str, *faults: str) -> AsyncIterator[str]:
    """A proxy that does each of `faults` to one connection, in turn, and then passes everything on: "refuse",
    "busy", "page" (somebody else's error page), "lose" (the request arrives, the answer doesn't), "part" (a
    batch's first charge is said to have found no database)."""
    target = urlsplit(url)
    waiting = list(faults)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = waiting.pop(0) if waiting else "pass"
        if fault in ("busy", "page"):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(BUSY if fault == "busy" else PAGE)
            await writer.drain()
        elif fault != "refuse":
            to, back = await asyncio.open_connection(target.hostname, target.port)
            forward = asyncio.create_task(pass_on(reader, back))
            if fault == "part":
                writer.write(without_first(await to.read(100_000)))
            elif fault == "lose":
                await to.read(100_000)
            else:
                await pass_on(to, writer)
            forward.cancel()
            back.close()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def without_first(answer: bytes) -> bytes:
    """The answer to a batch whose first charge got none."""
    found = json.loads(answer.partition(b"\r\n\r\n")[2])["data"]
    body = json.dumps({"data": [PART, *found[1:]]}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes until the end."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


@pytest.fixture
async def funded(server_and_key: tuple[str, str], request: pytest.FixtureRequest) -> str:
    """An account with 100 credits."""
    name: str = request.node.name
    async with Coinpurse(*server_and_key) as purse:
        await purse.put_account(name)
        await purse.grant(name, 100, reason="bought")
    return name


@pytest.mark.parametrize("fault", ["refuse", "busy", "lose"])
async def test_charged_once_whatever_fails(server_and_key: tuple[str, str], funded: str, fault: str) -> None:
    """S7, S8: connections that are refused, answers that are lost and busy servers cost nothing: the call is
    repeated with its key (one of our own, if the caller gave none) until it is answered."""
    url, key = server_and_key
    async with between(url, fault, fault) as proxy, Coinpurse(proxy, key) as purse:
        assert (await purse.charge(funded, 10)).amount == 10
        assert (await purse.charge_batch([ChargeRequest(funded, amount=5)] * 2)) != []
        async with purse.hold(funded, 20):
            pass
        assert (await purse.balance(funded)).available == 60


async def test_a_batch_answered_in_part_is_asked_again(server_and_key: tuple[str, str], funded: str) -> None:
    """S8: charges for which the server found no database are asked for again with their keys, and made once;
    where that lasts, they are `Unavailable` and their neighbours are told as they are."""
    url, key = server_and_key
    asked = [ChargeRequest(funded, amount=5), ChargeRequest(funded, amount=7)]
    async with between(url, "part", "part") as proxy, Coinpurse(proxy, key) as purse:
        charges = await purse.charge_batch(asked)
        assert [getattr(one, "amount", one) for one in charges] == [5, 7]
        assert (await purse.balance(funded)).available == 88
    async with between(url, *["part"] * 50) as proxy, Coinpurse(proxy, key, patience=0.3) as purse:
        first, second = await purse.charge_batch(asked)
        assert isinstance(first, errors.Unavailable)
        assert getattr(second, "amount", second) == 7


async def test_gives_up_after_its_patience() -> None:
    """A server that stays away is `Unavailable`, soon if so wished, and the message says what to do."""
    async with Coinpurse(f"http://127.0.0.1:{free_port()}", "cp_test_x", patience=0.3) as purse:
        with pytest.raises(errors.Unavailable, match="same key"):
            await purse.charge("ann", 1)


async def test_comes_back_when_the_server_does(server_and_key: tuple[str, str], funded: str) -> None:
    """Work goes on by itself when a server that was away is back."""
    port = free_port()
    async with Coinpurse(f"http://127.0.0.1:{port}", server_and_key[1], patience=10) as purse:
        charge = asyncio.create_task(purse.charge(funded, 10))
        await asyncio.sleep(0.3)
        target = urlsplit(server_and_key[0])

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            to, back = await asyncio.open_connection(target.hostname, target.port)
            await asyncio.gather(pass_on(reader, back), pass_on(to, writer))

        async with await asyncio.start_server(handle, "127.0.0.1", port):
            assert (await charge).amount == 10


async def test_somebody_elses_error(server_and_key: tuple[str, str]) -> None:
    """An answer that is not ours (a proxy's page) is reported as what it is."""
    async with between(server_and_key[0], "page") as proxy, Coinpurse(proxy, server_and_key[1]) as purse:
        with pytest.raises(errors.CoinpurseError, match="404: <p>no"):
            await purse.balance("ann")


async def test_wrong_key(server_and_key: tuple[str, str]) -> None:
    """A key that is not known is `Unauthorized`."""
    async with Coinpurse(server_and_key[0], "cp_test_wrong") as purse:
        with pytest.raises(errors.Unauthorized):
            await purse.balance("ann")


@pytest.mark.parametrize("name", ["a/b", "..", "ü é", "%41?x=1#y", "a+b@c"])
async def test_odd_account_names(server_and_key: tuple[str, str], name: str) -> None:
    """An account's name may have any printable character, in a path too."""
    async with Coinpurse(*server_and_key) as purse:
        assert (await purse.put_account(name)).id == name
        assert (await purse.balance(name)).account == name


def test_unknown_codes_are_kept() -> None:
    """A refusal that this version doesn't know keeps its code, status and attributes."""
    error = error_of({"code": "new_one", "status": 409, "title": "New", "detail": "It is new.", "extra": 7})
    assert (type(error), error.code, error.status, error.extra) == (errors.CoinpurseError, "new_one", 409, 7)


async def test_not_open() -> None:
    """Whoever forgets to open a purse is told how."""
    with pytest.raises(RuntimeError, match="async with"):
        await Coinpurse("http://127.0.0.1:1", "cp_test_x").balance("ann")


async def test_trailing_slash(server_and_key: tuple[str, str], funded: str) -> None:
    """The address may end with a slash."""
    async with Coinpurse(server_and_key[0] + "/", server_and_key[1]) as purse:
        assert (await purse.balance(funded)).available == 100
