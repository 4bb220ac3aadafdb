"""The commands that run until they are stopped: serve, demo and worker."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click
import uvicorn

from coinpurse import __version__
from coinpurse.app.context import Context
from coinpurse.cli import logs
from coinpurse.cli.running import as_json, database, in_context, kind_errors, ready, settings
from coinpurse.cli.saying import WRONG, Said, fail

LAST_REQUESTS = 5  # seconds that running requests (and open streams) get when the server is stopped
host_option = click.option(
    "--host", default="127.0.0.1", show_default=True, help="0.0.0.0 for every network."
)
port_option = click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)


@click.command()
@host_option
@port_option
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
@click.option("--log-requests", is_flag=True, help="Log every request, not only refused and slow ones.")
@as_json
def serve(host: str, port: int, workers: int, log_requests: bool, as_json: bool) -> None:
    """Run the API, the web pages and the worker until stopped (Ctrl-C, SIGTERM)."""
    with kind_errors(as_json), _stopped_in_order():
        _refuse_a_taken_port(host, port, as_json)
        with database(settings()) as url:
            # The environment is how the server's processes learn it; each reads the settings again.
            os.environ["COINPURSE_DATABASE_URL"] = url
            os.environ.setdefault("COINPURSE_PUBLIC_URL", _address(host, port))
            asyncio.run(ready(settings()))
            if not as_json:
                words = f"Coinpurse {__version__}: {_address(host, port)} (the API is described at /docs)"
                click.echo(f"{words}. Ctrl-C stops it.", err=True)
            uvicorn.run(
                "coinpurse.wiring:create_server_app",
                factory=True,
                lifespan="on",
                http="coinpurse.api.wire:WholeAnswers",
                host=host,
                port=port,
                workers=workers,
                log_config=logs.config(as_json, log_requests),
                access_log=False,
                ws="none",
                server_header=False,
                timeout_graceful_shutdown=LAST_REQUESTS,
            )


@click.command()
@host_option
@port_option
@as_json
def demo(host: str, port: int, as_json: bool) -> None:
    """Run the sample app, Kreator Studio, with everything switched on."""
    from coinpurse.demo.serve import run  # it brings a paint shop along, which no other command needs

    with kind_errors(as_json), _stopped_in_order():
        _refuse_a_taken_port(host, port, as_json)
        run(settings(), host, port, say=click.echo)


def _address(host: str, port: int) -> str:
    """How a browser on this machine reaches the server."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


@click.command()
@in_context
async def worker(ctx: Context) -> Said:
    """Run only the worker, which writes down what has fallen due, until stopped."""
    from coinpurse.wiring import worker as loop

    logs.start(as_json=not sys.stderr.isatty())
    stop = asyncio.Event()
    for sig in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sig, stop.set)
    words = f"Sweeping every {loop.INTERVAL:g} s, {loop.BATCH:,} accounts at a time. Ctrl-C stops it."
    click.echo(words, err=True)
    await loop.run(ctx, stop)
    return Said({"stopped": True}, ["Stopped."])


@contextmanager
def _stopped_in_order() -> Iterator[None]:
    """uvicorn passes the signal that ended it on to us, and it must end us by way of every `finally`: the
    embedded database is stopped in one."""
    before = signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def _refuse_a_taken_port(host: str, port: int, as_json: bool) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            fail(_taken(host, port, error), WRONG, as_json)


def _taken(host: str, port: int, error: OSError) -> dict[str, str]:
    reason = f"{host} port {port} can't be used: {error.strerror or error}."
    advice = f"If another server runs there, stop it, or choose another port: --port {port % 65535 + 1}"
    return {"code": "port_taken", "title": "The address is not free", "detail": f"{reason} {advice}"}
