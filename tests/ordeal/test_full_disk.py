"""The disk is full, for real: a small file system of the test's own, and a file that takes the rest."""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from coinpurse.app import accounts, checkouts, wallets
from coinpurse.app.checks import verify
from coinpurse.app.context import Context, Who
from coinpurse.domain.credits import Charge
from coinpurse.domain.errors import Unavailable
from coinpurse.ordeal.processes import Database
from coinpurse.settings import DEFAULT_CATALOG, Settings
from coinpurse.wiring import open_context

WHO = Who("tests", test=True)
SIZE = "320m"
BATCH = 200


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A folder on a file system of 320 MB."""
    folder = Path(tempfile.mkdtemp(prefix="coinpurse-disk-", dir="/tmp"))
    mounted = None
    if os.geteuid() == 0:
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
        with suppress(FileNotFoundError):
            mounted = subprocess.run(command, capture_output=True, check=False).returncode
    if mounted != 0:
        folder.rmdir()
        pytest.skip("only root may mount a small file system, and not everywhere")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


def fill(file: Path) -> None:
    """Takes every byte that is left."""
    with suppress(OSError), file.open("wb") as out:
        while True:
            out.write(b"\0" * 65_536)
            out.flush()


async def spend(ctx: Context, number: int) -> bool:
    """A batch of charges, always with the same keys. False: the database couldn't."""
    note = {"note": "x" * 300}
    asked = [wallets.ChargeRequest("ann", amount=1, metadata=note, key=f"{number}-{n}") for n in range(BATCH)]
    try:
        answers = await wallets.charge_batch(ctx, WHO, asked)
    except Unavailable:
        return False
    assert all(isinstance(answer, Charge | Unavailable) for answer in answers)
    return all(isinstance(answer, Charge) for answer in answers)


@pytest.mark.slow
async def test_s7_a_full_disk_loses_nothing(small_disk: Path) -> None:
    """Charges are refused kindly while it lasts (PostgreSQL itself may go down); with room again, the same
    keys make what wasn't made, once, and the books are right."""
    database = Database(small_disk / "home")
    await asyncio.to_thread(database.start)
    try:
        async with open_context(Settings(database.url, Path("/nonexistent"), DEFAULT_CATALOG)) as ctx:
            await accounts.put_account(ctx, WHO, "ann")
            await checkouts.topup(ctx, WHO, "ann", credits=10**6, provider="manual", reference="p")
            assert await spend(ctx, 0)
            filler = small_disk / "filler"
            await asyncio.to_thread(fill, filler)
            tried = 0
            for number in range(1, 400):
                tried = number
                if not await spend(ctx, number):
                    break
            else:
                raise AssertionError("the disk was never full")
            filler.unlink()
            if database.postmaster() is None:
                await asyncio.to_thread(database.start_again)
            for number in range(tried + 1):
                async with asyncio.timeout(120):
                    while not await spend(ctx, number):  # noqa: ASYNC110 - nothing tells of it
                        await asyncio.sleep(0.5)
            [row] = await ctx.db.rows("SELECT count(*) AS n FROM coinpurse.acts WHERE kind = 'charge'")
            assert row["n"] == (tried + 1) * BATCH
            assert (await wallets.balance(ctx, WHO, "ann")).available == 10**6 - row["n"]
            assert await verify(ctx) == []
    finally:
        await asyncio.to_thread(database.kill_all)
