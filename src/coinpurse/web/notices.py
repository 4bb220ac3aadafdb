"""What a customer should know about the state of the account, said once, in order of weight."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from coinpurse.domain.catalog import Catalog
from coinpurse.domain.credits import Balance, Subscription
from coinpurse.web import words

Tone = Literal["good", "calm", "warn", "bad"]
#: What a notice offers to do, by the name of the form in `_notices.html`.
Offer = Literal["undo", "resume", "keep", "topup", "plans"]


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


def notices(catalog: Catalog, balance: Balance, main: Subscription | None, ended: Subscription | None) -> list[Notice]:
    """At most two messages: more would not be read."""
    found = [*_of_payment(balance, main), *_of_plan(catalog, balance, main, ended), *_of_credits(balance, main)]
    return found[:2]


def _addon_stays(balance: Balance) -> str:
    if balance.addon.available:
        return f"Your {words.number(balance.addon.available)} add-on credits can be spent meanwhile."
    return "Add-on credits can be spent at any time."


def _of_payment(balance: Balance, main: Subscription | None) -> Iterator[Notice]:
    monthly = balance.monthly
    if main is None:
        return
    if main.status == "past_due":
        kept = f"{words.credits(monthly.frozen)} are kept for you and come back" if monthly.frozen else "Your monthly credits come"
        text = f"{kept} as soon as the payment is settled. {_addon_stays(balance)}"
        yield Notice("bad", "A payment for your plan is missing", text)
    elif monthly.renewing:
        left = f"Until then the {words.credits(monthly.available)} from the last period can be spent. " if monthly.available else ""
        text = "Your new monthly credits arrive as soon as the payment is confirmed, usually within minutes. "
        yield Notice("calm", "Renewing", text + (left or _addon_stays(balance)))
    elif monthly.provisional:
        text = "Your new monthly credits are here already. If the payment should fail, what is unspent is frozen until it is settled."
        yield Notice("calm", "The payment is being confirmed", text)


def _of_plan(
    catalog: Catalog, balance: Balance, main: Subscription | None, ended: Subscription | None
) -> Iterator[Notice]:
    stays = "Add-on credits never expire and stay in your account."
    if main is None:
        if ended and ended.ends_at:
            text = f"It ended on {words.moment(ended.ends_at)}. Monthly credits are over. {stays}"
            yield Notice("calm", f"Your {words.plan_name(catalog, ended.plan)} plan has ended", text, "plans")
        return
    if main.status == "paused":
        until = f" until {words.day(main.current_period.end)}" if main.current_period and balance.monthly.available else ""
        kept = f"This period's credits stay{until}. " if until else ""
        yield Notice("calm", "Your plan is paused", f"{kept}No new monthly credits come until you resume. {stays}", "resume")
    if main.ends_at:
        text = f"Until {words.moment(main.ends_at)} everything stays as it is, your monthly credits included. {stays}"
        yield Notice("warn", "Your plan is cancelled and runs out", text, "undo")
    if change := main.pending_change:
        name = words.plan_name(catalog, change.plan)
        text = f"From {words.moment(change.at)}: {name}, paid {words.every(change.interval)}, {words.credits(change.allocation)} a month."
        yield Notice("calm", "A plan change is waiting", text, "keep")
    if main.status == "trialing" and not main.ends_at:
        text = f"It costs nothing until {words.moment(main.anchor)}. Then the first paid period starts."
        yield Notice("calm", "You are on a trial", text)


def _of_credits(balance: Balance, main: Subscription | None) -> Iterator[Notice]:
    monthly, next_one = balance.monthly, ""
    if monthly.renews_at:
        next_one = f" The next {words.number(monthly.allocation)} come on {words.moment(monthly.renews_at)}."
    if balance.available == 0 and not monthly.renewing:
        held = f" {words.credits(balance.held)} are set aside by running work." if balance.held else ""
        yield Notice("warn", "You have no credits to spend", f"A top-up works at once and never expires.{next_one}{held}", "topup")
    elif monthly.allocation and monthly.available == 0 and main and main.status in ("active", "trialing") and not monthly.renewing:
        text = f"Your monthly credits are used up, so work is paid from your {words.number(balance.available)} other credits.{next_one}"
        yield Notice("calm", "Now using add-on credits" if balance.addon.available else "Now using other credits", text)
    elif monthly.allocation and balance.available * 10 <= monthly.allocation:
        yield Notice("warn", f"Only {words.credits(balance.available)} left", f"A top-up never expires.{next_one}", "topup")
