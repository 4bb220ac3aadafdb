"""The blocking twin."""

import contextlib
import importlib.util
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from coinpurse import InsufficientCredits
from coinpurse.domain import errors
from coinpurse.sync import Coinpurse

ROOT = Path(__file__).parents[2]


@pytest.fixture
def purse(database_url: str) -> Iterator[Coinpurse]:
    """An open blocking purse whose account `ann` has 100 credits."""
    with Coinpurse(database_url) as purse:
        purse.put_account("ann")
        purse.grant("ann", 100, reason="bought")
        yield purse


def test_twin_is_up_to_date() -> None:
    """The blocking twin is what the script makes of the async one: python scripts/make_sync.py."""
    spec = importlib.util.spec_from_file_location("make_sync", ROOT / "scripts" / "make_sync.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for source, (target, _) in module.PARTS.items():
        assert (module.CLIENT / target).read_text("utf-8") == module.generate(source)


def test_calls(purse: Coinpurse) -> None:
    """Calls answer and refuse as the async ones do."""
    assert purse.charge("ann", 7, key="job").balance.available == 93
    with pytest.raises(InsufficientCredits) as refused:
        purse.charge("ann", 94)
    assert refused.value.shortfall == 1


def test_hold_around_work(purse: Coinpurse) -> None:
    """H1-H3: captured on success, released on an exception."""
    with purse.hold("ann", 10) as hold:
        assert purse.balance("ann").held == hold.amount == 10
    with pytest.raises(ZeroDivisionError), purse.hold("ann", 10):
        1 / 0  # noqa: B018
    assert (purse.get_hold(hold.id).status, purse.balance("ann").available) == ("captured", 90)


def test_hold_without_a_block(purse: Coinpurse) -> None:
    """A hold is made at once, and is a Hold to be ended by hand."""
    hold = purse.hold("ann", 10)
    assert purse.release(hold.id).status == "released"
    with pytest.raises(errors.HoldClosed):
        purse.capture(hold.id)


def test_many_threads(purse: Coinpurse) -> None:
    """S7: threads share one purse, and no credit is spent twice."""
    made: list[int] = []

    def charge() -> None:
        with contextlib.suppress(InsufficientCredits):
            made.append(purse.charge("ann", 10).amount)

    threads = [threading.Thread(target=charge) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [10] * 10
    assert purse.balance("ann").available == 0


def test_not_open(database_url: str) -> None:
    """A purse that is not open, or not any more, says so; it can be opened again."""
    purse = Coinpurse(database_url)
    with pytest.raises(RuntimeError, match="not open"):
        purse.balance("ann")
    purse.open().close()
    with pytest.raises(RuntimeError, match="not open"):
        purse.balance("ann")


def test_unreachable_database() -> None:
    """What fails to open leaves no thread behind."""
    with pytest.raises(errors.Unavailable):
        Coinpurse("postgresql://127.0.0.1:1/nothing").open()
    assert not [thread for thread in threading.enumerate() if thread.name == "coinpurse"]


def test_fork(purse: Coinpurse) -> None:
    """A process that was forked from ours is told to open a purse of its own; it would wait for ever."""
    child = os.fork()
    if child == 0:
        try:
            purse.balance("ann")
        except RuntimeError as error:
            os._exit(0 if "fork" in str(error) else 1)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
