"""The help center's questions, answered with the account's own numbers."""

from dataclasses import dataclass
from datetime import datetime

from coinpurse.domain.credits import Balance, Subscription
from coinpurse.web import words
from coinpurse.web.language import _


@dataclass(frozen=True, slots=True)
class Renewed:
    """What the latest renewal did (U4): monthly went from `before` to `after`; everything else stayed at
    `addon` and `other`."""

    at: datetime
    before: int
    after: int
    addon: int
    other: int

    @property
    def sentence(self) -> str:
        """In words."""
        numbers = {
            "before": words.number(self.before),
            "after": words.number(self.after),
            "addon": words.number(self.addon),
        }
        if self.other:
            return _(
                "Monthly went from %(before)s to %(after)s; add-on stayed at %(addon)s, other credits stayed "
                "at %(other)s.",
                **numbers,
                other=words.number(self.other),
            )
        return _("Monthly went from %(before)s to %(after)s; add-on stayed at %(addon)s.", **numbers)

    @property
    def totals(self) -> str:
        """The totals before and after, in words."""
        rest = self.addon + self.other
        before, after = words.number(self.before + rest), words.number(self.after + rest)
        return _("So your total went from %(before)s to %(after)s.", before=before, after=after)


@dataclass(frozen=True, slots=True)
class Answer:
    """A question, and its answer in paragraphs."""

    question: str
    paragraphs: list[str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the answers speak of; `ask` says how to ask for help, as the end of a sentence."""

    balance: Balance
    subscription: Subscription | None
    renewed: Renewed | None
    ask: str

    @property
    def monthly(self) -> str:
        """What is left of the monthly bucket, in words."""
        return words.credits(self.balance.monthly.available, "monthly")

    @property
    def addon(self) -> str:
        """What is left of the add-on bucket, in words."""
        return words.credits(self.balance.addon.available, "addon")

    @property
    def allocation(self) -> str:
        """What each period brings, in words."""
        return words.number(self.balance.monthly.allocation)

    @property
    def next_reset(self) -> str | None:
        """When the next monthly credits come, in words."""
        at = self.balance.monthly.renews_at
        return words.moment(at) if at else None


def answers(facts: Facts) -> list[Answer]:
    """All of them, in the order in which people ask."""
    return [build(facts) for build in (_order, _carry_over, _zero, _total, _refund, _cancel, _annual)]


def _order(facts: Facts) -> Answer:
    now = _("Right now both are at 0.")
    if facts.balance.monthly.available:
        now = _(
            "Right now the next work is paid from your %(monthly)s; your %(addon)s wait.",
            monthly=facts.monthly,
            addon=facts.addon,
        )
    elif facts.balance.addon.available:
        now = _(
            "Your monthly bucket is at 0, so the next work is paid from your %(addon)s.", addon=facts.addon
        )
    rule = _(
        "Monthly credits first, until they are used up. Only then add-on credits, which would keep anyway."
    )
    return Answer(_("Which credits are spent first?"), [rule, now])


def _carry_over(facts: Facts) -> Answer:
    text = [
        _("No. Each period starts with a fresh allocation; what is left of the old one does not come on top.")
    ]
    if facts.next_reset:
        text.append(
            _(
                "You have %(monthly)s left of this period's %(allocation)s, until %(when)s.",
                monthly=facts.monthly,
                allocation=facts.allocation,
                when=facts.next_reset,
            )
        )
    text.append(_("Add-on credits do carry over: they never expire."))
    return Answer(_("Do unused monthly credits carry over?"), text)


def _zero(facts: Facts) -> Answer:
    text = [_("No. That is the monthly reset, and your new allocation lands at the same moment.")]
    if facts.renewed:
        last = _("Your last one was on %(when)s.", when=words.moment(facts.renewed.at))
        text.append(f"{last} {facts.renewed.sentence}")
    if facts.next_reset:
        text.append(
            _(
                "The next %(number)s come on %(when)s.",
                number=facts.allocation,
                when=facts.next_reset,
            )
        )
    text.append(
        _(
            "If they are not there a few minutes later, %(ask)s, so that we can look at the payment.",
            ask=facts.ask,
        )
    )
    return Answer(_("My credits dropped to zero on my renewal date. Is that a bug?"), text)


def _total(facts: Facts) -> Answer:
    text = [
        _(
            "A renewal resets the monthly bucket only. Add-on credits stay where they are, so the total "
            "moves by what monthly moved."
        )
    ]
    if facts.renewed:
        day = words.day(facts.renewed.at)
        text.append(f"{day}: {facts.renewed.sentence} {facts.renewed.totals}")
    if facts.next_reset:
        text.append(
            _(
                "If you spend nothing until %(when)s, monthly goes from %(now)s to %(allocation)s and add-on "
                "stays at %(addon)s.",
                when=facts.next_reset,
                now=words.number(facts.balance.monthly.available),
                allocation=facts.allocation,
                addon=words.number(facts.balance.addon.available),
            )
        )
    return Answer(_("My total didn't go back up to the full plan amount on renewal. Why?"), text)


def _refund(facts: Facts) -> Answer:
    text = [_("Monthly credits are not refundable, but they never expire in the middle of a period.")]
    period = facts.balance.monthly.period
    if period and facts.balance.monthly.available:
        text.append(
            _(
                "You have until %(when)s to use your %(monthly)s.",
                when=words.moment(period.end),
                monthly=facts.monthly,
            )
        )
    text.append(
        _(
            "If your situation is unusual, for example because you upgraded in mid-month, %(ask)s.",
            ask=facts.ask,
        )
    )
    return Answer(_("Can I get a refund for unused monthly credits?"), text)


def _cancel(facts: Facts) -> Answer:
    question, subscription = _("What happens to my credits if I cancel?"), facts.subscription
    mine = _("Add-on credits that you buy stay in your account.")
    if facts.balance.addon.available:
        mine = _("Your %(addon)s stay in your account.", addon=facts.addon)
    if subscription is None:
        return Answer(question, [_("You have no plan to cancel.") + " " + mine])
    keep = _(
        "You keep full access until %(when)s, your %(monthly)s included.",
        when=words.moment(subscription.ends_at or subscription.paid_through),
        monthly=facts.monthly,
    )
    return Answer(question, [keep, _("After that, monthly credits are over.") + " " + mine])


def _annual(facts: Facts) -> Answer:
    text = [
        _(
            "No. An annual plan gives its credits in twelve monthly parts; each part resets and is replaced "
            "by the next."
        )
    ]
    subscription = facts.subscription
    if subscription and subscription.interval == "year" and facts.next_reset:
        text.append(
            _(
                "Yours is paid until %(until)s; the next part comes on %(when)s.",
                until=words.moment(subscription.paid_through),
                when=facts.next_reset,
            )
        )
    text.append(_("Add-on credits work just as they do with monthly plans."))
    return Answer(_("Do annual plans roll over differently?"), text)
