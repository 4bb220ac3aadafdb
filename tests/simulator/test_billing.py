"""What Stripe bills, and when: the facts that decide whether a receiver is right."""

from datetime import UTC, datetime

import pytest

from coinpurse.simulator import Terms
from simulator.shop import DAY, HOUR, Shop, at, lines, period


def test_a_first_invoice_is_paid_at_once(shop: Shop) -> None:
    """A subscription begins active, with a paid invoice for its first period, and its events in order."""
    subscription = shop.subscribe()
    (invoice,) = shop.invoices(subscription)
    assert (subscription["status"], invoice["status"], invoice["billing_reason"]) == (
        "active",
        "paid",
        "subscription_create",
    )
    assert period(subscription) == (at(2026, 1, 31), at(2026, 2, 28))
    assert lines(invoice) == [(1900, False, at(2026, 1, 31), at(2026, 2, 28))]
    told = [t for t in shop.types() if t.startswith(("customer.sub", "invoice."))]
    assert told == [
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "invoice.updated",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
        "customer.subscription.updated",
    ]


def test_renewals_are_reckoned_from_the_anchor(shop: Shop) -> None:
    """January 31 renews on February 28, March 31, April 30: clipped from the anchor, never from the last."""
    subscription = shop.subscribe()
    starts = []
    for _ in range(13):
        starts.append(period(subscription)[1])
        shop.advance(period(subscription)[1])
    assert starts[:4] == [at(2026, 2, 28), at(2026, 3, 31), at(2026, 4, 30), at(2026, 5, 31)]
    assert starts[12] == at(2027, 2, 28)


def test_leap_years_and_annual_plans(shop: Shop) -> None:
    """A year from January 31 is January 31; one from February 29 is February 28, and then February 29."""
    leap = Shop(start=datetime(2028, 2, 29, 12, tzinfo=UTC))
    subscription = leap.subscribe("price_starter_year")
    ends = []
    for _ in range(4):
        ends.append(period(subscription)[1])
        leap.advance(ends[-1])
    assert ends == [at(y, 2, d, 12, 0) for y, d in ((2029, 28), (2030, 28), (2031, 28), (2032, 29))]


def test_a_renewal_is_drafted_at_the_instant_and_charged_an_hour_later(shop: Shop) -> None:
    """The invoice's own period is the one that just ended; its line's period is the new one."""
    subscription = shop.subscribe()
    due = at(2026, 2, 28)
    shop.advance(due)
    draft = shop.invoices(subscription)[-1]
    assert (draft["status"], draft["created"], draft["billing_reason"]) == (
        "draft",
        due,
        "subscription_cycle",
    )
    assert (draft["period_start"], draft["period_end"]) == (at(2026, 1, 31), due)
    assert lines(draft) == [(1900, False, due, at(2026, 3, 31))]
    assert draft["automatically_finalizes_at"] == due + HOUR
    shop.advance(due + HOUR - 1)
    assert shop.invoices(subscription)[-1]["status"] == "draft"
    shop.advance(due + HOUR)
    paid = shop.invoices(subscription)[-1]
    assert (paid["status"], paid["status_transitions"]["paid_at"]) == ("paid", due + HOUR)


def test_finalising_a_draft_charges_it_now(shop: Shop) -> None:
    """A finalize call makes the hour nothing, and the hour's own finalisation then does nothing."""
    subscription = shop.subscribe()
    shop.advance(at(2026, 2, 28))
    draft = shop.invoices(subscription)[-1]
    answer = shop.call("POST", f"/v1/invoices/{draft['id']}/finalize", auto_advance=True)
    assert (answer["status"], answer["status_transitions"]["paid_at"]) == ("paid", at(2026, 2, 28))
    shop.advance(at(2026, 2, 28) + 2 * HOUR)
    assert shop.count("invoice.paid", "invoice.finalized") == (2, 2)


def test_a_declined_renewal_is_tried_again_and_recovers(shop: Shop) -> None:
    """Dunning goes on days 1, 3, 5 and 7; the invoice that recovers keeps its period."""
    subscription = shop.subscribe(card="pm_card_declinesLater")
    failed = at(2026, 2, 28) + HOUR
    shop.advance(failed)
    open_invoice = shop.invoices(subscription)[-1]
    assert (subscription["status"], open_invoice["status"]) == ("past_due", "open")
    assert open_invoice["next_payment_attempt"] == failed + DAY
    shop.advance(failed + 3 * DAY)
    assert shop.invoices(subscription)[-1]["attempt_count"] == 3
    shop.sim.control("card", {"customer": subscription["customer"], "behaviour": "pays"})
    shop.advance(failed + 5 * DAY)
    recovered = shop.invoices(subscription)[-1]
    assert (recovered["status"], subscription["status"]) == ("paid", "active")
    assert lines(recovered) == lines(open_invoice)
    assert recovered["status_transitions"]["paid_at"] == failed + 5 * DAY
    assert shop.count("invoice.payment_failed") == (3,)


@pytest.mark.parametrize(("ends", "status"), [("cancel", "canceled"), ("unpaid", "unpaid")])
def test_dunning_ends(ends: str, status: str) -> None:
    """After the last attempt the subscription is cancelled or unpaid, as the account says."""
    shop = Shop(terms=Terms(dunning_ends=ends))  # type: ignore[arg-type]
    subscription = shop.subscribe(card="pm_card_declinesLater")
    shop.advance(at(2026, 2, 28) + HOUR + 7 * DAY - 1)
    assert subscription["status"] == "past_due"
    shop.advance(at(2026, 2, 28) + HOUR + 7 * DAY)
    assert subscription["status"] == status
    assert shop.count("invoice.payment_failed", "customer.subscription.deleted") == (5, status == "canceled")
    shop.advance(at(2026, 5, 1))
    drafts = [i["status"] for i in shop.invoices(subscription)[2:]]
    assert drafts == ([] if status == "canceled" else ["draft", "draft"])


def test_a_card_that_wants_its_owner(shop: Shop) -> None:
    """A renewal that needs its owner says so, waits, and is paid when they confirm."""
    subscription = shop.subscribe(card=None, customer=shop.customer())
    shop.sim.control("card", {"customer": subscription["customer"], "behaviour": "wants_owner"})
    shop.advance(at(2026, 2, 28) + HOUR)
    assert subscription["status"] == "past_due"
    assert shop.count("invoice.payment_action_required", "payment_intent.requires_action") == (1, 1)
    invoice = shop.get(f"/v1/invoices/{subscription['latest_invoice']}", expand=["payments"])
    intent = invoice["payments"]["data"][0]["payment"]["payment_intent"]
    shop.sim.control("confirm", {"payment_intent": intent})
    assert (shop.invoices(subscription)[-1]["status"], subscription["status"]) == ("paid", "active")


def test_an_interval_switch_resets_the_anchor(shop: Shop) -> None:
    """Monthly to annual bills the year now, in full and not as a proration, less the unused month."""
    subscription = shop.subscribe()
    halfway = at(2026, 2, 14)
    shop.advance(halfway)
    shop.switch(subscription, "price_starter_year")
    invoice = shop.invoices(subscription)[-1]
    assert subscription["billing_cycle_anchor"] == halfway
    assert period(subscription) == (halfway, at(2027, 2, 14))
    assert (invoice["billing_reason"], invoice["status"]) == ("subscription_update", "paid")
    assert lines(invoice) == [
        (-950, True, halfway, at(2026, 2, 28)),
        (19000, False, halfway, at(2027, 2, 14)),
    ]
    assert invoice["amount_paid"] == 18050
    shop.advance(at(2026, 12, 31))
    assert len(shop.invoices(subscription)) == 2


def test_an_upgrade_is_prorated_at_once_when_asked(shop: Shop) -> None:
    """`always_invoice`: two proration lines, paid now; the period and its anchor stay."""
    subscription = shop.subscribe()
    shop.advance(at(2026, 2, 14))
    shop.switch(subscription, "price_pro", proration_behavior="always_invoice")
    invoice = shop.invoices(subscription)[-1]
    assert [(amount, proration) for amount, proration, *_ in lines(invoice)] == [(-950, True), (2450, True)]
    assert (invoice["billing_reason"], invoice["amount_paid"]) == ("subscription_update", 1500)
    assert period(subscription) == (at(2026, 1, 31), at(2026, 2, 28))


def test_prorations_wait_for_the_next_invoice_by_default(shop: Shop) -> None:
    """`create_prorations`: nothing is billed now; the renewal has the parts and the new price."""
    subscription = shop.subscribe()
    shop.advance(at(2026, 2, 14))
    shop.switch(subscription, "price_pro")
    assert len(shop.invoices(subscription)) == 1
    shop.advance(at(2026, 2, 28))
    renewal = shop.invoices(subscription)[-1]
    assert [(amount, proration) for amount, proration, *_ in lines(renewal)] == [
        (-950, True),
        (2450, True),
        (4900, False),
    ]
    assert renewal["billing_reason"] == "subscription_cycle"


def test_a_change_without_prorations(shop: Shop) -> None:
    """`none`: the new price is billed from the next period on, and nothing for this one."""
    subscription = shop.subscribe()
    shop.advance(at(2026, 2, 14))
    shop.switch(subscription, "price_pro", proration_behavior="none")
    shop.advance(at(2026, 2, 28))
    assert [line[0] for line in lines(shop.invoices(subscription)[-1])] == [4900]


def test_a_downgrade_leaves_credit(shop: Shop) -> None:
    """What a downgrade gives back stays on the customer's balance and pays for the next invoice."""
    subscription = shop.subscribe("price_pro")
    shop.advance(at(2026, 2, 14))
    shop.switch(subscription, "price_starter", proration_behavior="always_invoice")
    invoice = shop.invoices(subscription)[-1]
    assert (invoice["total"], invoice["amount_due"], invoice["status"]) == (-1500, 0, "paid")
    assert shop.get(f"/v1/customers/{subscription['customer']}")["balance"] == -1500
    shop.advance(at(2026, 2, 28) + HOUR)
    renewal = shop.invoices(subscription)[-1]
    assert (renewal["total"], renewal["amount_paid"], renewal["ending_balance"]) == (1900, 400, 0)


def test_an_upgrade_that_is_not_paid_makes_it_past_due(shop: Shop) -> None:
    """By default an upgrade holds at once, and its unpaid invoice makes the subscription past due."""
    subscription = shop.subscribe()
    shop.sim.control("card", {"customer": subscription["customer"], "behaviour": "declines"})
    shop.switch(subscription, "price_pro", proration_behavior="always_invoice")
    assert subscription["status"] == "past_due"
    assert subscription["items"]["data"][0]["price"]["id"] == "price_pro"


def test_an_upgrade_can_wait_for_its_payment(shop: Shop) -> None:
    """`pending_if_incomplete`: the old price holds until the invoice of the new one is paid."""
    subscription = shop.subscribe()
    shop.sim.control("card", {"customer": subscription["customer"], "behaviour": "declines"})
    shop.switch(
        subscription,
        "price_pro",
        proration_behavior="always_invoice",
        payment_behavior="pending_if_incomplete",
    )
    assert (subscription["status"], subscription["items"]["data"][0]["price"]["id"]) == (
        "active",
        "price_starter",
    )
    assert subscription["pending_update"]["subscription_items"][0]["price"]["id"] == "price_pro"
    shop.sim.control("pay_invoice", {"invoice": subscription["latest_invoice"], "token": "pm_card_visa"})
    assert subscription["pending_update"] is None
    assert subscription["items"]["data"][0]["price"]["id"] == "price_pro"
    assert shop.count("customer.subscription.pending_update_applied") == (1,)


def test_an_upgrade_that_is_paid_after_the_renewal_keeps_the_new_period(shop: Shop) -> None:
    """A pending update that outlives its period takes effect in the one that runs by then."""
    subscription = shop.subscribe()
    customer = subscription["customer"]
    shop.advance(at(2026, 2, 28) - HOUR)
    shop.sim.control("card", {"customer": customer, "behaviour": "declines"})
    shop.switch(
        subscription,
        "price_pro",
        proration_behavior="always_invoice",
        payment_behavior="pending_if_incomplete",
    )
    waiting = subscription["latest_invoice"]
    shop.sim.control("card", {"customer": customer, "behaviour": "pays"})
    shop.advance(at(2026, 2, 28) + 2 * HOUR)
    shop.sim.control("pay_invoice", {"invoice": waiting})
    assert subscription["items"]["data"][0]["price"]["id"] == "price_pro"
    assert period(subscription) == (at(2026, 2, 28), at(2026, 3, 31))
    shop.advance(at(2026, 3, 1))
    assert len(shop.invoices(subscription)) == 3


def test_an_upgrade_that_waited_in_vain_is_dropped(shop: Shop) -> None:
    """A pending update expires after 23 hours; its invoice is void, and renewals go on at the old price."""
    subscription = shop.subscribe()
    shop.sim.control("card", {"customer": subscription["customer"], "behaviour": "declines"})
    shop.switch(subscription, "price_starter_year", payment_behavior="pending_if_incomplete")
    shop.advance(shop.sim.now + DAY)
    assert subscription["pending_update"] is None
    assert [i["status"] for i in shop.invoices(subscription)] == ["paid", "void"]
    shop.sim.control("card", {"customer": subscription["customer"], "behaviour": "pays"})
    shop.advance(at(2026, 3, 1))
    assert [line[0] for line in lines(shop.invoices(subscription)[-1])] == [1900]


def test_seats(shop: Shop) -> None:
    """A quantity multiplies the price; adding seats prorates the difference."""
    subscription = shop.subscribe()
    item = subscription["items"]["data"][0]["id"]
    shop.advance(at(2026, 2, 14))
    shop.update(subscription, items=[{"id": item, "quantity": 3}], proration_behavior="always_invoice")
    assert [line[0] for line in lines(shop.invoices(subscription)[-1])] == [-950, 2850]
    shop.advance(at(2026, 2, 28))
    assert [line[0] for line in lines(shop.invoices(subscription)[-1])] == [5700]


def test_a_trial_costs_nothing_and_turns_paid(shop: Shop) -> None:
    """A trial's invoice is of nothing; its end is the anchor, and the first paid period begins there."""
    subscription = shop.subscribe(trial_period_days=14)
    (free,) = shop.invoices(subscription)
    ends = at(2026, 2, 14)
    assert (subscription["status"], free["status"], free["amount_paid"]) == ("trialing", "paid", 0)
    assert lines(free) == [(0, False, at(2026, 1, 31), ends)]
    shop.advance(ends)
    assert shop.count("customer.subscription.trial_will_end") == (1,)
    assert (subscription["status"], subscription["billing_cycle_anchor"]) == ("active", ends)
    assert lines(shop.invoices(subscription)[-1]) == [(1900, False, ends, at(2026, 3, 14))]


def test_a_trial_can_end_early_or_be_moved(shop: Shop) -> None:
    """`trial_end` moves the anchor with it; `now` bills the first period at once."""
    subscription = shop.subscribe(trial_period_days=14)
    shop.update(subscription, trial_end=at(2026, 2, 20))
    shop.advance(at(2026, 2, 14))
    assert (subscription["status"], period(subscription)[1]) == ("trialing", at(2026, 2, 20))
    shop.update(subscription, trial_end="now")
    assert (subscription["status"], period(subscription)) == (
        "active",
        (at(2026, 2, 14), at(2026, 3, 14)),
    )
    assert shop.invoices(subscription)[-1]["amount_paid"] == 1900
    shop.advance(at(2026, 2, 25))
    assert len(shop.invoices(subscription)) == 2


@pytest.mark.parametrize(("then", "status"), [("pause", "paused"), ("cancel", "canceled")])
def test_a_trial_that_ends_without_a_card(shop: Shop, then: str, status: str) -> None:
    """Where nothing can pay, a trial's end pauses or cancels, as was asked for; a paused one resumes."""
    behaviour = {"end_behavior": {"missing_payment_method": then}}
    subscription = shop.subscribe(card=None, trial_period_days=7, trial_settings=behaviour)
    shop.advance(at(2026, 2, 7))
    assert subscription["status"] == status
    if then == "pause":
        customer = subscription["customer"]
        shop.sim.control("new_card", {"customer": customer})
        shop.call("POST", f"/v1/subscriptions/{subscription['id']}/resume", billing_cycle_anchor="now")
        assert (subscription["status"], shop.count("customer.subscription.resumed")) == ("active", (1,))


def test_cancelling_keeps_it_to_the_periods_end(shop: Shop) -> None:
    """The flag changes nothing until the end; the deleted event comes at the end, and no invoice."""
    subscription = shop.subscribe()
    shop.advance(at(2026, 2, 3))
    shop.update(subscription, cancel_at_period_end=True)
    assert (subscription["status"], subscription["cancel_at"]) == ("active", at(2026, 2, 28))
    shop.advance(at(2026, 2, 28) - 1)
    assert subscription["status"] == "active"
    shop.advance(at(2026, 3, 31))
    assert (subscription["status"], subscription["ended_at"]) == ("canceled", at(2026, 2, 28))
    assert (len(shop.invoices(subscription)), shop.count("customer.subscription.deleted")) == (1, (1,))


def test_a_cancellation_can_be_undone(shop: Shop) -> None:
    """Taking the flag back before the end leaves nothing of it."""
    subscription = shop.subscribe()
    shop.update(subscription, cancel_at_period_end=True)
    shop.update(subscription, cancel_at_period_end=False)
    assert (subscription["cancel_at"], subscription["canceled_at"]) == (None, None)
    shop.advance(at(2026, 3, 1))
    assert subscription["status"] == "active"


def test_an_end_can_be_any_instant(shop: Shop) -> None:
    """`cancel_at` ends in the midst of a later period, without the flag ever being set."""
    subscription = shop.subscribe()
    shop.update(subscription, cancel_at=at(2026, 3, 10))
    assert subscription["cancel_at_period_end"] is False
    shop.advance(at(2026, 3, 31))
    assert (subscription["ended_at"], len(shop.invoices(subscription))) == (at(2026, 3, 10), 2)


def test_cancelling_now(shop: Shop) -> None:
    """A DELETE ends it at once, for good; a second one is refused."""
    subscription = shop.subscribe()
    shop.call("DELETE", f"/v1/subscriptions/{subscription['id']}")
    assert (subscription["status"], subscription["ended_at"]) == ("canceled", at(2026, 1, 31))
    with pytest.raises(Exception, match="No such subscription"):
        shop.call("DELETE", f"/v1/subscriptions/{subscription['id']}")


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [("void", "void"), ("keep_as_draft", "draft"), ("mark_uncollectible", "uncollectible")],
)
def test_pausing_leaves_it_active(shop: Shop, behaviour: str, status: str) -> None:
    """While collection is paused the status stays active and invoices are written off; then it goes on."""
    subscription = shop.subscribe()
    shop.update(subscription, pause_collection={"behavior": behaviour, "resumes_at": at(2026, 3, 15)})
    shop.advance(at(2026, 3, 1))
    assert (subscription["status"], shop.invoices(subscription)[-1]["status"]) == ("active", status)
    shop.advance(at(2026, 4, 1))
    assert subscription["pause_collection"] is None
    assert shop.invoices(subscription)[-1]["status"] == "paid"
    assert shop.count("invoice.paid") == (2,)


def test_a_debit_settles_days_later(shop: Shop) -> None:
    """A renewal by bank debit is paid when it settles, and the subscription stays active meanwhile."""
    subscription = shop.subscribe(card="pm_usBankAccount_success")
    shop.advance(at(2026, 2, 28) + HOUR)
    assert (subscription["status"], shop.invoices(subscription)[-1]["status"]) == ("active", "open")
    shop.advance(at(2026, 2, 28) + HOUR + 4 * DAY)
    assert shop.invoices(subscription)[-1]["status"] == "paid"


def test_a_first_payment_that_never_comes(shop: Shop) -> None:
    """An incomplete subscription expires after 23 hours, and its invoice is void."""
    subscription = shop.subscribe(card="pm_card_chargeCustomerFail")
    assert subscription["status"] == "incomplete"
    shop.advance(shop.sim.now + 23 * HOUR)
    assert subscription["status"] == "incomplete_expired"
    assert [i["status"] for i in shop.invoices(subscription)] == ["void"]


def test_an_unpaid_invoice_can_be_voided_or_written_off(shop: Shop) -> None:
    """Voiding the latest invoice makes a past-due subscription active again, without any payment."""
    subscription = shop.subscribe(card="pm_card_declinesLater")
    shop.advance(at(2026, 2, 28) + HOUR)
    shop.call("POST", f"/v1/invoices/{subscription['latest_invoice']}/void")
    assert (subscription["status"], shop.count("invoice.voided")) == ("active", (1,))
    shop.advance(at(2026, 3, 20))
    assert shop.count("invoice.payment_failed") == (1,)


def test_a_later_anchor_cuts_the_first_period_short(shop: Shop) -> None:
    """A share of the price up to the anchor, as a proration, and whole months from there."""
    subscription = shop.subscribe(billing_cycle_anchor=at(2026, 2, 14))
    assert lines(shop.invoices(subscription)[0]) == [(950, True, at(2026, 1, 31), at(2026, 2, 14))]
    shop.advance(at(2026, 2, 14))
    assert lines(shop.invoices(subscription)[-1]) == [(1900, False, at(2026, 2, 14), at(2026, 3, 14))]


def test_items_come_and_go(shop: Shop) -> None:
    """A second price joins for the rest of the period, is billed with the first, and leaves with credit."""
    subscription = shop.subscribe()
    shop.advance(at(2026, 2, 14))
    shop.update(subscription, items=[{"price": "price_pro"}], proration_behavior="always_invoice")
    assert [line[0] for line in lines(shop.invoices(subscription)[-1])] == [2450]
    shop.advance(at(2026, 2, 28))
    assert [line[0] for line in lines(shop.invoices(subscription)[-1])] == [1900, 4900]
    added = subscription["items"]["data"][1]["id"]
    shop.update(subscription, items=[{"id": added, "deleted": True}], proration_behavior="none")
    shop.advance(at(2026, 3, 31))
    assert [line[0] for line in lines(shop.invoices(subscription)[-1])] == [1900]


def test_prorations_can_be_told_the_other_way() -> None:
    """Both ways in which an invoice names a proration's parent can be had."""
    shop = Shop(terms=Terms(prorations_as="subscription_item_details"))
    subscription = shop.subscribe()
    shop.switch(subscription, "price_pro", proration_behavior="always_invoice")
    parents = [line["parent"] for line in shop.invoices(subscription)[-1]["lines"]["data"]]
    item = subscription["items"]["data"][0]["id"]
    assert [(p["type"], p["subscription_item_details"]["subscription_item"]) for p in parents] == [
        ("subscription_item_details", item)
    ] * 2


def test_a_deleted_customer_takes_the_subscription_along(shop: Shop) -> None:
    """Its subscriptions end now, and all that is told of it is that it is deleted."""
    subscription = shop.subscribe()
    shop.call("DELETE", f"/v1/customers/{subscription['customer']}")
    assert subscription["status"] == "canceled"
    assert shop.get(f"/v1/customers/{subscription['customer']}")["deleted"] is True
    assert shop.count("customer.deleted", "customer.subscription.deleted") == (1, 1)
