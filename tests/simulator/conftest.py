"""A shop for each test, and a served one for those that look from outside."""

import http.server
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import stripe
import uvicorn

from coinpurse.simulator.server import create_app
from simulator.shop import Shop

SECRET = "whsec_outside"


@pytest.fixture
def shop() -> Shop:
    """A shop in this process."""
    return Shop()


@pytest.fixture(scope="session")
def recorded() -> Path:
    """Where the recorded objects of the real provider are."""
    beside = Path(__file__).parents[2] / "../shared/fixtures"
    upper = Path(__file__).parents[2] / "../../shared/fixtures"
    for path in (os.environ.get("COINPURSE_FIXTURES"), beside, upper):
        if path and Path(path).is_dir():
            return Path(path)
    pytest.skip("there are no recorded objects beside this checkout (COINPURSE_FIXTURES)")


class Receiver:
    """A webhook endpoint that believes nothing unsigned, with the official library's eyes."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.refused: list[str] = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(receiver.take(body, self.headers["Stripe-Signature"]))
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def take(self, body: bytes, signature: str) -> int:
        """Keeps an event that is signed."""
        try:
            self.events.append(stripe.Webhook.construct_event(body, signature, SECRET))
        except stripe.SignatureVerificationError as error:
            self.refused.append(str(error))
            return 400
        return 200

    def wait(self, kind: str) -> Any:
        """The object of the first event of a type, waited for."""
        for _ in range(200):
            for event in list(self.events):
                if event.type == kind:
                    return event.data.object
            time.sleep(0.02)
        raise AssertionError(f"{kind} did not come; there were {[e.type for e in self.events]}")

    def close(self) -> None:
        """Stops listening."""
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def served(shop: Shop) -> Iterator[str]:
    """The shop's simulator on a port of the loopback."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    shop.sim.world.base_url = address
    server = uvicorn.Server(uvicorn.Config(create_app(shop.sim), log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield address
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


class Outside:
    """The simulator as a program sees it that only has its address: the official library and a receiver."""

    def __init__(self, shop: Shop, address: str) -> None:
        self.shop = shop
        self.address = address
        self.receiver = Receiver()
        for endpoint in shop.get("/v1/webhook_endpoints")["data"]:
            shop.call("DELETE", f"/v1/webhook_endpoints/{endpoint['id']}")
        shop.sim.listen(self.receiver.url, SECRET)
        self.stripe = stripe.StripeClient(
            "sk_test_simulated", base_addresses={"api": address}, max_network_retries=0
        )


@pytest.fixture
def outside() -> Iterator[Outside]:
    """A served shop, the official library pointed at it, and an endpoint that is told of its events."""
    shop = Shop()
    with served(shop) as address:
        world = Outside(shop, address)
        yield world
        world.receiver.close()
