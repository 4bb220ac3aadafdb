"""Where things are: the three environment variables and their defaults."""

from pathlib import Path

import pytest

from coinpurse.settings import DEFAULT_CATALOG, Settings


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
