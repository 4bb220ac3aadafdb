"""The real engine, one for all lives of a server."""

from collections.abc import Iterator

import pytest

from stories import purse


@pytest.fixture(scope="module")
def engine(module_database_url: str) -> Iterator[purse.Engine]:
    """The engine on a database of this module's own."""
    with purse.opened(module_database_url) as opened:
        yield opened
