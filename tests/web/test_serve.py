"""How the demo takes its address."""

import socket

import pytest

from coinpurse.demo import serve


def test_a_taken_port_is_said_in_words() -> None:
    """Somebody else's port is named, with what to do."""
    with serve.listen("127.0.0.1", 0) as mine:
        port = mine.getsockname()[1]
        with pytest.raises(serve.PortTaken, match=rf"Port {port} is in use already.*--port {port + 1}"):
            serve.listen("127.0.0.1", port)


def test_an_address_that_is_not_ours() -> None:
    """An address of another machine is refused in words."""
    with pytest.raises(serve.PortTaken, match=r"192\.0\.2\.1:80 can't be listened on"):
        serve.listen("192.0.2.1", 80)


def test_the_address_for_the_browser() -> None:
    """What is printed can be opened here, also where every network is listened on."""
    with serve.listen("0.0.0.0", 0) as everywhere:
        assert serve.address(everywhere) == f"http://127.0.0.1:{everywhere.getsockname()[1]}"
    if socket.has_ipv6:
        try:
            with serve.listen("::1", 0) as six:
                assert serve.address(six).startswith("http://[::1]:")
        except serve.PortTaken:
            pytest.skip("there is no IPv6 here")
