"""Runs the demo: database, studio, pages, API and a payment provider in this process, until Ctrl-C."""

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import structlog
import uvicorn
from starlette.types import ASGIApp

from coinpurse import worker
from coinpurse.app.live import Hub
from coinpurse.demo import customers
from coinpurse.demo.app import create_demo
from coinpurse.demo.customers import Studio
from coinpurse.demo.provider import Provider
from coinpurse.demo.works import Gallery
from coinpurse.settings import Settings
from coinpurse.wiring import load_catalog, open_context

Say = Callable[[str], None]

WELCOME = """
  Kreator Studio is open: {url}

  Things to try
    · Paint something and watch the credits in the top bar.
    · Click the number: plan, top-ups, history, answers. Buy something: you pay at a payment provider,
      which is simulated at {provider}, and the number goes up when its webhook comes.
    · Try a double exposure: every other one fails, and its credits come back.
    · Go to the renewal date: monthly credits reset, add-on credits stay. Then with a card that fails.
    · Open "Payment provider" below the clock: lost webhooks, refunds, disputes, bank debits.
    · Open "Support desk" beside it: come in as Ann (agent) or Lea (lead) to the support console,
      which is at {url}/support. It says why a renewal has not landed, and what to do.

  The API is described at {url}/docs. Everything is kept in {home}
  Ctrl-C ends it.
"""


class PortTaken(OSError):
    """Somebody else listens there already; the message says what to do."""


def run(settings: Settings, host: str = "127.0.0.1", port: int = 8080, say: Say = print) -> None:
    """Runs the demo until Ctrl-C (or SIGTERM). Raises PortTaken before anything is started."""
    # The API reports each request: good for operators, but here it would bury what there is to try.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        # Not the tracebacks that `rich` would make where it is installed: they show variables, secrets too.
        processors=[
            *structlog.get_config()["processors"][:-1],
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ],
    )
    _keep_to_this_machine()
    with listen(host, port) as listener, contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(settings, listener, say))
    say("Kreator Studio is closed. Everything is kept for the next time.")


def _keep_to_this_machine() -> None:
    """What the studio and its provider say to one another goes by no proxy that the environment names."""
    there = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    os.environ["no_proxy"] = ",".join(filter(None, (there, "127.0.0.1", "localhost", "::1")))


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on the address. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PortTaken(error.errno, _why_not(error, host, port)) from error
    return listener


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is in use already, perhaps by another demo. End that, or choose --port {port + 1}."
        )
    return f"{host}:{port} can't be listened on: {error.strerror}. Choose another with --host and --port."


def address(listener: socket.socket) -> str:
    """The URL under which a browser on this machine reaches the listener."""
    host, port = listener.getsockname()[:2]
    shown = "127.0.0.1" if host == "0.0.0.0" else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def beside(listener: socket.socket) -> socket.socket:
    """A socket for the provider: on the next port, or on any that is free."""
    host, port = listener.getsockname()[:2]
    try:
        return listen(host, port + 1)
    except (PortTaken, OverflowError):
        return listen(host, 0)


@dataclass(frozen=True, slots=True)
class Open:
    """The demo while it is open. `done` is the studio's server, which ends when it is told to."""

    studio: Studio
    server: uvicorn.Server
    done: asyncio.Task[None]


async def _run(settings: Settings, listener: socket.socket, say: Say) -> None:
    say("Opening the database ...")
    async with open_demo(settings, listener, say) as demo:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # not on Windows
                loop.add_signal_handler(number, demo.server.handle_exit, number, None)
        url, provider = address(listener), demo.studio.provider.url
        say(WELCOME.format(url=url, provider=provider, home=settings.home))
        await demo.done


@asynccontextmanager
async def open_demo(settings: Settings, listener: socket.socket, say: Say = print) -> AsyncIterator[Open]:
    """Everything that belongs to the demo: the database with the demo's customers in it, what keeps it up to
    date, the payment provider, and the servers of both."""
    url = address(listener)
    with beside(listener) as counter:
        provider = Provider(settings.home, address(counter), url, load_catalog(settings.catalog))
        settings = provider.settings(replace(settings, public_url=url))
        async with (
            open_context(settings, catalog=provider.catalog) as ctx,
            Hub(ctx) as hub,
            worker.running(ctx),
        ):
            studio = Studio(ctx, provider, Gallery(settings.home / "studio"))
            await customers.acquaint(ctx, provider)
            app = create_demo(studio, hub)
            async with _serving(provider.app, counter), _serving(app, listener) as (server, done):
                if await customers.ensure(studio):
                    say("First start: three customers have moved in.")
                yield Open(studio, server, done)


class _Server(uvicorn.Server):
    """uvicorn repeats the signal that ended it, which would end us before the database is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _serving(
    app: ASGIApp, listener: socket.socket
) -> AsyncIterator[tuple[uvicorn.Server, asyncio.Task[None]]]:
    # Browsers hold their live balances open; at the end uvicorn would report each as an error. Crashes are
    # reported by the API's own log.
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1)
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield server, running
    finally:
        server.should_exit = True
        await running
