"""How the console speaks: the state of an account, of a renewal and of an act in plain words."""

from typing import Any

from coinpurse.app.diagnosis import Explained
from coinpurse.domain.catalog import Catalog
from coinpurse.domain.credits import Balance, Subscription
from coinpurse.web import words
from coinpurse.web.language import _

#: The acts of the audit trail.
ACTS = {
    "given": "gave credits",
    "exception_given": "made an exception: gave credits",
    "taken_back": "took credits back",
    "exception_taken": "made an exception: took credits back",
    "ended": "ended a subscription",
    "looked_up": "looked it up at the provider",
    "retried": "had an event tried again",
    "signed_in": "signed in",
    "signed_out": "signed out",
    "staff_added": "added a colleague",
    "staff_changed": "changed a colleague's account",
}
#: The acts that may wait for a second person, as they are asked for.
ASKED = {
    "given": "to give",
    "exception_given": "to make an exception and give",
    "taken_back": "to take back",
    "exception_taken": "to make an exception and take back",
    "ended": "to end a subscription",
}
STATES = {
    "under_way": "not known to be done",
    "waiting": "waits for approval",
    "done": "done",
    "refused": "refused",
    "declined": "declined",
}
#: What happens to a subscription without moving credits, or with.
NOTES = {
    "subscribe": "Subscribed",
    "renew": "Renewed",
    "trial": "Trial begun",
    "late": "Payment is late",
    "fail": "Payment failed",
    "pay": "Payment recorded",
    "cancel": "Cancelled",
    "end": "Subscription ended",
    "resume": "Resumed",
    "pause": "Paused",
    "change": "Plan changed",
}
#: The kinds of credits, within a sentence.
KINDS = {
    "monthly": "monthly",
    "addon": "add-on",
    "promo": "promotional",
    "compensation": "compensation",
}
RENEWAL_STATES = {
    "expected": "expected",
    "provisional": "provisional",
    "granted": "granted",
    "late": "late",
    "failed": "failed",
    "skipped": "skipped",
}
TONES = {
    "granted": "good",
    "late": "warn",
    "failed": "bad",
    "provisional": "gold",
    "applied": "good",
    "ignored": "calm",
    "waiting": "warn",
    "done": "good",
    "refused": "bad",
    "declined": "bad",
    "under_way": "warn",
}


def status_line(catalog: Catalog, balance: Balance, one: Subscription | None) -> str:
    """How a subscription stands, in one sentence."""
    if one is None:
        return _("No subscription runs. What there is can be spent, and add-on credits stay.")
    plan = words.plan_name(catalog, one.plan)
    said = {
        "past_due": _("Past due: a payment is missing, so no further period is granted."),
        "paused": _("Paused: no new periods until it is resumed."),
        "trialing": _("On a trial until %(day)s.", day=words.moment(one.anchor)),
        "ended": _("Ended."),
    }.get(one.status) or _running(balance, one)
    paid = _("%(plan)s, paid by the %(interval)s.", plan=plan, interval=_(one.interval))
    return " ".join(filter(None, [paid, said, _ending(one)]))


def _running(balance: Balance, one: Subscription) -> str:
    monthly = balance.monthly
    if one.current_period is None:
        return _("Starts on %(day)s.", day=words.moment(one.anchor))
    if monthly.renewing:
        return _(
            "Renewing: the payment for the running period is not confirmed, and nothing is given for it yet."
        )
    if monthly.provisional:
        return _("Renewed provisionally: the payment for the running period is not confirmed yet.")
    return _(
        "Active and paid through %(paid)s; monthly credits reset on %(reset)s.",
        paid=words.moment(one.paid_through),
        reset=words.moment(one.current_period.end),
    )


def _ending(one: Subscription) -> str:
    if one.ends_at is None or one.status == "ended":
        return ""
    return _("Cancelled: it ends on %(day)s.", day=words.moment(one.ends_at))


def summary(
    catalog: Catalog, name: str, balance: Balance, one: Subscription | None, renewals: list[Explained]
) -> str:
    """The account in one line, to be pasted into a ticket."""
    monthly, addon = balance.monthly, balance.addon
    parts = [
        name,
        _(
            "%(all)s credits (%(monthly)s of %(allocation)s monthly, %(addon)s add-on%(more)s)",
            all=words.number(balance.available),
            monthly=words.number(monthly.available),
            allocation=words.number(monthly.allocation),
            addon=words.number(addon.available),
            more="".join(
                f", {words.number(other.available)} {KINDS[other.kind]}" for other in balance.buckets.other
            ),
        ),
        *([_("%(num)s set aside", num=words.number(balance.held))] if balance.held else []),
        status_line(catalog, balance, one).rstrip("."),
        *(_renewal(one) for one in renewals[:1]),
        _("as of %(moment)s", moment=words.moment(balance.as_of)),
    ]
    return " · ".join(parts)


def _renewal(one: Explained) -> str:
    day = words.day(one.renewal.period.start)
    return _("renewal of %(day)s %(state)s", day=day, state=_(RENEWAL_STATES[one.renewal.state]))


def why(one: Explained) -> str:
    """Why a renewal stands as it does, and what to do."""
    return CASES[one.why.case](one)


def _seller(one: Explained) -> str:
    return one.seller.provider.capitalize() if one.seller else ""


def _event(one: Explained) -> str:
    return f"{one.why.event.type} ({one.why.event.id})" if one.why.event else ""


def _detail(one: Explained) -> str:
    return one.why.detail or _("It doesn't say why.")


CASES = {
    "landed": lambda one: _("Paid, and the credits are there. Nothing to do."),
    "skipped": lambda one: _("Skipped: the subscription was paused or past due. Nothing to do."),
    "here": lambda one: _(
        "This subscription is kept here alone: it waits for the app to record the payment. Nothing to do "
        "here."
    ),
    "failed": lambda one: _(
        "Delivered, and it failed here: %(event)s. %(why)s Put that right, then have it tried again.",
        event=_event(one),
        why=_detail(one),
    ),
    "working": lambda one: _(
        "Delivered, and being worked on: %(event)s. Look again in a minute. If it stays so, no worker runs.",
        event=_event(one),
    ),
    "ignored": lambda one: _(
        "Delivered, and left aside: %(event)s. %(why)s If that is not right any more, have it tried again.",
        event=_event(one),
        why=_detail(one),
    ),
    "unpaid": lambda one: _(
        "%(seller)s could not collect the payment: it waits for the customer, who can settle it on the "
        "Subscriptions page. Nothing to do here.",
        seller=_seller(one),
    ),
    "asked": lambda one: _(
        "%(seller)s was asked, and has no payment for it. %(why)s If the customer has proof of one, ask "
        "again.",
        seller=_seller(one),
        why=_detail(one),
    ),
    "missing": lambda one: _(
        "Never delivered: %(seller)s has told nothing of this renewal. Look it up there, which applies what "
        "was paid.",
        seller=_seller(one),
    ),
    "partly": lambda one: _(
        "%(seller)s has told of this renewal, and not that it is paid. Look it up there: if it is paid, that "
        "applies it.",
        seller=_seller(one),
    ),
}


#: What every page of the console can say.
WORDS: dict[str, Any] = {
    "why": why,
    "tone": lambda word: TONES.get(word, ""),
    "act_words": lambda act: _(ACTS.get(act) or act),
    "ask_words": lambda act: _(ASKED.get(act) or act),
    "state_words": lambda state: _(STATES[state]),
    "kind_words": lambda kind: _(KINDS[kind]),
    "note_words": lambda kind: _(NOTES.get(kind) or kind),
    "renewal_words": lambda state: _(RENEWAL_STATES[state]),
}
