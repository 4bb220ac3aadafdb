"""The help center's questions, answered with the account's own numbers."""

from dataclasses import dataclass
from datetime import datetime

from coinpurse.domain.credits import Balance, Subscription
from coinpurse.web import words


@dataclass(frozen=True, slots=True)
class Renewed:
    """What the latest renewal did (U4): monthly went from `before` to `after`; everything else stayed at
    `rest`."""

    at: datetime
    before: int
    after: int
    addon: int
    other: int

    @property
    def sentence(self) -> str:
        """In words."""
        stayed = f"add-on stayed at {words.number(self.addon)}"
        if self.other:
            stayed += f", other credits stayed at {words.number(self.other)}"
        return f"Monthly went from {words.number(self.before)} to {words.number(self.after)}; {stayed}."

    @property
    def totals(self) -> str:
        """The totals before and after."""
        rest = self.addon + self.other
        return f"your total went from {words.number(self.before + rest)} to {words.number(self.after + rest)}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A question, and its answer in paragraphs."""

    question: str
    paragraphs: list[str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the answers speak of."""

    balance: Balance
    subscription: Subscription | None
    renewed: Renewed | None
    support: str

    @property
    def monthly(self) -> str:
        """What is left of the monthly bucket, in words."""
        return words.credits(self.balance.monthly.available, "monthly")

    @property
    def addon(self) -> str:
        """What is left of the add-on bucket, in words."""
        return words.credits(self.balance.addon.available, "add-on")

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
    now = "Right now both are at 0."
    if facts.balance.monthly.available:
        now = f"Right now the next work is paid from your {facts.monthly}; your {facts.addon} wait."
    elif facts.balance.addon.available:
        now = f"Your monthly bucket is at 0, so the next work is paid from your {facts.addon}."
    rule = "Monthly credits first, until they are used up. Only then add-on credits, which would keep anyway."
    return Answer("Which credits are spent first?", [rule, now])


def _carry_over(facts: Facts) -> Answer:
    text = [
        "No. Each period starts with a fresh allocation; what is left of the old one does not come on top."
    ]
    if facts.next_reset:
        text.append(
            f"You have {facts.monthly} left of this period's {facts.allocation}, until {facts.next_reset}."
        )
    text.append("Add-on credits do carry over: they never expire.")
    return Answer("Do unused monthly credits carry over?", text)


def _zero(facts: Facts) -> Answer:
    text = ["No. That is the monthly reset, and your new allocation lands at the same moment."]
    if facts.renewed:
        text.append(f"Your last one was on {words.moment(facts.renewed.at)}. {facts.renewed.sentence}")
    if facts.next_reset:
        text.append(f"The next {facts.allocation} come on {facts.next_reset}.")
    text.append(
        f"If they are not there a few minutes later, {facts.support}, so that we can look at the payment."
    )
    return Answer("My credits dropped to zero on my renewal date. Is that a bug?", text)


def _total(facts: Facts) -> Answer:
    text = [
        "A renewal resets the monthly bucket only. Add-on credits stay where they are, so the total moves by "
        "what monthly moved."
    ]
    if facts.renewed:
        text.append(f"On {words.day(facts.renewed.at)}: {facts.renewed.sentence} So {facts.renewed.totals}.")
    if facts.next_reset:
        now = words.number(facts.balance.monthly.available)
        text.append(
            f"If you spend nothing until {facts.next_reset}, monthly goes from {now} to {facts.allocation} "
            f"and add-on stays at {words.number(facts.balance.addon.available)}."
        )
    return Answer("My total didn't go back up to the full plan amount on renewal. Why?", text)


def _refund(facts: Facts) -> Answer:
    text = ["Monthly credits are not refundable, but they never expire in the middle of a period."]
    period = facts.balance.monthly.period
    if period and facts.balance.monthly.available:
        text.append(f"You have until {words.moment(period.end)} to use your {facts.monthly}.")
    text.append(
        f"If your situation is unusual, for example because you upgraded in mid-month, {facts.support}."
    )
    return Answer("Can I get a refund for unused monthly credits?", text)


def _cancel(facts: Facts) -> Answer:
    question, subscription = "What happens to my credits if I cancel?", facts.subscription
    mine = f"your {facts.addon} stay" if facts.balance.addon.available else "add-on credits that you buy stay"
    if subscription is None:
        return Answer(question, [f"You have no plan to cancel. Whatever happens, {mine} in your account."])
    until = words.moment(subscription.ends_at or subscription.paid_through)
    text = f"You keep full access until {until}, your {facts.monthly} included."
    return Answer(question, [text, f"After that, monthly credits are over and {mine}."])


def _annual(facts: Facts) -> Answer:
    text = [
        "No. An annual plan gives its credits in twelve monthly parts; each part resets and is replaced by "
        "the next."
    ]
    subscription = facts.subscription
    if subscription and subscription.interval == "year" and facts.next_reset:
        until = words.moment(subscription.paid_through)
        text.append(f"Yours is paid until {until}; the next part comes on {facts.next_reset}.")
    text.append("Add-on credits work just as they do with monthly plans.")
    return Answer("Do annual plans roll over differently?", text)
