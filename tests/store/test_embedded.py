"""The embedded PostgreSQL: shared by processes that may die at any time, and never losing what was
committed."""

import contextlib
import os
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from coinpurse.store import embedded
from coinpurse.store.embedded import EmbeddedPostgres, EmbeddedPostgresError

pytestmark = pytest.mark.slow  # each starts a server of its own


@pytest.fixture
def home() -> Iterator[Path]:
    """A private home, like a user's own; what still runs in it at the end is stopped."""
    with tempfile.TemporaryDirectory(prefix="coinpurse-home-", dir="/tmp") as folder:
        yield Path(folder)
        for process in servers_of(Path(folder)):
            with contextlib.suppress(psutil.NoSuchProcess):  # the first one's death may have ended it
                process.kill()
            process.wait(10)


def servers_of(home: Path) -> list[psutil.Process]:
    """The processes of the server in `home`, each with its `info["ppid"]`: some live for a moment only."""
    return [p for p in psutil.process_iter(["ppid"]) if embedded._works_in(p, home / "postgres")]


def postmaster(home: Path) -> psutil.Process:
    """The server's first process."""
    return psutil.Process(int((home / "postgres" / "postmaster.pid").read_text().split()[0]))


def crash(home: Path) -> None:
    """Kill the server as a power cut would, and wait until it is dead."""
    first = postmaster(home)
    first.kill()
    while embedded._works_in(first, home / "postgres"):
        time.sleep(0.01)


def one(url: str, query: str) -> object:
    """The first value that a query answers."""
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


def another_process(home: Path) -> "subprocess.Popen[str]":
    """Another Python that holds the server of `home` until its stdin ends; it has said that it is ready."""
    code = f"""
        import sys
        from pathlib import Path
        from coinpurse.store.embedded import EmbeddedPostgres
        with EmbeddedPostgres(Path({str(home)!r})) as url:
            print(url, flush=True)
            sys.stdin.read()
    """
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdin=pipe, stdout=pipe, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("postgresql://")
    return process


def finish(process: "subprocess.Popen[str]") -> None:
    """End another process in good order."""
    process.communicate(timeout=30)


def test_data_outlives_a_restart(home: Path) -> None:
    """What was committed before a stop is there after the next start, and stopping leaves no process
    behind."""
    with EmbeddedPostgres(home) as url:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("CREATE TABLE t AS SELECT 7 AS n")
        assert servers_of(home)
    assert servers_of(home) == []
    with EmbeddedPostgres(home) as url:
        assert one(url, "SELECT n FROM t") == 7


def test_is_durable_and_in_utc(home: Path) -> None:
    """The server syncs what it commits, checks its pages, is in UTF-8 and UTC, and listens on no network."""
    wanted = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "listen_addresses": "",
        "jit": "off",
    }
    with EmbeddedPostgres(home) as url:
        assert {name: one(url, f"SHOW {name}") for name in wanted} == wanted
        assert stat.S_IMODE((home / "postgres").stat().st_mode) == 0o700


def test_last_user_stops_it(home: Path) -> None:
    """Two handles in one process share a server; the first to leave doesn't stop it, the last does."""
    first, second = embedded.start(home), embedded.start(home)
    assert first.url == second.url
    first.stop()
    first.stop()
    assert one(second.url, "SELECT 1") == 1
    second.stop()
    assert servers_of(home) == []
    with pytest.raises(EmbeddedPostgresError, match="not started"):
        _ = second.url


@pytest.mark.parametrize("end", ["well", "killed"])
def test_processes_share_a_home(home: Path, end: str) -> None:
    """A server that another process started is joined, survives that one's end (even kill -9) and is
    stopped by us."""
    other = another_process(home)
    mine = embedded.start(home)
    if end == "killed":
        other.kill()
    finish(other)
    assert one(mine.url, "SELECT 1") == 1
    mine.stop()
    assert servers_of(home) == []


def test_only_user_killed(home: Path) -> None:
    """When its only user is killed the server stays; the next user joins it, and stops it on leaving."""
    other = another_process(home)
    before = postmaster(home).pid
    other.kill()
    finish(other)
    with EmbeddedPostgres(home):
        assert postmaster(home).pid == before
    assert servers_of(home) == []


def test_many_start_at_once(home: Path) -> None:
    """Processes that start on an empty home at the same time all get the one server."""
    mine = embedded.start(home)
    others = [another_process(home) for _ in range(3)]
    first = postmaster(home).pid
    assert {p.info["ppid"] for p in servers_of(home) if p.pid != first} == {first}
    mine.stop()
    for other in others:
        assert servers_of(home)
        finish(other)
    assert servers_of(home) == []


def test_restarts_after_a_crash(home: Path) -> None:
    """After kill -9 of the server, all that was committed is back, though its pid file was left behind."""
    handle = embedded.start(home)
    with psycopg.connect(handle.url, autocommit=True) as conn:
        conn.execute("CREATE TABLE t AS SELECT 7 AS n")
    crash(home)
    with EmbeddedPostgres(home) as url:
        assert one(url, "SELECT n FROM t") == 7
    handle.stop()
    assert servers_of(home) == []


def test_pid_file_that_names_somebody_else(home: Path) -> None:
    """A pid file left by a crash whose number now belongs to another process (a rebooted container) doesn't
    stop us."""
    handle = embedded.start(home)
    pid_file = home / "postgres" / "postmaster.pid"
    text = pid_file.read_text()
    crash(home)
    handle.stop()
    pid_file.write_text("\n".join([str(os.getpid()), *text.splitlines()[1:], ""]))
    with EmbeddedPostgres(home) as url:
        assert one(url, "SELECT 1") == 1


def test_interrupted_initdb_is_made_again(home: Path) -> None:
    """What an interrupted first start left half-made is thrown away, not taken for data."""
    (home / "postgres.new").mkdir()
    (home / "postgres.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(home) as url:
        assert one(url, "SELECT 1") == 1


def test_ctrl_c_reaches_us_first(home: Path) -> None:
    """Ctrl-C in the terminal (SIGINT to the whole group) lets us go on using the server until we stop it."""
    code = f"""
        import os, signal, psycopg
        from pathlib import Path
        from coinpurse.store.embedded import EmbeddedPostgres
        os.setpgrp()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # we may run where it is ignored
        with EmbeddedPostgres(Path({str(home)!r})) as url:
            try:
                os.killpg(0, signal.SIGINT)
                signal.pause()
            except KeyboardInterrupt:
                print(psycopg.connect(url).execute("SELECT 'still here'").fetchone())
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )
    assert "still here" in result.stdout, result.stderr
    assert servers_of(home) == []


def test_forked_child_does_not_stop_it(home: Path) -> None:
    """A forked child that ends, cleaning up as usual, leaves its parent's server alone."""
    with EmbeddedPostgres(home) as url:
        handle = embedded.start(home)
        child = os.fork()
        if child == 0:
            handle.stop()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        handle.stop()
        assert one(url, "SELECT 1") == 1


def test_long_path(home: Path) -> None:
    """A home whose path is too long for a unix socket works; its socket is in a short private folder."""
    deep = home / ("d" * 60) / ("e e'%" * 12)
    with EmbeddedPostgres(deep) as url:
        socket_dir = Path(str(one(url, "SHOW unix_socket_directories")))
        assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700
        with EmbeddedPostgres(deep) as again:
            assert again == url
    assert servers_of(deep) == []
    socket_dir.rmdir()


def test_private_folder_above(home: Path) -> None:
    """A home inside a folder that is closed to others (as /root is) works, and stays closed to reading."""
    closed = home / "root"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "coinpurse") as url:
        assert one(url, "SELECT 1") == 1
    assert not closed.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH)


def test_failure_shows_the_log(home: Path) -> None:
    """When the server can't start, the error has the end of its log and says what to do; nothing stays
    behind."""
    with EmbeddedPostgres(home):
        pass
    with (home / "postgres" / "postgresql.auto.conf").open("a") as conf:
        conf.write("shared_buffers = 'plenty'\n")
    with pytest.raises(EmbeddedPostgresError, match=r"(?s)plenty.*COINPURSE_DATABASE_URL"):
        embedded.start(home)
    assert servers_of(home) == []


def test_home_that_cannot_be(home: Path) -> None:
    """A home under a file can't be made; the error names the folder and the setting."""
    (home / "file").touch()
    with pytest.raises(EmbeddedPostgresError, match="COINPURSE_HOME"):
        embedded.start(home / "file" / "home")


def test_stops_at_the_end_of_the_program(home: Path) -> None:
    """A program that never calls stop() still leaves no server behind when it ends."""
    code = f"import pathlib, coinpurse.store.embedded as e; h = e.start(pathlib.Path({str(home)!r}))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert servers_of(home) == []


def test_log_is_set_aside(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that has grown beyond its limit is set aside at the next start."""
    monkeypatch.setattr(embedded, "LOG_LIMIT", 10)
    for _ in range(2):
        with EmbeddedPostgres(home):
            pass
    assert (home / "postgres.log.1").stat().st_size > 10


def test_starts_quickly(home: Path) -> None:
    """The first start takes a second or so (five are allowed on a busy machine), the next ones less."""
    begin = time.monotonic()
    with EmbeddedPostgres(home):
        assert time.monotonic() - begin < 5
