"""From the rows of the outbox to what is sent: events in the shapes of the API."""

from typing import Any
from uuid import UUID

import msgspec

from coinpurse.domain.ids import make_id
from coinpurse.store import shapes
from coinpurse.store.db import instant
from coinpurse.store.shapes import Raw

PREFIXES = {"grant": "gr", "charge": "ch", "reversal": "re"}


def event_id(digest: UUID, act: int, n: int) -> str:
    """The name of an event: the same at every attempt and every endpoint, and never another's."""
    return f"ev_{digest.hex}_{act}_{n}"


def body(row: Raw) -> bytes:
    """What is sent of an event, the same at each attempt: `{id, type, timestamp, data}`."""
    digest = row["account"]
    data = {name: _shown(row["id"], digest, name, value) for name, value in row["data"].items()}
    return msgspec.json.encode(
        {
            "id": event_id(digest, row["act"], row["n"]),
            "type": row["type"],
            "timestamp": row["at"],
            "data": {"account": row["id"], **data},
        }
    )


def _shown(account: str, digest: UUID, name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in PREFIXES:
        return make_id(PREFIXES[name], digest, value)
    if name == "subscription":
        return shapes.subscription(account, digest, value)
    if name == "source":
        return shapes.source(digest, value)
    return instant(value) if name.endswith("_at") else value
