"""Charges, quotes and reversals: credits that are spent, and given back."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from coinpurse.api import metrics, problems
from coinpurse.api.encode import answer, plain
from coinpurse.api.fields import (
    AccountId,
    Amount,
    Body,
    Key,
    Member,
    Metadata,
    Name,
    PositiveAmount,
    Reason,
    ThingInPath,
)
from coinpurse.api.route import Read, Route, Write, declare
from coinpurse.app import wallets
from coinpurse.app.wallets import MOST_IN_BATCH, ChargeRequest
from coinpurse.domain.credits import Charge, Quote, Reversal
from coinpurse.domain.errors import CoinpurseError, Invalid
from coinpurse.domain.values import Value

router = APIRouter(prefix="/v1", tags=["Charges"], route_class=Route)


class QuoteBody(Body):
    """What to price: an `amount`, or an `operation` with its `quantity` (1 if left out)."""

    account: AccountId
    amount: Amount | None = None
    operation: Name | None = None
    quantity: Amount | None = None


class ChargeBody(QuoteBody):
    """What to spend: an `amount`, or an `operation` with its `quantity` (1 if left out)."""

    member: Member | None = None
    """Who of the account's people it was for."""
    metadata: Metadata | None = None


class ChargeItem(ChargeBody):
    """One charge of a batch."""

    key: Key | None = None
    """This charge's own idempotency key."""


class ReversalBody(Body):
    """How much to give back; all that is left of the charge, if `amount` is left out."""

    amount: PositiveAmount | None = None
    reason: Reason | None = None


class ChargeAnswer(Charge):
    """One charge of a batch that was made."""

    status: int = 201


class BatchAnswer(Value):
    """What became of each charge, in order: the charge with its `status` 201, or the problem with its own."""

    data: list[ChargeAnswer | problems.Problem]


@router.post("/charges", **declare(Charge, "spend", status=201, refusals=(402, 404, 409)))
async def charge(call: Write, body: ChargeBody) -> Response:
    """Spend credits, monthly ones first (S1-S6): all of the amount or nothing."""
    made = await wallets.charge(call.ctx, call.who, key=call.key, **vars(body))
    metrics.charged(made)
    return answer(made, 201)


@router.get("/charges/{id}", **declare(Charge, "read", refusals=(404,)))
async def get_charge(call: Read, id: ThingInPath) -> Response:
    """Read a charge as it was answered when it was made."""
    return answer(await wallets.get_charge(call.ctx, call.who, id))


@router.post("/charges/{id}/reversals", **declare(Reversal, "spend", status=201, refusals=(404, 409)))
async def reverse(call: Write, id: ThingInPath, body: ReversalBody | None = None) -> Response:
    """Give a charge's credits back, whole or in part, last-taken first (F1, F2)."""
    given = vars(body or ReversalBody())
    return answer(await wallets.reverse(call.ctx, call.who, id, key=call.key, **given), 201)


@router.post("/quotes", **declare(Quote, "read", refusals=(404,)))
async def quote(call: Read, body: QuoteBody) -> Response:
    """Say what a charge would cost and take, and whether it is affordable; nothing changes (S5)."""
    return answer(await wallets.quote(call.ctx, call.who, **vars(body)))


_BATCH_SCHEMA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MOST_IN_BATCH,
                    "items": {"$ref": "#/components/schemas/ChargeItem"},
                }
            }
        },
    }
}


@router.post("/charges/batch", **declare(BatchAnswer, "spend", openapi_extra=_BATCH_SCHEMA))
async def charge_batch(
    request: Request, call: Write, items: Annotated[list[Any], Field(min_length=1, max_length=MOST_IN_BATCH)]
) -> Response:
    """Make up to 1,000 charges, each on its own and in order. The answer is 200 with an outcome for each: one
    that is refused or not valid stops no other. With `Idempotency-Key: K`, the item at index 7 gets the key
    `K:7`, unless it has its own `key`."""
    read = [_read(item, call.key and f"{call.key}:{index}") for index, item in enumerate(items)]
    valid = [item for item in read if isinstance(item, ChargeRequest)]
    made = iter(await wallets.charge_batch(call.ctx, call.who, valid) if valid else [])
    outcomes = [next(made) if isinstance(item, ChargeRequest) else item for item in read]
    return answer({"data": [_outcome(outcome, request) for outcome in outcomes]})


_ITEM = TypeAdapter(ChargeItem)


def _read(item: Any, key: str | None) -> ChargeRequest | Invalid:
    try:
        fields = vars(_ITEM.validate_python(item))
    except ValidationError as error:
        return problems.invalid({**each, "loc": ("body", *each["loc"])} for each in error.errors())
    return ChargeRequest(**{**fields, "key": fields["key"] or key})


def _outcome(outcome: Charge | CoinpurseError, request: Request) -> dict[str, Any]:
    if isinstance(outcome, CoinpurseError):
        return problems.render(outcome, request)
    metrics.charged(outcome)
    return {"status": 201, "replayed": outcome.replayed, **plain(outcome)}
