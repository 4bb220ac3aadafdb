"""The operator's overview, and the lists that its numbers lead to."""

from starlette.responses import Response

from coinpurse.app import overview
from coinpurse.web.support import plots
from coinpurse.web.support.identity import Desk, page


def _test(desk: Desk) -> bool:
    return desk.request.query_params.get("test") == "1"


@page()
async def show(desk: Desk) -> Response:
    """GET /support/overview"""
    found = await overview.overview(desk.ctx, test=_test(desk))
    return await desk.render(
        "overview.html",
        found=found,
        test=_test(desk),
        most=overview.MOST_COUNTED,
        moved=plots.moved(found.days),
        outstanding=plots.outstanding(found.days),
    )


@page()
async def low(desk: Desk) -> Response:
    """GET /support/low"""
    found = await overview.low(desk.ctx, test=_test(desk))
    below = overview.low_below(desk.ctx)
    return await desk.render("listed.html", listed=found, what="low", below=below, test=_test(desk))


@page()
async def short(desk: Desk) -> Response:
    """GET /support/shortfalls"""
    found = await overview.short(desk.ctx, test=_test(desk))
    return await desk.render("listed.html", listed=found, what="short", below=0, test=_test(desk))
