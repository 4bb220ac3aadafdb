"""What every function of the app layer is given first."""

import hashlib
import os
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from coinpurse.domain.catalog import Catalog
from coinpurse.domain.credits import MAX_AMOUNT
from coinpurse.domain.errors import Invalid
from coinpurse.domain.ids import key_digest
from coinpurse.domain.ports import Providers
from coinpurse.domain.values import Value
from coinpurse.settings import Settings
from coinpurse.store.captures import Captures
from coinpurse.store.db import Database
from coinpurse.store.directory import Directory
from coinpurse.store.spending import Spending
from coinpurse.store.standing import Standings
from coinpurse.store.terms import KnownTerms


@dataclass(frozen=True)
class Context:
    """The database, the catalog in force, the settings, and the payment providers that are configured."""

    db: Database
    catalog: Catalog
    settings: Settings
    providers: Providers = field(default_factory=dict)
    spending: Spending = field(init=False)
    captures: Captures = field(init=False)
    standings: Standings = field(init=False)
    directory: Directory = field(init=False)

    def __post_init__(self) -> None:
        terms, top_up = KnownTerms(self.db), f"{self.settings.public_url}/subscriptions"
        object.__setattr__(self, "spending", Spending(self.db, terms, top_up))
        object.__setattr__(self, "captures", Captures(self.db, terms, top_up))
        object.__setattr__(self, "standings", Standings(self.db, terms))
        object.__setattr__(self, "directory", Directory(self.db))


class Who(Value):
    """Who asks. `test` says which accounts they may touch: True test accounts, False live ones, None any
    (live first)."""

    actor: str
    test: bool | None = None


def key_and_fingerprint(key: str | None, *request: Any) -> dict[str, Any]:
    """The two arguments that make an act safe to repeat (S8)."""
    return {"key": UUID(bytes=packed_key(key)), "fingerprint": fingerprint(*request)}


def packed_key(key: str | None) -> bytes:
    """An idempotency key as it is kept. Without one an act gets one of its own, so that our own repetitions
    are safe."""
    if key is None:
        return os.urandom(16)
    if not 1 <= len(key) <= 255:
        raise Invalid.at("/idempotency_key", "An idempotency key has 1 to 255 characters.")
    return key_digest(key)


def fingerprint(*request: Any) -> int:
    """What tells a request from others with its key: it covers the kind of act and all that was asked for."""
    try:
        return _fingerprint(*request)
    except TypeError:  # what is asked for has metadata, and can't be looked up
        return _fingerprint.__wrapped__(*request)


@lru_cache(10_000, typed=True)  # most apps ask for few different things
def _fingerprint(*request: Any) -> int:
    text = msgspec.json.encode(request, order="deterministic")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big", signed=True)


def check_amount(amount: Any, pointer: str = "/amount", least: int = 0) -> int:
    """An amount of credits: a whole number from `least` to MAX_AMOUNT (S6)."""
    if not isinstance(amount, int) or isinstance(amount, bool) or not least <= amount <= MAX_AMOUNT:
        raise Invalid.at(pointer, f"It must be a whole number from {least} to {MAX_AMOUNT:,}.")
    return amount


def priced(
    ctx: Context, amount: int | None, operation: str | None, quantity: int | None
) -> tuple[int, int | None]:
    """What is asked for, in credits, and the quantity: either an amount or an operation that the rate card
    prices (S5)."""
    if (amount is None) == (operation is None):
        raise Invalid.at("/amount", "Name either an amount, or an operation (with a quantity), not both.")
    if operation is None:
        if quantity is not None:
            raise Invalid.at("/quantity", "A quantity goes with an operation.")
        return check_amount(amount), None
    quantity = 1 if quantity is None else quantity
    return ctx.catalog.price_of(operation, quantity), quantity


def details(member: str | None, metadata: dict[str, Any] | None) -> dict[str, Any] | None:
    """What a charge carries along without meaning to us."""
    if member is None and metadata is None:
        return None
    check_text(member, "/member")
    check_metadata(metadata)
    found = {"member": member, "metadata": metadata}
    return {name: value for name, value in found.items() if value is not None} or None


def check_text(text: Any, pointer: str) -> None:
    """Text that can be kept: PostgreSQL has no NUL character."""
    if text is not None and (not isinstance(text, str) or "\0" in text):
        raise Invalid.at(pointer, "It must be text without NUL characters.")


def check_metadata(metadata: Any) -> None:
    """Metadata that can be kept: an object of what JSON knows, without NUL characters."""
    try:
        kept = msgspec.json.encode(metadata)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Invalid.at("/metadata", f"It must be a plain JSON object: {error}") from error
    if (metadata is not None and not isinstance(metadata, dict)) or b"\\u0000" in kept:
        raise Invalid.at("/metadata", "It must be a JSON object without NUL characters.")
