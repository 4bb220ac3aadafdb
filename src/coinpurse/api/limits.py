"""How much one caller may send at once: bytes per body, requests per second."""

import math
import time
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request

from coinpurse.api.problems import BodyTooLarge, RateLimited

MAX_BODY_BYTES = 1024 * 1024


async def read_body(request: Request) -> bytes:
    """The whole body, or a refusal as soon as it is known to be larger than 1 MiB."""
    if _announced(request) > MAX_BODY_BYTES:
        raise _too_large()
    body, more = b"", True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
        more = message.get("more_body", False)
    return body


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(f"A body may have {MAX_BODY_BYTES} bytes. Send less at once.", limit=MAX_BODY_BYTES)


class Bucket:
    """So many requests a second for each key, and as many at once; counted by each server process on its own.

    `per_second` of 0 means no limit.
    """

    def __init__(self, per_second: float, now: Callable[[], float] = time.monotonic) -> None:
        self.per_second, self.now = per_second, now
        self.size = max(1.0, per_second)
        self.levels: dict[str, tuple[float, float]] = {}

    def take(self, who: str) -> None:
        """Count one request of `who`, or raise RateLimited with the seconds to wait."""
        if self.per_second <= 0:
            return
        now = self.now()
        level, since = self.levels.get(who, (self.size, now))
        level = min(self.size, level + (now - since) * self.per_second)
        if level < 1:
            wait = max(1, math.ceil((1 - level) / self.per_second))
            raise RateLimited(
                f"This key may make {self.per_second:g} requests a second. Wait {wait} s.", retry_after=wait
            )
        self.levels[who] = (level - 1, now)
