"""Selling through Stripe, and what customers do with their subscriptions there."""

from typing import Any

import pytest

from coinpurse.domain.facts import Standing
from coinpurse.domain.ports import Buyer, Item, ProviderError
from coinpurse.providers.stripe import Stripe
from providers.stripe_objects import NOW, Json, event, intent, invoice, session, subscription, told
from providers.stripe_server import Stage

ADA = Buyer(account="ada", test=True, email="ada@example.org", name="Ada", locale="de-AT")
PACK = Item(price="price_small", pack="small", quantity=2)
PLAN = Item(price="price_starter, price_starter_2024", plan="starter", interval="month")
PAGES = {"success_url": "https://app.example/done", "cancel_url": "https://app.example/"}


def opened(stage: Stage) -> None:
    """Lets the server make customers and checkouts."""
    stage.on("POST", "/v1/customers", {"id": "cus_1", "object": "customer"})
    page = {"id": "cs_1", "object": "checkout.session", "url": "https://pay.example/cs_1", "expires_at": 1}
    stage.on("POST", "/v1/checkout/sessions", page)


async def test_a_checkout_of_a_pack(stage: Stage, asking: Stripe) -> None:
    """It carries the account, our reference and the pack; its payment doesn't carry the pack (P2)."""
    opened(stage)
    found = await asking.check_out(ADA, PACK, reference="co_1", **PAGES)
    assert (found.url, found.reference, found.customer) == ("https://pay.example/cs_1", "cs_1", "cus_1")
    made, checkout = stage.writing()
    assert made.params["metadata[coinpurse_account]"] == "ada"
    sent = checkout.params
    assert (sent["mode"], sent["customer"], sent["client_reference_id"]) == ("payment", "cus_1", "ada")
    assert (sent["line_items[0][price]"], sent["line_items[0][quantity]"]) == ("price_small", "2")
    assert (sent["metadata[coinpurse_pack]"], sent["metadata[coinpurse_checkout]"]) == ("small", "co_1")
    assert sent["metadata[coinpurse_quantity]"] == "2"
    assert sent["payment_intent_data[metadata][coinpurse_checkout]"] == "co_1"
    assert "payment_intent_data[metadata][coinpurse_pack]" not in sent
    assert sent["locale"] == "de"


async def test_a_checkout_is_safe_to_repeat(stage: Stage, asking: Stripe) -> None:
    """Same reference, same keys: Stripe gives the same customer and page again."""
    opened(stage)
    for _ in range(2):
        await asking.check_out(ADA, PACK, reference="co_1", **PAGES)
    keys = [asked.headers["idempotency-key"] for asked in stage.writing()]
    assert keys[:2] == keys[2:]
    await asking.check_out(
        Buyer(account="ada", test=True, email="new@example.org"), PACK, reference="co_2", **PAGES
    )
    assert not {asked.headers["idempotency-key"] for asked in stage.writing()[4:]} & set(keys)


async def test_a_checkout_of_a_plan(stage: Stage, asking: Stripe) -> None:
    """By subscription, which carries account and plan; of the catalog's prices the first is sold (P5)."""
    opened(stage)
    await asking.check_out(Buyer(account="ada", test=True, customer="cus_9"), PLAN, reference="co_1", **PAGES)
    [checkout] = stage.writing()
    sent = checkout.params
    assert (sent["mode"], sent["customer"]) == ("subscription", "cus_9")
    assert sent["line_items[0][price]"] == "price_starter"
    assert sent["subscription_data[metadata][coinpurse_account]"] == "ada"
    assert sent["subscription_data[metadata][coinpurse_plan]"] == "starter"


async def test_live_accounts_are_not_sold_to_with_a_test_key(stage: Stage, asking: Stripe) -> None:
    """Nor the other way round: nothing is asked."""
    with pytest.raises(ProviderError, match="a live account") as caught:
        await asking.check_out(Buyer(account="ada", test=False), PACK, reference="co_1", **PAGES)
    assert not caught.value.passing
    assert not stage.asked


async def test_the_portal(stage: Stage, asking: Stripe) -> None:
    """Where cards are changed."""
    page = {"id": "bps_1", "object": "billing_portal.session", "url": "https://pay.example/p"}
    stage.on("POST", "/v1/billing_portal/sessions", page)
    found = await asking.portal("cus_1", return_url="https://app.example/")
    assert (found.url, found.customer) == ("https://pay.example/p", "cus_1")


OWNER = Buyer(account="ada", test=True, customer="cus_1")


async def buy(provider: Stripe, buyer: Buyer = OWNER) -> tuple[str, str]:
    """Buys a pack; its key and state."""
    found = await provider.buy(buyer, PACK, amount=1200, currency="usd", reference="at_1")
    assert (found.pack, found.quantity, found.account) == ("small", 2, "ada")
    return found.purchase, found.state


def with_card(stage: Stage) -> None:
    """Gives the customer a card."""
    stage.put({"id": "cus_1", "object": "customer", "invoice_settings": {"default_payment_method": None}})
    stage.lists["/v1/customers/cus_1/payment_methods"] = [{"id": "pm_1", "object": "payment_method"}]


async def test_p4_the_card_on_file_pays(stage: Stage, asking: Stripe) -> None:
    """Off-session, once per reference; and the event of that payment tells of the same purchase."""
    with_card(stage)
    metadata = {"coinpurse_account": "ada", "coinpurse_pack": "small", "coinpurse_quantity": "2"}
    stage.on("POST", "/v1/payment_intents", intent(metadata=metadata))
    assert await buy(asking) == ("pi_1", "paid")
    [request] = stage.writing()
    assert request.headers["idempotency-key"] == "coinpurse/at_1"
    assert (request.params["payment_method"], request.params["off_session"].lower()) == ("pm_1", "true")
    sent = {name: request.params[f"metadata[{name}]"] for name in metadata}
    assert sent == metadata
    stage.put(intent(metadata=sent))
    [found] = await told(event("payment_intent.succeeded", intent(metadata=sent)), asking)
    assert found == await asking.buy(OWNER, PACK, amount=1200, currency="usd", reference="at_1")


@pytest.mark.parametrize("code", ["card_declined", "authentication_required"])
async def test_p4_a_card_that_is_refused(code: str, stage: Stage, asking: Stripe) -> None:
    """Or wants its owner: the purchase has failed, under the key of its payment."""
    with_card(stage)
    tried = intent(
        status="requires_payment_method",
        metadata={"coinpurse_account": "ada", "coinpurse_pack": "small", "coinpurse_quantity": "2"},
    )
    error: Json = {"type": "card_error", "code": code, "message": "No.", "payment_intent": tried}
    stage.on("POST", "/v1/payment_intents", {"error": error}, 402)
    assert await buy(asking) == ("pi_1", "failed")


async def test_p4_no_card_at_all(stage: Stage, asking: Stripe) -> None:
    """Failed as well, and nothing is bought."""
    stage.put({"id": "cus_1", "object": "customer", "invoice_settings": {}})
    stage.lists["/v1/customers/cus_1/payment_methods"] = []
    assert await buy(asking) == ("at_1", "failed")
    assert await buy(asking, Buyer(account="ada", test=True)) == ("at_1", "failed")
    assert not stage.writing()


async def test_p4_when_it_is_not_known_how_it_went(stage: Stage, asking: Stripe) -> None:
    """That is no failure of the card: it is to be asked again with the same reference."""
    with_card(stage)
    stage.on("POST", "/v1/payment_intents", {"error": {"type": "api_error", "message": "Oops"}}, 500)
    with pytest.raises(ProviderError) as caught:
        await buy(asking)
    assert caught.value.passing
    keys = {asked.headers["idempotency-key"] for asked in stage.writing()}
    assert (len(stage.writing()), keys) == (3, {"coinpurse/at_1"}), (
        "the library tries three times, with one key"
    )


async def test_p4_another_card_on_file_is_no_second_purchase(stage: Stage, asking: Stripe) -> None:
    """Asked again under the same key with another card, Stripe refuses; what the first try came to counts."""
    with_card(stage)
    error: Json = {"type": "idempotency_error", "message": "Keys can only be used with the same parameters."}
    stage.on("POST", "/v1/payment_intents", {"error": error}, 400)
    metadata = {"coinpurse_account": "ada", "coinpurse_pack": "small", "coinpurse_quantity": "2"}
    bought = intent(metadata=metadata | {"coinpurse_purchase": "at_1"})
    stage.lists["/v1/payment_intents"] = [intent(id="pi_9", metadata=metadata), bought]
    assert await buy(asking) == ("pi_1", "paid")
    stage.lists["/v1/payment_intents"] = []
    with pytest.raises(ProviderError):
        await buy(asking)


def changing(stage: Stage, **before: Any) -> None:
    """Holds a subscription that can be changed and ended."""
    stage.put(subscription(latest_invoice=invoice(), **before))
    stage.on("POST", "/v1/subscriptions/sub_1", subscription())
    stage.on("DELETE", "/v1/subscriptions/sub_1", subscription())


def sent(stage: Stage) -> dict[str, str]:
    """What was changed."""
    [request] = [asked for asked in stage.writing() if asked.path == "/v1/subscriptions/sub_1"]
    return request.params


async def test_b3_cancel(stage: Stage, asking: Stripe) -> None:
    """At the end of the period, or now; what has ended already is told, not refused."""
    changing(stage)
    [found] = await asking.cancel("sub_1", at="period_end", now=NOW)
    assert isinstance(found, Standing)
    assert sent(stage)["cancel_at_period_end"].lower() == "true"
    stage.asked.clear()
    await asking.cancel("sub_1", at="now", now=NOW)
    assert [asked.method for asked in stage.writing()] == ["DELETE"]
    stage.asked.clear()
    changing(stage, status="canceled")
    [found] = await asking.cancel("sub_1", at="now", now=NOW)
    assert isinstance(found, Standing)
    assert (found.state, stage.writing()) == ("ended", [])


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ({"cancel_at_period_end": True, "cancel_at": 9}, {"cancel_at_period_end": "false"}),
        ({"cancel_at": 9}, {"cancel_at": ""}),
        ({"pause_collection": {"behavior": "void"}}, {"pause_collection": ""}),
    ],
)
async def test_b3_b11_resume(before: Json, expected: Json, stage: Stage, asking: Stripe) -> None:
    """Undoes what was done, the way it was done."""
    changing(stage, **before)
    await asking.resume("sub_1", now=NOW)
    assert {name: value.lower() for name, value in sent(stage).items()} == expected


async def test_resume_what_is_paused_or_over(stage: Stage, asking: Stripe) -> None:
    """A trial that ended without a card is resumed; what has ended is not."""
    changing(stage, status="paused")
    stage.on("POST", "/v1/subscriptions/sub_1/resume", subscription())
    await asking.resume("sub_1", now=NOW)
    assert [asked.path for asked in stage.writing()] == ["/v1/subscriptions/sub_1/resume"]
    changing(stage, status="canceled")
    with pytest.raises(ProviderError, match="Subscribe again"):
        await asking.resume("sub_1", now=NOW)


async def test_b11_pause(stage: Stage, asking: Stripe) -> None:
    """What falls due meanwhile is voided."""
    changing(stage)
    await asking.pause("sub_1", now=NOW)
    assert sent(stage) == {"pause_collection[behavior]": "void"}


@pytest.mark.parametrize(
    ("price", "proration", "payment"),
    [
        ("price_studio", "always_invoice", "pending_if_incomplete"),
        ("price_starter_year", "always_invoice", "pending_if_incomplete"),
        ("price_free", "none", None),
    ],
)
async def test_b5_change(
    price: str, proration: str, payment: str | None, stage: Stage, asking: Stripe
) -> None:
    """To more, or another interval: made once it is paid. To less: nothing is settled."""
    changing(stage)
    await asking.change("sub_1", price=price, now=NOW)
    params = sent(stage)
    assert (params["items[0][id]"], params["items[0][price]"]) == ("si_1", price)
    assert (params["proration_behavior"], params.get("payment_behavior")) == (proration, payment)


async def test_a_page_without_an_address(stage: Stage, asking: Stripe) -> None:
    """Is not passed on."""
    opened(stage)
    stage.on("POST", "/v1/checkout/sessions", session(url=None))
    with pytest.raises(ProviderError, match="address"):
        await asking.check_out(ADA, PACK, reference="co_1", **PAGES)
