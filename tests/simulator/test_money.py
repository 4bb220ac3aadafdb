"""Checkouts, payments, refunds and disputes."""

import pytest

from coinpurse.simulator import StripeError
from simulator.shop import DAY, Shop


def test_a_checkout_sells_a_pack(shop: Shop) -> None:
    """A paid checkout is complete and paid, and names its payment; everything asked for comes back."""
    customer = shop.customer()
    session = shop.checkout(
        customer=customer,
        client_reference_id="u1",
        metadata={"coinpurse_pack": "small"},
        payment_intent_data={"metadata": {"coinpurse_account": "u1"}, "setup_future_usage": "off_session"},
    )
    assert (session["status"], session["payment_status"], session["payment_intent"]) == (
        "open",
        "unpaid",
        None,
    )
    done = shop.pay(session)
    assert (done["status"], done["payment_status"], done["amount_total"]) == ("complete", "paid", 500)
    assert (done["client_reference_id"], done["metadata"]) == ("u1", {"coinpurse_pack": "small"})
    intent = shop.get(f"/v1/payment_intents/{done['payment_intent']}")
    assert (intent["status"], intent["metadata"]) == ("succeeded", {"coinpurse_account": "u1"})
    assert shop.last("checkout.session.completed")["payment_intent"] == intent["id"]
    (truth,) = shop.truth("payment")
    assert (truth.amount, truth.detail["session"]) == (500, session["id"])


def test_a_checkout_can_be_declined_and_tried_again(shop: Shop) -> None:
    """A declined card leaves the page open; both attempts are of one payment."""
    session = shop.checkout()
    assert shop.pay(session, "pm_card_chargeDeclined")["status"] == "open"
    done = shop.pay(session)
    assert done["payment_status"] == "paid"
    assert shop.count("payment_intent.created", "charge.failed", "charge.succeeded") == (1, 1, 1)


@pytest.mark.parametrize(
    ("token", "then", "status"),
    [
        ("pm_usBankAccount_success", "succeeded", "paid"),
        ("pm_usBankAccount_insufficientFunds", "failed", "unpaid"),
    ],
)
@pytest.mark.parametrize("mode", ["payment", "subscription"])
def test_a_debit_completes_unpaid_and_arrives_or_bounces_later(
    shop: Shop, token: str, then: str, status: str, mode: str
) -> None:
    """The checkout completes unpaid; days later it is told whether the money came."""
    session = shop.checkout(mode, "price_pack" if mode == "payment" else "price_starter")
    done = shop.pay(session, token)
    assert (done["status"], done["payment_status"]) == ("complete", "unpaid")
    shop.advance(shop.sim.now + 4 * DAY)
    assert shop.count(f"checkout.session.async_payment_{then}") == (1,)
    assert shop.get(f"/v1/checkout/sessions/{session['id']}")["payment_status"] == status


def test_a_checkout_subscribes(shop: Shop) -> None:
    """A subscription's checkout makes the customer, the subscription and its paid invoice."""
    session = shop.checkout(
        "subscription",
        "price_starter",
        customer_email="bob@example.com",
        subscription_data={"metadata": {"coinpurse_account": "u2"}},
    )
    done = shop.pay(session)
    subscription = shop.get(f"/v1/subscriptions/{done['subscription']}", expand=["customer"])
    assert (subscription["status"], subscription["customer"]["email"]) == ("active", "bob@example.com")
    assert subscription["metadata"] == {"coinpurse_account": "u2"}
    invoice = shop.get(f"/v1/invoices/{done['invoice']}")
    assert invoice["parent"]["subscription_details"]["metadata"] == {"coinpurse_account": "u2"}
    assert (invoice["status"], done["payment_intent"]) == ("paid", None)


def test_a_checkout_with_a_trial_needs_no_payment(shop: Shop) -> None:
    """Nothing is due, so `payment_status` says that none was required."""
    session = shop.checkout("subscription", "price_starter", subscription_data={"trial_period_days": 7})
    done = shop.pay(session)
    assert (done["payment_status"], done["amount_total"]) == ("no_payment_required", 0)
    assert shop.get(f"/v1/subscriptions/{done['subscription']}")["status"] == "trialing"


def test_an_abandoned_checkout_expires(shop: Shop) -> None:
    """After 24 hours an open checkout expires, says so, and can't be paid."""
    session = shop.checkout()
    shop.advance(shop.sim.now + DAY)
    assert shop.count("checkout.session.expired") == (1,)
    with pytest.raises(StripeError):
        shop.pay(session)


def test_an_off_session_payment(shop: Shop) -> None:
    """A card on file pays without its owner."""
    customer = shop.customer()
    method = shop.get(f"/v1/customers/{customer}")["invoice_settings"]["default_payment_method"]
    intent = shop.call(
        "POST",
        "/v1/payment_intents",
        amount=500,
        currency="usd",
        customer=customer,
        payment_method=method,
        off_session=True,
        confirm=True,
    )
    assert (intent["status"], intent["amount_received"]) == ("succeeded", 500)


@pytest.mark.parametrize(
    ("token", "code", "decline"),
    [
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_authenticationRequired", "authentication_required", "authentication_required"),
        ("pm_card_declinesLater", "card_declined", "generic_decline"),
    ],
)
def test_an_off_session_payment_is_refused(shop: Shop, token: str, code: str, decline: str) -> None:
    """A card that refuses is error 402 with the reason, and the payment inside wants another card."""
    customer = shop.customer(token)
    method = shop.get(f"/v1/customers/{customer}")["invoice_settings"]["default_payment_method"]
    with pytest.raises(StripeError) as refused:
        shop.call(
            "POST",
            "/v1/payment_intents",
            amount=500,
            currency="usd",
            customer=customer,
            payment_method=method,
            off_session=True,
            confirm=True,
        )
    error = refused.value.body["error"]
    assert (refused.value.status, error["code"], error["decline_code"]) == (402, code, decline)
    assert error["payment_intent"]["status"] == "requires_payment_method"
    assert shop.count("payment_intent.payment_failed") == (1,)


def test_refunds_add_up_on_the_charge(shop: Shop) -> None:
    """`amount_refunded` is cumulative; more than is left is refused; a refund that fails lowers it."""
    done = shop.pay(shop.checkout())
    first = shop.call("POST", "/v1/refunds", payment_intent=done["payment_intent"], amount=200)
    assert shop.last("charge.refunded")["amount_refunded"] == 200
    second = shop.call("POST", "/v1/refunds", payment_intent=done["payment_intent"])
    charge = shop.last("charge.refunded")
    assert (second["amount"], charge["amount_refunded"], charge["refunded"]) == (300, 500, True)
    with pytest.raises(StripeError, match="already been refunded"):
        shop.call("POST", "/v1/refunds", charge=charge["id"])
    shop.sim.control("fail_refund", {"refund": first["id"]})
    assert shop.last("refund.failed")["status"] == "failed"
    charge = shop.get(f"/v1/charges/{charge['id']}")
    assert (charge["amount_refunded"], charge["refunded"]) == (300, False)
    kinds = [
        (line.kind, line.detail["amount_refunded"]) for line in shop.sim.journal() if "refund" in line.kind
    ]
    assert kinds == [("refund", 200), ("refund", 500), ("refund_failed", 300)]


@pytest.mark.parametrize(("outcome", "moves"), [("won", 0), ("lost", -500)])
def test_a_dispute_takes_the_money_and_may_give_it_back(shop: Shop, outcome: str, moves: int) -> None:
    """The money goes when it is opened; only winning brings it back."""
    done = shop.pay(shop.checkout())
    dispute = shop.sim.control("dispute", {"payment_intent": done["payment_intent"]})
    assert dispute["status"] == "needs_response"
    shop.sim.control("close_dispute", {"dispute": dispute["id"], "outcome": outcome})
    closed = shop.last("charge.dispute.closed")
    assert (closed["status"], sum(t["amount"] for t in closed["balance_transactions"])) == (outcome, moves)
    assert shop.count(
        "charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated"
    ) == (1, 1, int(outcome == "won"))


def test_an_inquiry_moves_no_money(shop: Shop) -> None:
    """A bank that only asks takes nothing, until it becomes a dispute."""
    done = shop.pay(shop.checkout())
    inquiry = shop.sim.control("dispute", {"payment_intent": done["payment_intent"], "inquiry": True})
    assert (inquiry["status"], inquiry["balance_transactions"]) == ("warning_needs_response", [])
    shop.sim.control("escalate", {"dispute": inquiry["id"]})
    shop.call("POST", f"/v1/disputes/{inquiry['id']}/close")
    assert shop.last("charge.dispute.closed")["status"] == "lost"
    kinds = [line.kind for line in shop.sim.journal() if "dispute" in line.kind or "inquiry" in line.kind]
    assert kinds == ["inquiry", "dispute_opened", "dispute_lost"]


def test_billing_credits_are_listed(shop: Shop) -> None:
    """Credit grants are kept, listed and voided; nothing spends them."""
    customer = shop.customer()
    money = {"type": "monetary", "monetary": {"currency": "usd", "value": 1000}}
    kept, gone = (
        shop.call(
            "POST", "/v1/billing/credit_grants", customer=customer, amount=money, category="paid", name=name
        )
        for name in ("kept", "gone")
    )
    shop.call("POST", f"/v1/billing/credit_grants/{gone['id']}/void")
    listed = shop.get("/v1/billing/credit_grants", customer=customer)["data"]
    assert [(g["name"], g["voided_at"]) for g in listed] == [("gone", shop.sim.now), ("kept", None)]
    summary = shop.get("/v1/billing/credit_balance_summary", customer=customer)
    assert summary["balances"][0]["available_balance"] == kept["amount"]
