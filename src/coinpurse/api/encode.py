"""Answers as JSON: values of the domain as they are, instants as RFC 3339 in UTC.

Instants end in `Z` and have a fraction, of six digits, only where there are microseconds.
"""

from typing import Any

import msgspec
from msgspec.structs import asdict
from starlette.responses import Response

from coinpurse.api.fields import show_cursor
from coinpurse.domain.credits import Charge, Grant, Hold, Reversal, SubscriptionChange

encode = msgspec.json.Encoder().encode


def plain(value: Any) -> Any:
    """What goes into the body: without `replayed`, which a header says, and a subscription with the balance
    beside its fields."""
    if isinstance(value, SubscriptionChange):
        return {**asdict(value.subscription), "balance": value.balance}
    if not isinstance(value, Charge | Hold | Reversal | Grant):
        return value
    members = asdict(value)
    del members["replayed"]
    if isinstance(value, Hold):
        members["charge"] = plain(value.charge)
    return members


class Json(Response):
    """A whole answer of JSON, whose headers need no working out."""

    def __init__(self, body: bytes, status: int, media_type: bytes = b"application/json") -> None:
        self.body, self.status_code, self.background = body, status, None
        self.raw_headers = [(b"content-length", b"%d" % len(body)), (b"content-type", media_type)]


def answer(value: Any, status: int = 200) -> Json:
    """The answer to a request, marked where it is the first answer again (S8)."""
    response = Json(encode(plain(value)), status)
    if getattr(value, "replayed", False):
        response.raw_headers.append((b"idempotent-replayed", b"true"))
    return response


def listing(values: list[Any], next_cursor: str | None = None) -> Json:
    """A list, or a page of one."""
    return answer({"data": [plain(value) for value in values], "next_cursor": show_cursor(next_cursor)})
