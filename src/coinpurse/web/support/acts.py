"""What the forms of the console do. Each leads on with a redirect, so that a reload repeats nothing, to a
page that says what became of it."""

from datetime import UTC, datetime
from uuid import UUID

from starlette.responses import RedirectResponse, Response

from coinpurse.app import support
from coinpurse.app.support import Done
from coinpurse.domain.errors import Invalid
from coinpurse.domain.ids import parse_id
from coinpurse.web.support.account import digest_of
from coinpurse.web.support.identity import HOME, Sheet, act, inside, uuid_of


def _back(account: UUID | None, id: UUID, where: str | None = None) -> Response:
    """To the account, or to the page that the form names, which says what became of the act."""
    to = inside(where) if where else f"{HOME}/accounts/{account.hex if account else ''}"
    return RedirectResponse(f"{to}{'&' if '?' in to else '?'}done={id.hex}", 303)


@act()
async def give(form: Sheet) -> Response:
    """POST /support/accounts/{account}/credits"""
    digest = await digest_of(form.desk)
    id, test = await support.owner_of(form.desk.ctx, digest)
    exception = form.text("exception") is not None
    await support.give(
        form.desk.ctx,
        form.desk.me,
        form.id,
        id,
        test=test,
        kind="compensation" if exception else form.needed("kind"),
        amount=_amount(form),
        reason=form.text("reason"),
        expires_at=_day(form.text("expires")),
        exception=exception,
    )
    return _back(digest, form.id)


def _amount(form: Sheet) -> int:
    amount = form.count("amount")
    if not amount:
        raise Invalid.at("/amount", "Say how many credits: a whole number from 1.")
    return amount


def _day(text: str | None) -> datetime | None:
    """The end of a day that a form names, in UTC."""
    if text is None:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Invalid.at("/expires", "It is a day, such as 2026-12-31, or empty for never.") from None
    return day.replace(hour=23, minute=59, second=59)


@act()
async def take_back(form: Sheet) -> Response:
    """POST /support/grants/{grant}/take-back"""
    grant = form.desk.request.path_params["grant"]
    digest = parse_id("gr", grant).account
    await support.take_back(
        form.desk.ctx,
        form.desk.me,
        form.id,
        grant,
        amount=form.count("amount"),
        reason=form.text("reason"),
        exception=form.text("exception") is not None,
    )
    return _back(digest, form.id)


@act()
async def end_subscription(form: Sheet) -> Response:
    """POST /support/subscriptions/{subscription}/end"""
    subscription = form.desk.request.path_params["subscription"]
    digest = parse_id("su", subscription).account
    await support.end_subscription(
        form.desk.ctx, form.desk.me, form.id, subscription, reason=form.text("reason")
    )
    return _back(digest, form.id)


@act()
async def look_up(form: Sheet) -> Response:
    """POST /support/subscriptions/{subscription}/look-up"""
    subscription = form.desk.request.path_params["subscription"]
    digest = parse_id("su", subscription).account
    period = form.text("period")
    await support.look_up(form.desk.ctx, form.desk.me, form.id, subscription, period=period)
    return _back(digest, form.id)


@act()
async def retry(form: Sheet) -> Response:
    """POST /support/event/retry"""
    event, provider = form.needed("event"), form.needed("provider")
    account = form.text("account")
    await support.retry(
        form.desk.ctx,
        form.desk.me,
        form.id,
        event,
        provider=provider,
        account=uuid_of(account) if account else None,
    )
    return _back(None, form.id, form.text("back") or f"{HOME}/events")


@act("viewer")
async def decide(form: Sheet) -> Response:
    """POST /support/requests/{act}"""
    id = uuid_of(form.desk.request.path_params["act"])
    approve = form.needed("decision") == "approve"
    await support.decide(form.desk.ctx, form.desk.me, id, approve=approve, why=form.text("why"))
    return _back(None, id, f"{HOME}/requests")


@act()
async def finish(form: Sheet) -> Response:
    """POST /support/requests/{act}/finish"""
    id = uuid_of(form.desk.request.path_params["act"])
    done: Done = await support.finish(form.desk.ctx, form.desk.me, id)
    assert done.state == "done"
    return _back(None, id, f"{HOME}/requests")
