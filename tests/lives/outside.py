"""Coinpurse as real processes on a real database, reached by HTTP only, and killed.

The provider is an HTTP server too, in the tests' own process, so that a kill can be timed by what is asked
of it. Processes run in their own time: one seed is one life, but not one interleaving.
"""

import asyncio
import contextlib
import random
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import httpx
import psutil
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from coinpurse.app.inbox import LEASE
from coinpurse.simulator.server import create_app
from lives.town import Town
from serving import answer, environment, free_port

Moment = Literal["delivery", "ask", "charge"]
PATIENCE = 60.0  # seconds that Coinpurse may be silent, on a machine with much else to do
WAITING = """
    SELECT event, claimed_until FROM coinpurse.events
     WHERE status = 'waiting' OR (status = 'failed' AND next_at <= clock_timestamp())
        OR claimed_until > clock_timestamp()"""
#: What was claimed before a kill may have died with its worker. That it is still alive does no harm either.
FREE = """
    UPDATE coinpurse.events SET claimed_until = clock_timestamp(), next_at = clock_timestamp()
     WHERE claimed_until - %s < clock_timestamp() - make_interval(secs => %s)"""


class Processes:
    """`coinpurse serve` and `coinpurse worker`, by name: started, killed and started again."""

    def __init__(self, folder: Path, arguments: Mapping[str, list[str]], env: Mapping[str, str]) -> None:
        self._folder, self._arguments, self._env = folder, arguments, env
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Unless it runs: two kills may have fallen together."""
        if name in self._running and self._running[name].poll() is None:
            return
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "coinpurse", *self._arguments[name]],
                env=environment(**self._env),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def start_all(self) -> None:
        for name in self._arguments:
            self.start(name)

    def kill(self, name: str) -> None:
        """The process and those that it has started, each by its id, without a warning."""
        process = self._running[name]
        if process.poll() is not None:
            return
        # Looking for children takes milliseconds: one that has none dies at the very moment.
        plural = self._arguments[name][-2:-1] == ["--workers"] and self._arguments[name][-1] != "1"
        children = psutil.Process(process.pid).children(recursive=True) if plural else []
        process.kill()
        for each in children:
            with contextlib.suppress(psutil.NoSuchProcess):  # its parent's death may have ended it
                each.kill()
        process.wait()

    def kill_a_child(self, name: str, chance: random.Random) -> None:
        """One of several server processes; its parent replaces it."""
        found = psutil.Process(self._running[name].pid).children()
        chance.choice([p for p in found if "spawn_main" in " ".join(p.cmdline())]).kill()

    def kill_all(self) -> None:
        for name, process in self._running.items():
            if process.poll() is None:
                self.kill(name)

    def log(self) -> str:
        """The last that they said."""
        return "\n".join(path.read_text()[-3000:] for path in sorted(self._folder.glob("*.log")))


class Killer:
    """Waits for a moment (a delivery, a question, a charge), lets some milliseconds pass, and kills."""

    def __init__(self, processes: Processes, seed: int, workers: int) -> None:
        self.random = random.Random(f"kills {seed}")
        self.kills: list[str] = []
        self.last = -float("inf")  # the latest kill, in seconds of `time.monotonic`
        self._processes, self._workers = processes, workers
        self._due: list[tuple[Moment, str, float]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def doom(self) -> Moment:
        """Something will be killed at the next such moment."""
        moment: Moment = self.random.choice(["delivery", "ask", "ask", "charge"])
        victim = self.random.choice(["server", "server", "worker"])
        if victim == "server" and self._workers > 1 and self.random.random() < 0.6:
            victim = "child"
        if moment == "charge" and victim == "worker":
            victim = "server"
        self._due.append(
            (
                moment,
                victim,
                self.random.choice([0.0, self.random.uniform(0, 0.01 if moment == "charge" else 0.05)]),
            )
        )
        return moment

    def touch(self, moment: Moment) -> None:
        """Such a moment has come."""
        for due in [d for d in self._due if d[0] == moment]:
            self._due.remove(due)
            task = asyncio.create_task(self._kill(*due))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _kill(self, moment: Moment, victim: str, after: float) -> None:
        await asyncio.sleep(after)
        self.kills.append(f"{victim} {after * 1000:.0f} ms after a {moment}")
        if victim == "child":
            self._processes.kill_a_child("server", self.random)
            self.last = time.monotonic()
            return
        self._processes.kill(victim)
        self.last = time.monotonic()
        await asyncio.sleep(self.random.uniform(0, 0.5))
        self._processes.start(victim)

    def stop(self) -> None:
        """Nothing more is killed, nor started again."""
        for task in self._tasks:
            task.cancel()

    async def done(self) -> None:
        """All dooms have come true, also those whose moment never came."""
        for due in self._due:
            await self._kill(*due)
        self._due.clear()
        while self._tasks:
            await asyncio.gather(*self._tasks)


class Outside:
    """A `Reach` by HTTP."""

    lazy = 0.85
    asks = True

    def __init__(self, town: Town, url: str, key: str, killer: Killer) -> None:
        self._db, self._killer = town.ctx.db, killer
        self._random = random.Random(f"outside {town.seed}")
        self._url = url
        self._http = httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False
        )
        self.broken = 0  # connections that broke while an answer was awaited

    async def _once(self, method: str, path: str, key: str | None, json: Any) -> httpx.Response | None:
        """None: there was no answer, and nobody knows what has happened."""
        try:
            headers = {"Idempotency-Key": key} if key else {}
            response = await self._http.request(method, f"/v1{path}", json=json, headers=headers)
        except httpx.TransportError as error:
            self.broken += not isinstance(error, httpx.ConnectError)
            return None
        return None if response.status_code == 503 else response

    async def _answered(self, method: str, path: str, key: str | None, json: Any) -> httpx.Response:
        """The answer; where there is none the same is asked again, with the same key."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            response = await self._once(method, path, key, json)
            if response is not None:
                return response
            await asyncio.sleep(0.05)
        raise AssertionError(f"no answer to {method} {path} for {PATIENCE:g} s")

    async def open(self, account: str, clock: datetime) -> None:
        made = await self._answered("PUT", f"/accounts/{account}", None, {"clock": clock.isoformat()})
        assert made.status_code in (200, 201), made.text

    async def move(self, account: str, now: datetime, *, patient: bool) -> bool:
        """Where Coinpurse is down, it is now and then waited for; else the delivery has failed."""
        path, body = f"/accounts/{account}/clock", {"now": now.isoformat()}
        made = await self._once("POST", path, None, body)
        if made is None and (patient or self._random.random() < 0.7):
            made = await self._answered("POST", path, None, body)
        assert made is None or made.status_code == 200, made.text
        return made is not None

    async def deliver(self, body: bytes, headers: Mapping[str, str]) -> int:
        self._killer.touch("delivery")
        try:
            made = await self._http.post("/v1/webhooks/stripe", content=body, headers=dict(headers))
        except httpx.TransportError:
            return 0
        assert made.status_code in (200, 503), made.text
        return made.status_code

    async def work(self) -> None:
        end = time.monotonic() + PATIENCE
        while left := await self._db.rows(WAITING):
            assert time.monotonic() < end, f"these are never worked on: {left}"
            if time.monotonic() > self._killer.last + 0.5:
                await self._free()
            await asyncio.sleep(0.03)

    async def _free(self) -> None:
        """Shortens the leases of what was claimed before the latest kill."""
        since = time.monotonic() - self._killer.last
        if since < 3 * LEASE.total_seconds():
            async with self._db._pool.connection() as conn:
                await conn.execute(FREE, [LEASE, since])

    async def charge(self, account: str, amount: int, key: str) -> str | None:
        made = await self._answered("POST", "/charges", key, {"account": account, "amount": amount})
        self._killer.touch("charge")  # others that were made at once with it have no answer yet
        if made.status_code == 402:
            return None
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    async def reverse(self, charge: str, amount: int, key: str) -> int:
        made = await self._answered("POST", f"/charges/{charge}/reversals", key, {"amount": amount})
        assert made.status_code == 201, made.text
        return int(made.json()["amount"])

    async def close(self) -> None:
        await self._http.aclose()


class Watched:
    """The provider's server, which says when it is asked by Coinpurse."""

    def __init__(self, inner: ASGIApp, killer: Killer) -> None:
        self._inner, self._killer = inner, killer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._killer.touch("ask")
        await self._inner(scope, receive, send)


@asynccontextmanager
async def provider_at(port: int, app: ASGIApp) -> AsyncIterator[None]:
    """Serves the simulator in this event loop."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    task = asyncio.create_task(server.serve([socket.create_server(("127.0.0.1", port))]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def town_outside(
    make: Callable[[Callable[[Town], Outside]], Town],
    seed: int,
    database_url: str,
    folder: Path,
    *,
    workers: int,
) -> AsyncIterator[tuple[Town, Killer, Outside]]:
    """A town whose Coinpurse is a server (of several processes, maybe) and a worker beside it. `make` makes
    the town around a reach."""
    theirs, ours = free_port(), free_port()
    env: dict[str, str] = {
        "COINPURSE_DATABASE_URL": database_url,
        "COINPURSE_STRIPE_API_BASE": f"http://127.0.0.1:{theirs}",
        "COINPURSE_STRIPE_API_KEY": "sk_test_town",
        "COINPURSE_CATALOG": str(folder / "coinpurse.toml"),
    }
    serve = ["serve", "--port", str(ours), "--workers", str(workers)]
    processes = Processes(folder, {"server": serve, "worker": ["worker"]}, env)
    killer = Killer(processes, seed, workers)
    key = answer("keys", "create", "--scope", "admin", "--test", COINPURSE_DATABASE_URL=database_url)["key"]
    town = make(lambda town: Outside(town, f"http://127.0.0.1:{ours}", key, killer))
    env["COINPURSE_STRIPE_WEBHOOK_SECRET"] = town.secret
    (folder / "coinpurse.toml").write_text(town.catalog)
    app = Watched(create_app(town.simulator, courier=town.courier), killer)
    reach = town.here
    assert isinstance(reach, Outside)
    async with provider_at(theirs, app):
        processes.start_all()
        try:
            yield town, killer, reach
        except BaseException:
            print(processes.log(), *killer.kills, sep="\n")
            raise
        finally:
            killer.stop()
            processes.kill_all()
            await reach.close()
