"""What a customer should know about the state of the account, said once, in order of weight."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from coinpurse.app.portal import Payments
from coinpurse.domain.auto_topup import AutoTopup
from coinpurse.domain.catalog import Catalog
from coinpurse.domain.credits import Balance, Subscription
from coinpurse.web import words
from coinpurse.web.language import _
from coinpurse.web.reading import Overview

Tone = Literal["good", "calm", "warn", "bad"]
#: What a notice offers to do, by the name of the form in `_notices.html`.
Offer = Literal["undo", "resume", "keep", "topup", "plans", "portal", "card"]


@dataclass(frozen=True, slots=True)
class Notice:
    """One message: a title, a sentence or two, and perhaps one thing to do about it."""

    tone: Tone
    title: str
    text: str
    offer: Offer | None = None


def notices(catalog: Catalog, found: Overview, ask: str) -> list[Notice]:
    """Everything that there is to say, the weightiest first. More than two would not be read. `ask` says how
    to ask for help, as the end of a sentence."""
    return [
        *_of_payment(found.balance, found.main, found.payments, ask),
        *_of_topups(found.payments),
        *_of_auto_topup(found.auto, found.payments),
        *_of_dispute(found.balance, ask),
        *_of_plan(catalog, found.balance, found.main, found.ended),
        *_of_credits(found.balance, found.main),
    ]


def _join(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def _stays() -> str:
    return _("Add-on credits never expire and stay in your account.")


def _addon_stays(balance: Balance) -> str:
    if balance.addon.available:
        addon = words.credits(balance.addon.available, "addon")
        return _("You can spend your %(addon)s meanwhile.", addon=addon)
    return _("Add-on credits can be spent at any time.")


def _of_topups(payments: Payments) -> Iterator[Notice]:
    for topup in payments.topups:
        amount = words.credits(topup.credits)
        if topup.status == "pending":
            text = _(
                "Your bank is still moving the money: %(amount)s will be added when it arrives.",
                amount=amount,
            )
            yield Notice("calm", _("A top-up is on its way"), text)
        else:
            text = _(
                "The payment for %(amount)s failed, so nothing was added. Try again, or pay another way.",
                amount=amount,
            )
            yield Notice("warn", _("A top-up did not go through"), text, "topup")


def _of_auto_topup(auto: AutoTopup | None, payments: Payments) -> Iterator[Notice]:
    if auto is not None and auto.state == "stopped":
        text = _(
            "The card was declined, or its owner has to agree first, so nothing was bought and nothing will "
            "be until you have looked at it. You can top up by hand at any time."
        )
        offer: Offer = "card" if payments.portal else "topup"
        yield Notice("warn", _("Automatic top-up has stopped"), text, offer)


def _of_dispute(balance: Balance, ask: str) -> Iterator[Notice]:
    if balance.addon.frozen:
        text = _(
            "%(amount)s cannot be spent until it is decided; won, they come back. If you did not start it, "
            "%(ask)s.",
            amount=words.credits(balance.addon.frozen, "addon"),
            ask=ask,
        )
        yield Notice("warn", _("A payment of yours is in dispute"), text)


def _of_payment(
    balance: Balance, main: Subscription | None, payments: Payments, ask: str
) -> Iterator[Notice]:
    monthly = balance.monthly
    if main is None:
        return
    if main.status == "past_due":
        title = _("A payment for your plan is missing")
        yield Notice("bad", title, _past_due(balance), "portal" if payments.portal else None)
    elif payments.late:
        yield Notice("calm", _("Your renewal takes longer than usual"), _late(balance, payments.late, ask))
    elif monthly.renewing:
        arrive = _(
            "Your new monthly credits arrive as soon as the payment is confirmed, usually within minutes."
        )
        left = _(
            "Until then the %(credits)s of the last period can be spent.",
            credits=words.credits(monthly.available),
        )
        text = _join(arrive, left if monthly.available else _addon_stays(balance))
        yield Notice("calm", _("Renewing"), text)
    elif monthly.provisional:
        text = _(
            "Your new monthly credits are here already. If the payment should fail, what is unspent waits "
            "until it is settled."
        )
        yield Notice("calm", _("The payment is being confirmed"), text)


def _past_due(balance: Balance) -> str:
    if balance.monthly.frozen:
        kept = _(
            "%(credits)s are kept for you and come back as soon as the payment is settled.",
            credits=words.credits(balance.monthly.frozen),
        )
    else:
        kept = _("Your monthly credits come as soon as the payment is settled.")
    return _join(kept, _addon_stays(balance))


def _late(balance: Balance, reference: str, ask: str) -> str:
    text = _(
        "We are checking with the payment provider why it has not been confirmed, reference %(reference)s. "
        "You need do nothing; if you have a question, %(ask)s and name the reference.",
        reference=reference,
        ask=ask,
    )
    return _join(text, _("Your new monthly credits are here already.") if balance.monthly.provisional else "")


def _of_plan(
    catalog: Catalog, balance: Balance, main: Subscription | None, ended: Subscription | None
) -> Iterator[Notice]:
    if main is None:
        if ended and ended.ends_at:
            text = _("It ended on %(when)s. Monthly credits are over.", when=words.moment(ended.ends_at))
            title = _("Your %(plan)s plan has ended", plan=words.plan_name(catalog, ended.plan))
            yield Notice("calm", title, _join(text, _stays()), "plans")
        return
    if main.status == "paused":
        yield Notice("calm", _("Your plan is paused"), _paused(balance, main), "resume")
    if main.ends_at:
        text = _(
            "Until %(when)s everything stays as it is, your monthly credits included.",
            when=words.moment(main.ends_at),
        )
        yield Notice("warn", _("Your plan is cancelled and runs out"), _join(text, _stays()), "undo")
    if change := main.pending_change:
        text = _(
            "From %(when)s: %(plan)s, paid %(every)s, %(credits)s a month.",
            when=words.moment(change.at),
            plan=words.plan_name(catalog, change.plan),
            every=words.every(change.interval),
            credits=words.credits(change.allocation),
        )
        yield Notice("calm", _("A plan change is waiting"), text, "keep")
    if main.status == "trialing" and not main.ends_at:
        text = _(
            "It costs nothing until %(when)s. Then the first paid period starts.",
            when=words.moment(main.anchor),
        )
        yield Notice("calm", _("You are on a trial"), text)


def _paused(balance: Balance, main: Subscription) -> str:
    keep = ""
    if main.current_period and balance.monthly.available:
        keep = _("This period's credits stay until %(when)s.", when=words.moment(main.current_period.end))
    return _join(keep, _("No new monthly credits come until you resume."), _stays())


def _of_credits(balance: Balance, main: Subscription | None) -> Iterator[Notice]:
    monthly, next_one = balance.monthly, ""
    if monthly.renews_at:
        next_one = _(
            "The next %(number)s come on %(when)s.",
            number=words.number(monthly.allocation),
            when=words.moment(monthly.renews_at),
        )
    running = main is not None and main.status in ("active", "trialing") and not monthly.renewing
    if balance.available == 0 and not monthly.renewing:
        held = (
            _("%(credits)s are set aside by running work.", credits=words.credits(balance.held))
            if balance.held
            else ""
        )
        text = _join(_("A top-up works at once and never expires."), next_one, held)
        yield Notice("warn", _("You have no credits to spend"), text, "topup")
    elif monthly.allocation and monthly.available == 0 and running:
        yield Notice("calm", *_monthly_gone(balance, next_one))
    elif monthly.allocation and balance.available * 10 <= monthly.allocation:
        title = _("Only %(credits)s left", credits=words.credits(balance.available))
        yield Notice("warn", title, _join(_("A top-up never expires."), next_one), "topup")


def _monthly_gone(balance: Balance, next_one: str) -> tuple[str, str]:
    used_up = _("Your monthly credits are used up.")
    if balance.available == balance.addon.available:
        rest = words.credits(balance.available)
        pays = _("Work is paid from your add-on credits now: %(credits)s are left.", credits=rest)
        return _("Now using add-on credits"), _join(used_up, pays, next_one)
    rest = words.credits(balance.available)
    pays = _("Work is paid from your other credits now: %(credits)s are left.", credits=rest)
    return _("Now using other credits"), _join(used_up, pays, next_one)
