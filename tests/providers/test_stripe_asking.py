"""What Stripe's events mean where Stripe is asked: the objects as they are now (E2)."""

import json
import socket

import pytest

from coinpurse.domain.facts import ChangePaid, Paid, PaidWith, Purchase, Returned, Standing, Unpaid
from coinpurse.domain.ports import NotOurs, ProviderError
from coinpurse.providers.stripe import Stripe
from providers.stripe_objects import (
    CATALOG,
    CREATED,
    NOW,
    Json,
    dispute,
    event,
    instant,
    intent,
    invoice,
    line,
    old_invoice,
    session,
    subscription,
    told,
)
from providers.stripe_server import Asked, Stage

BARE = {"id": "sub_1", "object": "subscription"}


async def test_e2_what_is_asked_for_counts_not_what_came(stage: Stage, asking: Stripe) -> None:
    """A late event of an active subscription tells that it has ended since, as of the asking."""
    stage.put(subscription(status="canceled", latest_invoice=None))
    [found] = await told(event("customer.subscription.updated", subscription()), asking)
    assert isinstance(found, Standing)
    assert (found.state, found.as_of) == ("ended", NOW)


async def test_e2_a_paid_invoice_brings_how_its_subscription_stands(stage: Stage, asking: Stripe) -> None:
    """So that a lost event of the subscription is made good by the next payment."""
    stage.put(invoice(line("price_other"), line()), subscription(cancel_at_period_end=True))
    paid, standing = await told(event("invoice.paid", {"id": "in_1", "object": "invoice"}), asking)
    assert isinstance(paid, Paid)
    assert isinstance(standing, Standing)
    assert standing.ends_with_period


async def test_p2_the_key_is_the_same_told_or_asked(stage: Stage, asking: Stripe) -> None:
    """An old endpoint's payload and today's API name one line of money."""
    stage.put(invoice(), subscription())
    [by_payload] = await told(event("invoice.paid", old_invoice()))
    by_asking = (await told(event("invoice.paid", old_invoice()), asking))[0]
    assert by_asking == by_payload


async def test_all_lines_of_an_invoice(stage: Stage, asking: Stripe) -> None:
    """The object holds the first lines only; the others are fetched, page by page."""
    lines = [line(f"price_other_{n}", id=f"il_{n}", created=1000 - n) for n in range(130)]
    stage.lists["/v1/invoices/in_1/lines"] = [*lines, line()]
    stage.put(invoice(lines={"data": lines[:10], "has_more": True}), subscription())
    paid = (await told(event("invoice.paid", invoice()), asking))[0]
    assert isinstance(paid, Paid)
    assert paid.plan == "starter"


async def test_what_was_not_included_is_fetched(stage: Stage, asking: Stripe) -> None:
    """Payments of an invoice, the latest invoice, a checkout's lines: included or not, they are known."""
    thing = invoice(line("price_studio", 900, proration=True), billing_reason="subscription_update")
    del thing["payments"]
    link = {"object": "invoice_payment", "id": "inpay_1", "invoice": "in_1", "status": "paid"}
    stage.put(thing, subscription(), {**link, "payment": {"payment_intent": "pi_9"}})
    change, standing = await told(event("invoice.paid", thing), asking)
    assert isinstance(change, ChangePaid)
    assert isinstance(standing, Standing)
    assert not standing.payment_pending
    stage.put({**thing, "status": "open"})
    [standing] = await told(event("customer.subscription.updated", BARE), asking)
    assert isinstance(standing, Standing)
    assert (standing.payment_pending, standing.pending_invoice) == (True, "in_1")


async def test_b7_a_failure_that_was_made_good_meanwhile(stage: Stage, asking: Stripe) -> None:
    """Late news of a failed payment finds the invoice paid."""
    stage.put(invoice(), subscription())
    found = await told(event("invoice.payment_failed", invoice(status="open")), asking)
    assert [type(fact) for fact in found] == [Paid, Standing]
    stage.put(invoice(status="open"), subscription(status="past_due"))
    found = await told(event("invoice.payment_failed", invoice()), asking)
    assert [type(fact) for fact in found] == [Unpaid, Standing]


async def test_what_paid_an_invoice_brings_the_invoice(stage: Stage, asking: Stripe) -> None:
    """Whichever event comes first or alone, all is known."""
    stage.put(invoice(), subscription())
    link = {"id": "inpay_1", "object": "invoice_payment", "invoice": "in_1"}
    found = await told(event("invoice_payment.paid", {**link, "payment": {"payment_intent": "pi_1"}}), asking)
    assert [type(fact) for fact in found] == [Paid, Standing, PaidWith]


@pytest.mark.parametrize("included", [True, False])
async def test_p1_a_checkouts_lines_say_what_was_bought(included: bool, stage: Stage, asking: Stripe) -> None:
    """Not its metadata, which can be missing or wrong: payment links have none."""
    lines = [
        {"id": "li_1", "price": {"id": "price_other"}, "quantity": 1, "amount_total": 1},
        {"id": "li_2", "price": {"id": "price_large"}, "quantity": 2, "amount_total": 9600},
    ]
    stage.lists["/v1/checkout/sessions/cs_1/line_items"] = lines
    more: Json = {"line_items": {"data": lines, "has_more": False}} if included else {}
    stage.put(session(metadata={}, **more))
    purchase = (await told(event("checkout.session.completed", session()), asking))[0]
    assert isinstance(purchase, Purchase)
    assert (purchase.purchase, purchase.pack, purchase.quantity) == ("cs_1", "large", 2)


async def test_p2_two_packs_in_one_checkout_are_two_purchases(stage: Stage, asking: Stripe) -> None:
    """Each with a key of its own."""
    lines = [
        {"id": "li_1", "price": {"id": "price_small"}, "quantity": 1, "amount_total": 600},
        {"id": "li_2", "price": {"id": "price_large"}, "quantity": 1, "amount_total": 4800},
    ]
    stage.put(session(line_items={"data": lines}))
    found = await told(event("checkout.session.completed", session()), asking)
    keys = {(f.purchase, f.amount) for f in found if isinstance(f, Purchase)}
    assert keys == {("cs_1/small", 600), ("cs_1/large", 4800)}


async def test_p1_a_bank_that_said_no(stage: Stage, asking: Stripe) -> None:
    """A late event of completion finds the payment failed: the checkout's payment says so."""
    lines: Json = {"data": []}
    refused = {"id": "pi_1", "status": "requires_payment_method"}
    stage.put(session(payment_status="unpaid", payment_intent=refused, line_items=lines))
    purchase = (await told(event("checkout.session.completed", session()), asking))[0]
    assert isinstance(purchase, Purchase)
    assert purchase.state == "failed"


async def test_a_checkout_of_a_subscription_tells_how_it_stands(stage: Stage, asking: Stripe) -> None:
    """With the account that the checkout names, where the subscription names none."""
    thing = session(mode="subscription", subscription="sub_1")
    stage.put(thing, subscription(metadata={}), invoice())
    found = (await told(event("checkout.session.completed", thing), asking))[-1]
    assert isinstance(found, Standing)
    assert found.account == "ada"


async def test_p2_a_payment_that_a_checkout_tells_of_is_no_top_up(stage: Stage, asking: Stripe) -> None:
    """Whatever its metadata says."""
    stage.put(intent())
    [purchase] = await told(event("payment_intent.succeeded", intent()), asking)
    assert isinstance(purchase, Purchase)
    stage.put(session())
    with pytest.raises(NotOurs, match="in a checkout"):
        await told(event("payment_intent.succeeded", intent()), asking)


def refund(name: str, amount: int, status: str) -> Json:
    """A refund of that payment."""
    return {
        "id": name,
        "object": "refund",
        "amount": amount,
        "status": status,
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "created": CREATED,
    }


@pytest.mark.parametrize(
    "kind", ["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"]
)
async def test_p3_refunds_are_summed_without_the_failed(kind: str, stage: Stage, asking: Stripe) -> None:
    """Every event about any of them tells the same sum, as of now."""
    parts = [refund("re_1", 200, "succeeded"), refund("re_2", 100, "pending"), refund("re_3", 50, "failed")]
    stage.put(intent(), *parts)
    [found] = await told(event(kind, parts[2]), asking)
    assert found == Returned(payment="pi_1", total=600, refunded=300, as_of=NOW)


async def test_p3_a_dispute_of_a_part(stage: Stage, asking: Stripe) -> None:
    """The payment is asked for, so that a share can be reckoned; an old charge is its own payment."""
    stage.put(dispute("needs_response", amount=300), intent())
    [found] = await told(event("charge.dispute.created", dispute("needs_response")), asking)
    assert isinstance(found, Returned)
    assert (found.total, found.disputed) == (600, 300)
    charge = {"id": "ch_1", "object": "charge", "amount": 800, "amount_captured": 700, "payment_intent": None}
    stage.put(dispute("lost", payment_intent=None), charge)
    [found] = await told(event("charge.dispute.closed", dispute("lost")), asking)
    assert isinstance(found, Returned)
    assert (found.payment, found.total, found.lost) == ("ch_1", 700, 600)


async def test_the_customer_names_the_account(stage: Stage, asking: Stripe) -> None:
    """Where nothing else does."""
    owner = {"id": "cus_1", "object": "customer", "metadata": {"account": "ada"}}
    stage.put(subscription(metadata={}, customer=owner), invoice())
    [found] = await told(event("customer.subscription.updated", BARE), asking)
    assert isinstance(found, Standing)
    assert (found.customer, found.account) == ("cus_1", "ada")


async def test_look_up_tells_all_that_was_paid(stage: Stage, asking: Stripe) -> None:
    """Oldest first, and at last how the subscription stands."""
    stage.put(subscription())
    stage.put(*(invoice(id=f"in_{n}", created=CREATED + n, subscription="sub_1") for n in (3, 1, 2)))
    found = await asking.look_up("sub_1", NOW)
    assert [fact.invoice for fact in found if isinstance(fact, Paid)] == ["in_1", "in_2", "in_3"]
    assert isinstance(found[-1], Standing)


@pytest.mark.parametrize(
    ("status", "code", "passing", "words"),
    [
        (401, None, False, "API key"),
        (404, "resource_missing", False, "No such"),
        (429, "rate_limit", True, "too often"),
        (500, None, True, "refused"),
    ],
)
async def test_stripes_errors_in_our_words(
    status: int, code: str | None, passing: bool, words: str, stage: Stage, asking: Stripe
) -> None:
    """Each says what to do, whether trying again helps, and nothing of the key."""
    error = {
        "type": "invalid_request_error",
        "code": code,
        "message": "No such thing, sk_test_1" * (status == 401),
    }
    error["message"] = error["message"] or "No such thing"
    stage.on("GET", "/v1/subscriptions/sub_1", {"error": error}, status)
    with pytest.raises(ProviderError, match=words) as caught:
        await told(event("customer.subscription.updated", BARE), asking)
    assert (caught.value.passing, "sk_test" in str(caught.value)) == (passing, False)


async def test_a_server_that_is_not_there() -> None:
    """It may come back: the event is tried again."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{bound.getsockname()[1]}"
        provider = Stripe(CATALOG, api_key="sk_test_1", api_base=base)
        with pytest.raises(ProviderError, match="can't be reached") as caught:
            await told(event("customer.subscription.updated", BARE), provider)
        assert caught.value.passing
        await provider.close()


async def test_without_a_key_nothing_can_be_asked() -> None:
    """Which it says, and how to mend it."""
    provider = Stripe(CATALOG, secrets=["whsec_x"])
    assert not provider.can_ask
    with pytest.raises(ProviderError, match="COINPURSE_STRIPE_API_KEY") as caught:
        await provider.look_up("sub_1", NOW)
    assert not caught.value.passing


def draft(**more: object) -> Json:
    """A renewal's draft."""
    return invoice(status="draft", auto_advance=True, **more)


async def hasten(provider: Stripe, thing: Json) -> None:
    """Lets a provider hasten what an event tells of."""
    from coinpurse.domain.ports import Notice

    raw = event("invoice.created", thing)
    notice = Notice(id="evt_1", type="invoice.created", created_at=instant(CREATED), test=True)
    await provider.hasten(notice, json.dumps(raw).encode())


async def test_t7_a_renewals_draft_is_finalised(stage: Stage, asking: Stripe) -> None:
    """Once, by its idempotency key; nothing else is touched, and not where it isn't switched on."""
    stage.on("POST", "/v1/invoices/in_1/finalize", invoice(status="open"))
    await hasten(asking, draft(billing_reason="subscription_create"))
    await hasten(asking, {**draft(), "auto_advance": False})
    await hasten(Stripe(CATALOG, api_key="sk_test_1", api_base=stage.url), draft())
    assert not stage.asked
    await hasten(asking, draft())
    [request] = stage.writing()
    assert request.headers["idempotency-key"] == "coinpurse/finalize/in_1"
    assert request.params["auto_advance"].lower() == "true"


async def test_t7_a_draft_that_somebody_else_finalised(stage: Stage, asking: Stripe) -> None:
    """Is as good; one that can't be finalised is an error."""
    error = {"error": {"type": "invalid_request_error", "message": "This invoice is already finalized"}}
    stage.on("POST", "/v1/invoices/in_1/finalize", error, 400)
    stage.put(invoice(status="open"))
    await hasten(asking, draft())
    stage.put(draft())
    with pytest.raises(ProviderError, match="already"):
        await hasten(asking, draft())


async def test_an_older_server_is_asked_less(stage: Stage, asking: Stripe) -> None:
    """One that can't include an invoice's payments is asked without, and its invoice, which names the payment
    itself, is believed."""
    thing = old_invoice()

    def answer(asked: Asked) -> tuple[int, Json]:
        expands = any(name.startswith("expand") for name in asked.params)
        return (400, {"error": {"type": "invalid_request_error"}}) if expands else (200, thing)

    stage.on("GET", "/v1/invoices/in_1", answer)
    stage.put(subscription(latest_invoice=None))
    paid = (await told(event("invoice.paid", thing), asking))[0]
    assert isinstance(paid, Paid)
    assert paid.payment == "pi_1"
    assert "/v1/invoice_payments" not in {asked.path for asked in stage.asked}


async def test_p4_our_own_payment_needs_no_look_for_a_checkout(stage: Stage, asking: Stripe) -> None:
    """What we asked for off-session was made in no checkout: one request is enough."""
    ours = intent(metadata={**intent()["metadata"], "coinpurse_purchase": "dip"})
    stage.put(ours)
    [found] = await told(event("payment_intent.succeeded", ours), asking)
    assert isinstance(found, Purchase)
    assert [asked.path for asked in stage.asked] == ["/v1/payment_intents/pi_1"]
