"""Answers as JSON: values of the domain as they are, instants as RFC 3339 in UTC.

Instants end in `Z` and have a fraction, of six digits, only where there are microseconds.
"""

from dataclasses import fields
from typing import Any

import msgspec
from starlette.responses import Response

from coinpurse.api.fields import show_cursor
from coinpurse.domain.credits import Charge, Grant, Hold, Reversal, Subscription, SubscriptionChange

encode = msgspec.json.Encoder().encode


#: What is written of the answers that know whether they are a replay: a header says that, not the body.
_MEMBERS = {
    kind: tuple(field.name for field in fields(kind) if field.name != "replayed")
    for kind in (Charge, Hold, Reversal, Grant, Subscription)
}


def plain(value: Any) -> Any:
    """What goes into the body: without `replayed`, and a subscription with the balance beside its fields."""
    if isinstance(value, SubscriptionChange):
        return {**_chosen(value.subscription, _MEMBERS[Subscription]), "balance": value.balance}
    members = _MEMBERS.get(type(value))
    return value if members is None else _chosen(value, members)


def _chosen(value: Any, members: tuple[str, ...]) -> dict[str, Any]:
    return {name: plain(getattr(value, name)) for name in members}


def answer(value: Any, status: int = 200) -> Response:
    """The answer to a request, marked where it is the first answer again (S8)."""
    response = Response(encode(plain(value)), status, media_type="application/json")
    if getattr(value, "replayed", False):
        response.headers["Idempotent-Replayed"] = "true"
    return response


def listing(values: list[Any], next_cursor: str | None = None) -> Response:
    """A list, or a page of one."""
    return answer({"data": [plain(value) for value in values], "next_cursor": show_cursor(next_cursor)})
