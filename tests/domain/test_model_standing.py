"""What a provider's facts do to the model, paragraph by paragraph of docs/billing.md: standings."""

from dataclasses import replace
from datetime import timedelta

import pytest

from coinpurse.domain.facts import ChangePaid
from domain.billing_facts import DAY, SMALL, START, STARTER, STUDIO, YEARLY, Told, month, subscribed


def change_paid() -> ChangePaid:
    return ChangePaid(subscription="sub", invoice="in_change")


# Standing, not known here yet


@pytest.mark.parametrize("state", ["active", "past_due", "ended", "incomplete"])
def test_nothing_begins_before_a_paid_line(state: str) -> None:
    """B7: only a trial begins without a payment; a standing alone gives nothing."""
    model = Told()
    assert model.stands(state).what == "nothing"  # type: ignore[arg-type]
    assert (model.monthly, model.status) == (0, "none")


def test_b8_a_trial_begins_with_its_standing() -> None:
    """B8: the trial gives its own allocation from now to its end; the paid line starts the first period."""
    model = Told(terms=replace(STUDIO, trial_allocation=100))
    led = model.stands("trialing", trial_end=START + 14 * DAY)
    assert model.kinds(led) == ["subscribe", "trial"]
    assert (model.monthly, model.status) == (100, "trialing")
    model.wait_until(START + 14 * DAY)
    model.pays(START + 14 * DAY, month(1, START + 14 * DAY))
    assert (model.monthly, model.status) == (3000, "active")
    assert not model.balance().monthly.provisional


def test_b8_a_trial_that_is_over_does_not_begin() -> None:
    """B8: news of a trial that come after its end begin nothing."""
    model = Told()
    assert model.stands("trialing", trial_end=START).what == "nothing"
    assert model.status == "none"


def test_b8_a_trial_cancelled_before_we_heard_of_it_ends_with_itself() -> None:
    """B3, B8: the subscription that a standing makes is conformed to it at once."""
    model = Told()
    led = model.stands("trialing", trial_end=START + DAY, ends_at=START + DAY, ends_with_period=True)
    assert model.kinds(led) == ["subscribe", "trial", "cancel"]
    model.wait_until(START + DAY)
    assert (model.monthly, model.status) == (0, "ended")


# Standing, known


def test_e2_a_stale_standing_does_nothing() -> None:
    """E2: what is older than the latest standing, by date and then by rank, is not believed."""
    model = subscribed()
    model.stands(as_of=START + DAY, rank=2)
    assert model.stands("ended", as_of=START).what == "nothing"
    assert model.stands("ended", as_of=START + DAY, rank=1).what == "nothing"
    assert model.status == "active"


def test_b4_a_deletion_ends_the_monthly_credits_now() -> None:
    """B2, B4: monthly credits go, add-on credits stay, and no later standing brings them back."""
    model = subscribed()
    model.buys(500)
    assert model.kinds(model.stands("ended")) == ["end"]
    assert (model.monthly, model.addon, model.status) == (0, (500, 0, 0), "ended")
    assert model.stands("active").what == "nothing"


def test_a_line_paid_after_the_deletion_gives_nothing() -> None:
    """B4: deleted before paid: the money is on record, the subscription ends as it begins."""
    model = Told()
    model.stands("ended")
    assert model.kinds(model.pays_month(0)) == ["subscribe", "renew", "end"]
    assert model.balance().available == 0
    assert model.goes_back("payment of line 26-03-10", refunded=1000).what == "nothing"
    assert model.pays_month(1).what == "nothing"


def test_t8_a_trial_is_moved_while_it_runs() -> None:
    """T8: the trial's end is the anchor; open trial credits expire there, no earlier and no later."""
    model = Told()
    model.stands("trialing", trial_end=START + 7 * DAY)
    assert model.kinds(model.stands("trialing", trial_end=START + 20 * DAY)) == ["change"]
    model.wait_until(START + 19 * DAY)
    assert (model.monthly, model.status) == (1000, "trialing")
    assert model.stands("trialing", trial_end=START).what == "nothing"
    model.stands("trialing", trial_end=START + 20 * DAY)
    model.charge(1000)
    model.wait_until(START + 20 * DAY)
    assert (model.monthly, model.balance().monthly.provisional) == (1000, True)


def test_t8_a_trial_that_ended_early_is_told_by_the_paid_line() -> None:
    """T8: paid from now on though the trial would run for days: the first period starts with the line."""
    model = Told(terms=replace(STARTER, trial_allocation=50))
    model.stands("trialing", trial_end=START + 14 * DAY)
    model.charge(20)
    model.wait_until(START + 2 * DAY)
    model.pays(START + 2 * DAY, month(1, START + 2 * DAY))
    assert (model.monthly, model.status) == (1000, "active")
    assert model.subscriptions()[0].anchor == START + 2 * DAY


@pytest.mark.parametrize(
    ("policy", "expected"), [("difference", 2200), ("restart", 2200), ("at_renewal", 200), ("prorated", 1200)]
)
def test_b5_an_upgrade_in_the_middle_of_a_period(policy: str, expected: int) -> None:
    """B5: 200 of 1,000 left and moved to 3,000: 2,200 under `difference`; `restart` is taken as that, for the
    provider's anchor decides."""
    model = subscribed()
    model.charge(800)
    model.wait_until(START + (month(1) - START) / 2)
    model.stands("active", STUDIO, upgrade=policy)
    assert model.monthly == expected
    assert model.stands("active", STUDIO, upgrade=policy).what == "nothing"


def test_b5_an_upgrade_waits_for_its_payment() -> None:
    """B5, field case 7: what nobody has paid for is not given; the change's own invoice brings it."""
    model = subscribed()
    assert model.stands("active", STUDIO, payment_pending=True, pending_invoice="in_change").what == "nothing"
    assert model.monthly == 1000
    assert model.change_paid(replace(change_paid(), invoice="in_other")).what == "nothing"
    assert model.kinds(model.change_paid(change_paid())) == ["change"]
    assert model.monthly == 3000
    assert model.change_paid(change_paid()).what == "nothing"


def test_a_change_paid_before_it_is_told_is_kept() -> None:
    """E2: the standing that comes later need not wait for its invoice."""
    model = Told()
    assert model.change_paid(change_paid()).what == "nothing"
    model.pays_month(0)
    model.stands("active", STUDIO, payment_pending=True, pending_invoice="in_change")
    assert model.monthly == 3000


def test_b5_a_downgrade_takes_effect_at_the_renewal() -> None:
    """B5: fewer credits come with the first period that isn't paid yet; taken back: nothing changes."""
    model = subscribed()
    assert model.kinds(model.stands("active", SMALL)) == ["change"]
    assert model.monthly == 1000
    assert model.kinds(model.stands("active", STARTER)) == ["change"]
    assert model.subscriptions()[0].pending_change is None
    model.stands("active", SMALL)
    model.wait_until(month(1))
    model.pays_month(1, SMALL)
    assert model.monthly == 400


def test_b9_a_switch_to_a_year_never_gives_one_month_twice() -> None:
    """B9: the standing only announces the year; its line starts the periods over and says from when."""
    model = subscribed()
    model.wait_until(START + 10 * DAY)
    model.charge(600)
    model.stands("active", YEARLY)
    assert model.monthly == 400
    begun = START + 10 * DAY
    model.pays(begun, month(12, begun), YEARLY)
    sub = model.subscriptions()[0]
    assert (model.monthly, sub.interval, sub.pending_change) == (1000, "year", None)
    assert (sub.anchor, sub.paid_through) == (begun, month(12, begun))
    model.wait_until(month(3, begun))
    assert (model.monthly, model.balance().monthly.provisional) == (1000, False)


def test_b9_a_year_that_goes_on_by_the_month() -> None:
    """B9: annual to monthly at the year's end: no month is skipped, none is given twice."""
    model = subscribed(YEARLY)
    model.stands("active", STARTER)
    model.wait_until(month(12))
    model.pays_month(12, STARTER)
    sub = model.subscriptions()[0]
    assert (sub.interval, sub.paid_through, model.monthly) == ("month", month(13), 1000)
    assert sum(renewal.state == "granted" for renewal in model.renewals()) == 13


def test_b11_a_pause_and_its_end() -> None:
    """B11: no new periods while paused, add-on stays; the next paid line after it grants again."""
    model = subscribed()
    model.buys(50)
    assert model.kinds(model.stands("active", paused=True)) == ["pause"]
    model.wait_until(month(1))
    assert (model.monthly, model.status, model.balance().available) == (0, "paused", 50)
    model.wait_until(month(2))
    assert model.kinds(model.stands("active")) == ["resume"]
    model.pays_month(2)
    assert (model.monthly, model.status) == (1000, "active")


def test_b3_a_cancellation_ends_with_what_is_paid_and_can_be_undone() -> None:
    """B3: everything stays until `paid_through`; undoing changes nothing but the flag."""
    model = subscribed()
    model.charge(600)
    assert model.kinds(model.stands(ends_at=month(1), ends_with_period=True)) == ["cancel"]
    assert model.kinds(model.stands()) == ["resume"]
    assert (model.monthly, model.subscriptions()[0].ends_at) == (400, None)
    model.stands(ends_at=month(1), ends_with_period=True)
    model.pays_month(1)
    assert model.subscriptions()[0].ends_at == month(2)
    model.wait_until(month(2))
    assert (model.monthly, model.status) == (0, "ended")


def test_b3_a_cancellation_in_an_unpaid_period_keeps_it() -> None:
    """B3: cancelled while the renewal's invoice is still a draft: the end is the provider's."""
    model = subscribed()
    model.wait_until(month(1))
    model.charge(300)
    model.stands(ends_at=month(2), ends_with_period=True)
    assert (model.monthly, model.status) == (700, "active")
    model.pays_month(1)
    assert (model.monthly, model.subscriptions()[0].ends_at) == (700, month(2))


def test_t7_nothing_is_given_in_advance_for_the_last_period() -> None:
    """T7: a fixed end beyond what is paid: provisional as ever, but not for the period that ends with it."""
    model = subscribed()
    model.stands(ends_at=month(2) + DAY)
    model.wait_until(month(1))
    assert (model.monthly, model.balance().monthly.provisional) == (1000, True)
    model.pays_month(1)
    model.wait_until(month(2))
    assert (model.monthly, model.balance().monthly.renewing) == (0, True)


def test_t8_the_provider_reckons_from_a_longer_month() -> None:
    """T1, T8: first seen in February, the anchor is the 31st; the period ends where that says."""
    anchor = START.replace(month=1, day=31)
    model = Told(month(1, anchor))
    model.pays(month(1, anchor), month(2, anchor))
    assert model.subscriptions()[0].anchor == month(1, anchor)
    assert model.kinds(model.stands(anchor=anchor)) == ["change"]
    sub = model.subscriptions()[0]
    assert (sub.anchor, sub.paid_through) == (anchor, month(2, anchor))
    model.wait_until(month(2, anchor) - DAY)
    assert (model.monthly, model.stands(anchor=anchor).what) == (1000, "nothing")


def test_t2_a_fixed_end_in_the_middle_of_a_period() -> None:
    """T2, field case 24: at that instant it is over, whatever is paid beyond it."""
    model = subscribed()
    middle = month(1) + 5 * DAY
    model.stands(ends_at=middle)
    model.wait_until(month(1))
    assert (model.monthly, model.balance().monthly.renewing) == (0, True)
    model.pays_month(1)
    assert (model.monthly, model.subscriptions()[0].ends_at) == (1000, middle)
    model.wait_until(middle - timedelta(microseconds=1))
    assert model.monthly == 1000
    model.wait_until(middle)
    assert (model.monthly, model.status, model.acts()[-1].at) == (0, "ended", middle)


def test_b4_an_end_that_is_past_is_now() -> None:
    """B4: an end that is not later than now ends the subscription now."""
    model = subscribed()
    model.wait_until(START + DAY)
    assert model.kinds(model.stands(ends_at=START + DAY)) == ["end"]
    assert model.acts()[-1].at == START + DAY


def test_t7_past_due_freezes_at_once() -> None:
    """T7, B7: the provider says that the payment failed: no waiting for the grace; recovery thaws."""
    model = subscribed()
    model.wait_until(month(1))
    model.charge(300)
    assert model.kinds(model.stands("past_due")) == ["fail"]
    assert (model.monthly, model.balance().monthly.frozen, model.status) == (0, 700, "past_due")
    assert model.renewals()[-1].unpaid == 300
    assert model.stands("past_due").what == "nothing"
    model.wait_until(month(1) + 4 * DAY)
    model.pays_month(1)
    assert (model.monthly, model.status, model.renewals()[-1].unpaid) == (700, "active", 0)
