"""Everything that goes wrong, by a plan that the seed makes: kills, and disturbances between them."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import psycopg

from coinpurse.ordeal.deployment import Deployment
from coinpurse.ordeal.proxy import Proxy, Weather

#: Kills, each with its weight.
KILLS = {"server": 7, "worker": 4, "database connection": 6, "database": 3}
WAITERS = """
    SELECT pg_cancel_backend(pid) FROM pg_stat_activity
     WHERE wait_event = 'SyncRep' AND backend_type = 'client backend'"""
RUNNING = """
    SELECT pg_{}_backend(pid) FROM pg_stat_activity
     WHERE datname = 'coinpurse' AND pid <> pg_backend_pid() AND backend_type = 'client backend'
       AND state = 'active'"""
SOME = "SELECT account FROM coinpurse.wallets ORDER BY md5(account::text || %s) LIMIT 12"
LOCK = "SELECT FROM coinpurse.wallets WHERE account = %s FOR UPDATE"

Trouble = Callable[[], Awaitable[None]]


class Troubles:
    """Kills so often that there are `kills` of them when all is done; `share` says how much is done. Between
    them it disturbs, if `disturbing`."""

    def __init__(
        self, deployment: Deployment, kills: int, seed: str, share: Callable[[], float], disturbing: bool
    ) -> None:
        self.it, self.kills, self.share, self.disturbing = deployment, kills, share, disturbing
        self.killed: Counter[str] = Counter()
        self.met: Counter[str] = Counter()
        self._random = random.Random(f"troubles {seed}")
        self._disturbances: list[Trouble] = [
            self.bad_weather, self.lost_answers, self.slow_lines, self.closed_door, self.cut_database,
            self.bad_line_to_database, self.full_house, self.deadlock, self.slow_commits,
            self.cancelled_waits, self.cancelled_calls, self.ended_sessions,
        ]  # fmt: skip

    async def run(self) -> None:
        """Until cancelled; then everything is as it was."""
        await asyncio.gather(self._kill(), self._disturb())

    async def _kill(self) -> None:
        while True:
            if sum(self.killed.values()) < self.kills * self.share():
                [kind] = self._random.choices(list(KILLS), list(KILLS.values()))
                if await self._kill_one(kind):
                    self.killed[kind] += 1
            await asyncio.sleep(self._random.uniform(0.1, 0.6))

    async def _kill_one(self, kind: str) -> bool:
        if kind == "server":
            return self._random.choice(self.it.servers).kill()
        if kind == "worker":
            return self.it.worker.kill()
        if kind == "database connection":
            return await asyncio.to_thread(self.it.database.kill_backend, self._random.random())
        await asyncio.to_thread(self.it.database.kill_all)
        await asyncio.sleep(self._random.uniform(0, 0.5))
        await asyncio.to_thread(self.it.database.start_again)
        return True

    async def _disturb(self) -> None:
        while self.disturbing:
            await asyncio.sleep(self._random.uniform(3, 20))
            trouble = self._random.choice(self._disturbances)
            with suppress(psycopg.Error, OSError):  # the database may be down just now
                await trouble()
                self.met[trouble.__name__.replace("_", " ")] += 1

    # The lines to the servers

    async def bad_weather(self) -> None:
        """Requests and answers get lost."""
        await self._weather(self._a_server(), Weather(lost=0.1, unheard=0.1))

    async def lost_answers(self) -> None:
        """Requests arrive, answers don't."""
        await self._weather(self._a_server(), Weather(unheard=0.5))

    async def slow_lines(self) -> None:
        """Everything takes its time."""
        await self._weather(self._a_server(), Weather(delay=0.15))

    async def closed_door(self) -> None:
        """A server can't be reached, and every connection to it ends."""
        proxy = self._random.choice(self.it.to_servers)
        proxy.weather = Weather(closed=True)
        proxy.cut_all()
        await asyncio.sleep(self._random.uniform(0.2, 1.5))
        proxy.weather = Weather()

    def _a_server(self) -> Proxy:
        return self._random.choice(self.it.to_servers)

    async def _weather(self, proxy: Proxy, weather: Weather) -> None:
        proxy.weather = weather
        await asyncio.sleep(self._random.uniform(0.2, 1.5))
        proxy.weather = Weather()

    # The line to the database

    async def cut_database(self) -> None:
        """Every connection to the database ends, at whatever it is."""
        self.it.to_database.cut_all()

    async def bad_line_to_database(self) -> None:
        """Statements get lost, and the word of what became of them."""
        await self._weather(self.it.to_database, Weather(lost=0.03, unheard=0.05, delay=0.005))

    # The database

    async def full_house(self) -> None:
        """No connection is left."""
        taken: list[psycopg.AsyncConnection[object]] = []
        try:
            with suppress(psycopg.OperationalError):
                while True:
                    taken.append(
                        await psycopg.AsyncConnection.connect(self.it.database.url, connect_timeout=5)
                    )
            self.it.to_database.cut_all()
            await asyncio.sleep(self._random.uniform(0.3, 1.2))
        finally:
            for connection in taken:
                await connection.close()

    async def deadlock(self) -> None:
        """Somebody locks accounts in the other order."""
        end = time.monotonic() + self._random.uniform(1, 2)
        async with await psycopg.AsyncConnection.connect(self.it.database.url, autocommit=True) as rival:
            while time.monotonic() < end:
                rows = await (await rival.execute(SOME, [str(self._random.random())])).fetchall()
                with suppress(psycopg.errors.DeadlockDetected):
                    async with rival.transaction():
                        for (account,) in sorted(rows, reverse=True):
                            await rival.execute(LOCK, [account])
                            await asyncio.sleep(0.02)

    async def slow_commits(self) -> None:
        """Each commit takes 60 ms."""
        await self._for_a_while("commit_delay", "60000", "commit_siblings", "0")

    async def cancelled_waits(self) -> None:
        """Commits wait for a standby that doesn't exist, and the waits are cancelled: each then says that it
        is done, and only warns that nobody else has it."""
        tell, ask = self.it.database.tell, self.it.database.ask
        try:
            await asyncio.to_thread(
                tell, "SET synchronous_commit = off",
                "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()",
            )  # fmt: skip
            for _ in range(6):
                await asyncio.sleep(0.15)
                await asyncio.to_thread(ask, WAITERS)
        finally:
            await self._undo("synchronous_standby_names")

    async def cancelled_calls(self) -> None:
        """Statements are cancelled, as a time limit does."""
        await asyncio.to_thread(self.it.database.ask, RUNNING.format("cancel"))

    async def ended_sessions(self) -> None:
        """Connections are ended by the administrator."""
        await asyncio.to_thread(self.it.database.ask, RUNNING.format("terminate"))

    async def _for_a_while(self, *settings: str) -> None:
        pairs = list(zip(settings[::2], settings[1::2], strict=True))
        changes = [f"ALTER SYSTEM SET {name} = {value}" for name, value in pairs]
        try:
            await asyncio.to_thread(self.it.database.tell, *changes, "SELECT pg_reload_conf()")
            await asyncio.sleep(self._random.uniform(0.5, 2))
        finally:
            await self._undo(*(name for name, _ in pairs))

    async def _undo(self, *names: str) -> None:
        """However often the database has to be asked: it may be down just now."""
        resets = [f"ALTER SYSTEM RESET {name}" for name in names]
        for _ in range(100):
            try:
                await asyncio.to_thread(
                    self.it.database.tell, "SET synchronous_commit = off", *resets, "SELECT pg_reload_conf()"
                )
                return
            except (psycopg.Error, OSError):
                await asyncio.sleep(0.3)

    async def calm(self) -> None:
        """Undoes whatever a cancelled disturbance left behind."""
        for proxy in (self.it.to_database, *self.it.to_servers):
            proxy.weather = Weather()
        await self._undo("synchronous_standby_names", "commit_delay", "commit_siblings")
