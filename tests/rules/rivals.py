"""Other processes that charge the same accounts: `python -m rules.rivals URL JOB` and how a test starts
them."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coinpurse.app import wallets
from coinpurse.app.context import Context, Who
from coinpurse.domain.errors import CoinpurseError
from coinpurse.settings import Settings
from coinpurse.wiring import open_context

CATALOG = Path(__file__).with_name("catalog.toml")
WHO = Who("rival", True)


async def start(url: str, job: dict[str, Any]) -> asyncio.subprocess.Process:
    """A process that is connected and waits for `go`. Its job: `account`, `amount`, and either `keys` (one
    charge for each, all at once) or `endless` (one after the other, each key told when it is
    acknowledged)."""
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "rules.rivals",
        url,
        json.dumps(job),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )
    assert await told(process) == "ready"
    return process


async def told(process: asyncio.subprocess.Process) -> Any:
    """The next thing that a rival says."""
    assert process.stdout
    return json.loads(await process.stdout.readline())


def go(process: asyncio.subprocess.Process) -> None:
    """Lets a waiting rival begin."""
    assert process.stdin
    process.stdin.write(b"go\n")


async def race(url: str, jobs: Sequence[dict[str, Any]]) -> list[list[Any]]:
    """What each of several processes was answered that all began at once: per charge its id and whether it
    was a replay, or the code of a refusal."""
    processes = await asyncio.gather(*(start(url, job) for job in jobs))
    for process in processes:
        go(process)
    answers = [await told(process) for process in processes]
    for process in processes:
        await process.wait()
    return answers


async def _one(ctx: Context, job: dict[str, Any], key: str | None) -> Any:
    try:
        made = await wallets.charge(ctx, WHO, job["account"], amount=job["amount"], key=key)
    except CoinpurseError as refused:
        return refused.code
    return [made.id, made.replayed]


def _say(what: Any) -> None:
    print(json.dumps(what), flush=True)


async def _main(url: str, job: dict[str, Any]) -> None:
    async with open_context(Settings(url, Path("/nonexistent"), CATALOG)) as ctx:
        _say("ready")
        sys.stdin.readline()
        if "keys" in job:
            _say(await asyncio.gather(*(_one(ctx, job, key) for key in job["keys"])))
        number = 0
        while job.get("endless"):
            key = f"{job['endless']}-{number}"
            await _one(ctx, job, key)
            _say(key)
            number += 1


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], json.loads(sys.argv[2])))
