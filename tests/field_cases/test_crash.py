"""Case 4 with real processes: servers that take deliveries are killed in the midst of their work."""

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import servers
from coinpurse.simulator import Delivery
from field_cases.conftest import Opens
from field_cases.scene import shuffled
from lives.town import SECRET
from serving import environment, free_port, wait_until_ready

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.slow,
    pytest.mark.parametrize("server", servers.wanted()[:1], indirect=True),
]


async def test_case_04_killed_servers(opens: Opens, tmp_path: Path) -> None:
    """Three servers in turn take the deliveries and are killed without warning while they work; the provider
    sends again what was not answered. In the end each payment is there once (E1, S7)."""
    scene = await opens(asks=False)
    (tmp_path / "catalog.toml").write_text(scene.town.catalog, "utf-8")
    env = {
        "COINPURSE_DATABASE_URL": scene.ctx.db.conninfo,
        "COINPURSE_CATALOG": str(tmp_path / "catalog.toml"),
        "COINPURSE_STRIPE_WEBHOOK_SECRET": SECRET,
    }
    told = [one for _ in range(4) for one in await scene.buys(pack="small")]
    left = shuffled([*await scene.buys(plan="starter"), *told], 4)
    chance = random.Random(4)
    for _ in range(3):
        with _server(env) as address:
            left = _post(address, left, chance.randint(4, 12))
            await asyncio.sleep(chance.uniform(0, 0.3))
    await scene.lease_ends()
    await scene.hears(left)
    assert await scene.life.buckets() == (1000, 2000)


@contextmanager
def _server(env: dict[str, str]) -> Iterator[str]:
    """A server that is killed when the block is left."""
    port = free_port()
    command = [sys.executable, "-m", "coinpurse", "serve", "--port", str(port)]
    process = subprocess.Popen(
        command, env=environment(**env), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until_ready(process, f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)


def _post(address: str, deliveries: Sequence[Delivery], count: int) -> list[Delivery]:
    """Posts the first few; gives what was not taken."""
    with httpx.Client(base_url=address) as http:
        for one in deliveries[:count]:
            answer = http.post("/v1/webhooks/stripe", content=one.body, headers=one.headers(int(time.time())))
            assert answer.status_code == 200, answer.text
    return list(deliveries[count:])
