"""How the plan stands, in a word (the badge on its card) and in one line (below the page's title)."""

from dataclasses import dataclass
from datetime import datetime

from coinpurse.domain.catalog import Catalog
from coinpurse.domain.credits import Balance, Subscription
from coinpurse.web import words
from coinpurse.web.language import _, n_
from coinpurse.web.notices import Tone


@dataclass(frozen=True, slots=True)
class Badge:
    """The plan's state in a word or two."""

    tone: Tone
    text: str


def badge(subscription: Subscription | None, balance: Balance) -> Badge:
    """The word on the plan's card."""
    if subscription is None:
        return Badge("calm", _("No plan"))
    if subscription.status == "past_due":
        return Badge("bad", _("Payment missing"))
    if subscription.status == "paused":
        return Badge("calm", _("Paused"))
    if subscription.ends_at:
        return Badge("warn", _("Ends %(day)s", day=words.day(subscription.ends_at)))
    if balance.monthly.renewing:
        return Badge("warn", _("Renewing"))
    if subscription.status == "trialing":
        return Badge("good", _("Trial"))
    if subscription.current_period is None:
        return Badge("calm", _("Starts %(day)s", day=words.day(subscription.anchor)))
    return Badge("good", _("Active"))


def status_line(catalog: Catalog, balance: Balance, subscription: Subscription | None) -> str:
    """How things stand, in one line."""
    if subscription is None:
        return _("You have no plan at the moment.")
    plan = words.plan_name(catalog, subscription.plan)
    if subscription.status == "past_due":
        return _("%(plan)s is waiting for a payment.", plan=plan)
    if subscription.status == "paused":
        return _("%(plan)s is paused.", plan=plan)
    if subscription.ends_at:
        return _(
            "%(plan)s is cancelled and ends in %(days)s.",
            plan=plan,
            days=days_until(subscription.ends_at, balance.as_of),
        )
    if balance.monthly.renewing:
        return _("%(plan)s is renewing.", plan=plan)
    if subscription.current_period is None or balance.monthly.renews_at is None:
        return _("%(plan)s starts on %(day)s.", plan=plan, day=words.day(subscription.anchor))
    return _running(plan, balance, subscription, balance.monthly.renews_at)


def _running(plan: str, balance: Balance, subscription: Subscription, resets: datetime) -> str:
    days = days_until(resets, balance.as_of)
    if subscription.status == "trialing":
        return _("Your trial of %(plan)s turns into the paid plan in %(days)s.", plan=plan, days=days)
    if subscription.interval == "year" and subscription.paid_through > resets:
        return _(
            "%(plan)s is active and paid until %(day)s. Your monthly credits reset in %(days)s.",
            plan=plan,
            day=words.day(subscription.paid_through),
            days=days,
        )
    return _("%(plan)s is active. Your monthly credits reset in %(days)s.", plan=plan, days=days)


def days_until(instant: datetime, now: datetime) -> str:
    """12 days; hours on the last day; half an hour is an hour."""
    seconds = max((instant - now).total_seconds(), 0)
    if seconds >= 86_400:
        return n_("%(num)s day", "%(num)s days", int(seconds // 86_400))
    return n_("%(num)s hour", "%(num)s hours", max(1, round(seconds / 3600)))
