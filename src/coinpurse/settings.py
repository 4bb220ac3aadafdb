"""Where things are, from the environment. Nothing else reads environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import platformdirs

DEFAULT_CATALOG = Path(__file__).with_name("default_catalog.toml")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the database, the kept files and the catalog are.

    `database_url` is None when the embedded PostgreSQL under `home` is to be used. `public_url` is where
    customers'
    browsers reach this Coinpurse: checkouts and top-up links begin with it.
    """

    database_url: str | None
    home: Path
    catalog: Path
    public_url: str = "http://127.0.0.1:8080"

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Self:
        """Read COINPURSE_DATABASE_URL, COINPURSE_HOME and COINPURSE_CATALOG; unset and empty mean the
        default."""
        home = env.get("COINPURSE_HOME")
        catalog = env.get("COINPURSE_CATALOG")
        return cls(
            database_url=env.get("COINPURSE_DATABASE_URL") or None,
            home=_absolute(home) if home else platformdirs.user_data_path("coinpurse", appauthor=False),
            catalog=_absolute(catalog) if catalog else _default_catalog(),
            public_url=(env.get("COINPURSE_PUBLIC_URL") or "http://127.0.0.1:8080").rstrip("/"),
        )


def _absolute(path: str) -> Path:
    return Path(path).expanduser().absolute()


def _default_catalog() -> Path:
    """Prefer a catalog in the working folder, as `coinpurse` run inside an app's repository expects."""
    local = Path("coinpurse.toml").absolute()
    return local if local.is_file() else DEFAULT_CATALOG
