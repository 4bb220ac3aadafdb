"""What operators look at: the catalog, health, metrics, renewals, and the description of the API itself."""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from coinpurse.api import metrics, reference
from coinpurse.api.encode import answer, listing
from coinpurse.api.fields import AccountId, Cursor, Limit
from coinpurse.api.route import Read, Route, declare
from coinpurse.app import checks, events, health, subscriptions
from coinpurse.app.context import Context, Who
from coinpurse.domain.credits import Page, Renewal
from coinpurse.domain.errors import CoinpurseError

router = APIRouter(prefix="/v1", tags=["Operations"], route_class=Route)
#: What needs no key; to be found at the root as well as under `/v1`.
open_router = APIRouter(tags=["Operations"], route_class=Route)

State = Literal["expected", "provisional", "granted", "late", "failed", "skipped"]


@router.get("/renewals", **declare(Page[Renewal], "support", refusals=(404,)))
async def list_renewals(
    call: Read,
    state: State | None = None,
    account: Annotated[AccountId | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List renewals (T7); `state=late` are those whose payment is overdue."""
    page = await subscriptions.renewals(
        call.ctx, call.who, state=state, account=account, limit=limit, cursor=cursor
    )
    return listing(page.data, page.next_cursor)


@router.get("/catalog", **declare(dict[str, Any], None))
async def get_catalog(request: Request) -> Response:
    """Read what is sold and what things cost: plans, packs and the rate card. Durations are in seconds."""
    return answer(request.app.state.ctx.catalog.content())


@dataclass(frozen=True)
class Health:
    """Whether this process is well."""

    status: Literal["ok"] = "ok"


@open_router.get("/health/live", **declare(Health, None))
async def live() -> Response:
    """Say that the process runs."""
    return answer(Health())


@open_router.get("/health/ready", **declare(Health, None))
async def ready(request: Request) -> Response:
    """Say that requests can be served: the database is reached and its schema is this version's. Else 503."""
    await health.ready(request.app.state.ctx)
    return answer(Health())


@open_router.get("/metrics", **declare(None, None, response_class=PlainTextResponse))
async def read_metrics(request: Request) -> Response:
    """Read what this process has counted, for Prometheus. There are no names and no amounts in it."""
    await _count_late(request.app.state.ctx)
    await _count_events(request.app.state.ctx)
    await _count_faults(request.app.state.ctx)
    return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)


async def _count_late(ctx: Context) -> None:
    try:
        page = await subscriptions.renewals(ctx, Who("metrics", test=False), state="late", limit=1000)
        metrics.LATE.set(len(page.data))
    except CoinpurseError:
        metrics.LATE.set(math.nan)  # unknown is not none


async def _count_events(ctx: Context) -> None:
    found = {(status, mode): math.nan for status in ("waiting", "failed") for mode in ("live", "test")}
    oldest = math.nan
    try:
        tallies = await events.tally(ctx)
        found = dict.fromkeys(found, 0.0)
        found |= {(one.status, "test" if one.test else "live"): one.events for one in tallies}
        oldest = max((one.oldest for one in tallies if one.status == "waiting"), default=0.0)
    except CoinpurseError:
        pass  # unknown is not none
    for status, mode in found:
        if status in ("waiting", "failed"):
            metrics.EVENTS.labels(status, mode).set(found[status, mode])
    metrics.OLDEST.set(oldest)


async def _count_faults(ctx: Context) -> None:
    try:
        faults, through = await checks.watched(ctx)
        metrics.FAULTS.set(faults)
        metrics.CHECKED.set(through.timestamp() if through else 0)
    except CoinpurseError:
        metrics.FAULTS.set(math.nan)  # unknown is not none


@open_router.get("/openapi.json", **declare(dict[str, Any], None))
async def read_openapi(request: Request) -> Response:
    """Read this description of the API, for programs (OpenAPI 3.1)."""
    return answer(request.app.openapi())


@open_router.get("/docs", **declare(None, None, response_class=HTMLResponse))
async def read_docs(request: Request) -> Response:
    """Read this description of the API, for people."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
    return HTMLResponse(reference.render(request.app.openapi()), headers={"Content-Security-Policy": policy})
