"""Runs the demo: database, studio, pages and API in this process, until Ctrl-C."""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import structlog
import uvicorn

from coinpurse import worker
from coinpurse.app.context import Context
from coinpurse.app.live import Hub
from coinpurse.demo import customers
from coinpurse.demo.app import create_demo
from coinpurse.demo.works import Gallery
from coinpurse.settings import Settings
from coinpurse.wiring import open_context

Say = Callable[[str], None]

WELCOME = """
  Kreator Studio is open: {url}

  Things to try
    · Paint something and watch the credits in the top bar.
    · Click the number: plan, top-ups, history, answers.
    · Try a double exposure: every other one fails, and its credits come back.
    · Go to the renewal date: monthly credits reset, add-on credits stay.

  The API is described at {url}/docs. Everything is kept in {home}
  Ctrl-C ends it.
"""


class PortTaken(OSError):
    """Somebody else listens there already; the message says what to do."""


def run(settings: Settings, host: str = "127.0.0.1", port: int = 8080, say: Say = print) -> None:
    """Runs the demo until Ctrl-C (or SIGTERM). Raises PortTaken before anything is started."""
    # The API reports each request: good for operators, but here it would bury what there is to try.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with listen(host, port) as listener, contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(settings, listener, say))
    say("Kreator Studio is closed. Everything is kept for the next time.")


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


class _Server(uvicorn.Server):
    """uvicorn repeats the signal that ended it, which would end us before the database is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # not on Windows
                loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


async def _run(settings: Settings, listener: socket.socket, say: Say) -> None:
    url = address(listener)
    say("Opening the database ...")
    async with open_demo(replace(settings, public_url=url), say) as (ctx, hub):
        # Browsers hold their live balances open; at the end uvicorn would report each as an error. Crashes
        # are reported by the API's own log.
        config = uvicorn.Config(create_demo(ctx, hub), log_level="critical", timeout_graceful_shutdown=1)
        say(WELCOME.format(url=url, home=settings.home))
        await _Server(config).serve(sockets=[listener])


@asynccontextmanager
async def open_demo(settings: Settings, say: Say = print) -> AsyncIterator[tuple[Context, Hub]]:
    """The database with the demo's customers in it, and what keeps it up to date."""
    async with open_context(settings) as ctx, Hub(ctx) as hub, worker.running(ctx):
        if await customers.ensure(ctx, Gallery(settings.home / "studio")):
            say("First start: three customers have moved in.")
        yield ctx, hub
