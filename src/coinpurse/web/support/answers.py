"""The help center's follow-up questions, each answered with one account's own numbers, for somebody who
answers a ticket (U3)."""

from dataclasses import dataclass

from coinpurse.app.diagnosis import Explained
from coinpurse.app.events import UNCONFIRMED
from coinpurse.app.ledger import SubscriptionAct
from coinpurse.domain.credits import Balance, Subscription
from coinpurse.domain.periods import month_start
from coinpurse.web import words
from coinpurse.web.answers import Answer, Renewed
from coinpurse.web.language import _
from coinpurse.web.support import saying


@dataclass(frozen=True, slots=True)
class Facts:
    """What the answers speak of. `renewals` are the latest first; `lately` what happened to the main
    subscription, newest first."""

    balance: Balance
    main: Subscription | None
    renewed: Renewed | None
    renewals: list[Explained]
    lately: list[SubscriptionAct]


def answers(facts: Facts) -> list[Answer]:
    """All five, in the order of the help center."""
    return [build(facts) for build in (_zero, _total, _refund, _cancel, _annual)]


def _zero(facts: Facts) -> Answer:
    question = _("“My credits dropped to zero on my renewal date”")
    latest = facts.renewals[0] if facts.renewals else None
    if latest is None:
        return Answer(question, [_("No renewal yet: there is no subscription that has begun a period.")])
    day = words.moment(latest.renewal.period.start)
    if latest.renewal.state in UNCONFIRMED:
        said = _(
            "The renewal of %(day)s is not confirmed (%(state)s).", day=day, state=_(latest.renewal.state)
        )
        return Answer(question, [said, saying.why(latest), _now(facts)])
    if facts.renewed:
        said = _("It landed at the instant of the renewal, %(day)s.", day=words.moment(facts.renewed.at))
        return Answer(question, [said, facts.renewed.sentence, _now(facts)])
    return Answer(
        question, [_("The first period began on %(day)s; none has been renewed yet.", day=day), _now(facts)]
    )


def _now(facts: Facts) -> str:
    monthly, addon = facts.balance.monthly, facts.balance.addon
    buckets = [
        _("%(num)s monthly", num=words.number(monthly.available)),
        *(f"{words.number(one.available)} {saying.KINDS[one.kind]}" for one in facts.balance.buckets.other),
        _("%(num)s add-on", num=words.number(addon.available)),
    ]
    total = words.number(facts.balance.available)
    return _("Now: %(buckets)s; %(total)s in all.", buckets=words.listed(buckets), total=total)


def _total(facts: Facts) -> Answer:
    question = _("“My total didn't go back to the full plan amount”")
    renewed = facts.renewed
    if renewed is None:
        text = _("Nothing has been renewed yet, so no total could go back up.")
        return Answer(question, [text, _now(facts)])
    rest = renewed.addon + renewed.other
    totals = _(
        "So the total went from %(before)s to %(after)s: by %(by)s, which is what monthly moved.",
        before=words.number(renewed.before + rest),
        after=words.number(renewed.after + rest),
        by=words.number(renewed.after - renewed.before),
    )
    compare = _(
        "Each period brings %(allocation)s.", allocation=words.number(facts.balance.monthly.allocation)
    )
    return Answer(question, [renewed.sentence, totals, compare, _now(facts)])


def _refund(facts: Facts) -> Answer:
    question = _("“Can I get a refund for unused monthly credits?”")
    monthly, text = facts.balance.monthly, [_("No, by rule: monthly credits are not refundable.")]
    if monthly.period and monthly.available:
        text.append(
            _(
                "%(left)s of %(allocation)s are unused and can be used until %(end)s.",
                left=words.number(monthly.available),
                allocation=words.number(monthly.allocation),
                end=words.moment(monthly.period.end),
            )
        )
    elif monthly.period:
        text.append(_("There are no unused ones: monthly is at 0."))
    text.append(_unusual(facts))
    return Answer(question, text)


def _unusual(facts: Facts) -> str:
    """What makes a case unusual by the help center's word: an upgrade in mid-month."""
    period = facts.balance.monthly.period
    changed = next(
        (act for act in facts.lately if act.kind == "change" and period and act.at >= period.start), None
    )
    if changed is None:
        return _(
            "The plan was not changed in this period. An exception is yours to make, and is recorded as one."
        )
    return _(
        "Unusual: the plan was changed on %(day)s, in mid-period. An exception is yours to make, and is "
        "recorded as one.",
        day=words.moment(changed.at),
    )


def _cancel(facts: Facts) -> Answer:
    question, main = _("“What happens if I cancel?”"), facts.main
    stay = _("The %(addon)s add-on credits stay.", addon=words.number(facts.balance.addon.available))
    if main is None:
        return Answer(question, [_("No subscription runs, so there is nothing to cancel."), stay])
    until = main.ends_at or main.paid_through
    if until <= facts.balance.as_of:
        return Answer(question, [_("The running period is not paid, so the plan would end at once."), stay])
    begin = _("It is cancelled already, and runs until") if main.ends_at else _("The plan would run until")
    said = _(
        "%(begin)s %(until)s. Until then everything stays, the %(monthly)s monthly credits included.",
        begin=begin,
        until=words.moment(until),
        monthly=words.number(facts.balance.monthly.available),
    )
    return Answer(question, [said, _("After that there are no monthly credits. %(stay)s", stay=stay)])


def _annual(facts: Facts) -> Answer:
    question, main = _("“Do annual plans roll over differently?”"), facts.main
    rule = _(
        "No: a year is paid at once, and gives its credits in twelve monthly parts, each replacing the last."
    )
    if main is None or main.interval != "year" or main.current_period is None:
        return Answer(question, [rule, _("This account has no annual plan.")])
    now = _(
        "This one is paid through %(paid)s. The next %(count)s come on %(next)s; %(left)s more parts are "
        "paid for.",
        paid=words.moment(main.paid_through),
        left=words.number(_parts_left(main)),
        count=words.number(main.allocation),
        next=words.moment(main.current_period.end),
    )
    return Answer(question, [rule, now])


def _parts_left(main: Subscription) -> int:
    """How many months after the running one are paid for."""
    left, month = 0, 0
    while (start := month_start(main.anchor, month)) < main.paid_through:
        left += main.current_period is not None and start >= main.current_period.end
        month += 1
    return left
