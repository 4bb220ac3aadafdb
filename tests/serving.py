"""Runs the real command line, and real servers with it, for tests that look from outside."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import httpx
from click.testing import CliRunner, Result

from coinpurse.cli import main

START_SECONDS = 60  # the demo lives through a past first


def environment(**more: str) -> Mapping[str, str]:
    """Ours, without any COINPURSE_ setting of whoever runs the tests."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COINPURSE_")}
    return {**clean, **more}


def coinpurse(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `coinpurse …` to its end; `env` has COINPURSE_ variables."""
    return subprocess.run(
        [sys.executable, "-m", "coinpurse", *arguments],
        env=environment(**env),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def invoke(*arguments: str, **env: str) -> Result:
    """Run `coinpurse …` within this process, which is quicker than in one of its own."""
    unset = {name: None for name in os.environ if name.startswith("COINPURSE_")}
    return CliRunner(env={**unset, **env}).invoke(main, arguments)


def answer(*arguments: str, **env: str) -> Any:
    """What `coinpurse … --json` prints."""
    done = coinpurse(*arguments, "--json", **env)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@contextmanager
def serving(*arguments: str, **env: str) -> Iterator[str]:
    """Run `coinpurse serve …` (or `demo`) on a free port and give its address; SIGTERM must end it well."""
    port = free_port()
    # Into a file, not a pipe: a pipe that nobody reads fills up, and then stops who writes.
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "coinpurse", *(arguments or ("serve",)), "--port", str(port)],
            env=environment(**env),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_ready(process, f"http://127.0.0.1:{port}", output)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
        assert process.returncode == 0, _text(output)


def wait_until_ready(process: subprocess.Popen[Any], url: str, output: IO[str] | None = None) -> None:
    """Wait for a server that can answer."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    process.kill()
    raise AssertionError(
        f"the server did not start:\n{_text(output) if output else process.communicate()[0]}"
    )


def _text(output: IO[str]) -> str:
    output.seek(0)
    return output.read()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
