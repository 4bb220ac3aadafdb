"""The payment providers that a process has, from its settings."""

from pathlib import Path

from coinpurse.settings import Settings
from coinpurse.wiring import open_context

SECRET = {"COINPURSE_STRIPE_WEBHOOK_SECRET": "whsec_1"}


async def test_stripe_is_there_when_it_is_set_up(database_url: str, tmp_path: Path) -> None:
    """With a secret it can be told, with a key it can be asked; with neither it isn't there."""
    base = {"COINPURSE_DATABASE_URL": database_url, "COINPURSE_HOME": str(tmp_path)}
    for more, expected in (({}, []), (SECRET, [False]), ({"COINPURSE_STRIPE_API_KEY": "sk_test_1"}, [True])):
        async with open_context(Settings.from_env({**base, **more}), size=1) as ctx:
            assert [provider.can_ask for provider in ctx.providers.values()] == expected
            assert all(name == provider.name for name, provider in ctx.providers.items())
