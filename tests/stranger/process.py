"""localstripe, a Stripe that strangers wrote, run as a process of its own on the loopback."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from serving import free_port

KEY = "sk_test_of_a_stranger"


def program() -> str | None:
    """Where localstripe is: named by COINPURSE_LOCALSTRIPE, on the path, or beside this Python."""
    beside = Path(sys.executable).with_name("localstripe")
    found = os.environ.get("COINPURSE_LOCALSTRIPE") or shutil.which("localstripe")
    return found or (str(beside) if beside.exists() else None)


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run it as long as the block lasts; gives its address. It forgets everything in the end."""
    name = program()
    assert name, "ask for program() first"
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [name, "--from-scratch", "--port", str(port)], cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait(process, address)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    for _ in range(300):
        try:
            httpx.get(f"{address}/v1/customers", headers={"Authorization": f"Bearer {KEY}"})
            return
        except httpx.HTTPError:
            assert process.poll() is None, "localstripe did not start"
            time.sleep(0.05)
    raise AssertionError("localstripe does not answer")
