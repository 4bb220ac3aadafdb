"""Selling through Stripe: checkouts, the customer's portal, and top-ups with the card on file."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from coinpurse.domain.facts import Purchase
from coinpurse.domain.ports import Buyer, Item, Opened, ProviderError
from coinpurse.providers.shelf import Shelf, on_sale
from coinpurse.providers.stripe import facts
from coinpurse.providers.stripe.asking import Api, Declined
from coinpurse.providers.stripe.reading import Json, at, dig, listed, ref

#: The languages of Stripe's pages; any other is refused by Stripe, so `auto` stands for it.
_TAGS = """
bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hr hu id it ja ko lt lv ms mt nb nl pl pt pt-BR ro ru sk
sl sv th tr vi zh zh-HK zh-TW
"""
_LOCALES = frozenset(_TAGS.split())


class Selling:
    """What is sold, with the customers and checkouts that it takes."""

    def __init__(self, api: Api, shelf: Shelf) -> None:
        self._api, self._shelf = api, shelf

    async def check_out(
        self, buyer: Buyer, item: Item, *, reference: str, success_url: str, cancel_url: str
    ) -> Opened:
        """Opens a checkout; the same reference again gives the same one. A purchase of a pack is told by the
        checkout's session, so its payment doesn't carry the pack (P2)."""
        customer = buyer.customer or await self._customer(buyer)
        ours = {"coinpurse_account": buyer.account, "coinpurse_checkout": reference}
        params: dict[str, Any] = {
            "mode": "subscription" if item.plan else "payment",
            "customer": customer,
            "client_reference_id": buyer.account if len(buyer.account) <= 200 else None,
            "line_items": [{"price": on_sale(item.price), "quantity": item.quantity}],
            "success_url": success_url,
            "cancel_url": cancel_url,
            "locale": _locale(buyer.locale),
            "metadata": ours | _what(item),
        }
        if item.plan:
            params["subscription_data"] = {"metadata": ours | _what(item)}
        else:
            # The customer may keep the card, so that a later top-up can be bought without them (P4).
            params["saved_payment_method_options"] = {"payment_method_save": "enabled"}
            params["payment_intent_data"] = {"metadata": ours}
        session = await self._api.post("/v1/checkout/sessions", key=f"coinpurse/{reference}", **_set(params))
        return _opened(session, customer)

    async def portal(self, customer: str, *, return_url: str) -> Opened:
        """Opens the page where a customer changes cards and sees invoices."""
        session = await self._api.post(
            "/v1/billing_portal/sessions", customer=customer, return_url=return_url
        )
        return _opened(session, customer)

    async def buy(self, buyer: Buyer, item: Item, *, amount: int, currency: str, reference: str) -> Purchase:
        """Buys a pack off-session, once per reference. A card that is missing, refused, or wants its owner,
        is a purchase that failed; the customer is told elsewhere."""
        card = await self._card(buyer.customer) if buyer.customer else None
        metadata = {"coinpurse_account": buyer.account, "coinpurse_purchase": reference, **_what(item)}
        if card is None:
            return _failed(buyer, item, amount, currency, reference)
        try:
            intent = await self._api.post(
                "/v1/payment_intents",
                key=f"coinpurse/{reference}",
                amount=amount,
                currency=currency,
                customer=buyer.customer,
                payment_method=card,
                off_session=True,
                confirm=True,
                description=f"{item.quantity} × {item.pack}",
                metadata=metadata,
            )
        except Declined as declined:
            intent = declined.intent
        except ProviderError as error:
            intent = await self._bought_before(error, buyer, reference)
        if ref(intent) is None:
            return _failed(buyer, item, amount, currency, reference)
        return facts.top_up(self._shelf, {"metadata": metadata, **intent})

    async def _bought_before(self, error: ProviderError, buyer: Buyer, reference: str) -> Json:
        """Another card is on file than when this purchase was first asked for: Stripe refuses the key,
        and what came of it then counts. Raises the error where it is another one, or nothing is found."""
        if error.code == "idempotency_error":
            async for intent in self._api.all("/v1/payment_intents", customer=buyer.customer):
                if dig(intent, "metadata", "coinpurse_purchase") == reference:
                    return intent
        raise error

    async def _customer(self, buyer: Buyer) -> str:
        """Makes a customer for an account, once for what is known of it: Stripe refuses a key that comes back
        with other parameters."""
        params = _set(
            {
                "email": buyer.email,
                "name": buyer.name,
                "preferred_locales": [buyer.locale] if buyer.locale else None,
                "metadata": {"coinpurse_account": buyer.account},
            }
        )
        digest = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()[:32]
        customer = ref(await self._api.post("/v1/customers", key=f"coinpurse/customer/{digest}", **params))
        if customer is None:
            raise ProviderError("Stripe made a customer without an id.")
        return customer

    async def _card(self, customer: str) -> str | None:
        """The card on file: the one for invoices, else the one kept last."""
        found = await self._api.get(f"/v1/customers/{customer}")
        default = ref(dig(found, "invoice_settings", "default_payment_method"))
        if default is not None:
            return default
        kept = await self._api.get(f"/v1/customers/{customer}/payment_methods", type="card", limit=1)
        return next((ref(method) for method in listed(kept)), None)


def _what(item: Item) -> dict[str, str]:
    named = {
        "coinpurse_pack": item.pack,
        "coinpurse_plan": item.plan,
        "coinpurse_interval": item.interval,
        "coinpurse_quantity": str(item.quantity) if item.quantity != 1 else None,
    }
    return {name: value for name, value in named.items() if value is not None}


def _set(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _locale(locale: str | None) -> str:
    wanted = (locale or "").replace("_", "-")
    return next((known for known in (wanted, wanted.partition("-")[0]) if known in _LOCALES), "auto")


def _opened(session: Json, customer: str) -> Opened:
    url, reference = session.get("url"), ref(session)
    if not isinstance(url, str) or reference is None:
        raise ProviderError("Stripe opened a page without an address.")
    return Opened(url=url, reference=reference, customer=customer, expires_at=at(session.get("expires_at")))


def _failed(buyer: Buyer, item: Item, amount: int, currency: str, reference: str) -> Purchase:
    """A purchase for which Stripe made no payment: it is known by our own reference."""
    return Purchase(
        purchase=reference,
        state="failed",
        pack=item.pack or "",
        quantity=item.quantity,
        amount=amount,
        currency=currency,
        customer=buyer.customer,
        account=buyer.account,
    )
