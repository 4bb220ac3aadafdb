"""Coinpurse, as an app uses it: the library in this process, and a server in one of its own."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path

from http_load import Server

from coinpurse.app import accounts, grants, subscriptions, wallets
from coinpurse.app.context import Context, Who
from coinpurse.app.keys import create_key
from coinpurse.app.wallets import ChargeRequest
from coinpurse.domain.errors import CoinpurseError
from coinpurse.domain.periods import month_start
from coinpurse.settings import DEFAULT_CATALOG, Settings
from coinpurse.wiring import open_context

WHO = Who("bench", False)
OPERATION = "image.generate"
PLENTY = 10**12
#: The address of a database that the caller wants to be used.
NAMED = os.environ.get("COINPURSE_DATABASE_URL")
START_SECONDS = 30


@asynccontextmanager
async def opened(url: str | None = None) -> AsyncIterator[Context]:
    """What the run is on: the database at an address, or an embedded one that is gone afterwards."""
    with tempfile.TemporaryDirectory() as home:
        async with open_context(Settings(url, Path(home), DEFAULT_CATALOG)) as ctx:
            yield ctx


async def renewing(ctx: Context, user: str, renews: datetime) -> None:
    """An account whose month ends at an instant, within a year that is paid."""
    await Library(ctx, [user]).prepare(plan=False)
    start = month_start(renews, -1)
    await subscriptions.subscribe(ctx, WHO, user, plan="starter", interval="year", starts_at=start)


class Library:
    """What the library is asked."""

    def __init__(self, ctx: Context, users: list[str]) -> None:
        self._ctx = ctx
        self._users = users

    async def prepare(self, plan: bool = True) -> None:
        """Accounts with 1,000 monthly credits (unless `plan` is false), and add-on credits without end."""
        gate = asyncio.Semaphore(8)

        async def make(user: str) -> None:
            async with gate:
                await accounts.put_account(self._ctx, WHO, user)
                if plan:
                    await subscriptions.subscribe(self._ctx, WHO, user, plan="starter")
                await grants.grant(self._ctx, WHO, user, kind="addon", amount=PLENTY, reason="bench")

        await asyncio.gather(*(make(user) for user in self._users))

    async def single(self, hot: bool) -> int:
        """One charge."""
        await wallets.charge(self._ctx, WHO, self._user(hot), operation=OPERATION, key=_key())
        return 1

    async def held(self, hot: bool) -> int:
        """A hold and its capture, counted as one."""
        made = await wallets.hold(self._ctx, WHO, self._user(hot), operation=OPERATION, key=_key())
        await wallets.capture(self._ctx, WHO, made.id)
        return 1

    async def batch(self, hot: bool, size: int) -> int:
        """`size` charges in one call."""
        asked = [ChargeRequest(self._user(hot), operation=OPERATION, key=_key()) for _ in range(size)]
        for answer in await wallets.charge_batch(self._ctx, WHO, asked):
            if isinstance(answer, CoinpurseError):
                raise answer
        return size

    async def balance(self, hot: bool) -> int:
        """One look at a balance."""
        await wallets.balance(self._ctx, WHO, self._user(hot))
        return 1

    def _user(self, hot: bool) -> str:
        return self._users[0] if hot else random.choice(self._users)


def _key() -> str:
    return f"{random.getrandbits(96):x}"


async def api_key(ctx: Context) -> str:
    """A key for the server."""
    return (await create_key(ctx, scopes=["spend"], test=False)).key


@contextmanager
def serving(url: str, key: str, users: list[str], workers: int = 1) -> Iterator[Server]:
    """`coinpurse serve`, as anybody runs it, until it is no longer needed."""
    arguments = ["-m", "coinpurse", "serve", "--workers", str(workers), "--json", "--port"]
    with _running(arguments, {"COINPURSE_DATABASE_URL": url}) as (port, pid):
        yield Server(port, key, users, pid)


@contextmanager
def bare() -> Iterator[Server]:
    """An application that does nothing, under the same server."""
    with _running([str(Path(__file__).with_name("bare_app.py"))], {}) as (port, pid):
        yield Server(port, "", [""], pid)


@contextmanager
def _running(arguments: list[str], env: dict[str, str]) -> Iterator[tuple[int, int]]:
    port = _free_port()
    command = [sys.executable, *arguments, str(port)]
    process = subprocess.Popen(command, env={**os.environ, **env}, stderr=subprocess.DEVNULL)
    try:
        _wait(process, port)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server did not start")
