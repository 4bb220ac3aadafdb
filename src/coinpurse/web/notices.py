"""What a customer should know about the state of the account, said once, in order of weight."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from coinpurse.app.portal import Payments
from coinpurse.domain.catalog import Catalog
from coinpurse.domain.credits import Balance, Subscription
from coinpurse.web import words
from coinpurse.web.reading import Overview

Tone = Literal["good", "calm", "warn", "bad"]
#: What a notice offers to do, by the name of the form in `_notices.html`.
Offer = Literal["undo", "resume", "keep", "topup", "plans", "portal"]


@dataclass(frozen=True, slots=True)
class Notice:
    """One message: a title, a sentence or two, and perhaps one thing to do about it."""

    tone: Tone
    title: str
    text: str
    offer: Offer | None = None


@dataclass(frozen=True, slots=True)
class Badge:
    """The plan's state in a word or two."""

    tone: Tone
    text: str


def badge(subscription: Subscription | None, balance: Balance) -> Badge:
    """The word on the plan's card."""
    if subscription is None:
        return Badge("calm", "No plan")
    if subscription.status == "past_due":
        return Badge("bad", "Payment missing")
    if subscription.status == "paused":
        return Badge("calm", "Paused")
    if subscription.ends_at:
        return Badge("warn", f"Ends {words.day(subscription.ends_at)}")
    if balance.monthly.renewing:
        return Badge("warn", "Renewing")
    if subscription.status == "trialing":
        return Badge("good", "Trial")
    if subscription.current_period is None:
        return Badge("calm", f"Starts {words.day(subscription.anchor)}")
    return Badge("good", "Active")


def notices(catalog: Catalog, found: Overview, support: str) -> list[Notice]:
    """Everything that there is to say, the weightiest first. More than two would not be read."""
    return [
        *_of_payment(found.balance, found.main, found.payments, support),
        *_of_topups(found.payments),
        *_of_plan(catalog, found.balance, found.main, found.ended),
        *_of_credits(found.balance, found.main),
    ]


STAYS = "Add-on credits never expire and stay in your account."


def _addon_stays(balance: Balance) -> str:
    if balance.addon.available:
        return f"Your {words.credits(balance.addon.available, 'add-on')} can be spent meanwhile."
    return "Add-on credits can be spent at any time."


def _of_topups(payments: Payments) -> Iterator[Notice]:
    for topup in payments.topups:
        amount = words.credits(topup.credits)
        if topup.status == "pending":
            text = f"Your bank is still moving the money: {amount} will be added when it arrives."
            yield Notice("calm", "A top-up is on its way", text)
        else:
            text = f"The payment for {amount} failed, so nothing was added. Try again, or pay another way."
            yield Notice("warn", "A top-up did not go through", text, "topup")


def _of_payment(
    balance: Balance, main: Subscription | None, payments: Payments, support: str
) -> Iterator[Notice]:
    monthly = balance.monthly
    if main is None:
        return
    if main.status == "past_due":
        kept = "Your monthly credits come"
        if monthly.frozen:
            kept = f"{words.credits(monthly.frozen)} are kept for you and come back"
        text = f"{kept} as soon as the payment is settled. {_addon_stays(balance)}"
        yield Notice("bad", "A payment for your plan is missing", text, "portal" if payments.portal else None)
    elif payments.late:
        text = (
            "We are checking with the payment provider why it has not been confirmed, reference "
            f"{payments.late}. You need do nothing; if you have a question, {support} and name the reference."
        )
        have = " Your new monthly credits are here already." if monthly.provisional else ""
        yield Notice("calm", "Your renewal takes longer than usual", text + have)
    elif monthly.renewing:
        text = "Your new monthly credits arrive as soon as the payment is confirmed, usually within minutes. "
        left = f"Until then the {words.credits(monthly.available)} of the last period can be spent."
        yield Notice("calm", "Renewing", text + (left if monthly.available else _addon_stays(balance)))
    elif monthly.provisional:
        text = (
            "Your new monthly credits are here already. If the payment should fail, what is unspent waits "
            "until it is settled."
        )
        yield Notice("calm", "The payment is being confirmed", text)


def _of_plan(
    catalog: Catalog, balance: Balance, main: Subscription | None, ended: Subscription | None
) -> Iterator[Notice]:
    if main is None:
        if ended and ended.ends_at:
            text = f"It ended on {words.moment(ended.ends_at)}. Monthly credits are over. {STAYS}"
            name = words.plan_name(catalog, ended.plan)
            yield Notice("calm", f"Your {name} plan has ended", text, "plans")
        return
    if main.status == "paused":
        yield Notice("calm", "Your plan is paused", _paused(balance, main), "resume")
    if main.ends_at:
        until = f"Until {words.moment(main.ends_at)} everything stays as it is"
        text = f"{until}, your monthly credits included. {STAYS}"
        yield Notice("warn", "Your plan is cancelled and runs out", text, "undo")
    if change := main.pending_change:
        terms = f"paid {words.every(change.interval)}, {words.credits(change.allocation)} a month"
        text = f"From {words.moment(change.at)}: {words.plan_name(catalog, change.plan)}, {terms}."
        yield Notice("calm", "A plan change is waiting", text, "keep")
    if main.status == "trialing" and not main.ends_at:
        text = f"It costs nothing until {words.moment(main.anchor)}. Then the first paid period starts."
        yield Notice("calm", "You are on a trial", text)


def _paused(balance: Balance, main: Subscription) -> str:
    text = f"No new monthly credits come until you resume. {STAYS}"
    if main.current_period and balance.monthly.available:
        return f"This period's credits stay until {words.moment(main.current_period.end)}. {text}"
    return text


def _of_credits(balance: Balance, main: Subscription | None) -> Iterator[Notice]:
    monthly, next_one = balance.monthly, ""
    if monthly.renews_at:
        when = words.moment(monthly.renews_at)
        next_one = f" The next {words.number(monthly.allocation)} come on {when}."
    running = main is not None and main.status in ("active", "trialing") and not monthly.renewing
    if balance.available == 0 and not monthly.renewing:
        held = f" {words.credits(balance.held)} are set aside by running work." if balance.held else ""
        text = f"A top-up works at once and never expires.{next_one}{held}"
        yield Notice("warn", "You have no credits to spend", text, "topup")
    elif monthly.allocation and monthly.available == 0 and running:
        title = "Now using add-on credits" if balance.addon.available else "Now using other credits"
        rest = words.credits(balance.available, "other")
        text = f"Your monthly credits are used up, so work is paid from your {rest}.{next_one}"
        yield Notice("calm", title, text)
    elif monthly.allocation and balance.available * 10 <= monthly.allocation:
        text = f"A top-up never expires.{next_one}"
        yield Notice("warn", f"Only {words.credits(balance.available)} left", text, "topup")
