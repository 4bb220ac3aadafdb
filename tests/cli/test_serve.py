"""Servers, started and stopped as operators do."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from serving import answer, coinpurse, environment, free_port, serving, wait_until_ready

pytestmark = pytest.mark.slow


def charge_over_http(url: str, home: str) -> int:
    """Make an account and a charge; the status of the charge."""
    scopes = ("--scope", "spend", "--scope", "grant", "--test")
    key = answer("keys", "create", *scopes, COINPURSE_HOME=home)["key"]
    with httpx.Client(base_url=f"{url}/v1", headers={"Authorization": f"Bearer {key}"}) as http:
        http.put("/accounts/ann").raise_for_status()
        http.post("/grants", json={"account": "ann", "kind": "addon", "amount": 10, "reason": "x"})
        return http.post("/charges", json={"account": "ann", "amount": 4}).status_code


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_with_the_embedded_database(tmp_path: Path, workers: str) -> None:
    """One or several processes serve the API on one embedded database, which ends with them on SIGTERM."""
    home = str(tmp_path / "home")
    with serving("serve", "--workers", workers, COINPURSE_HOME=home) as url:
        assert charge_over_http(url, home) == 201
    assert not (tmp_path / "home" / "postgres" / "postmaster.pid").exists()


def test_stopped_by_ctrl_c(database_url: str) -> None:
    """Ctrl-C ends a server in good order, with exit code 0; logs are JSON lines on request."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "coinpurse", "serve", "--port", str(port), "--json"],
        env=environment(COINPURSE_DATABASE_URL=database_url),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_until_ready(process, f"http://127.0.0.1:{port}")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output
    assert [json.loads(line)["event"] for line in output.splitlines()]


def test_a_dead_process_is_replaced(database_url: str) -> None:
    """With several processes, one that dies is replaced, and requests are answered again."""
    with serving("serve", "--workers", "2", COINPURSE_DATABASE_URL=database_url) as url:
        parent = next(p for p in psutil.process_iter() if _serves(p, url))
        child = next(p for p in parent.children() if "spawn_main" in " ".join(p.cmdline()))
        child.kill()
        statuses = {httpx.get(f"{url}/health/ready").status_code for _ in range(5)}
    assert statuses == {200}


def _serves(process: psutil.Process, url: str) -> bool:
    try:
        return "--workers" in process.cmdline() and url.rpartition(":")[2] in process.cmdline()
    except psutil.Error:
        return False


def test_taken_port(database_url: str) -> None:
    """A port that somebody else has is said kindly, before anything starts."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = coinpurse("serve", "--port", port, COINPURSE_DATABASE_URL=database_url)
    assert done.returncode == 1
    assert f"127.0.0.1 port {port} can't be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_catalog(database_url: str, tmp_path: Path) -> None:
    """A catalog with mistakes is said kindly, before anything is served."""
    (tmp_path / "c.toml").write_text("[plans.a]\n")
    settings = {"COINPURSE_DATABASE_URL": database_url, "COINPURSE_CATALOG": str(tmp_path / "c.toml")}
    done = coinpurse("serve", "--port", str(free_port()), **settings)
    assert (done.returncode, "coinpurse check" in done.stderr) == (1, True)


def test_worker_command(database_url: str) -> None:
    """`coinpurse worker` works until it is stopped."""
    process = subprocess.Popen(
        [sys.executable, "-m", "coinpurse", "worker"],
        env=environment(COINPURSE_DATABASE_URL=database_url),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "Sweeping every 1 s" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=30)[0] == "Stopped.\n"
    assert process.returncode == 0


def test_demo(tmp_path: Path) -> None:
    """The sample app starts from nothing and shows its page."""
    with serving("demo", COINPURSE_HOME=str(tmp_path / "home")) as url:
        page = httpx.get(url, follow_redirects=True)
    assert page.status_code == 200
    assert "credits-pill" in page.text
