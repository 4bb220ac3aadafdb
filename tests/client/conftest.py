"""The library in both ways: in process, and over HTTP to a real server."""

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest

from coinpurse import Coinpurse
from serving import answer, serving

SCOPES = ("read", "spend", "grant", "support")
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server_and_key(module_database_url: str) -> Iterator[tuple[str, str]]:
    """The address of a running server, and a test key for it."""
    scopes = [word for scope in SCOPES for word in ("--scope", scope)]
    key = answer("keys", "create", *scopes, "--test", COINPURSE_DATABASE_URL=module_database_url)["key"]
    with serving(COINPURSE_DATABASE_URL=module_database_url) as url:
        yield url, key


@pytest.fixture(params=["in process", "over HTTP"])
async def purse(request: pytest.FixtureRequest, module_database_url: str) -> AsyncIterator[Coinpurse]:
    """An open purse."""
    if request.param == "over HTTP":
        url, key = request.getfixturevalue("server_and_key")
        purse = Coinpurse(url, key)
    else:
        purse = Coinpurse(module_database_url)
    async with purse:
        yield purse


@pytest.fixture
async def ann(purse: Coinpurse) -> str:
    """An account with 1,000 monthly and 500 add-on credits."""
    name = f"ann/{next(_numbers)}"
    await purse.put_account(name, name="Ann")
    await purse.subscribe(name, plan="starter")
    await purse.grant(name, 500, reason="bought")
    return name
