"""Automatic top-up (P4)."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from pydantic.types import Strict
from starlette.responses import Response

from coinpurse.api.encode import answer
from coinpurse.api.fields import AccountInPath, Body, Name, PositiveAmount
from coinpurse.api.route import Read, Route, declare
from coinpurse.app import auto_topup
from coinpurse.domain.auto_topup import AutoTopup

router = APIRouter(prefix="/v1/accounts", tags=["Accounts"], route_class=Route)


class AutoTopupBody(Body):
    """When to buy what, and how often at most."""

    pack: Name
    below: PositiveAmount
    """Bought when fewer credits than this are available; at most what the pack has."""
    most_per_month: Annotated[int, Strict(), Field(ge=1, le=auto_topup.MOST_PER_MONTH)]
    """Purchases in a calendar month, in UTC."""


@router.put("/{id}/auto-topup", **declare(AutoTopup, "grant", refusals=(404, 409)))
async def put_auto_topup(call: Read, id: AccountInPath, body: AutoTopupBody) -> Response:
    """Set an account's automatic top-up, or change it; one that had stopped starts again."""
    return answer(await auto_topup.put_auto_topup(call.ctx, call.who, id, **body.model_dump()))


@router.get("/{id}/auto-topup", **declare(AutoTopup, "read", refusals=(404,)))
async def get_auto_topup(call: Read, id: AccountInPath) -> Response:
    """Read an account's automatic top-up, and why it stopped if it did."""
    return answer(await auto_topup.get_auto_topup(call.ctx, call.who, id))


@router.delete("/{id}/auto-topup", **declare(AutoTopup, "grant", refusals=(404,)))
async def remove_auto_topup(call: Read, id: AccountInPath) -> Response:
    """End an account's automatic top-up, and read how it stood; a purchase under way is seen through."""
    return answer(await auto_topup.remove_auto_topup(call.ctx, call.who, id))
