"""Comparing the books with the payment provider (E4)."""

from fastapi import APIRouter
from starlette.responses import Response

from coinpurse.api.encode import answer
from coinpurse.api.fields import Body, Flag, Instant, Name
from coinpurse.api.route import Read, Route, declare
from coinpurse.app import reconcile
from coinpurse.app.reconcile import LONGEST, Reconciled

router = APIRouter(prefix="/v1", tags=["Billing"], route_class=Route)


class ReconcileBody(Body):
    """What to compare: all of it may be left out."""

    provider: Name | None = None
    """One provider; else each that can be asked."""
    since: Instant | None = None
    """The window's beginning; else 72 hours before its end. At most 31 days before it."""
    until: Instant | None = None
    """The window's end; else now."""
    heal: Flag = False
    """Apply what is missing here."""


@router.post("/reconcile", **declare(Reconciled, "support", refusals=(404, 409, 502)))
async def reconcile_provider(call: Read, body: ReconcileBody | None = None) -> Response:
    """Compare what the payment provider had happen with the books, and apply what is missing, on request.
    Doing it again changes nothing; neither does an event that comes late."""
    asked = body or ReconcileBody()
    found = await reconcile.reconcile(call.ctx, call.who, longest=LONGEST, **asked.model_dump())
    return answer(found)
