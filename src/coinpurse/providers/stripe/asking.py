"""Asking Stripe: the official library carries the requests, with bounded time and repetitions.

Its raw requests are used, and objects are read by presence of field as those of events are: one way of
reading for all API versions, and nothing here depends on the library's classes.
"""

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from coinpurse.domain.ports import ProviderError
from coinpurse.providers.stripe.reading import Json, dig, listed, ref

if TYPE_CHECKING:
    import stripe

TIMEOUT = 20.0
RETRIES = 2
PAGE = 100


class Declined(ProviderError):
    """A card was refused, or wants its owner; `intent` is the payment that it was for, if Stripe says."""

    def __init__(self, text: str, *, code: str | None, intent: Json) -> None:
        super().__init__(text, code=code, passing=False)
        self.intent = intent


class Api:
    """Stripe's API with one key. The library is loaded at the first request: it is large."""

    def __init__(self, key: str, base: str | None) -> None:
        self._key, self._base = key, base
        self._client: stripe.StripeClient | None = None
        self._http: stripe.HTTPXClient | None = None

    async def get(self, path: str, **params: Any) -> Json:
        """One object. Raises ProviderError."""
        return await self._call("get", path, params)

    async def post(self, path: str, *, key: str | None = None, **params: Any) -> Json:
        """Makes or changes an object; `key` is the idempotency key. Raises ProviderError."""
        return await self._call("post", path, params | ({"idempotency_key": key} if key else {}))

    async def delete(self, path: str, **params: Any) -> Json:
        """Ends an object. Raises ProviderError."""
        return await self._call("delete", path, params)

    async def all(self, path: str, **params: Any) -> AsyncIterator[Json]:
        """All objects of a list, newest first, page by page."""
        after: dict[str, Any] = {}
        while True:
            page = await self.get(path, limit=PAGE, **params, **after)
            found = listed(page)
            for thing in found:
                yield thing
            if not page.get("has_more") or not found:
                return
            after = {"starting_after": ref(found[-1])}

    async def close(self) -> None:
        """Lets go of the connections."""
        if self._http is not None:
            await self._http.close_async()  # type: ignore[no-untyped-call]
        self._client = self._http = None

    async def _call(self, method: str, path: str, params: Mapping[str, Any]) -> Json:
        client = self._connected()
        import stripe

        try:
            answer = await client.raw_request_async(method, path, **params)
        except stripe.StripeError as error:
            raise _explained(error) from error
        data: Any = answer.data
        if not isinstance(data, Mapping):
            raise ProviderError("Stripe's answer is not an object. Is COINPURSE_STRIPE_API_BASE right?")
        return data

    def _connected(self) -> "stripe.StripeClient":
        if self._client is None:
            import stripe

            self._http = stripe.HTTPXClient(timeout=TIMEOUT)
            bases: Any = {"api": self._base} if self._base else None
            self._client = stripe.StripeClient(
                self._key, base_addresses=bases, max_network_retries=RETRIES, http_client=self._http
            )
        return self._client


def _explained(error: "stripe.StripeError") -> ProviderError:
    """Stripe's error in our words. Its own text is left out where it can hold a part of the key."""
    import stripe

    code = error.code or dig(error.json_body, "error", "type")
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        text = "Stripe refused the API key, or it may not do this. Check COINPURSE_STRIPE_API_KEY."
        return ProviderError(text, code=code, passing=False)
    if isinstance(error, stripe.APIConnectionError):
        return ProviderError("Stripe can't be reached. Try again in a moment.", code=code)
    if isinstance(error, stripe.RateLimitError):
        return ProviderError("Stripe is asked too often just now. Try again in a moment.", code=code)
    if isinstance(error, stripe.CardError):
        text = f"The card was refused: {error.user_message or code}"
        return Declined(text, code=code, intent=dig(error.json_body, "error", "payment_intent") or {})
    passing = (error.http_status or 500) >= 500 or error.http_status == 409
    said = error.user_message or "without saying why"
    return ProviderError(f"Stripe refused: {said}", code=code, passing=passing)
