"""The built-in test checkout of the `manual` provider. No money moves, so it sells to test accounts
only. Whoever knows the address of a checkout may pay it, as with any payment page."""

from starlette.requests import Request
from starlette.responses import Response

from coinpurse.app import checkouts
from coinpurse.web.identity import check_site
from coinpurse.web.rendering import go, render

HOME = "/subscriptions"


async def show(request: Request) -> Response:
    """GET /checkout/{id}"""
    checkout = await checkouts.get_checkout(request.app.state.ctx, request.path_params["id"])
    if checkout.provider != checkouts.MANUAL and checkout.status == "open":
        return go(request, checkout.url if not _is_this(request, checkout) else HOME)
    return render(request, "checkout.html", checkout=checkout, back=_back(checkout))


async def pay(request: Request) -> Response:
    """POST /checkout/{id}: the test provider says "paid". Twice is as good as once (P2)."""
    check_site(request)
    checkout = await checkouts.pay_checkout(request.app.state.ctx, request.path_params["id"])
    return go(request, checkouts.way_back(_back(checkout), checkout.id, "done"))


async def leave(request: Request) -> Response:
    """POST /checkout/{id}/leave: back without having bought anything."""
    check_site(request)
    checkout = await checkouts.get_checkout(request.app.state.ctx, request.path_params["id"])
    return go(request, checkouts.way_back(_back(checkout), checkout.id, "left"))


def _is_this(request: Request, checkout: checkouts.Checkout) -> bool:
    """Whether a checkout has no page but this one: its provider hasn't opened it."""
    return checkout.url.endswith(f"/checkout/{request.path_params['id']}")


def _back(checkout: checkouts.Checkout) -> str:
    """Where the buyer came from; never an address that would run as a script."""
    url = checkout.return_url or HOME
    return url if url.startswith(("https://", "http://", "/")) else HOME
