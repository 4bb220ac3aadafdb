"""What paid lines and failed payments do to the model, paragraph by paragraph of docs/billing.md."""

from dataclasses import replace
from datetime import timedelta

from coinpurse.domain.facts import PaidWith, Unpaid
from domain.billing_facts import DAY, SMALL, START, STARTER, STUDIO, YEARLY, Told, month, subscribed


def unpaid(n: int) -> Unpaid:
    return Unpaid(subscription="sub", invoice="in", start=month(n))


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


def test_e2_the_first_line_comes_a_month_late() -> None:
    """E2, T8: it says from when months are reckoned; what runs now waits for its own payment."""
    model = Told(month(2) + DAY)
    assert model.kinds(model.pays_month(0)) == ["subscribe", "renew", "renew", "late", "fail", "renew"]
    assert (model.monthly, model.status) == (0, "past_due")
    model.pays_month(2)
    assert (model.monthly, model.status) == (1000, "active")


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
    hold = model.hold(50, expires_in=400_000)
    begun = month(1) + 2 * DAY
    model.wait_until(month(1) + timedelta(hours=1))
    model.pays(month(1) - DAY, month(2) - DAY)
    assert (model.monthly, model.subscriptions()[0].anchor) == (650, month(1) - DAY)
    assert [renewal.state for renewal in model.renewals()] == ["granted", "skipped", "granted"]
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
    assert (model.monthly, model.subscriptions()[0].plan) == (0, "small")
    model.stands("active", SMALL)
    assert (model.monthly, model.subscriptions()[0].pending_change) == (0, None)


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
    """P3: a refund finds the line by the payment that was told apart from the invoice, before or after."""
    model = Told()
    assert model.goes_back("pi", refunded=1000).what == "not_yet"
    model.paid_with(PaidWith(invoice="invoice of line 26-03-10", payment="pi"))
    assert model.goes_back("pi", refunded=1000).what == "not_yet"
    model.pays_month(0)
    assert model.kinds(model.goes_back("pi", refunded=1000)) == ["end"]
