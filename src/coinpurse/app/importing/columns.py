"""What the columns of each kind of file mean, and what is wrong with a cell, in words."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from coinpurse.app import plans
from coinpurse.app.accounts import MOST_NAME
from coinpurse.app.context import Context
from coinpurse.domain.credits import MAX_AMOUNT
from coinpurse.domain.money import fault_of_currency
from coinpurse.domain.periods import month_start, period_number

_NUMBER = re.compile(r"[0-9]{1,16}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_PROVIDER = re.compile(r"[a-z][a-z0-9_-]{0,39}")
MOST_TEXT = 500

Values = dict[str, Any]


class Fault(Exception):
    """A cell, or a row, that can't be imported as it is."""

    def __init__(self, column: str | None, detail: str) -> None:
        super().__init__(detail)
        self.column, self.detail = column, detail


def _text(text: str) -> str:
    if len(text) > MOST_TEXT:
        raise ValueError(f"It has {len(text):,} characters; {MOST_TEXT} are the most.")
    return text


def account(text: str) -> str:
    """An account's id. Raises ValueError."""
    if len(text) > MOST_NAME or not text.isprintable():
        raise ValueError(f"An account's id has 1 to {MOST_NAME} printable characters.")
    return text


def _credits(text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > MAX_AMOUNT:
        raise ValueError(f"{text!r} is not a whole number from 0 to 10^15. Write digits only, like 12000.")
    return int(text)


def _instant(text: str) -> datetime:
    advice = "Write a date, a time and the offset from UTC, like 2026-01-31T10:00:00Z."
    if not _INSTANT.fullmatch(text):
        raise ValueError(f"{text!r} is not an instant. {advice}")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not an instant: {error}. {advice}") from error


def _provider(text: str) -> str:
    if not _PROVIDER.fullmatch(text):
        raise ValueError(f"{text!r} is not a provider. Write stripe, paddle, polar, or a word of your own.")
    return text


def _currency(text: str) -> str:
    if fault := fault_of_currency(text):
        raise ValueError(f"{fault}.")
    return text


def _interval(text: str) -> str:
    if text not in plans.MONTHS:
        raise ValueError(f"{text!r} is not month or year.")
    return text


Complete = Callable[[Context, Values], str]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file. `complete` looks at a row as a whole, adds what follows from the catalog, and says what
    makes the row itself."""

    name: str
    required: Mapping[str, Callable[[str], Any]]
    optional: Mapping[str, Callable[[str], Any]]
    complete: Complete


def _balance(ctx: Context, values: Values) -> str:
    if values.get("promo_expires_at") and not values.get("promo"):
        raise Fault("promo", "There is a promo_expires_at, but no promo credits. Fill in or remove one.")
    return str(values.get("id") or "")


def _top_up(ctx: Context, values: Values) -> str:
    if values["credits"] == 0:
        raise Fault("credits", "A top-up gives at least 1 credit.")
    if ("amount" in values) != ("currency" in values):
        raise Fault("amount", "Give amount and currency together, or neither.")
    values.setdefault("provider", "manual")
    return f"{values['provider']} {values['payment']}"


def _subscription(ctx: Context, values: Values) -> str:
    if values["plan"] not in ctx.catalog.plans:
        known = ", ".join(ctx.catalog.plans)
        raise Fault("plan", f"The catalog has no plan {values['plan']!r}. It has: {known}.")
    sold = plans.terms(ctx.catalog.plans[values["plan"]], values["interval"])
    start, until = values["anchor"], values["paid_through"]
    if until <= start:
        raise Fault("paid_through", "It must lie after the anchor.")
    if until.year - start.year > 100:
        raise Fault("anchor", "It lies more than 100 years before paid_through.")
    before = month_start(start, n := period_number(start, until))
    if before != until:
        nearest = f"{before.isoformat()} or {month_start(start, n + 1).isoformat()}"
        raise Fault("paid_through", f"It is no whole number of months after the anchor. Near are: {nearest}.")
    values["terms"] = sold
    return str(values.get("id") or "")


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "balances",
            {"account": account, "addon": _credits},
            {
                "promo": _credits,
                "promo_expires_at": _instant,
                "email": _text,
                "name": _text,
                "id": _text,
            },
            _balance,
        ),
        Kind(
            "topups",
            {"account": account, "payment": _text, "credits": _credits},
            {
                "provider": _provider,
                "paid_at": _instant,
                "amount": _credits,
                "currency": _currency,
                "remaining": _credits,
            },
            _top_up,
        ),
        Kind(
            "subscriptions",
            {
                "account": account,
                "plan": _text,
                "interval": _interval,
                "anchor": _instant,
                "paid_through": _instant,
            },
            {"remaining": _credits, "id": _text, "email": _text, "name": _text},
            _subscription,
        ),
    )
}


def parse(ctx: Context, kind: Kind, cells: Mapping[str, str]) -> tuple[str, Values]:
    """What makes a row itself, and its values; empty optional cells are left out. Raises Fault."""
    values: Values = {}
    for name, read in {**kind.required, **kind.optional}.items():
        text = cells.get(name, "")
        if not text and name in kind.required:
            raise Fault(name, "It is empty.")
        if text:
            try:
                values[name] = read(text)
            except ValueError as error:
                raise Fault(name, str(error)) from error
    return kind.complete(ctx, values), values
