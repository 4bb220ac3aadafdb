"""Stripe's place in these tests: the simulator over HTTP, which can be down or hold its answers."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from coinpurse.simulator import Delivery
from simulator.shop import Shop

CATALOG = """
[plans.starter]
name = "Starter"
monthly_credits = 1000
prices.month = { amount = "19.00", currency = "usd", stripe = "price_starter" }
prices.year = { amount = "190.00", currency = "usd", stripe = "price_starter_year" }
[plans.pro]
name = "Pro"
monthly_credits = 3000
prices.month = { amount = "49.00", currency = "usd", stripe = "price_pro" }
[packs.small]
name = "500 credits"
credits = 500
price = { amount = "5.00", currency = "usd", stripe = "price_pack" }
"""
SECRET = "whsec_shop"


@dataclass
class Place:
    """A shop at the simulator, and how its API behaves. `held` counts requests that wait for their answer."""

    shop: Shop
    url: str = ""
    down: bool = False
    gate: threading.Event = field(default_factory=threading.Event)
    held: int = 0
    asked: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any, bytes]:
        """What to say to a request."""
        self.asked.append(f"{method} {path.partition('?')[0]}")
        self.held += 1
        self.gate.wait(60)
        self.held -= 1
        if self.down:
            return 503, {"Content-Type": "application/json"}, b'{"error": {"type": "api_error"}}'
        return self.shop.sim.handle(method, path, headers, body)

    async def is_asked(self, times: int = 1) -> bool:
        """Whether so many requests wait for their answer."""
        return self.held >= times

    def deliveries(self, *types: str) -> list[Delivery]:
        """What the simulator has to say by now, or only some types of it."""
        found = list(self.shop.sim.outbox)
        return [delivery for delivery in found if not types or delivery.type in types]

    def buys(self, account: str | None = "ann") -> None:
        """Somebody pays for a pack."""
        named: Any = {"metadata": {"coinpurse_account": account}} if account else {}
        self.shop.pay(self.shop.checkout(**named))

    def subscribes(self, account: str | None = "ann", **more: Any) -> Any:
        """Somebody subscribes and pays for the first month."""
        named: Any = {"metadata": {"coinpurse_account": account}} if account else {}
        return self.shop.subscribe(**named, **more)


def signed(delivery: Delivery, ago: int = 0) -> dict[str, str]:
    """A delivery's headers, signed some seconds ago."""
    return delivery.headers(int(time.time()) - ago)


@contextmanager
def placed() -> Iterator[Place]:
    """The place, on a port of its own. Its calendar begins today."""
    place = Place(Shop(start=datetime.now(UTC).replace(microsecond=0)))
    place.gate.set()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, given, answer = place.answer(self.command, self.path, headers, body)
            with lock:
                self._send(status, given, answer)

        def _send(self, status: int, given: dict[str, str], answer: bytes) -> None:
            try:
                self.send_response(status)
                for name, value in {**given, "Content-Length": str(len(answer))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)
            except OSError:  # who asked is gone
                self.close_connection = True

        do_GET = do_POST = do_DELETE = _do

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    place.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield place
    finally:
        place.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()
