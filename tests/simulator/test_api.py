"""The API's manners: lists, expansion, idempotency, errors."""

from typing import Any

import msgspec
import pytest
from stripe import params
from stripe.params import billing, billing_portal, checkout

from coinpurse.simulator import StripeError
from coinpurse.simulator.api.routing import ROUTES
from simulator.shop import DAY, Shop

HEADERS = {"authorization": "Bearer sk_test_simulated"}


def post(shop: Shop, path: str, body: str, key: str | None = None) -> tuple[int, dict[str, str], Any]:
    """A POST as HTTP has it."""
    headers = {**HEADERS, **({"idempotency-key": key} if key else {})}
    status, out, answer = shop.sim.handle("POST", path, headers, body.encode())
    return status, out, msgspec.json.decode(answer)


def test_lists_are_paged_newest_first(shop: Shop) -> None:
    """`limit`, `starting_after` and `ending_before` walk a list without gaps or repeats."""
    made = [shop.customer(card=None) for _ in range(7)][::-1]
    first = shop.get("/v1/customers", limit=3)
    assert ([c["id"] for c in first["data"]], first["has_more"]) == (made[:3], True)
    rest = shop.get("/v1/customers", limit=10, starting_after=made[2])
    assert ([c["id"] for c in rest["data"]], rest["has_more"]) == (made[3:], False)
    back = shop.get("/v1/customers", limit=2, ending_before=made[5])
    assert [c["id"] for c in back["data"]] == made[3:5]
    with pytest.raises(StripeError, match="No such customer"):
        shop.get("/v1/customers", starting_after="cus_unknown")


def test_lists_can_be_cut_by_time(shop: Shop) -> None:
    """`created` takes gte, gt, lte and lt."""
    shop.customer(card=None)
    later = shop.sim.now + DAY
    shop.advance(later)
    second = shop.customer(card=None)
    assert [c["id"] for c in shop.get("/v1/customers", created={"gte": later})["data"]] == [second]
    assert len(shop.get("/v1/customers", created={"lt": later})["data"]) == 1


def test_subscriptions_that_are_over_are_listed_only_when_asked_for(shop: Shop) -> None:
    """Without `status` a cancelled subscription isn't in the list."""
    subscription = shop.subscribe()
    shop.call("DELETE", f"/v1/subscriptions/{subscription['id']}")
    customer = subscription["customer"]
    assert shop.get("/v1/subscriptions", customer=customer)["data"] == []
    assert len(shop.get("/v1/subscriptions", customer=customer, status="all")["data"]) == 1


def test_expansion_goes_deep_and_into_lists(shop: Shop) -> None:
    """`expand` puts whole objects in place of ids, down a path and through lists."""
    shop.subscribe()
    listed = shop.get("/v1/subscriptions", expand=["data.latest_invoice.payments", "data.customer"])
    (subscription,) = listed["data"]
    assert subscription["customer"]["email"] == "ada@example.com"
    assert subscription["latest_invoice"]["payments"]["data"][0]["status"] == "paid"
    path = "payments.data.payment.payment_intent.latest_charge"
    invoice = shop.get(f"/v1/invoices/{subscription['latest_invoice']['id']}", expand=[path])
    intent = invoice["payments"]["data"][0]["payment"]["payment_intent"]
    assert intent["latest_charge"]["amount"] == 1900
    with pytest.raises(StripeError, match="cannot be expanded"):
        shop.get(f"/v1/invoices/{invoice['id']}", expand=["payment_intent"])


def test_an_idempotency_key_makes_a_retry_safe(shop: Shop) -> None:
    """Same key and request: the same answer and nothing twice; another request with it is refused."""
    first = post(shop, "/v1/customers", "email=a%40example.com", "k1")
    again = post(shop, "/v1/customers", "email=a%40example.com", "k1")
    assert again[2] == first[2]
    assert again[1]["Idempotent-Replayed"] == "true"
    assert len(shop.get("/v1/customers")["data"]) == 1
    status, _, body = post(shop, "/v1/customers", "email=b%40example.com", "k1")
    assert (status, body["error"]["type"]) == (400, "idempotency_error")


def test_a_declined_payment_stays_declined_for_its_key(shop: Shop) -> None:
    """A 402 is an answer like any other: the key gives it again, without another attempt."""
    customer = shop.customer("pm_card_chargeCustomerFail")
    method = shop.get(f"/v1/customers/{customer}")["invoice_settings"]["default_payment_method"]
    body = (
        f"amount=500&currency=usd&customer={customer}&payment_method={method}&off_session=true&confirm=true"
    )
    assert post(shop, "/v1/payment_intents", body, "k2")[0] == 402
    shop.sim.control("card", {"payment_method": method, "behaviour": "pays"})
    assert post(shop, "/v1/payment_intents", body, "k2")[0] == 402
    assert shop.count("charge.failed", "charge.succeeded") == (1, 0)


@pytest.mark.parametrize(
    ("method", "path", "params", "status", "code"),
    [
        ("GET", "/v1/customers/cus_unknown", {}, 404, "resource_missing"),
        ("POST", "/v1/subscriptions", {"customer": "cus_unknown"}, 400, "resource_missing"),
        ("POST", "/v1/customers", {"nonsense": 1}, 400, "parameter_unknown"),
        ("POST", "/v1/payment_intents", {"amount": "ten"}, 400, "parameter_invalid_integer"),
        ("POST", "/v1/payment_intents", {"currency": "usd"}, 400, "parameter_missing"),
        ("GET", "/v1/nowhere", {}, 404, "url_invalid"),
    ],
)
def test_errors_have_stripes_form(
    shop: Shop, method: str, path: str, params: dict[str, Any], status: int, code: str
) -> None:
    """What is wrong is told by status, type and code."""
    with pytest.raises(StripeError) as refused:
        shop.call(method, path, **params)
    assert refused.value.status == status
    assert refused.value.body["error"]["code"] == code


def test_a_key_is_needed(shop: Shop) -> None:
    """Without an API key the answer is 401."""
    assert shop.sim.handle("GET", "/v1/customers", {})[0] == 401


def test_events_name_the_request_that_made_them(shop: Shop) -> None:
    """An event of a request has its id and key; one that time made has neither."""
    _, headers, _ = post(shop, "/v1/customers", "email=a%40example.com", "k3")
    made = shop.get("/v1/events", type="customer.created")["data"][0]
    assert made["request"] == {"id": headers["Request-Id"], "idempotency_key": "k3"}
    subscription = shop.subscribe()
    shop.advance(subscription["items"]["data"][0]["current_period_end"])
    renewal = shop.get("/v1/events", types=["invoice.created"])["data"][0]
    assert renewal["request"] == {"id": None, "idempotency_key": None}


def test_updates_tell_what_was_before(shop: Shop) -> None:
    """An update's event has the old values of what changed, and of nothing else."""
    subscription = shop.subscribe()
    shop.update(subscription, cancel_at_period_end=True)
    shop.types()
    previous = shop.events[-1]["data"]["previous_attributes"]
    assert previous["cancel_at_period_end"] is False
    assert set(previous) == {"cancel_at_period_end", "cancel_at", "canceled_at", "cancellation_details"}


PARAMS: dict[tuple[str, str], Any] = {
    ("POST", "v1/customers"): params.CustomerCreateParams,
    ("POST", "v1/customers/*"): params.CustomerModifyParams,
    ("GET", "v1/customers"): params.CustomerListParams,
    ("GET", "v1/customers/*/payment_methods"): params.CustomerListPaymentMethodsParams,
    ("POST", "v1/products"): params.ProductCreateParams,
    ("POST", "v1/prices"): params.PriceCreateParams,
    ("POST", "v1/prices/*"): params.PriceModifyParams,
    ("GET", "v1/prices"): params.PriceListParams,
    ("POST", "v1/subscriptions"): params.SubscriptionCreateParams,
    ("POST", "v1/subscriptions/*"): params.SubscriptionModifyParams,
    ("POST", "v1/subscriptions/*/resume"): params.SubscriptionResumeParams,
    ("DELETE", "v1/subscriptions/*"): params.SubscriptionCancelParams,
    ("GET", "v1/subscriptions"): params.SubscriptionListParams,
    ("GET", "v1/invoices"): params.InvoiceListParams,
    ("POST", "v1/invoices"): params.InvoiceCreateParams,
    ("POST", "v1/invoices/*"): params.InvoiceModifyParams,
    ("POST", "v1/invoices/*/pay"): params.InvoicePayParams,
    ("POST", "v1/invoices/*/finalize"): params.InvoiceFinalizeInvoiceParams,
    ("GET", "v1/invoice_payments"): params.InvoicePaymentListParams,
    ("POST", "v1/payment_intents"): params.PaymentIntentCreateParams,
    ("POST", "v1/payment_intents/*"): params.PaymentIntentModifyParams,
    ("POST", "v1/payment_intents/*/confirm"): params.PaymentIntentConfirmParams,
    ("GET", "v1/charges"): params.ChargeListParams,
    ("POST", "v1/refunds"): params.RefundCreateParams,
    ("GET", "v1/refunds"): params.RefundListParams,
    ("GET", "v1/disputes"): params.DisputeListParams,
    ("GET", "v1/events"): params.EventListParams,
    ("POST", "v1/webhook_endpoints"): params.WebhookEndpointCreateParams,
    ("POST", "v1/checkout/sessions"): checkout.SessionCreateParams,
    ("GET", "v1/checkout/sessions"): checkout.SessionListParams,
    ("POST", "v1/billing_portal/sessions"): billing_portal.SessionCreateParams,
    ("POST", "v1/billing/credit_grants"): billing.CreditGrantCreateParams,
    ("GET", "v1/billing/credit_grants"): billing.CreditGrantListParams,
}
OURS = {("POST", "v1/prices"): {"id"}, ("POST", "v1/webhook_endpoints"): {"secret"}}


@pytest.mark.parametrize("address", PARAMS)
def test_parameters_are_stripes(address: tuple[str, str]) -> None:
    """Each parameter that the simulator takes is one of the official library's, but for two of our own."""
    (route,) = [r for r in ROUTES if (r.method, "/".join(r.parts)) == address]
    theirs = set(PARAMS[address].__annotations__)
    assert (route.known | route.passed) - theirs <= OURS.get(address, set())
