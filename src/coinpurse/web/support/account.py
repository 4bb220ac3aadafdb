"""One account as its owner sees it, beside why."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.responses import Response

from coinpurse.app import diagnosis, events, finding, grants, ledger, subscriptions, support, trail, wallets
from coinpurse.app.context import Context, Who
from coinpurse.app.diagnosis import Explained
from coinpurse.app.events import BillingEvent
from coinpurse.app.ledger import SubscriptionAct
from coinpurse.app.trail import StaffAct
from coinpurse.domain.credits import Grant, Subscription
from coinpurse.domain.errors import CoinpurseError
from coinpurse.web import notices, standing
from coinpurse.web.reading import Overview, overview, read_history
from coinpurse.web.support import answers, saying
from coinpurse.web.support.identity import Desk, page, uuid_of
from coinpurse.web.support.moments import moments

RENEWALS, EVENTS, ACTS = 12, 50, 20
MOST_GRANTS = 40


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that there is to see of an account."""

    found: Overview
    digest: UUID
    test: bool
    given: list[Grant]
    renewals: list[Explained]
    lately: list[SubscriptionAct]
    told: list[BillingEvent]
    acts: list[StaffAct]
    names: list[tuple[str, str]]


async def read(ctx: Context, digest: UUID) -> Sheet:
    """Everything of an account that the console shows; each part is bounded."""
    id, test = await support.owner_of(ctx, digest)
    who = Who("support", test)
    found = await overview(ctx, who, id)
    given, renewals, told, acts, names = await asyncio.gather(
        grants.grants(ctx, who, id),
        subscriptions.renewals(ctx, who, account=id, limit=RENEWALS),
        events.billing_events(ctx, who, account=id, limit=EVENTS),
        trail.acts(ctx, account=digest, limit=ACTS),
        finding.names_of(ctx, digest),
    )
    explained = await diagnosis.explained(ctx, who, renewals.data, acts.data)
    lately = await _lately(ctx, who, found)
    return Sheet(found, digest, test, given[:MOST_GRANTS], explained, lately, told.data, acts.data, names)


async def _lately(ctx: Context, who: Who, found: Overview) -> list[SubscriptionAct]:
    """What happened last to the subscriptions that run, or to the one that ended last."""
    every = found.running or ([found.ended] if found.ended else [])
    acts = [await ledger.subscription_acts(ctx, who, one.id) for one in every[:5]]
    return sorted((act for some in acts for act in some), key=lambda act: act.at, reverse=True)


async def digest_of(desk: Desk) -> UUID:
    """The account that the address names. Raises Invalid, NotFound."""
    digest = uuid_of(desk.request.path_params["account"])
    await support.owner_of(desk.ctx, digest)
    return digest


@page()
async def show(desk: Desk) -> Response:
    """GET /support/accounts/{account}"""
    ctx, digest = desk.ctx, await digest_of(desk)
    sheet = await read(ctx, digest)
    found = sheet.found
    main = found.main
    facts = answers.Facts(found.balance, main, found.renewed, sheet.renewals, sheet.lately)
    asked = desk.request.query_params
    return await desk.render(
        "account.html",
        sheet=sheet,
        found=found,
        balance=found.balance,
        main=main,
        catalog=ctx.catalog,
        title=_name(found),
        summary=saying.summary(ctx.catalog, _name(found), found.balance, main, sheet.renewals),
        standing=saying.status_line(ctx.catalog, found.balance, main),
        shown=standing.status_line(ctx.catalog, found.balance, main),
        badge=standing.badge(main, found.balance),
        notices=notices.notices(ctx.catalog, found, desk.request.app.state.brand.ask)[:2],
        answers=answers.answers(facts),
        timeline=moments(found.history, sheet.lately, sheet.told),
        about=await _about(ctx, digest, asked.get("about")),
        done=await _done(ctx, digest, asked.get("done")),
        limit=support.limit_of(ctx, desk.me.role),
    )


def _name(found: Overview) -> str:
    owner = found.account
    more = ", ".join(filter(None, [owner.name, owner.email]))
    return f"{owner.id} ({more})" if more else owner.id


async def _done(ctx: Context, digest: UUID, id: str | None) -> StaffAct | None:
    """The act that has just been done, to be told once more; None where the address names none of this
    account's."""
    if id is None:
        return None
    try:
        act = await trail.find_act(ctx, uuid_of(id))
    except CoinpurseError:
        return None
    return act if act.digest == digest else None


async def _about(ctx: Context, digest: UUID, id: str | None) -> dict[str, Any] | None:
    """The thing of this account's that somebody looked for; None where the address names none of its own."""
    ours = finding.OURS.fullmatch(id or "")
    if id is None or ours is None or ours[2] != digest.hex:
        return None
    who = Who("support")
    try:
        if id.startswith("ch_"):
            return {"charge": await wallets.get_charge(ctx, who, id)}
        if id.startswith("ho_"):
            return {"hold": await wallets.get_hold(ctx, who, id)}
        if id.startswith("gr_"):
            return {"grant": await grants.get_grant(ctx, who, id)}
        if id.startswith("su_"):
            one: Subscription = await subscriptions.get_subscription(ctx, who, id)
            return {"subscription": one}
    except CoinpurseError:
        return {"missing": id}
    return {"other": id}


@page()
async def timeline(desk: Desk) -> Response:
    """GET /support/accounts/{account}/timeline?cursor=…: what is older."""
    ctx, digest = desk.ctx, await digest_of(desk)
    id, test = await support.owner_of(ctx, digest)
    who = Who("support", test)
    past = await read_history(ctx, who, id, desk.request.query_params.get("cursor"))
    told = await events.billing_events(ctx, who, account=id, limit=4 * EVENTS)
    found = await overview(ctx, who, id)
    lately = await _lately(ctx, who, found)
    shown = moments(past, lately, told.data, first=False)
    return await desk.render("timeline.html", timeline=shown, past=past, digest=digest, title=id)
