"""How much is written, kept and shipped. The bounds have room over what was measured; docs/performance.md
has the figures."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from coinpurse.app.context import Context, packed_key
from coinpurse.domain.ids import account_digest
from coinpurse.store.db import Connection
from coinpurse.store.spending import SPEND_MANY, Request, columns
from load.conftest import NAMES, WHO
from serving import serving

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
EXPLAINED = f"EXPLAIN (ANALYZE, WAL, FORMAT JSON) {SPEND_MANY}"
UPDATES = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = 'wallets'"


def requests(batch: int) -> list[Request]:
    """Ten charges for each of a hundred accounts, as the hot path is asked for them."""
    owners = sorted((account_digest(name, False), name) for name in NAMES[:100] for _ in range(10))
    return [
        Request(name, digest, packed_key(f"{batch}:{n}"), 7, 4, "image.generate", 1, None, WHO.actor)
        for n, (digest, name) in enumerate(owners)
    ]


async def test_what_a_charge_writes(ctx: Context) -> None:
    """A charge of a batch writes at most 800 bytes of log (it was 570 to 640), and updates its wallet in
    place, which touches no index."""
    written, in_place = [], []
    for batch in range(4):  # the first ones write whole pages, which is once after each checkpoint

        async def once(conn: Connection, batch: int = batch) -> None:
            async with conn.transaction():
                ((explained,),) = await (await conn.execute(EXPLAINED, columns(requests(batch)))).fetchall()
                written.append(explained[0]["Plan"]["WAL Bytes"] / 1_000)
                ((updated, hot),) = await (await conn.execute(UPDATES)).fetchall()
                in_place.append(hot / updated)

        await ctx.db.work(once)
    assert 100 < min(written) < 800
    assert max(in_place) > 0.95


def test_a_server_is_small(database_url: str) -> None:
    """A server that serves takes at most 150 MB for itself (it was 85)."""
    with serving("serve", COINPURSE_DATABASE_URL=database_url):
        (server,) = [one for one in psutil.Process().children() if "serve" in one.cmdline()]
        assert server.memory_full_info().uss < 150e6


def test_the_wheel_is_small(tmp_path: Path) -> None:
    """Everything that is installed of us, front-end parts included, is at most a megabyte (it was 0.8)."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size < 1_000_000
