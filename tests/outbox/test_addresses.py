"""Nothing is sent inward: not to an address, not to a name that leads there, not to one that changes its
mind."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coinpurse.app import endpoints
from coinpurse.app.context import Context
from coinpurse.app.sending import Refused, Sender
from coinpurse.domain.addresses import is_outward
from coinpurse.domain.errors import Conflict, Forbidden, Invalid
from coinpurse.settings import Settings
from coinpurse.wiring import open_context
from outbox.helpers import LIVE, WHO
from outbox.receiver import Receiver, receiving

OUTWARD = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808", "192.0.66.2"]
INWARD = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "198.18.0.1",
    "192.0.2.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", OUTWARD)
def test_the_world_is_outward(address: str) -> None:
    """Addresses that anybody on the internet can have."""
    assert is_outward(address)


@pytest.mark.parametrize("address", INWARD)
def test_what_is_ours_is_inward(address: str) -> None:
    """This machine, its neighbours, a cloud's own services, in all disguises."""
    assert not is_outward(address)


@pytest.fixture
async def strict(settings: Settings) -> Any:
    """A context as it is by default: nothing goes inward."""
    async with open_context(replace(settings, allow_private_webhooks=False)) as ctx:
        yield ctx


@pytest.mark.parametrize(
    "url",
    [
        "http://app.example/hook",
        "https://127.0.0.1/hook",
        "https://[::1]/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/hook",
        "https://x.localhost/hook",
        "https://db.internal/hook",
        "https://user:secret@app.example/hook",
        "https://app.example/hook#part",
        "https://app.example:99999/",
        "https://app.example/with blank",
        "https://äpp.example/",
        "https:///hook",
        "ftp://app.example/",
        "app.example/hook",
        "",
        "https://app.example/" + "a" * 2000,
    ],
)
async def test_such_an_endpoint_is_refused(strict: Context, url: str) -> None:
    """What can be told from the address alone is told at once."""
    with pytest.raises(Invalid) as refused:
        await endpoints.create_endpoint(strict, LIVE, url=url)
    assert refused.value.fields["errors"][0]["pointer"] == "/url"


async def test_test_endpoints_may_be_unencrypted(strict: Context) -> None:
    """Test events may travel by http, but not inward either."""
    await endpoints.create_endpoint(strict, WHO, url="http://app.example/hook")
    with pytest.raises(Invalid):
        await endpoints.create_endpoint(strict, WHO, url="http://127.0.0.1/hook")


async def test_an_endpoint_is_made_once(strict: Context) -> None:
    """The same address twice would get everything twice; removed, it can be added again. Modes don't mix."""
    made = await endpoints.create_endpoint(strict, LIVE, url="https://app.example/hook")
    with pytest.raises(Conflict, match=made.id):
        await endpoints.create_endpoint(strict, LIVE, url="https://app.example/hook")
    await endpoints.remove_endpoint(strict, LIVE, made.id)
    await endpoints.create_endpoint(strict, LIVE, url="https://app.example/hook")
    with pytest.raises(Forbidden):
        await endpoints.create_endpoint(strict, LIVE, url="https://app.example/2", test=True)
    with pytest.raises(Invalid, match=r"credits\.low"):
        await endpoints.create_endpoint(strict, LIVE, url="https://app.example/2", types=["credits.lo"])


async def attempt(url: str, *, inward: bool = False) -> str:
    """Sends something and says how that was refused."""
    async with Sender(inward=inward) as sender:
        with pytest.raises(Refused) as refused:
            await sender.post(url, "ev_1", b"{}", ["whsec_c2VjcmV0"])
    return str(refused.value)


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0"])
async def test_a_name_that_leads_inward_is_not_connected_to(host: str) -> None:
    """Whatever is behind a name, the address is looked at; nothing arrives."""
    async with receiving() as receiver:
        text = await attempt(receiver.url.replace("127.0.0.1", host))
        assert "within our own network" in text or "can't be looked up" in text
        assert receiver.tried == []


async def test_the_checked_address_is_the_one_that_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is asked a second time would lead inward: it isn't asked a second time."""
    asked: list[str] = []

    async def resolve(host: str, port: int, **more: Any) -> list[Any]:
        asked.append(host)
        address = "8.8.8.8" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    connected: list[str] = []

    async def connect(self: Any, host: str, *args: Any) -> Any:
        connected.append(host)
        raise OSError("no way out of a test")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    monkeypatch.setattr("httpcore.AnyIOBackend.connect_tcp", connect)
    assert "no way out" in await attempt("https://rebinding.example/")
    assert (asked, connected) == (["rebinding.example"], ["8.8.8.8"])


async def test_a_name_with_one_inward_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several addresses none may lead inward where it is tried."""

    async def resolve(host: str, port: int, **more: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    assert "10.0.0.1, within our own network" in await attempt("https://mixed.example/")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
async def test_a_certificate_must_be_known(tmp_path: Path) -> None:
    """Encrypted means: to the one whom somebody vouches for. A self-made certificate is refused."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    asked = ["-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-subj", "/CN=localhost"]
    command = ["openssl", "req", "-x509", *map(str, asked), "-addext", "subjectAltName=DNS:localhost"]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    it = Receiver()
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    assert "certificate" in await attempt(f"https://localhost:{port}/", inward=True)
    assert it.tried == []
    server.close()


async def test_an_endless_answer_costs_nothing() -> None:
    """The answer's body is not waited for, however long it is."""

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                await writer.drain()
        except ConnectionError:
            pass

    server = await asyncio.start_server(pour, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Sender(inward=True) as sender, asyncio.timeout(3):
        await sender.post(f"http://127.0.0.1:{port}/", "ev_1", b"{}", ["whsec_c2VjcmV0"])
    server.close()


async def test_connections_are_used_again() -> None:
    """Many messages to one receiver don't need many connections."""
    opened = 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        await it.serve(reader, writer)

    it = Receiver()
    server = await asyncio.start_server(count, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Sender(inward=True) as sender:
        for _ in range(5):
            await sender.post(f"http://127.0.0.1:{port}/", "ev_1", b'{"data": {}}', ["whsec_c2VjcmV0"])
    assert (len(it.got), opened) == (5, 1)
    server.close()
