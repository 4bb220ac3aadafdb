"""The console's lists: finding, renewals, billing events, what waits for a second person, the audit trail."""

from typing import Any

from starlette.responses import RedirectResponse, Response

from coinpurse.app import diagnosis, events, finding, subscriptions, support, trail
from coinpurse.app.context import Who
from coinpurse.app.trail import StaffAct
from coinpurse.domain.credits import Page
from coinpurse.domain.errors import CoinpurseError
from coinpurse.web.support.identity import HOME, Desk, page, uuid_of

AT_ONCE = 50
RENEWALS = ("late", "failed", "provisional", "expected")


def _mode(desk: Desk) -> Who:
    """Live accounts, or with `?test=1` those of test money."""
    return Who("support", desk.request.query_params.get("test") == "1")


@page()
async def find(desk: Desk) -> Response:
    """GET /support?q=…: one account that is meant leads there."""
    text = desk.request.query_params.get("q", "")
    found = await finding.find(desk.ctx, desk.me.who, text)
    if len(found.hits) == 1 and not found.events:
        hit = found.hits[0]
        about = f"?about={hit.about}" if hit.about else ""
        return RedirectResponse(f"{HOME}/accounts/{hit.digest.hex}{about}", 303)
    late = await subscriptions.renewals(desk.ctx, Who("support"), state="late", limit=5)
    failed = await events.billing_events(desk.ctx, Who("support"), status="failed", limit=5)
    return await desk.render(
        "find.html",
        q=text[: finding.MOST_TEXT],
        found=found,
        late=late,
        failed=failed,
        digests=await _of_events(desk, found.events),
        owners=_owners(late.data),
    )


def _owners(renewals: Any) -> dict[str, str]:
    """The accounts of renewals, by their subscriptions, as addresses have them."""
    return {one.subscription: one.subscription.split("_")[1] for one in renewals}


@page()
async def renewals(desk: Desk) -> Response:
    """GET /support/renewals?state=late"""
    asked = desk.request.query_params
    state = asked.get("state", "late")
    who = _mode(desk)
    cursor = asked.get("cursor") or None
    found = await subscriptions.renewals(desk.ctx, who, state=state, limit=AT_ONCE, cursor=cursor)
    shown = await diagnosis.explained(desk.ctx, who, found.data)
    return await desk.render(
        "renewals.html",
        renewals=shown,
        state=state,
        states=RENEWALS,
        test=who.test,
        keep={"state": state},
        owners=_owners(found.data),
        more=found.next_cursor,
        done=await _done(desk),
    )


@page()
async def billing_events(desk: Desk) -> Response:
    """GET /support/events?status=failed"""
    asked = desk.request.query_params
    status = asked.get("status", "failed")
    who = _mode(desk)
    found = await events.billing_events(
        desk.ctx, who, status=status or None, limit=AT_ONCE, cursor=asked.get("cursor") or None
    )
    return await desk.render(
        "events.html",
        told=found,
        chosen=status,
        test=who.test,
        keep={"status": status},
        digests=await _of_events(desk, found.data),
        done=await _done(desk),
    )


async def _of_events(desk: Desk, told: list[events.BillingEvent]) -> dict[str, str]:
    """Where the accounts of events are."""
    return {
        one.id: (await desk.ctx.directory.account(one.account, one.test)).hex for one in told if one.account
    }


@page()
async def event(desk: Desk) -> Response:
    """GET /support/event?provider=…&id=…"""
    asked = desk.request.query_params
    id, provider = asked.get("id", ""), asked.get("provider")
    one = await events.get_event(desk.ctx, desk.me.who, id, provider=provider)
    where = await _of_events(desk, [one])
    return await desk.render("event.html", event=one, digest=where.get(one.id), done=await _done(desk))


@page("agent")
async def requests(desk: Desk) -> Response:
    """GET /support/requests: what waits for a second person, and what was cut off."""
    open_ = await trail.acts(desk.ctx, state="waiting", limit=AT_ONCE)
    cut_off = await trail.acts(desk.ctx, state="under_way", limit=AT_ONCE)
    return await desk.render(
        "requests.html",
        waiting_acts=open_.data,
        cut_off=cut_off.data,
        limit=support.limit_of(desk.ctx, desk.me.role),
        done=await _done(desk),
    )


@page("lead")
async def audit(desk: Desk) -> Response:
    """GET /support/trail?staff=…"""
    asked = desk.request.query_params
    staff, cursor = asked.get("staff") or None, asked.get("cursor") or None
    found: Page[StaffAct] = await trail.acts(desk.ctx, staff=staff, limit=AT_ONCE, cursor=cursor)
    return await desk.render("trail.html", acts=found, staff=staff)


async def _done(desk: Desk) -> StaffAct | None:
    """The act that has just been done, to be told once more."""
    id = desk.request.query_params.get("done")
    try:
        return await trail.find_act(desk.ctx, uuid_of(id)) if id else None
    except CoinpurseError:
        return None
