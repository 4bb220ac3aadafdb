"""A whole deployment with bad lines everywhere: customers reach two servers through proxies, and those and
the worker reach the database through another."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from coinpurse.ordeal.life import CATALOG
from coinpurse.ordeal.processes import Database, Program, others
from coinpurse.ordeal.proxy import Ends, Proxy, Reach, Speaker
from coinpurse.ordeal.telling import secret_text
from coinpurse.ordeal.wire import Wire

SERVERS = 2
READY_SECONDS = 120.0


class Deployment:
    """Everything that runs. `home` is an empty folder."""

    def __init__(self, home: Path, tally: Counter[str], seed: str) -> None:
        self.home, self.tally, self.seed = home, tally, seed
        self.database = Database(home)
        self.to_database = Proxy(self._reach_database, tally, f"{seed} database")
        self.ports = [0] * SERVERS
        self.to_servers = [Proxy(self._reacher(n), tally, f"{seed} server {n}") for n in range(SERVERS)]
        self.servers: list[Program] = []
        self.key = ""

    async def start(self) -> None:
        """Until every server is ready."""
        catalog = self.home / "catalog.toml"
        catalog.write_text(CATALOG, "utf-8")
        await asyncio.to_thread(self.database.start)
        for proxy in (self.to_database, *self.to_servers):
            await proxy.start()
        env = {"COINPURSE_CATALOG": str(catalog), "COINPURSE_STANDARD_WEBHOOK_SECRET": secret_text()}
        direct = {**env, "COINPURSE_DATABASE_URL": self.database.url}
        self.key = await asyncio.to_thread(_make_key, direct)
        env["COINPURSE_DATABASE_URL"] = f"postgresql://postgres@127.0.0.1:{self.to_database.port}/coinpurse"
        for n in range(SERVERS):
            self.ports[n] = _free_port()
            arguments = ["serve", "--port", str(self.ports[n])]
            log = self.home / f"server-{n}.log"
            self.servers.append(Program(f"server {n}", arguments, env, log, self.tally))
        self.worker = Program("worker", ["worker"], env, self.home / "worker.log", self.tally)
        for program in (*self.servers, self.worker):
            await program.start()
        await self.until_ready()

    async def until_ready(self) -> None:
        """Waits until every server answers that it is ready."""
        deadline = time.monotonic() + READY_SECONDS
        for proxy in self.to_servers:
            wire = Wire([proxy.port], self.key, Counter(), "ready")
            while (await wire.ask("GET", "/health/ready")).status != 200:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"a server isn't ready after {READY_SECONDS:g} s; see {self.home}")
            wire.close()

    def wire(self, seed: str) -> Wire:
        """A way to the servers."""
        return Wire([proxy.port for proxy in self.to_servers], self.key, self.tally, f"{self.seed} {seed}")

    async def stop(self) -> None:
        """In good order."""
        for program in (*self.servers, self.worker) if self.servers else ():
            await program.stop()
        for proxy in (self.to_database, *self.to_servers):
            await proxy.stop()
        await asyncio.to_thread(self.database.stop)

    def verify(self) -> list[str]:
        """What `coinpurse verify` finds wrong."""
        done = _coinpurse("verify", "--json", env={"COINPURSE_DATABASE_URL": self.database.url})
        return [] if done.returncode == 0 else [done.stdout + done.stderr]

    async def _reach_database(self, speaker: Speaker) -> Ends:
        return await asyncio.get_running_loop().create_unix_connection(speaker, self.database.socket)

    def _reacher(self, n: int) -> Reach:
        async def reach(speaker: Speaker) -> Ends:
            return await asyncio.get_running_loop().create_connection(speaker, "127.0.0.1", self.ports[n])

        return reach


def _make_key(env: dict[str, str]) -> str:
    scopes = [word for scope in ("spend", "grant", "support") for word in ("--scope", scope)]
    done = _coinpurse("keys", "create", *scopes, "--test", "--json", env=env)
    if done.returncode:
        raise RuntimeError(f"no key could be made: {done.stdout}{done.stderr}")
    return str(json.loads(done.stdout)["key"])


def _coinpurse(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "coinpurse", *arguments]
    return subprocess.run(command, env={**others(), **env}, capture_output=True, text=True, check=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
