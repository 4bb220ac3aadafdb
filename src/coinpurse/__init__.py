"""Coinpurse: the credit system for AI apps, on PostgreSQL.

    from coinpurse import Coinpurse

`coinpurse.sync` has the same, blocking.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from coinpurse.app.wallets import ChargeRequest as ChargeRequest
    from coinpurse.client.purse import Coinpurse as Coinpurse
    from coinpurse.domain.errors import CoinpurseError as CoinpurseError
    from coinpurse.domain.errors import CreditsHeld as CreditsHeld
    from coinpurse.domain.errors import InsufficientCredits as InsufficientCredits

_HOMES = {
    "ChargeRequest": "coinpurse.app.wallets",
    "Coinpurse": "coinpurse.client.purse",
    "CoinpurseError": "coinpurse.domain.errors",
    "CreditsHeld": "coinpurse.domain.errors",
    "InsufficientCredits": "coinpurse.domain.errors",
}
__all__ = [
    "ChargeRequest",
    "Coinpurse",
    "CoinpurseError",
    "CreditsHeld",
    "InsufficientCredits",
    "__version__",
]


def __getattr__(name: str) -> Any:
    # Only who uses the library pays for loading it: the command line and the domain import this package too.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
