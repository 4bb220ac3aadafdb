"""The processes of a deployment: a database, servers and a worker, which are killed and come back."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from coinpurse.store.embedded import EmbeddedPostgres

CONNECTIONS = 60
#: As on any server, but for what makes rare things happen sooner.
SETTINGS = {
    "max_connections": str(CONNECTIONS),
    "deadlock_timeout": "200ms",
    "restart_after_crash": "on",
    "checkpoint_timeout": "60s",
}


class Database:
    """A durable PostgreSQL of its own in a folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._held = EmbeddedPostgres(home)
        self.url = ""

    def start(self) -> None:
        """Make it and start it, with few connections."""
        with EmbeddedPostgres(self.home) as url, psycopg.connect(url, autocommit=True) as conn:
            for name, value in SETTINGS.items():
                conn.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), value))
        self.url = self._held.start().url

    def stop(self) -> None:
        """In good order."""
        self._held.stop()

    @property
    def socket(self) -> str:
        """The path of its socket."""
        return f"{psycopg.conninfo.conninfo_to_dict(self.url)['host']}/.s.PGSQL.5432"

    def postmaster(self) -> psutil.Process | None:
        """Its first process."""
        with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
            return psutil.Process(int((self.home / "postgres" / "postmaster.pid").read_text().split()[0]))
        return None

    def kill_all(self) -> None:
        """kill -9 of every process of it, as when the machine loses power; only the disk's word remains."""
        first = self.postmaster()
        if first is not None:
            family = [first, *first.children()]
            for process in family:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(family, timeout=10)

    def kill_backend(self, chance: float) -> bool:
        """kill -9 of one process that serves a connection; the others end with it, the log is replayed."""
        first = self.postmaster()
        if first is None:
            return False
        serving = [p for p in first.children() if _serves(p)]
        if not serving:
            return False
        with contextlib.suppress(psutil.Error):
            serving[int(chance * len(serving))].kill()
            return True
        return False

    def start_again(self) -> None:
        """After `kill_all`."""
        before, self._held = self._held, EmbeddedPostgres(self.home)
        self._held.start()
        before.stop()

    def ask(self, query: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        """Rows, past all proxies."""
        with psycopg.connect(self.url, autocommit=True) as conn:
            return conn.execute(query.encode(), parameters).fetchall()

    def tell(self, *statements: str) -> None:
        """Statements without rows, past all proxies."""
        with psycopg.connect(self.url, autocommit=True) as conn:
            for statement in statements:
                conn.execute(statement.encode())


def _serves(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return any("postgres coinpurse" in word for word in process.cmdline())
    return False


def others() -> dict[str, str]:
    """The environment without any setting of whoever runs this."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COINPURSE_")}


class Program:
    """`coinpurse …`, which is started again whenever it ends, until it is stopped."""

    def __init__(
        self, name: str, arguments: list[str], env: Mapping[str, str], log: Path, tally: Counter[str]
    ) -> None:
        self.name, self._arguments, self._log, self._tally = name, arguments, log, tally
        self._env = {**others(), **env}
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Start it, and keep it running."""
        await self._launch()
        self._keeper = asyncio.create_task(self._keep())

    async def _launch(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "coinpurse", *self._arguments, env=self._env, stdout=log, stderr=log
            )

    async def _keep(self) -> None:
        while not self._stopping:
            assert self._process is not None
            code = await self._process.wait()
            if self._stopping:
                return
            if code != -signal.SIGKILL:
                self._tally[f"{self.name} gave up"] += 1  # it found no database when it started, say
                await asyncio.sleep(0.3)
            await self._launch()

    def kill(self) -> bool:
        """kill -9. False: it wasn't running."""
        if self._process is None or self._process.returncode is not None:
            return False
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
            return True
        return False

    async def stop(self) -> None:
        """In good order."""
        self._stopping = True
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 30)
            except TimeoutError:
                self._process.kill()
        if self._keeper is not None:
            await self._keeper
