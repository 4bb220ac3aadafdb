"""The official library drives the simulator over HTTP, and believes its webhooks."""

import httpx
import pytest
import stripe

from simulator.conftest import Outside, Receiver, served
from simulator.shop import DAY, Shop


def test_a_customer_checks_out_upgrades_and_is_refunded(outside: Outside) -> None:
    """A whole story with the library's own calls, objects and signature check."""
    api = outside.stripe.v1
    customer = api.customers.create({"email": "ada@example.com", "metadata": {"coinpurse_account": "ada"}})
    session = api.checkout.sessions.create(
        {
            "mode": "subscription",
            "customer": customer.id,
            "line_items": [{"price": "price_starter", "quantity": 1}],
            "client_reference_id": "ada",
            "success_url": "http://127.0.0.1/done?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://127.0.0.1/back",
        }
    )
    assert session.url
    answer = httpx.post(session.url, data={"act": "pay", "card": "pm_card_visa"})
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"http://127.0.0.1/done?session={session.id}",
    )
    told = outside.receiver.wait("checkout.session.completed")
    assert (told.id, told.payment_status, told.client_reference_id) == (session.id, "paid", "ada")
    subscription = api.subscriptions.retrieve(told.subscription, {"expand": ["latest_invoice.payments"]})
    assert subscription.status == "active"
    changed = api.subscriptions.update(
        subscription.id,
        {
            "items": [{"id": subscription["items"].data[0].id, "price": "price_starter_year"}],
            "proration_behavior": "always_invoice",
        },
    )
    invoice = api.invoices.retrieve(str(changed.latest_invoice), {"expand": ["payments"]})
    assert invoice.payments
    assert (invoice.billing_reason, [line.amount for line in invoice.lines.data]) == (
        "subscription_update",
        [-1900, 19000],
    )
    paid = invoice.payments.data[0].payment.payment_intent
    refund = api.refunds.create({"payment_intent": str(paid), "amount": 100})
    assert (refund.status, outside.receiver.wait("charge.refunded").amount_refunded) == ("succeeded", 100)
    assert outside.receiver.refused == []


def test_time_goes_on_by_the_control_api(outside: Outside) -> None:
    """Advancing over HTTP delivers each renewal's events before it answers."""
    subscription = outside.shop.subscribe()
    answer = httpx.post(f"{outside.address}/_control/advance", json={"by": 60 * DAY}).json()
    assert answer["now"] == outside.shop.sim.now
    paid = [e for e in outside.receiver.events if e.type == "invoice.paid"]
    assert len(paid) == 3
    assert paid[1].data.object.parent.subscription_details.subscription == subscription["id"]
    lines = httpx.get(f"{outside.address}/_control/journal").json()["data"]
    assert [line["kind"] for line in lines].count("invoice_paid") == 3
    ends = subscription["items"]["data"][0]["current_period_end"]
    step = httpx.post(f"{outside.address}/_control/step", json={"by": 365 * DAY}).json()
    assert step["now"] == ends


def test_errors_arrive_as_the_librarys_own(outside: Outside) -> None:
    """A refused card is CardError, an unknown id InvalidRequestError, a reused key IdempotencyError."""
    api = outside.stripe.v1
    customer = outside.shop.customer("pm_card_authenticationRequired")
    method = outside.shop.get(f"/v1/customers/{customer}")["invoice_settings"]["default_payment_method"]
    with pytest.raises(stripe.CardError) as refused:
        api.payment_intents.create(
            {
                "amount": 500,
                "currency": "usd",
                "customer": customer,
                "payment_method": method,
                "off_session": True,
                "confirm": True,
            }
        )
    assert (refused.value.code, refused.value.http_status) == ("authentication_required", 402)
    with pytest.raises(stripe.InvalidRequestError):
        api.subscriptions.retrieve("sub_unknown")
    api.customers.create({"email": "a@example.com"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        api.customers.create({"email": "b@example.com"}, {"idempotency_key": "k"})


def test_the_library_walks_lists(outside: Outside) -> None:
    """Automatic paging sees every event once."""
    for _ in range(12):
        outside.shop.customer()
    ids = [event.id for event in outside.stripe.v1.events.list({"limit": 5}).auto_paging_iter()]
    assert len(ids) == len(set(ids)) == len(outside.shop.sim.world.tables.events)


def test_a_wrong_secret_is_noticed(outside: Outside) -> None:
    """The library refuses a delivery that is signed with another secret, and it is tried again."""
    outside.shop.sim.listen(outside.receiver.url, "whsec_wrong")
    outside.stripe.v1.customers.create({"email": "ada@example.com"})
    outside.receiver.wait("customer.created")
    httpx.post(f"{outside.address}/_control/deliver")
    assert outside.receiver.refused
    assert outside.shop.sim.world.next_due() is not None


def test_the_portal_cancels_with_an_instant_and_takes_it_back(outside: Outside) -> None:
    """Cancelling in the portal sets `cancel_at`, not the flag that everyone reads; the page undoes it."""
    subscription = outside.shop.subscribe()
    visit = outside.stripe.v1.billing_portal.sessions.create(
        {"customer": subscription["customer"], "return_url": "http://127.0.0.1/back"}
    )
    assert "(active)" in httpx.get(visit.url).text
    form = {"subscription": subscription["id"]}
    httpx.post(visit.url, data={"act": "cancel", **form})
    found = outside.stripe.v1.subscriptions.retrieve(subscription["id"])
    assert (found.cancel_at_period_end, found.cancel_at) == (
        False,
        found["items"].data[0].current_period_end,
    )
    assert "Don&#x27;t cancel" in httpx.get(visit.url).text
    httpx.post(visit.url, data={"act": "undo", **form})
    assert outside.stripe.v1.subscriptions.retrieve(subscription["id"]).cancel_at is None
    httpx.post(visit.url, data={"act": "card", "card": "pm_card_authenticationRequired"})
    assert "ending in 3184" in httpx.get(visit.url).text


def test_the_hosted_pages_work_without_scripts(outside: Outside) -> None:
    """The checkout's buttons are plain forms: fail, debit, cancel; the invoice's page pays."""
    session = outside.shop.checkout()
    page = httpx.get(session["url"]).text
    assert "<script" not in page
    for label in ("Pay", "Pay by bank debit (arrives later)", "Fail", "Cancel"):
        assert f">{label}</button>" in page
    failed = httpx.post(session["url"], data={"act": "fail"})
    assert (failed.status_code, "declined" in failed.text) == (402, True)
    back = httpx.post(session["url"], data={"act": "cancel"})
    assert back.headers["location"] == "http://127.0.0.1/back"
    assert httpx.post(session["url"], data={"act": "debit"}).status_code == 303
    assert "complete" in httpx.get(session["url"]).text
    subscription = outside.shop.subscribe(card="pm_card_authenticationRequired")
    invoice = outside.shop.get(f"/v1/invoices/{subscription['latest_invoice']}")
    assert "Paid" in httpx.post(invoice["hosted_invoice_url"], data={"act": "pay"}).text
    assert subscription["status"] == "active"
    assert httpx.get(f"{outside.address}/checkout/cs_unknown").status_code == 404


def test_a_receiver_may_ask_while_it_is_told(outside: Outside) -> None:
    """A receiver that calls the API from within a delivery is answered: nothing waits for itself."""
    seen: list[str] = []

    class Asking(Receiver):
        def take(self, body: bytes, signature: str) -> int:
            status = super().take(body, signature)
            event = self.events[-1]
            if event.type == "invoice.created" and event.data.object.status == "draft":
                answer = outside.stripe.v1.invoices.finalize_invoice(
                    event.data.object.id, {"auto_advance": True}
                )
                seen.append(str(answer.status))
            return status

    asking = Asking()
    outside.shop.sim.listen(asking.url, "whsec_outside", ["invoice.created", "invoice.paid"])
    subscription = outside.shop.subscribe()
    end = subscription["items"]["data"][0]["current_period_end"]
    httpx.post(f"{outside.address}/_control/deliver")
    httpx.post(f"{outside.address}/_control/advance", json={"to": end}, timeout=20)
    assert "paid" in seen
    assert asking.events[-1].created == end
    asking.close()


def test_two_simulators_do_not_share_anything() -> None:
    """Each has its own objects."""
    one, other = Shop(), Shop()
    with served(one) as address:
        one.customer()
        assert httpx.get(f"{address}/_control/state").json()["now"] == one.sim.now
        assert other.get("/v1/customers")["data"] == []
