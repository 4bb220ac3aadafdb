"""Identifiers: whose thing it is, and which of the account's acts made it, in one text.

`ch_<32 hex digits of the account>_<act>`: no look-up table, no random index, and any call that names a
thing names its account.
"""

import hashlib
import re
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from coinpurse.domain.errors import NotFound

_ID = re.compile(r"(ch|ho|gr|re|su)_([0-9a-f]{32})_([1-9][0-9]{0,17})")
_NAMES = {"ch": "charge", "ho": "hold", "gr": "grant", "re": "reversal", "su": "subscription"}


class Ref(NamedTuple):
    """What an identifier says: the account's digest, and the number of the act."""

    account: UUID
    act: int


class Digest(UUID):
    """A UUID with its forms at hand, which a plain one works out anew each time it is asked."""

    __slots__ = ("bytes", "hex")

    def __init__(self, packed: bytes) -> None:
        super().__init__(bytes=packed)
        object.__setattr__(self, "bytes", packed)
        object.__setattr__(self, "hex", packed.hex())


@lru_cache(200_000, typed=True)
def account_digest(account: str, test: bool) -> UUID:
    """The number under which an account is kept: half of the SHA-256 of its mode and name. Test and live
    accounts of one name differ."""
    return Digest(_half(f"{'test' if test else 'live'}:{account}"))


def key_digest(key: str) -> bytes:
    """The number under which an idempotency key is kept, as 16 bytes: half of its SHA-256."""
    return _half(key)


def _half(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]


def make_id(prefix: str, account: UUID, act: int) -> str:
    """The identifier of what act `act` of an account made; `prefix` is ch, ho, gr, re or su."""
    return f"{prefix}_{account.hex}_{act}"


def parse_id(prefix: str, text: str) -> Ref:
    """What an identifier says. NotFound when it is not one of this kind."""
    match = _ID.fullmatch(text)
    if not match or match[1] != prefix:
        raise NotFound(f"There is no {_NAMES[prefix]} {text!r}. Its identifier begins with '{prefix}_'.")
    return Ref(UUID(match[2]), int(match[3]))
