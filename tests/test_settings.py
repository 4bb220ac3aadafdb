"""Where things are: the environment variables and their defaults."""

from pathlib import Path

import pytest

from coinpurse.settings import DEFAULT_CATALOG, ProviderSettings, Settings


def test_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing set: the embedded database, in the user's data folder, and the packaged catalog."""
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_env({"COINPURSE_DATABASE_URL": ""})
    assert settings.database_url is None
    assert settings.home.name == "coinpurse"
    assert settings.home.is_absolute()
    assert settings.catalog == DEFAULT_CATALOG


def test_catalog_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A coinpurse.toml in the working folder comes before the packaged catalog."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "coinpurse.toml").touch()
    assert Settings.from_env({}).catalog == tmp_path / "coinpurse.toml"


def test_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set is used; paths are taken from the working folder and `~` is the user's own."""
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_env(
        {"COINPURSE_DATABASE_URL": "postgresql://db", "COINPURSE_HOME": "~/x", "COINPURSE_CATALOG": "c.toml"}
    )
    assert settings == Settings("postgresql://db", Path.home() / "x", tmp_path / "c.toml")


def test_what_the_api_may_be_told() -> None:
    """Origins are separated by blanks or commas; the rate is requests per second."""
    settings = Settings.from_env(
        {"COINPURSE_ALLOWED_ORIGINS": "https://a.example, https://b.example", "COINPURSE_RATE_LIMIT": "2.5"}
    )
    assert settings.allowed_origins == ("https://a.example", "https://b.example")
    assert settings.rate_limit == 2.5
    assert (Settings.from_env({}).allowed_origins, Settings.from_env({}).rate_limit) == ((), 0)


@pytest.mark.parametrize("rate", ["fast", "-1", "nan", "inf"])
def test_a_rate_that_is_no_number_is_refused(rate: str) -> None:
    """A limit that is misspelt must not silently be none."""
    with pytest.raises(ValueError, match="COINPURSE_RATE_LIMIT"):
        Settings.from_env({"COINPURSE_RATE_LIMIT": rate})


def test_how_the_pages_speak_of_the_app() -> None:
    """The app's name, address, help and colours are the app's own."""
    settings = Settings.from_env(
        {
            "COINPURSE_APP_NAME": "Kreator",
            "COINPURSE_APP_URL": "https://kreator.example",
            "COINPURSE_SUPPORT": "write to help@kreator.example",
            "COINPURSE_STYLESHEET": "/kreator.css",
        }
    )
    assert settings.app_name == "Kreator"
    assert settings.app_url == "https://kreator.example"
    assert settings.support == "write to help@kreator.example"
    assert settings.stylesheet == "/kreator.css"
    assert Settings.from_env({}).app_name == "Coinpurse"


def test_a_payment_provider_is_set_up_by_its_secrets() -> None:
    """Several webhook secrets can be named, so that one can be replaced; nothing set is not configured."""
    settings = Settings.from_env(
        {
            "COINPURSE_STRIPE_API_KEY": "sk_test_1",
            "COINPURSE_STRIPE_WEBHOOK_SECRET": "whsec_a, whsec_b",
            "COINPURSE_STRIPE_API_BASE": "http://127.0.0.1:12111",
            "COINPURSE_STRIPE_FINALIZE": "yes",
        }
    )
    assert settings.stripe == ProviderSettings(
        "sk_test_1", ("whsec_a", "whsec_b"), "http://127.0.0.1:12111", True
    )
    assert settings.stripe.configured
    assert not Settings.from_env({}).stripe.configured


def test_secrets_are_not_printed() -> None:
    """Settings end up in logs and error reports."""
    env = {"COINPURSE_STRIPE_API_KEY": "sk_secret", "COINPURSE_STRIPE_WEBHOOK_SECRET": "whsec_secret"}
    assert "secret" not in repr(Settings.from_env(env)).replace("webhook_secrets", "")


def test_yes_or_no() -> None:
    """A word that is neither must not silently be no."""
    with pytest.raises(ValueError, match="COINPURSE_STRIPE_FINALIZE"):
        Settings.from_env({"COINPURSE_STRIPE_FINALIZE": "maybe"})


def test_staff_settings() -> None:
    """Limits are changed role by role, and an issuer needs a client; its secret isn't shown."""
    said = {
        "COINPURSE_STAFF_LIMITS": "agent=5, lead=50",
        "COINPURSE_OIDC_ISSUER": "https://login.test/",
        "COINPURSE_OIDC_CLIENT_ID": "purse",
        "COINPURSE_OIDC_CLIENT_SECRET": "hush",
    }
    chosen = Settings.from_env(said).staff
    assert chosen.limits == {"viewer": 0, "agent": 5, "lead": 50, "admin": 100_000}
    assert (chosen.issuer, chosen.client_id) == ("https://login.test", "purse")
    assert "hush" not in repr(chosen)
    with pytest.raises(ValueError, match="CLIENT_ID"):
        Settings.from_env({"COINPURSE_OIDC_ISSUER": "https://login.test"})


@pytest.mark.parametrize("limits", ["agent", "agent=", "agent=-1", "agent=many", "king=5", "agent=1.5"])
def test_staff_limits_that_make_no_sense_are_refused(limits: str) -> None:
    """A limit that is misspelt must not silently be another."""
    with pytest.raises(ValueError, match="COINPURSE_STAFF_LIMITS"):
        Settings.from_env({"COINPURSE_STAFF_LIMITS": limits})
