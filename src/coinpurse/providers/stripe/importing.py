"""What Stripe lists of those who pay through it: customers, subscriptions, billing credits."""

from collections.abc import AsyncIterator

from coinpurse.domain.importing import Payer, Prepaid, Running
from coinpurse.providers.stripe import Stripe
from coinpurse.providers.stripe.reading import Json, account_of, at, dig, listed, ref, whole


class StripeListing:
    """`domain.importing.Listing` for Stripe. Raises ProviderError, at once where there is no API key."""

    def __init__(self, stripe: Stripe) -> None:
        self._api = stripe._asking()

    async def payers(self) -> AsyncIterator[Payer]:
        """All customers, newest first."""
        async for thing in self._api.all("/v1/customers"):
            if (customer := ref(thing)) is not None:
                yield Payer(
                    customer=customer,
                    test=_is_test(thing),
                    name=thing.get("name"),
                    email=thing.get("email"),
                    metadata=thing.get("metadata") or {},
                )

    async def running(self) -> AsyncIterator[Running]:
        """All subscriptions but those that are cancelled, which Stripe leaves out unless asked for."""
        async for thing in self._api.all("/v1/subscriptions"):
            subscription, customer = ref(thing), ref(thing.get("customer"))
            if subscription is not None and customer is not None:
                yield Running(
                    subscription=subscription,
                    customer=customer,
                    test=_is_test(thing),
                    account=account_of(thing),
                )

    async def prepaid(self) -> AsyncIterator[Prepaid]:
        """All billing credits that were not voided, each with what is left of it."""
        async for thing in self._api.all("/v1/billing/credit_grants"):
            grant, customer = ref(thing), ref(thing.get("customer"))
            if grant is None or customer is None or thing.get("voided_at"):
                continue
            currency = str(dig(thing, "amount", "monetary", "currency"))
            yield Prepaid(
                id=grant,
                customer=customer,
                test=_is_test(thing),
                amount=await self._left(customer, grant, currency),
                currency=currency,
                starts_at=at(thing.get("effective_at")),
                expires_at=at(thing.get("expires_at")),
            )

    async def _left(self, customer: str, grant: str, currency: str) -> int:
        only = {"type": "credit_grant", "credit_grant": grant}
        summary = await self._api.get("/v1/billing/credit_balance_summary", customer=customer, filter=only)
        amounts = (dig(each, "available_balance", "monetary") for each in listed(summary.get("balances")))
        return sum(whole(dig(money, "value")) for money in amounts if dig(money, "currency") == currency)


def _is_test(thing: Json) -> bool:
    return not thing.get("livemode")
