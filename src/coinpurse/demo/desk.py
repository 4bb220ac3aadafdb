"""The way to the support console. A demo has no passwords: anybody may be anybody, staff too."""

import contextlib
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from coinpurse.app import staff
from coinpurse.app.context import Context
from coinpurse.app.staff import Role, Staff
from coinpurse.demo.customers import CUSTOMERS, MIA, Studio
from coinpurse.demo.provider import STUDIO
from coinpurse.domain.errors import Conflict, Invalid, NotFound
from coinpurse.web.identity import check_site
from coinpurse.web.support.identity import HOME, remember


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody of the studio's staff."""

    id: str
    name: str
    role: Role

    @property
    def email(self) -> str:
        """The name under which they act."""
        return f"{self.id}@kreator.example"


STAFF = {one.id: one for one in (Colleague("ann", "Ann", "agent"), Colleague("lea", "Lea", "lead"))}


async def come_in(request: Request) -> Response:
    """POST /studio/desk: signs a colleague in at the console, and shows them the customer who is at the
    studio."""
    check_site(request)
    studio: Studio = request.app.state.studio
    fields = await request.form()
    colleague = STAFF.get(str(fields.get("colleague", "")))
    if colleague is None:
        raise Invalid.at("/colleague", "Choose one of the buttons of the support desk.")
    known = await _hired(studio.ctx, colleague)
    customer = str(fields.get("customer", ""))
    account = await studio.ctx.directory.existing(customer if customer in CUSTOMERS else MIA.id, STUDIO.test)
    response = RedirectResponse(f"{HOME}/accounts/{account.digest.hex}", 303)
    remember(response, request, await staff.start_session(studio.ctx, known, "by the demo"))
    return response


async def _hired(ctx: Context, colleague: Colleague) -> Staff:
    try:
        return await staff.find(ctx, colleague.email)
    except NotFound:
        with contextlib.suppress(Conflict):  # somebody else has just clicked too
            await staff.add(
                ctx, "demo", colleague.email, role=colleague.role, name=colleague.name, password=False
            )
        return await staff.find(ctx, colleague.email)
