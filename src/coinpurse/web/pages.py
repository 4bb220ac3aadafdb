"""The Subscriptions page and the pages where one thinks before acting. Reading only: `acts` has what
changes something."""

import secrets
from typing import Any, cast, get_args

from starlette.requests import Request
from starlette.responses import Response

from coinpurse.app import subscriptions, wallets
from coinpurse.app.context import Context
from coinpurse.app.usage import usage
from coinpurse.domain.catalog import Catalog, Plan
from coinpurse.domain.credits import Interval, Period, Preview, Subscription
from coinpurse.domain.errors import Conflict, Invalid, NotFound
from coinpurse.domain.periods import month_start
from coinpurse.web import answers, notices, returning, standing
from coinpurse.web.identity import Reader, reader
from coinpurse.web.language import _
from coinpurse.web.reading import Overview, overview, read_history
from coinpurse.web.rendering import render
from coinpurse.web.usage import chart, since


async def show(request: Request) -> Response:
    """GET /subscriptions"""
    ctx: Context = request.app.state.ctx
    who = await reader(ctx, request)
    found = await overview(ctx, who.who, who.account)
    facts = answers.Facts(found.balance, found.main, found.renewed, request.app.state.brand.ask)
    interval = request.query_params.get("interval") or (found.main.interval if found.main else "month")
    interval = "year" if interval == "year" else "month"
    spent = await usage(ctx, who.who, who.account, since(found.balance))
    back = await returning.returned(ctx, who, request.query_params, facts.ask)
    page = render(
        request,
        "subscriptions.html",
        **_common(ctx, who, found),
        note=back.note,
        badge=standing.badge(found.main, found.balance),
        standing=standing.status_line(ctx.catalog, found.balance, found.main),
        # Whoever has just paid is not told to buy.
        notices=back.notices or notices.notices(ctx.catalog, found, facts.ask)[:2],
        usage=chart(found.balance, spent),
        answers=answers.answers(facts),
        offers=offers(ctx.catalog, cast(Interval, interval), found.main),
        interval=interval,
    )
    if back.refresh:
        page.headers["Refresh"] = back.refresh
    return page


def _common(ctx: Context, who: Reader, found: Overview) -> dict[str, Any]:
    """What every page here knows. The key makes a form that is sent twice count once (S8)."""
    return {
        "found": found,
        "balance": found.balance,
        "main": found.main,
        "catalog": ctx.catalog,
        "csrf": who.csrf,
        "key": secrets.token_hex(16),
    }


def offers(catalog: Catalog, interval: Interval, main: Subscription | None) -> list[tuple[Plan, bool]]:
    """The plans on sale for an interval, each with whether it is the one that runs."""
    on_sale = [plan for plan in catalog.plans.values() if interval in plan.prices]
    return [
        (plan, main is not None and (plan.id, interval) == (main.plan, main.interval)) for plan in on_sale
    ]


async def older(request: Request) -> Response:
    """GET /subscriptions/history"""
    ctx: Context = request.app.state.ctx
    who = await reader(ctx, request)
    cursor = request.query_params.get("cursor") or None
    balance = await wallets.balance(ctx, who.who, who.account)
    past = await read_history(ctx, who.who, who.account, cursor)
    return render(request, "history.html", balance=balance, past=past, first=cursor is None)


async def consider_cancel(request: Request) -> Response:
    """GET /subscriptions/cancel: both buckets and the exact date, before the button."""
    return await _consider(request, "cancel.html")


async def consider_pause(request: Request) -> Response:
    """GET /subscriptions/pause"""
    return await _consider(request, "pause.html")


async def _consider(request: Request, template: str) -> Response:
    ctx: Context = request.app.state.ctx
    who = await reader(ctx, request)
    found = await overview(ctx, who.who, who.account)
    one = owned(found.running, request.query_params.get("subscription"))
    return render(request, template, **_common(ctx, who, found), one=one, now=found.balance.as_of)


def owned(running: list[Subscription], id: str | None) -> Subscription:
    """One of the reader's own running subscriptions, by default the oldest. Raises NotFound."""
    for one in running:
        if id in (None, one.id):
            return one
    raise NotFound(_("You have no such plan, or it has ended."))


async def consider_plan(request: Request) -> Response:
    """GET /subscriptions/plan?plan=…&interval=…: the credits and dates of a plan, before it is confirmed."""
    ctx: Context = request.app.state.ctx
    who = await reader(ctx, request)
    plan, interval = chosen(ctx.catalog, request.query_params)
    found = await overview(ctx, who.who, who.account)
    common = {**_common(ctx, who, found), "plan": plan, "interval": interval, "price": plan.prices[interval]}
    if found.main is None:
        now = found.balance.as_of
        first = Period(now, month_start(now, 1))
        paid = month_start(now, 12 if interval == "year" else 1)
        return render(request, "plan_new.html", **common, first=first, paid_through=paid)
    preview = await previewed(ctx, who, found.main, plan.id, interval)
    return render(request, "plan_change.html", **common, preview=preview)


def chosen(catalog: Catalog, given: Any) -> tuple[Plan, Interval]:
    """The plan and interval that a form names. Raises Invalid."""
    plan, interval = catalog.plans.get(str(given.get("plan"))), str(given.get("interval"))
    if plan is None or interval not in get_args(Interval) or interval not in plan.prices:
        raise Invalid(
            _("This plan is not on offer (any more). Please choose one of those on the Subscriptions page."),
            errors=[],
        )
    return plan, cast(Interval, interval)


async def previewed(ctx: Context, who: Reader, main: Subscription, plan: str, interval: Interval) -> Preview:
    """What a change would do. Where the state allows no change at once (B5), what it would do at the renewal;
    so too for live customers of the manual provider: nobody could collect for credits that came at once."""

    async def ask(policy: str | None) -> Preview:
        return await subscriptions.preview(ctx, who.who, main.id, plan=plan, interval=interval, policy=policy)

    try:
        return await ask(None if who.test or main.provider != "manual" else "at_renewal")
    except Conflict:
        if main.provider != "manual":
            raise
        return await ask("at_renewal")
