"""What Stripe's events mean where there is no API key: payloads, believed by their dates."""

from typing import Any

import pytest

from coinpurse.domain.facts import ChangePaid, Linked, Paid, PaidWith, Purchase, Returned, Standing, Unpaid
from coinpurse.domain.ports import NotOurs, NotYet
from coinpurse.providers.stripe import Stripe
from providers.stripe_objects import (
    CATALOG,
    CREATED,
    END,
    START,
    Json,
    dispute,
    event,
    instant,
    intent,
    invoice,
    line,
    old_invoice,
    old_subscription,
    session,
    subscription,
    told,
)

PAID = Paid(
    subscription="sub_1",
    line=f"in_1/price_starter/{START}",
    plan="starter",
    interval="month",
    start=instant(START),
    end=instant(END),
    amount=1200,
    invoice="in_1",
    payment="pi_1",
    customer="cus_1",
    account="ada",
)
STANDING = Standing(
    subscription="sub_1",
    as_of=instant(CREATED + 5),
    rank=1,
    state="active",
    plan="starter",
    interval="month",
    customer="cus_1",
    account="ada",
    anchor=instant(START),
)


async def standing(kind: str = "updated", previous: Json | None = None, **fields: Any) -> Standing:
    """What an event of a subscription with these fields says."""
    [found] = await told(event(f"customer.subscription.{kind}", subscription(**fields), previous))
    assert isinstance(found, Standing)
    return found


@pytest.mark.parametrize("thing", [subscription(), old_subscription()], ids=["today", "old"])
async def test_a_subscription_of_any_age_stands_the_same(thing: Json) -> None:
    """Where the period and the price are has moved over the years; what is meant hasn't."""
    assert await told(event("customer.subscription.updated", thing)) == [STANDING]


@pytest.mark.parametrize("thing", [invoice(), old_invoice()], ids=["today", "old"])
@pytest.mark.parametrize("kind", ["invoice.paid", "invoice.payment_succeeded"])
async def test_b1_a_paid_invoice_of_any_age_has_the_same_key(kind: str, thing: Json) -> None:
    """Both events of a payment, and both ages of its line's id, name one line of money (P2)."""
    assert await told(event(kind, thing)) == [PAID]


async def test_b1_lines_are_chosen_never_simply_the_first() -> None:
    """Only lines of the subscription's items with a known price count, times their quantity, tiers in sum."""
    lines = (
        line("price_setup_fee", 5000),
        line("price_starter", -800, proration=True),
        line("price_studio", 900, proration=True, invoice_item="ii_1"),
        line("price_starter", 1200, parent={"type": "invoice_item_details", "invoice_item_details": {}}),
        line("price_starter", 1200, quantity=2),
        line("price_starter", 0, quantity=1),
    )
    [paid] = await told(event("invoice.paid", invoice(*lines)))
    assert isinstance(paid, Paid)
    assert (paid.line, paid.quantity, paid.amount) == (PAID.line, 3, 1200)


async def test_b6_prorations_alone_confirm_a_change_and_no_period() -> None:
    """The invoice of an upgrade says that the upgrade is paid, and nothing about a renewal."""
    change = invoice(line("price_studio", 900, proration=True), billing_reason="subscription_update")
    expected = ChangePaid(subscription="sub_1", invoice="in_1", customer="cus_1", account="ada")
    assert await told(event("invoice.paid", change)) == [expected]


async def test_b9_a_change_of_interval_is_paid_by_its_own_line() -> None:
    """From month to year: the year's line is no proration, and it stands beside the change."""
    lines = (line("price_starter", -700, proration=True), line("price_starter_year", 12_000))
    paid, change = await told(event("invoice.paid", invoice(*lines, billing_reason="subscription_update")))
    assert isinstance(paid, Paid)
    assert (paid.plan, paid.interval) == ("starter", "year")
    assert isinstance(change, ChangePaid)


async def test_p3_what_was_paid_is_what_a_refund_is_measured_by() -> None:
    """Credit for time that was not used makes the payment smaller than the line that it pays for."""
    lines = line(amount=-300, proration=True), line("price_starter_year", amount=12000)
    changed = invoice(*lines, billing_reason="subscription_update", amount_paid=11700)
    [paid, _] = await told(event("invoice.paid", changed))
    assert isinstance(paid, Paid)
    assert paid.amount == 11700


async def test_b8_a_trials_line_of_nothing_pays_nothing() -> None:
    """But a coupon of 100 % does, and so does a free plan."""
    trial = invoice(line(amount=0), billing_reason="subscription_create")
    with pytest.raises(NotOurs, match="trial"):
        await told(event("invoice.paid", trial))
    coupon = line(discount_amounts=[{"amount": 1200, "discount": "di_1"}])
    [paid] = await told(event("invoice.paid", invoice(coupon, amount_paid=0, payments={"data": []})))
    assert isinstance(paid, Paid)
    assert (paid.amount, paid.payment) == (0, None)
    [free] = await told(event("invoice.paid", invoice(line("price_free", 0))))
    assert isinstance(free, Paid)
    assert free.plan == "free"


async def test_t8_the_first_stretch_up_to_the_billing_day_counts() -> None:
    """On a subscription's first invoice a prorated line settles nothing: it is the first period."""
    first = invoice(line(amount=600, proration=True), billing_reason="subscription_create")
    [paid] = await told(event("invoice.paid", first))
    assert isinstance(paid, Paid)


async def test_p5_a_price_of_the_past_is_still_known() -> None:
    """Who subscribed at an old price keeps the plan: the catalog names it behind the new one."""
    [paid] = await told(event("invoice.paid", invoice(line("price_starter_2024"))))
    assert isinstance(paid, Paid)
    assert paid.plan == "starter"


async def test_invoices_that_are_not_ours() -> None:
    """One of no subscription, one that isn't paid, one of other prices: each with its reason."""
    alone = invoice(line(parent=None), parent=None)
    for thing, reason in (
        (alone, "no subscription"),
        (invoice(status="open"), "not paid"),
        (invoice(line("price_other")), "price_other"),
    ):
        with pytest.raises(NotOurs, match=reason):
            await told(event("invoice.paid", thing))


async def test_two_plans_in_one_subscription_are_not_guessed_at() -> None:
    """Neither is taken for the other: it is listed for support."""
    lines = (line("price_starter"), line("price_studio", 3000))
    with pytest.raises(NotYet, match="several plans"):
        await told(event("invoice.paid", invoice(*lines)))


async def test_lines_beyond_the_payload() -> None:
    """Where none of the lines that came is ours and there are more, it can't be told."""
    lines = {"data": [line("price_other")], "has_more": True}
    with pytest.raises(NotYet, match="API_KEY"):
        await told(event("invoice.paid", invoice(lines=lines)))


@pytest.mark.parametrize(
    "kind", ["payment_failed", "payment_action_required", "voided", "marked_uncollectible"]
)
async def test_b7_a_renewal_that_failed(kind: str) -> None:
    """It names the period that was to be paid: the line's, not the invoice's, which is the one before."""
    thing = invoice(status="open", period_start=START - 2_592_000, period_end=START)
    expected = Unpaid(
        subscription="sub_1", invoice="in_1", start=instant(START), customer="cus_1", account="ada"
    )
    assert await told(event(f"invoice.{kind}", thing)) == [expected]


async def test_failures_that_change_nothing() -> None:
    """The first payment, the payment for a change; a failure that was paid meanwhile is a payment."""
    for reason, words in (("subscription_create", "first payment"), ("subscription_update", "takes effect")):
        with pytest.raises(NotOurs, match=words):
            await told(event("invoice.payment_failed", invoice(status="open", billing_reason=reason)))
    assert await told(event("invoice.payment_failed", invoice())) == [PAID]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("incomplete", "incomplete"),
        ("incomplete_expired", "ended"),
        ("trialing", "trialing"),
        ("past_due", "past_due"),
        ("unpaid", "past_due"),
        ("canceled", "ended"),
    ],
)
async def test_every_status_has_its_state(status: str, state: str) -> None:
    """In Coinpurse's words."""
    assert (await standing(status=status)).state == state


async def test_b3_a_cancellation_by_flag_or_by_instant() -> None:
    """Stripe's portal sets either; the end of the period is the end of the period both ways."""
    flag = await standing(cancel_at_period_end=True)
    portal = await standing(cancel_at=END)
    assert (flag.ends_at, flag.ends_with_period) == (instant(END), True)
    assert (portal.ends_at, portal.ends_with_period) == (instant(END), True)
    fixed = await standing(cancel_at=END - 86_400)
    assert (fixed.ends_at, fixed.ends_with_period) == (instant(END - 86_400), False)


async def test_b11_a_pause_by_collection_or_by_status() -> None:
    """Collection that is paused leaves the status active; a trial without a card pauses the status."""
    assert (await standing(pause_collection={"behavior": "void"})).paused
    paused = await standing(status="paused")
    assert (paused.state, paused.paused) == ("active", True)


async def test_e2_what_came_at_one_instant_is_ranked() -> None:
    """Created before updated before deleted, whatever the order of arrival."""
    ranks = [(await standing(kind)).rank for kind in ("created", "updated", "deleted")]
    assert ranks == sorted(set(ranks))


STUDIO = {"data": [{"price": {"id": "price_studio"}, "quantity": 1, "current_period_start": START}]}


@pytest.mark.parametrize(
    ("previous", "pending"),
    [
        ({"items": STUDIO, "latest_invoice": "in_0"}, True),
        ({"plan": {"id": "price_studio"}, "latest_invoice": "in_0"}, True),
        ({"quantity": 3, "latest_invoice": "in_0"}, True),
        ({"items": STUDIO}, False),
        ({"latest_invoice": "in_0"}, False),
        (
            {"latest_invoice": "in_0", "current_period_start": START - 1, "plan": {"id": "price_studio"}},
            False,
        ),
        (
            {
                "latest_invoice": "in_0",
                "items": {"data": [{"price": {"id": "price_starter"}, "current_period_start": START - 1}]},
            },
            False,
        ),
    ],
)
async def test_b5_an_upgrade_with_an_invoice_of_its_own_waits(previous: Json, pending: bool) -> None:
    """By what the payload says changed: terms together with the invoice, but no new period."""
    found = await standing(previous=previous)
    assert (found.payment_pending, found.pending_invoice) == (pending, "in_1" if pending else None)


async def test_b5_an_update_that_stripe_holds_back_is_pending() -> None:
    """`pending_if_incomplete`: the items are the old ones until it is paid."""
    found = await standing(pending_update={"expires_at": END}, latest_invoice="in_9")
    assert (found.payment_pending, found.pending_invoice) == (True, "in_9")


async def test_a_subscription_of_other_prices() -> None:
    """It is not ours; but one of ours that was moved to such a price still ends."""
    with pytest.raises(NotOurs, match="price_other"):
        await standing(price="price_other")
    assert (await standing("deleted", price="price_other", status="canceled")).state == "ended"
    with pytest.raises(NotOurs):
        await standing("deleted", price="price_other", status="canceled", metadata={})


@pytest.mark.parametrize(
    ("kind", "fields", "state"),
    [
        ("completed", {}, "paid"),
        ("completed", {"payment_status": "no_payment_required", "payment_intent": None}, "paid"),
        ("completed", {"payment_status": "unpaid"}, "pending"),
        ("async_payment_succeeded", {}, "paid"),
        ("async_payment_failed", {"payment_status": "unpaid"}, "failed"),
        ("expired", {"payment_status": "unpaid", "status": "expired"}, "expired"),
    ],
)
async def test_p1_a_checkout_grants_when_it_is_paid(kind: str, fields: Json, state: str) -> None:
    """One that completes unpaid waits for the bank, for days if need be."""
    purchase, link = await told(event(f"checkout.session.{kind}", session(**fields)))
    assert isinstance(purchase, Purchase)
    assert (purchase.purchase, purchase.state, purchase.pack) == ("cs_1", state, "small")
    assert (purchase.amount, purchase.account, purchase.customer) == (600, "ada", "cus_1")
    assert link == Linked(customer="cus_1", account="ada")


async def test_a_checkout_without_a_pack_sold_something_else() -> None:
    """And one with a pack that the catalog has lost is not forgotten."""
    with pytest.raises(NotOurs, match="something else"):
        await told(event("checkout.session.completed", session(metadata={})))
    with pytest.raises(NotYet, match="huge"):
        await told(event("checkout.session.completed", session(metadata={"coinpurse_pack": "huge"})))


async def test_p2_a_checkout_of_a_subscription_only_links() -> None:
    """Its invoice grants: the two together must not grant twice."""
    thing = session(mode="subscription", subscription="sub_1", payment_intent=None)
    found = await told(event("checkout.session.completed", thing))
    assert found == [Linked(customer="cus_1", account="ada")]
    for fields, words in (
        ({"client_reference_id": None}, "no account"),
        ({"status": "expired"}, "expired"),
        ({"mode": "setup"}, "took a card"),
    ):
        with pytest.raises(NotOurs, match=words):
            await told(event("checkout.session.completed", {**thing, "metadata": {}, **fields}))


@pytest.mark.parametrize(
    ("kind", "status", "state"),
    [
        ("succeeded", "succeeded", "paid"),
        ("processing", "processing", "pending"),
        ("payment_failed", "requires_payment_method", "failed"),
        ("payment_failed", "requires_action", "failed"),
        ("canceled", "canceled", "failed"),
    ],
)
async def test_p4_an_automatic_top_up(kind: str, status: str, state: str) -> None:
    """Its key is the payment itself: no checkout was there."""
    [purchase] = await told(event(f"payment_intent.{kind}", intent(status=status)))
    assert isinstance(purchase, Purchase)
    assert (purchase.purchase, purchase.payment, purchase.state) == ("pi_1", "pi_1", state)


async def test_p2_the_payment_of_a_checkout_or_invoice_is_no_top_up() -> None:
    """They tell of it themselves."""
    named = {"coinpurse_pack": "small", "coinpurse_checkout": "co_1"}
    for thing in (
        intent(metadata={}),
        intent(metadata=named),
        intent(invoice="in_1"),
        intent(payment_details={"order_reference": "cs_1"}),
    ):
        with pytest.raises(NotOurs, match="No automatic"):
            await told(event("payment_intent.succeeded", thing))


async def test_p3_a_charge_tells_what_was_refunded_in_all() -> None:
    """A refund on its own doesn't, so without asking it is left alone."""
    charge = {
        "id": "ch_1",
        "object": "charge",
        "payment_intent": "pi_1",
        "amount": 600,
        "amount_refunded": 200,
    }
    expected = Returned(payment="pi_1", total=600, refunded=200, as_of=instant(CREATED + 5))
    assert await told(event("charge.refunded", charge)) == [expected]
    refund = {"id": "re_1", "object": "refund", "charge": "ch_1", "amount": 200, "status": "failed"}
    for kind in ("refund.created", "refund.updated", "refund.failed", "charge.refund.updated"):
        with pytest.raises(NotOurs, match="in all"):
            await told(event(kind, refund))


@pytest.mark.parametrize(
    ("status", "held", "lost"),
    [
        ("needs_response", 600, 0),
        ("under_review", 600, 0),
        ("won", 0, 0),
        ("lost", 0, 600),
        ("prevented", 0, 0),
    ],
)
async def test_p3_disputes(status: str, held: int, lost: int) -> None:
    """Open ones hold back, lost ones have taken, won ones neither."""
    [found] = await told(event("charge.dispute.updated", dispute(status)))
    assert isinstance(found, Returned)
    assert (found.payment, found.dispute) == ("pi_1", "dp_1")
    assert (found.disputed, found.lost, found.refunded) == (held, lost, None)


async def test_p3_an_inquiry_moves_no_money() -> None:
    """And money that is back already is no longer held."""
    with pytest.raises(NotOurs, match="inquiry"):
        await told(event("charge.dispute.created", dispute("warning_needs_response")))
    moved = [{"amount": -600}, {"amount": 600}]
    [found] = await told(
        event("charge.dispute.funds_reinstated", dispute("under_review", balance_transactions=moved))
    )
    assert isinstance(found, Returned)
    assert found.disputed == 0


async def test_what_paid_an_invoice() -> None:
    """Told apart from the invoice since 2025."""
    link = {
        "id": "inpay_1",
        "object": "invoice_payment",
        "invoice": "in_1",
        "payment": {"payment_intent": "pi_1"},
    }
    found = await told(event("invoice_payment.paid", link))
    assert found == [PaidWith(invoice="in_1", payment="pi_1")]


async def test_customers() -> None:
    """One that names its account links it."""
    ada = {"id": "cus_1", "object": "customer", "metadata": {"coinpurse_account": "ada"}}
    assert await told(event("customer.created", ada)) == [Linked(customer="cus_1", account="ada")]
    for kind, metadata in (("updated", {}), ("deleted", {"coinpurse_account": "ada"})):
        with pytest.raises(NotOurs):
            await told(event(f"customer.{kind}", {**ada, "metadata": metadata}))


async def test_what_says_nothing() -> None:
    """Every other type, drafts, and what happens at connected accounts."""
    for raw, words in (
        (event("invoice.upcoming", invoice()), "invoice.upcoming"),
        (event("invoice.created", invoice(status="draft")), "draft"),
        (event("invoice.paid", invoice(), account="acct_1"), "connected"),
    ):
        with pytest.raises(NotOurs, match=words):
            await told(raw)


async def test_e2_a_key_for_test_money_does_not_ask_about_live_events() -> None:
    """It couldn't see them; they are believed by their payload, and nothing is asked."""
    provider = Stripe(CATALOG, secrets=["whsec_x"], api_key="sk_test_1", api_base="http://127.0.0.1:9")
    assert await told(event("invoice.paid", invoice(), livemode=True), provider) == [PAID]
