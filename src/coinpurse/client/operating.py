"""What whoever runs an app asks of its credits, beside the calls of the app itself."""

from collections.abc import Sequence
from datetime import datetime

from coinpurse.app.events import BillingEvent
from coinpurse.app.inbox import LookedUp
from coinpurse.app.reconcile import Reconciled
from coinpurse.client import operations as op
from coinpurse.client.local import Local
from coinpurse.client.remote import Remote
from coinpurse.domain.auto_topup import AutoTopup
from coinpurse.domain.credits import Page, Renewal
from coinpurse.domain.outgoing import Delivery, DeliveryState, Endpoint, NewEndpoint, Pong


class Operating:
    """Renewals and billing events, where events go and what became of them, and automatic top-up."""

    _way: Local | Remote

    async def create_endpoint(
        self, url: str, *, types: Sequence[str] = (), test: bool | None = None
    ) -> NewEndpoint:
        """Have events sent to an address, signed (E5): all, or only some types. The answer's `secret` is
        shown this once. `test` says whose events; a key's endpoints have its own mode."""
        return await self._way.call(op.CREATE_ENDPOINT, url=url, types=list(types), test=test)

    async def endpoints(self) -> list[Endpoint]:
        """Where events go."""
        return await self._way.call(op.ENDPOINTS)

    async def remove_endpoint(self, endpoint_id: str) -> Endpoint:
        """Send nothing more to an endpoint, not even what waits."""
        return await self._way.call(op.REMOVE_ENDPOINT, endpoint_id=endpoint_id)

    async def enable_endpoint(self, endpoint_id: str) -> Endpoint:
        """Take an endpoint up again that was disabled because it answered 410."""
        return await self._way.call(op.ENABLE_ENDPOINT, endpoint_id=endpoint_id)

    async def rotate_endpoint(self, endpoint_id: str) -> NewEndpoint:
        """Give an endpoint a new secret; for 24 hours the one before signs too."""
        return await self._way.call(op.ROTATE_ENDPOINT, endpoint_id=endpoint_id)

    async def ping_endpoint(self, endpoint_id: str) -> Pong:
        """Send a signed `ping` now, and hear how that went."""
        return await self._way.call(op.PING_ENDPOINT, endpoint_id=endpoint_id)

    async def deliveries(
        self,
        *,
        state: DeliveryState = "dead",
        account: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Delivery]:
        """Deliveries in a state, the latest change first; those that were given up, if none is named."""
        return await self._way.call(op.DELIVERIES, state=state, account=account, limit=limit, cursor=cursor)

    async def retry_delivery(self, delivery_id: str) -> Delivery:
        """Try a dead delivery once more, at once."""
        return await self._way.call(op.RETRY_DELIVERY, delivery_id=delivery_id)

    async def put_auto_topup(self, account: str, *, pack: str, below: int, most_per_month: int) -> AutoTopup:
        """Buy a pack with the card on file whenever fewer than `below` credits are available (P4). One that
        had stopped starts again."""
        return await self._way.call(
            op.PUT_AUTO_TOPUP, account=account, pack=pack, below=below, most_per_month=most_per_month
        )

    async def get_auto_topup(self, account: str) -> AutoTopup:
        """An account's automatic top-up. Raises NotFound where it has none."""
        return await self._way.call(op.GET_AUTO_TOPUP, account=account)

    async def remove_auto_topup(self, account: str) -> AutoTopup:
        """End it, and hear how it stood; a purchase under way is seen through."""
        return await self._way.call(op.REMOVE_AUTO_TOPUP, account=account)

    async def renewals(
        self,
        *,
        state: str | None = None,
        account: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Renewal]:
        """Periods and what became of them (T7); `state="late"` lists those whose payment is overdue."""
        return await self._way.call(op.RENEWALS, state=state, account=account, limit=limit, cursor=cursor)

    async def billing_events(
        self,
        *,
        status: str | None = None,
        account: str | None = None,
        provider: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[BillingEvent]:
        """What payment providers told, newest first, and what became of it (E1); `status="failed"` lists
        what needs a look."""
        return await self._way.call(
            op.BILLING_EVENTS, status=status, account=account, provider=provider, limit=limit, cursor=cursor
        )

    async def get_billing_event(self, event_id: str, *, provider: str | None = None) -> BillingEvent:
        """A billing event, by the provider's id. Raises NotFound; Conflict where two providers use the id."""
        return await self._way.call(op.GET_BILLING_EVENT, id=event_id, provider=provider)

    async def retry_billing_event(self, event_id: str, *, provider: str | None = None) -> BillingEvent:
        """Have an event worked on once more by a worker; what was applied before changes nothing (E2)."""
        return await self._way.call(op.RETRY_BILLING_EVENT, id=event_id, provider=provider)

    async def look_up(self, subscription_id: str) -> LookedUp:
        """Ask the provider how a subscription stands and what was paid for it, and apply that: for events
        that haven't come. Raises Conflict where there is nobody to ask, ProviderFailed."""
        return await self._way.call(op.LOOK_UP, id=subscription_id)

    async def reconcile(
        self,
        *,
        provider: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        heal: bool = False,
    ) -> Reconciled:
        """Compare what the payment provider (else: each that can be asked) had happen in `[since, until)`
        with the books, and with `heal` apply what is missing (E4). Without a window: the last 72 hours. Over
        HTTP at most 31 days. Raises ProviderFailed where the provider doesn't answer."""
        return await self._way.call(op.RECONCILE, provider=provider, since=since, until=until, heal=heal)
