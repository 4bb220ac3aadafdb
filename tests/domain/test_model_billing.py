"""What a provider's facts do to the model, paragraph by paragraph of docs/billing.md: subscriptions."""

from dataclasses import replace
from datetime import timedelta

import pytest

from coinpurse.domain.facts import ChangePaid, PaidWith, Unpaid
from coinpurse.domain.model import Terms
from domain.billing_facts import DAY, SMALL, START, STARTER, STUDIO, YEARLY, Told, month


def subscribed(terms: Terms = STARTER) -> Told:
    """A subscription by the month (or year) that stands and is paid from now on."""
    model = Told(terms=terms)
    model.stands()
    model.pays(START, month(terms.months))
    return model


def change_paid() -> ChangePaid:
    return ChangePaid(subscription="sub", invoice="in_change")


def unpaid(n: int) -> Unpaid:
    return Unpaid(subscription="sub", invoice="in", start=month(n))


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
    """B4: deleted before paid: the money is on record, the subscription stays ended."""
    model = Told()
    model.stands("ended")
    assert model.pays_month(0).what == "nothing"
    assert model.balance().available == 0
    assert model.goes_back("payment of line 26-03-10", refunded=1000).what == "nothing"


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
    assert model.stands("active", STUDIO, payment_pending=True).what == "nothing"
    assert model.monthly == 1000
    assert model.kinds(model.change_paid(change_paid())) == ["change"]
    assert model.monthly == 3000
    assert model.change_paid(change_paid()).what == "nothing"


def test_a_change_paid_before_any_standing_does_nothing() -> None:
    """E2: the standing that comes later tells."""
    model = Told()
    assert model.change_paid(change_paid()).what == "nothing"
    model.pays_month(0)
    model.stands("active", STUDIO)
    assert model.monthly == 3000


def test_b5_a_downgrade_takes_effect_at_the_renewal() -> None:
    """B5: fewer credits come with the first period that isn't paid yet; taken back before: nothing changes."""
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


# Paid lines


def test_t6_a_line_grants_once() -> None:
    """T6, P2: the second time it says nothing; the actor is the provider."""
    model = Told()
    assert model.kinds(model.pays_month(0)) == ["subscribe", "renew"]
    assert model.acts()[0].actor == "provider:stripe"
    assert model.pays_month(0).what == "nothing"
    assert model.subscriptions()[0].paid_through == month(1)


def test_t5_a_year_that_began_before_we_heard_of_it() -> None:
    """T5: periods since the line's start begin at once, in order, dated now."""
    model = Told(START + 70 * DAY, YEARLY)
    led = model.pays(START, month(12))
    assert model.kinds(led) == ["subscribe", "renew", "renew", "renew"]
    assert {act.at for act in led.acts} == {START + 70 * DAY}
    assert model.monthly == 1000


def test_a_line_of_the_past_is_only_recorded() -> None:
    """A line that is over when the subscription is not known here begins nothing."""
    model = Told(month(2))
    assert model.pays_month(0).what == "nothing"
    assert model.status == "none"


def test_t6_a_line_ahead_begins_when_its_time_comes() -> None:
    """T6: paid from a later instant on: nothing until then."""
    model = Told()
    model.pays_month(1)
    assert (model.monthly, model.subscriptions()[0].current_period) == (0, None)
    model.wait_until(month(1))
    assert model.monthly == 1000


def test_an_earlier_line_that_comes_later_loses_nothing() -> None:
    """E2: the line for now comes after the one for next month: both months are paid."""
    model = Told()
    model.pays_month(1)
    model.pays_month(0)
    assert (model.monthly, model.subscriptions()[0].paid_through) == (1000, month(2))


def test_b7_recovery_grants_the_running_period_whatever_the_order() -> None:
    """B7: the late line of an earlier month comes after that of the running one."""
    model = subscribed()
    model.wait_until(month(2) + DAY)
    assert model.status == "past_due"
    model.pays_month(2)
    assert (model.monthly, model.status) == (1000, "active")
    assert model.kinds(model.pays_month(1)) == ["pay"]
    assert (model.monthly, model.subscriptions()[0].paid_through) == (1000, month(3))


def test_b3_subscribing_again_has_a_new_anchor() -> None:
    """B3: a line of a subscription that has ended here, but not at the provider, begins a new one."""
    model = subscribed()
    model.cancel("su_1", "now")
    model.wait_until(month(1) + 3 * DAY)
    model.pays(month(1) + 3 * DAY, month(2) + 3 * DAY)
    assert [sub.status for sub in model.subscriptions()] == ["ended", "active"]
    assert (model.monthly, model.subscriptions()[1].anchor) == (1000, month(1) + 3 * DAY)


def test_t8_an_anchor_that_was_reset_grants_no_month_twice() -> None:
    """T8, B9: the line decides; what was taken of the unpaid period is part of what the line gives."""
    model = subscribed()
    model.wait_until(month(1))
    model.charge(300)
    hold = model.hold(50)
    begun = month(1) + 2 * DAY
    model.wait_until(month(1) + timedelta(hours=1))
    model.pays(month(1) - DAY, month(2) - DAY)
    assert (model.monthly, model.subscriptions()[0].anchor) == (650, month(1) - DAY)
    assert [renewal.state for renewal in model.renewals()] == ["granted", "granted", "skipped"]
    act = next(act for act in reversed(model.acts()) if act.kind == "pay")
    assert act.reason is not None
    model.wait_until(begun)
    assert model.release(hold.id).balance.monthly.available == 650


def test_t8_an_anchor_that_was_reset_in_a_paid_period_starts_over() -> None:
    """T8: a paid period makes way for the line's in full; its slice that holds now runs."""
    model = subscribed()
    model.wait_until(START + 10 * DAY)
    model.charge(300)
    model.pays(START + 9 * DAY, month(12, START + 9 * DAY), YEARLY)
    assert model.monthly == 1000
    assert model.balance().monthly.period.end == month(1, START + 9 * DAY)  # type: ignore[union-attr]


def test_t8_the_first_period_is_moved_ahead_of_its_start() -> None:
    """T8: in a trial, a line from another instant after now moves the anchor, and the trial's end with it."""
    model = Told()
    model.stands("trialing", trial_end=START + 14 * DAY)
    model.pays(START + 10 * DAY, month(1, START + 10 * DAY))
    model.wait_until(START + 10 * DAY)
    assert (model.monthly, model.status) == (1000, "active")
    assert model.kinds(model.stands("active")) == []


def test_other_terms_on_the_line_hold_for_its_period() -> None:
    """B5: an unconfirmed period is confirmed with what was paid for; the surplus goes as far as unspent."""
    model = subscribed(STUDIO)
    model.wait_until(month(1))
    model.charge(2700)
    model.pays_month(1, SMALL)
    assert (model.monthly, model.subscriptions()[0].plan) == (0, "studio")
    assert model.subscriptions()[0].pending_change is not None
    assert model.balance().monthly.allocation == 400


def test_other_terms_on_a_line_ahead_wait_for_it() -> None:
    """B5: a line for a later period says what that will give."""
    model = Told()
    model.pays_month(0)
    model.pays_month(1, STUDIO)
    assert model.monthly == 1000
    model.wait_until(month(1))
    assert model.monthly == 3000


def test_t1_a_line_of_a_year_is_twelve_months_from_a_clipped_day() -> None:
    """T1: months are reckoned and clipped as periods are: Jan 31 to Feb 28 is one month."""
    anchor = START.replace(month=1, day=31)
    model = Told(anchor)
    model.pays(anchor, month(1, anchor))
    model.wait_until(month(1, anchor))
    model.pays(month(1, anchor), month(2, anchor))
    sub = model.subscriptions()[0]
    assert (sub.anchor, sub.paid_through) == (anchor, anchor.replace(month=3))


# Unpaid


def test_t7_an_unpaid_period_fails_now() -> None:
    """T7, field case 23: the running period's payment failed: what is unspent freezes; it thaws when paid."""
    model = subscribed()
    model.wait_until(month(1))
    assert model.kinds(model.unpaid(unpaid(1))) == ["fail"]
    assert model.unpaid(unpaid(1)).what == "nothing"
    model.pays_month(1)
    assert (model.monthly, model.unpaid(unpaid(1)).what) == (1000, "nothing")


def test_t7_an_unpaid_period_under_grace_goes_on() -> None:
    """T7: `paid_with_grace` promises the grace, whatever the provider says meanwhile."""
    model = subscribed(replace(STARTER, policy="paid_with_grace"))
    model.wait_until(month(1))
    assert model.unpaid(unpaid(1)).what == "nothing"
    assert model.stands("past_due").what == "nothing"
    assert model.monthly == 1000


def test_unpaid_ahead_waits_and_unknown_is_nothing() -> None:
    """E2: what our clock has not reached comes again; another period, or subscription, is of no matter."""
    model = subscribed()
    assert model.unpaid(unpaid(1)).what == "not_yet"
    assert model.unpaid(unpaid(-1)).what == "nothing"
    assert Told().unpaid(unpaid(1)).what == "nothing"


def test_what_paid_an_invoice_may_be_told_later() -> None:
    """P3: a refund finds the line by the payment that was told apart from the invoice."""
    model = Told()
    told = PaidWith(invoice="in", payment="pi")
    assert model.paid_with(told).what == "not_yet"
    model.pays_month(0)
    assert model.paid_with(replace(told, invoice="invoice of line 26-03-10")).what == "nothing"
    assert model.goes_back("pi", refunded=1000).what == "not_yet"
