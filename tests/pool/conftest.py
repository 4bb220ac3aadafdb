"""A real pgbouncer in transaction mode before the tests' server."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from coinpurse.store import serveruser
from stories import purse

PROGRAM = Path(os.environ.get("COINPURSE_TEST_PGBOUNCER", "/usr/sbin/pgbouncer"))
CONFIG = """
[databases]
* = host={server} user=postgres
[pgbouncer]
pool_mode = transaction
listen_addr =
listen_port = 6432
unix_socket_dir = {folder}
auth_type = any
default_pool_size = 4
max_client_conn = 200
server_idle_timeout = 1
pidfile = {folder}/pid
logfile = {folder}/log
"""


@pytest.fixture(scope="session")
def bouncer(server: str) -> Iterator[Path]:
    """The folder of its socket."""
    if not PROGRAM.exists():
        pytest.skip(f"pgbouncer is not at {PROGRAM} (apt-get install pgbouncer, or COINPURSE_TEST_PGBOUNCER)")
    folder = Path(tempfile.mkdtemp(prefix="coinpurse-pool-", dir="/tmp"))
    try:
        config = folder / "ini"
        host = psycopg.conninfo.conninfo_to_dict(server)["host"]
        config.write_text(CONFIG.format(server=host, folder=folder))
        serveruser.give(folder)
        started = serveruser.run(PROGRAM, "-d", str(config), owner_of=folder)
        assert started.returncode == 0, started.stdout
        yield folder
        os.kill(int((folder / "pid").read_text()), signal.SIGTERM)
        while (folder / "pid").exists():
            time.sleep(0.05)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def through(bouncer: Path, database_url: str) -> str:
    """The address of the same database through the pool."""
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    return f"postgresql://postgres@/{name}?host={bouncer}&port=6432"


@pytest.fixture(scope="module")
def pooled(bouncer: Path, module_database_url: str) -> str:
    """The address of the module's database through the pool."""
    return through(bouncer, module_database_url)


@pytest.fixture(scope="module")
def engine(pooled: str) -> Iterator[purse.Engine]:
    """The engine on it."""
    with purse.opened(pooled) as opened:
        yield opened
