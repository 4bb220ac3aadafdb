"""The blocking twin of `Coinpurse`, made from it by scripts/make_sync.py. Don't edit."""

from collections.abc import Sequence

from coinpurse.client.loop import Blocking
from coinpurse.domain.credits import Page
from coinpurse.domain.outgoing import Delivery, DeliveryState, Endpoint, NewEndpoint, Pong


class Operating(Blocking):
    """Where events go, and what became of them."""

    def create_endpoint(
        self, url: str, *, types: Sequence[str] = (), test: bool | None = None
    ) -> NewEndpoint:
        """Have events sent to an address, signed (E5): all, or only some types. The answer's `secret` is
        shown this once. `test` says whose events; a key's endpoints have its own mode."""
        return self._run(self._purse.create_endpoint(url, types=types, test=test))

    def endpoints(self) -> list[Endpoint]:
        """Where events go."""
        return self._run(self._purse.endpoints())

    def remove_endpoint(self, endpoint_id: str) -> Endpoint:
        """Send nothing more to an endpoint, not even what waits."""
        return self._run(self._purse.remove_endpoint(endpoint_id))

    def enable_endpoint(self, endpoint_id: str) -> Endpoint:
        """Take an endpoint up again that was disabled because it answered 410."""
        return self._run(self._purse.enable_endpoint(endpoint_id))

    def rotate_endpoint(self, endpoint_id: str) -> NewEndpoint:
        """Give an endpoint a new secret; for 24 hours the one before signs too."""
        return self._run(self._purse.rotate_endpoint(endpoint_id))

    def ping_endpoint(self, endpoint_id: str) -> Pong:
        """Send a signed `ping` now, and hear how that went."""
        return self._run(self._purse.ping_endpoint(endpoint_id))

    def deliveries(
        self,
        *,
        state: DeliveryState = "dead",
        account: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Delivery]:
        """Deliveries in a state, the latest change first; those that were given up, if none is named."""
        return self._run(self._purse.deliveries(state=state, account=account, limit=limit, cursor=cursor))

    def retry_delivery(self, delivery_id: str) -> Delivery:
        """Try a dead delivery once more, at once."""
        return self._run(self._purse.retry_delivery(delivery_id))
