"""The simulator as a program of its own."""

import socket
import subprocess
import sys
import time

import httpx

from simulator.conftest import SECRET, Receiver


def test_it_runs_by_itself_and_keeps_time() -> None:
    """`python -m coinpurse.simulator` serves the API, delivers to its webhook, and its clock can tick."""
    receiver = Receiver()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "coinpurse.simulator", "--port", str(port), "--seed", "7", "--ticking"]
    process = subprocess.Popen(
        [*command, "--webhook", receiver.url, "--secret", SECRET], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        assert SECRET in process.stdout.readline()
        address = process.stdout.readline().split(" at ")[1].split(";")[0]
        transport = httpx.HTTPTransport(retries=5)
        with httpx.Client(transport=transport, headers={"Authorization": "Bearer sk_test_1"}) as client:
            before = client.get(f"{address}/_control/state").json()["now"]
            client.post(f"{address}/v1/customers", data={"email": "ada@example.com"}).raise_for_status()
            receiver.wait("customer.created")
            for _ in range(100):
                time.sleep(0.05)
                if client.get(f"{address}/_control/state").json()["now"] > before:
                    return
        raise AssertionError("its clock stands still")
    finally:
        process.terminate()
        process.wait(10)
        receiver.close()
