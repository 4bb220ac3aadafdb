"""Where things are, from the environment. Nothing else reads environment variables."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import platformdirs

DEFAULT_CATALOG = Path(__file__).with_name("default_catalog.toml")


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """A payment provider's: the API key (None: it can't be asked), the webhooks' secrets, and another address
    than the provider's own. `finalize` says that drafts of renewals' invoices are finalised by us. Secrets
    are left out of the repr, and so of logs."""

    api_key: str | None = field(default=None, repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    api_base: str | None = None
    finalize: bool = False

    @property
    def configured(self) -> bool:
        """Whether anything can be done with it."""
        return bool(self.api_key or self.webhook_secrets)

    @classmethod
    def from_env(cls, env: Mapping[str, str], name: str) -> Self:
        """Read the variables COINPURSE_NAME_API_KEY, _WEBHOOK_SECRET (several: with blanks or commas between
        them), _API_BASE and _FINALIZE. Raises ValueError."""
        prefix = f"COINPURSE_{name}_"
        return cls(
            api_key=env.get(f"{prefix}API_KEY", "").strip() or None,
            webhook_secrets=tuple(env.get(f"{prefix}WEBHOOK_SECRET", "").replace(",", " ").split()),
            api_base=env.get(f"{prefix}API_BASE", "").strip() or None,
            finalize=_yes(f"{prefix}FINALIZE", env.get(f"{prefix}FINALIZE", "")),
        )


#: Credits that a role may give and take by itself within a day; beyond, a second person decides.
STAFF_LIMITS = {"viewer": 0, "agent": 1_000, "lead": 10_000, "admin": 100_000}


@dataclass(frozen=True, slots=True)
class StaffSettings:
    """The support console's: what each role may give and take within a day, and the OpenID Connect issuer at
    which staff sign in (None: with passwords only). The secret is left out of the repr."""

    limits: Mapping[str, int] = field(default_factory=STAFF_LIMITS.copy)
    issuer: str | None = None
    client_id: str = ""
    client_secret: str = field(default="", repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read COINPURSE_STAFF_LIMITS (such as "agent=500 lead=5000") and COINPURSE_OIDC_ISSUER, _CLIENT_ID
        and _CLIENT_SECRET. Raises ValueError."""
        issuer = env.get("COINPURSE_OIDC_ISSUER", "").strip().rstrip("/") or None
        client_id = env.get("COINPURSE_OIDC_CLIENT_ID", "").strip()
        if issuer and not client_id:
            raise ValueError("COINPURSE_OIDC_ISSUER needs COINPURSE_OIDC_CLIENT_ID beside it.")
        secret = env.get("COINPURSE_OIDC_CLIENT_SECRET", "").strip()
        return cls(_limits(env.get("COINPURSE_STAFF_LIMITS", "")), issuer, client_id, secret)


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the database, the kept files and the catalog are.

    `database_url` is None when the embedded PostgreSQL under `home` is to be used. `public_url` is where
    customers' browsers reach this Coinpurse: checkouts and top-up links begin with it. Pages of
    `allowed_origins` may read balances with session tokens. `rate_limit` is in requests per second for each
    API key and server process; 0 is none. `app_name`, `app_url` and `support` say how the web pages speak
    of the app: its name, where "back" leads, and how to ask for help, as the end of a sentence.
    `stylesheet` is a path on the same origin with the app's own colours. `stripe`, `paddle` and `polar` are
    how to reach those payment providers; `standard` has the secrets of any sender of Standard Webhooks.
    `allow_private_webhooks` lets outgoing events go to addresses within your own network, and unencrypted.
    `staff` is the support console's."""

    database_url: str | None
    home: Path
    catalog: Path
    public_url: str = "http://127.0.0.1:8080"
    allowed_origins: tuple[str, ...] = ()
    rate_limit: float = 0
    app_name: str = "Coinpurse"
    app_url: str = "/"
    support: str = "contact support"
    stylesheet: str | None = None
    stripe: ProviderSettings = ProviderSettings()
    paddle: ProviderSettings = ProviderSettings()
    polar: ProviderSettings = ProviderSettings()
    standard: ProviderSettings = ProviderSettings()
    allow_private_webhooks: bool = False
    staff: StaffSettings = field(default_factory=StaffSettings)

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Self:
        """Read the variables named COINPURSE_… after the fields; unset and empty mean the default. Raises
        ValueError."""
        home = env.get("COINPURSE_HOME")
        catalog = env.get("COINPURSE_CATALOG")
        return cls(
            database_url=env.get("COINPURSE_DATABASE_URL") or None,
            home=_absolute(home) if home else platformdirs.user_data_path("coinpurse", appauthor=False),
            catalog=_absolute(catalog) if catalog else _default_catalog(),
            allowed_origins=tuple(env.get("COINPURSE_ALLOWED_ORIGINS", "").replace(",", " ").split()),
            rate_limit=_rate(env.get("COINPURSE_RATE_LIMIT") or "0"),
            public_url=(env.get("COINPURSE_PUBLIC_URL") or "http://127.0.0.1:8080").rstrip("/"),
            app_name=env.get("COINPURSE_APP_NAME") or "Coinpurse",
            app_url=env.get("COINPURSE_APP_URL") or "/",
            support=env.get("COINPURSE_SUPPORT") or "contact support",
            stylesheet=env.get("COINPURSE_STYLESHEET") or None,
            stripe=ProviderSettings.from_env(env, "STRIPE"),
            paddle=ProviderSettings.from_env(env, "PADDLE"),
            polar=ProviderSettings.from_env(env, "POLAR"),
            standard=ProviderSettings.from_env(env, "STANDARD"),
            allow_private_webhooks=_yes(
                "COINPURSE_ALLOW_PRIVATE_WEBHOOKS", env.get("COINPURSE_ALLOW_PRIVATE_WEBHOOKS", "")
            ),
            staff=StaffSettings.from_env(env),
        )


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1
    if not 0 <= rate < math.inf:
        raise ValueError(
            f"COINPURSE_RATE_LIMIT is requests per second and key, 0 for no limit; not {text!r}."
        )
    return rate


def _limits(text: str) -> dict[str, int]:
    found = dict(STAFF_LIMITS)
    for part in text.replace(",", " ").split():
        role, _, credits = part.partition("=")
        if role not in found or not credits.isdecimal():
            raise ValueError(
                "COINPURSE_STAFF_LIMITS is such as 'agent=500 lead=5000', in credits within a day, for the "
                f"roles {', '.join(found)}; not {part!r}."
            )
        found[role] = int(credits)
    return found


def _yes(name: str, text: str) -> bool:
    if text.lower() not in ("", "yes", "no", "true", "false", "1", "0"):
        raise ValueError(f"{name} is yes or no; not {text!r}.")
    return text.lower() in ("yes", "true", "1")


def _absolute(path: str) -> Path:
    return Path(path).expanduser().absolute()


def _default_catalog() -> Path:
    """Prefer a catalog in the working folder, as `coinpurse` run inside an app's repository expects."""
    local = Path("coinpurse.toml").absolute()
    return local if local.is_file() else DEFAULT_CATALOG
