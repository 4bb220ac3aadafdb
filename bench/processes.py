"""How much of the processor's time was used: by this process, the server, and PostgreSQL on this machine.

On a machine that does other things too, this says more than rates do.
"""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from coinpurse.app.context import Context


@dataclass
class Reading:
    """What Python (clients and server) used, and each process of PostgreSQL."""

    python: float
    databases: dict[int, float]

    def since(self, before: "Reading") -> tuple[float, float]:
        """What was used since another reading, by Python and by PostgreSQL's processes that still live."""
        used = (now - before.databases.get(pid, 0.0) for pid, now in self.databases.items())
        return self.python - before.python, sum(used)


class Meter:
    """Seconds of processor time used so far."""

    def __init__(self, postmaster: psutil.Process | None) -> None:
        self._postmaster = postmaster
        self._servers: list[psutil.Process] = []

    @classmethod
    async def on(cls, ctx: Context) -> "Meter":
        """Of the PostgreSQL that is in use, if it runs here and may be looked at."""
        rows = await ctx.db.rows("SELECT current_setting('data_directory') AS folder")
        return cls(_postmaster(rows[0]["folder"]))

    def also(self, pid: int) -> None:
        """Count a server's process and its children too."""
        self._servers.append(psutil.Process(pid))

    def read(self) -> "Reading":
        """What was used until now."""
        servers = [each for one in self._servers for each in family(one)]
        databases = self._postmaster.children() if self._postmaster else []
        return Reading(
            time.process_time() + sum(used(each) for each in servers),
            {each.pid: used(each) for each in databases},
        )


def _postmaster(folder: str) -> psutil.Process | None:
    try:
        return psutil.Process(int(Path(folder, "postmaster.pid").read_text("utf-8").split()[0]))
    except (OSError, psutil.Error):
        return None


def family(process: psutil.Process) -> list[psutil.Process]:
    """A process and all that it has started."""
    return [process, *process.children(recursive=True)]


def used(process: psutil.Process) -> float:
    """Seconds of the processor's time that a process has used."""
    try:
        if sys.platform == "linux":  # to the nanosecond; the portable way has hundredths of a second
            return sum(int(path.read_text("ascii").split()[0]) for path in _threads(process.pid)) / 1e9
        return sum(process.cpu_times()[:2])
    except (OSError, psutil.Error):  # it has ended
        return 0.0


def _threads(pid: int) -> list[Path]:
    folder = Path(f"/proc/{pid}/task")
    return [folder / name / "schedstat" for name in os.listdir(folder)]
