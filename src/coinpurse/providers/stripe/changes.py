"""Finding out what happened without being told (E4): lists of Stripe's, oldest first, in bounded memory."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from coinpurse.domain.facts import Fact
from coinpurse.domain.ports import Found, NotOurs, NotYet
from coinpurse.providers.shelf import Shelf
from coinpurse.providers.stripe import facts
from coinpurse.providers.stripe.asked import Asked
from coinpurse.providers.stripe.asking import PAGE, Api
from coinpurse.providers.stripe.events import link
from coinpurse.providers.stripe.reading import Json, at, dig, listed, ref, subscription_of

#: Stripe began in 2010: nothing is older.
_BEGINNING = datetime(2010, 1, 1, tzinfo=UTC)

Reading = Callable[["Finding", Json], Awaitable[Sequence[Fact]]]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A list of Stripe's. Lists are by the instant of making only, so `back` is how long before `since`
    something may have been made that happened, or turned, within."""

    name: str
    path: str
    back: timedelta | None
    params: dict[str, Any]
    read: Reading


class Finding:
    """What happened in `[since, until)`, group by group."""

    def __init__(self, api: Api, shelf: Shelf, since: datetime, until: datetime) -> None:
        self._api, self._shelf = api, shelf
        self._since, self._until = since, until
        self._asked = Asked(api, until)

    async def all(self) -> AsyncIterator[Found]:
        """Everything found, by when it was made."""
        streams = [self._kind(kind) for kind in _KINDS]
        heads = [await anext(stream, None) for stream in streams]
        while any(heads):
            _, nth = min((head.at, n) for n, head in enumerate(heads) if head is not None)
            found, heads[nth] = heads[nth], await anext(streams[nth], None)
            assert found is not None
            yield found

    async def _kind(self, kind: _Kind) -> AsyncIterator[Found]:
        start = _BEGINNING if kind.back is None else self._since - kind.back
        async for thing in oldest_first(self._api, kind.path, start, self._until, kind.params):
            made, reference = at(thing.get("created")), ref(thing)
            if made is None or reference is None:
                continue
            try:
                found = await kind.read(self, await self._asked.whole(str(thing.get("object")), thing))
            except (NotOurs, NotYet):
                continue
            if found:
                summary = f"{kind.name} {reference} ({thing.get('status') or thing.get('payment_status')})"
                yield Found(
                    about=reference, summary=summary, at=made, test=_is_test(thing), facts=tuple(found)
                )

    async def subscription(self, thing: Json) -> Sequence[Fact]:
        """How it stands: every one that lived within the time, since nothing tells which have changed."""
        ended = at(thing.get("ended_at"))
        if ended is not None and ended < self._since:
            return []
        return [facts.standing(self._shelf, thing, as_of=self._asked.as_of, rank=self._asked.rank)]

    async def invoice(self, thing: Json) -> Sequence[Fact]:
        """What was paid within the time, by the instant of the payment."""
        paid_at = at(dig(thing, "status_transitions", "paid_at")) or at(thing.get("created"))
        if subscription_of(thing) is None or paid_at is None or not self._since <= paid_at < self._until:
            return []
        return [*facts.paid(self._shelf, thing), *facts.change_paid(self._shelf, thing)]

    async def checkout(self, thing: Json) -> Sequence[Fact]:
        """What a finished checkout sold; one by subscription only links, its invoice sells."""
        if thing.get("mode") == "subscription" and thing.get("status") == "complete":
            return link(thing)
        if thing.get("mode") != "payment" or thing.get("status") == "open":
            return []
        return facts.purchases(self._shelf, thing, facts.session_state(thing))

    async def top_up(self, thing: Json) -> Sequence[Fact]:
        """An automatic top-up."""
        return [facts.top_up(self._shelf, thing)] if facts.is_top_up(thing) else []

    async def refund(self, thing: Json) -> Sequence[Fact]:
        """All refunds of that payment, in sum."""
        return [await self._asked.refunds(thing)]

    async def dispute(self, thing: Json) -> Sequence[Fact]:
        """How a dispute stands."""
        payment, total = await self._asked.payment(thing)
        return [facts.disputed(thing, payment, total, self._asked.as_of)]


def _is_test(thing: Json) -> bool:
    """Whether it is about test money. A refund doesn't say, but its payment does."""
    return thing.get("livemode", dig(thing, "payment_intent", "livemode")) is False


async def oldest_first(
    api: Api, path: str, start: datetime, end: datetime, params: dict[str, Any]
) -> AsyncIterator[Json]:
    """A list of Stripe's the other way round. Stripe lists newest first, so time is halved until what was
    made within fits into one page; at most one page for each halving is kept."""
    span = {"gte": int(start.timestamp()), "lt": math.ceil(end.timestamp())}
    if span["gte"] >= span["lt"]:
        return
    page = await api.get(path, limit=PAGE, created=span, **params)
    middle = datetime.fromtimestamp((span["gte"] + span["lt"]) // 2, UTC)
    if not page.get("has_more"):
        found = listed(page)
    elif span["lt"] - span["gte"] <= 1:
        found = [thing async for thing in api.all(path, created=span, **params)]
    else:
        for half in ((start, middle), (middle, end)):
            async for thing in oldest_first(api, path, *half, params):
                yield thing
        return
    for thing in reversed(found):
        yield thing


#: At one instant in this order: a checkout can say whose the subscription is.
_KINDS = (
    _Kind(
        "checkout",
        "/v1/checkout/sessions",
        timedelta(days=30),
        {"expand": ["data.line_items", "data.payment_intent"]},
        Finding.checkout,
    ),
    _Kind(
        "subscription",
        "/v1/subscriptions",
        None,
        {"status": "all", "expand": ["data.latest_invoice", "data.customer"]},
        Finding.subscription,
    ),
    _Kind(
        "invoice",
        "/v1/invoices",
        timedelta(days=100),
        {"status": "paid", "expand": ["data.payments", "data.customer"]},
        Finding.invoice,
    ),
    _Kind("top-up", "/v1/payment_intents", timedelta(days=7), {}, Finding.top_up),
    _Kind("refund", "/v1/refunds", timedelta(days=60), {"expand": ["data.payment_intent"]}, Finding.refund),
    _Kind("dispute", "/v1/disputes", timedelta(days=200), {}, Finding.dispute),
)
