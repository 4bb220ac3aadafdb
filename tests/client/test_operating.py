"""What operators ask of the library, in both ways."""

from collections.abc import AsyncIterator

import pytest

from coinpurse import Coinpurse
from coinpurse.domain.errors import Conflict, NotFound
from serving import answer, invoke


@pytest.fixture(params=["in process", "over HTTP"])
async def admin(request: pytest.FixtureRequest, module_database_url: str) -> AsyncIterator[Coinpurse]:
    """A purse that may do everything, on the test side over HTTP."""
    if request.param == "over HTTP":
        arguments = ("keys", "create", "--scope", "admin", "--test")
        key = answer(*arguments, COINPURSE_DATABASE_URL=module_database_url)["key"]
        purse = Coinpurse(request.getfixturevalue("server_and_key")[0], key)
    else:
        purse = Coinpurse(module_database_url)
    async with purse:
        yield purse


async def test_endpoints(admin: Coinpurse) -> None:
    """Endpoints are made, listed, rotated, pinged and removed."""
    made = await admin.create_endpoint("https://nobody.invalid/hook", types=["credits.low"], test=True)
    assert made.id in [one.id for one in await admin.endpoints()]
    assert (await admin.rotate_endpoint(made.id)).secret != made.secret
    assert not (await admin.ping_endpoint(made.id)).delivered
    assert (await admin.enable_endpoint(made.id)).disabled_at is None
    assert (await admin.deliveries(state="waiting")).data == []
    with pytest.raises(NotFound):
        await admin.retry_delivery("de_x")
    assert (await admin.remove_endpoint(made.id)).url == made.url
    with pytest.raises(NotFound):
        await admin.remove_endpoint(made.id)


async def test_automatic_top_up(admin: Coinpurse) -> None:
    """What can't be set is refused, and what isn't there isn't found."""
    await admin.put_account("ann")
    with pytest.raises(Conflict, match="no card on file"):
        await admin.put_auto_topup("ann", pack="small", below=100, most_per_month=2)
    with pytest.raises(NotFound):
        await admin.get_auto_topup("ann")
    with pytest.raises(NotFound):
        await admin.remove_auto_topup("ann")


def test_on_the_command_line(database_url: str) -> None:
    """`coinpurse endpoints` adds, lists and removes."""
    env = {"COINPURSE_DATABASE_URL": database_url}
    added = invoke("endpoints", "add", "https://app.example/hook", **env)
    assert added.output.startswith("whsec_")
    listed = invoke("endpoints", "list", **env).output
    id = listed.split()[0]
    assert "all events" in listed
    assert "is removed" in invoke("endpoints", "remove", id, **env).output
    assert "No endpoints" in invoke("endpoints", "list", **env).output
