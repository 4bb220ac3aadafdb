"""What the forms of the Subscriptions page do. Each leads on with a redirect, so that a reload repeats
nothing."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from coinpurse.app import checkouts, portal, subscriptions
from coinpurse.app.context import Context
from coinpurse.domain.credits import Subscription
from coinpurse.domain.errors import Invalid
from coinpurse.web.identity import Reader, writer
from coinpurse.web.language import _
from coinpurse.web.pages import chosen, owned, previewed
from coinpurse.web.rendering import go

HOME = "/subscriptions"


class Form:
    """A form that was sent by its own reader."""

    def __init__(self, request: Request, who: Reader, fields: Any) -> None:
        self.request, self.reader, self.fields = request, who, fields
        self.ctx: Context = request.app.state.ctx
        self.who = who.who

    def text(self, name: str) -> str | None:
        """A field, or None where it is missing or empty."""
        value = self.fields.get(name)
        return value if isinstance(value, str) and value else None

    @property
    def key(self) -> str | None:
        """Sent twice, the form counts once (S8). Prefixed: it must not meet a key of the app's own."""
        given = self.text("key")
        return f"page:{given[:64]}" if given else None

    async def subscription(self) -> Subscription:
        """The reader's subscription that the form is about."""
        every = await subscriptions.subscriptions(self.ctx, self.who, self.reader.account)
        return owned([one for one in every if one.status != "ended"], self.text("subscription"))


async def _form(request: Request) -> Form:
    who = await writer(request.app.state.ctx, request)
    return Form(request, who, await request.form())


async def top_up(request: Request) -> Response:
    """POST /subscriptions/topup: to the checkout for a pack."""
    form = await _form(request)
    pack = form.text("pack")
    if pack not in form.ctx.catalog.packs:
        raise Invalid(
            _("This pack is not on offer (any more). Please choose one of those on the Subscriptions page."),
            errors=[],
        )
    return await _checkout(form, pack=pack)


async def take_plan(request: Request) -> Response:
    """POST /subscriptions/plan: to the checkout for a first plan, or the change of the running one."""
    form = await _form(request)
    plan, interval = chosen(form.ctx.catalog, form.fields)
    every = await subscriptions.subscriptions(form.ctx, form.who, form.reader.account)
    running = [one for one in every if one.status != "ended"]
    if not running:
        return await _checkout(form, plan=plan.id, interval=interval)
    main = owned(running, form.text("subscription"))
    preview = await previewed(form.ctx, form.reader, main, plan.id, interval)
    policy = preview.policy if main.provider == "manual" else None  # a provider decides that itself
    made = await subscriptions.change(
        form.ctx, form.who, main.id, plan=plan.id, interval=interval, policy=policy, key=form.key
    )
    return go(request, HOME, _what_became(made.subscription, plan.id, interval))


def _what_became(now: Subscription, plan: str, interval: str) -> str:
    """The note after a change. One that a provider makes only when it is paid may be neither made nor noted
    yet."""
    if now.pending_change:
        return "waiting"
    return "changed" if (now.plan, now.interval) == (plan, interval) else "unpaid"


async def _checkout(form: Form, **what: Any) -> Response:
    checkout = await checkouts.start_checkout(
        form.ctx, form.who, form.reader.account, **what, return_url=_home(form), key=form.key
    )
    return go(form.request, checkout.url)


def _home(form: Form) -> str:
    """This page's address, for those who leave the site and come back."""
    return str(form.request.base_url) + HOME.lstrip("/")


async def manage(request: Request) -> Response:
    """POST /subscriptions/portal: to the provider's page of cards and invoices."""
    form = await _form(request)
    found = await portal.open_portal(form.ctx, form.who, form.reader.account, return_url=_home(form))
    return go(request, found.url)


async def cancel(request: Request) -> Response:
    """POST /subscriptions/cancel"""
    form = await _form(request)
    one = await form.subscription()
    made = await subscriptions.cancel(form.ctx, form.who, one.id, reason=form.text("reason"), key=form.key)
    return go(request, HOME, "ended" if made.subscription.status == "ended" else "cancelled")


async def resume(request: Request) -> Response:
    """POST /subscriptions/resume: undoes a cancellation, ends a pause."""
    form = await _form(request)
    one = await form.subscription()
    await subscriptions.resume(form.ctx, form.who, one.id, key=form.key)
    return go(request, HOME, "resumed")


async def pause(request: Request) -> Response:
    """POST /subscriptions/pause"""
    form = await _form(request)
    one = await form.subscription()
    await subscriptions.pause(form.ctx, form.who, one.id, key=form.key)
    return go(request, HOME, "paused")


async def keep(request: Request) -> Response:
    """POST /subscriptions/keep: drops a change that waits for the renewal."""
    form = await _form(request)
    one = await form.subscription()
    await subscriptions.change(form.ctx, form.who, one.id, plan=one.plan, interval=one.interval, key=form.key)
    return go(request, HOME, "kept")
