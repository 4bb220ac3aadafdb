"""Everything that the library can ask for, once: which app function does it in this process, and which call
does it over HTTP. `local` and `remote` are the two ways to carry an operation out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from coinpurse.app import (
    accounts,
    auto_topup,
    checkouts,
    endpoints,
    events,
    grants,
    inbox,
    ledger,
    outbox,
    portal,
    reconcile,
    sessions,
    subscriptions,
    wallets,
)
from coinpurse.app.checkouts import Checkout
from coinpurse.app.events import BillingEvent
from coinpurse.app.inbox import LookedUp
from coinpurse.app.ledger import Explanation
from coinpurse.app.portal import Portal
from coinpurse.app.reconcile import Reconciled
from coinpurse.app.sessions import Session
from coinpurse.domain.auto_topup import AutoTopup
from coinpurse.domain.credits import (
    Account,
    Balance,
    Charge,
    Entry,
    Grant,
    Hold,
    Page,
    Preview,
    Quote,
    Renewal,
    Reversal,
    Subscription,
    SubscriptionChange,
)
from coinpurse.domain.outgoing import Delivery, Endpoint, NewEndpoint, Pong

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One thing that can be asked for. `path` is below /v1; the names in it are fields of the request."""

    here: Callable[..., Awaitable[T]]
    method: str
    path: str
    answer: Any
    seconds: float = 10.0
    """How long a server may take to answer."""


async def _put_account(*args: Any, **fields: Any) -> Account:
    account, _created = await accounts.put_account(*args, **fields)
    return account


CHARGE = Operation(wallets.charge, "POST", "/charges", Charge)
GET_CHARGE = Operation(wallets.get_charge, "GET", "/charges/{charge_id}", Charge)
QUOTE = Operation(wallets.quote, "POST", "/quotes", Quote)
HOLD = Operation(wallets.hold, "POST", "/holds", Hold)
CAPTURE = Operation(wallets.capture, "POST", "/holds/{hold_id}/capture", Hold)
RELEASE = Operation(wallets.release, "POST", "/holds/{hold_id}/release", Hold)
GET_HOLD = Operation(wallets.get_hold, "GET", "/holds/{hold_id}", Hold)
REVERSE = Operation(wallets.reverse, "POST", "/charges/{charge_id}/reversals", Reversal)
GRANT = Operation(grants.grant, "POST", "/grants", Grant)
REVOKE = Operation(grants.revoke, "POST", "/grants/{grant_id}/revoke", Grant)
GRANTS = Operation(grants.grants, "GET", "/accounts/{account}/grants", list[Grant])
BALANCE = Operation(wallets.balance, "GET", "/accounts/{account}/balance", Balance)
ENTRIES = Operation(ledger.entries, "GET", "/accounts/{account}/entries", Page[Entry])
EXPLAIN = Operation(ledger.explain, "GET", "/accounts/{account}/explain", Explanation)
SUBSCRIBE = Operation(subscriptions.subscribe, "POST", "/subscriptions", SubscriptionChange)
GET_SUBSCRIPTION = Operation(subscriptions.get_subscription, "GET", "/subscriptions/{id}", Subscription)
SUBSCRIPTIONS = Operation(
    subscriptions.subscriptions, "GET", "/accounts/{account}/subscriptions", list[Subscription]
)
PAY = Operation(subscriptions.pay, "POST", "/subscriptions/{id}/payments", SubscriptionChange)
CANCEL = Operation(subscriptions.cancel, "POST", "/subscriptions/{id}/cancel", SubscriptionChange)
RESUME = Operation(subscriptions.resume, "POST", "/subscriptions/{id}/resume", SubscriptionChange)
PAUSE = Operation(subscriptions.pause, "POST", "/subscriptions/{id}/pause", SubscriptionChange)
CHANGE = Operation(subscriptions.change, "POST", "/subscriptions/{id}/change", SubscriptionChange)
PREVIEW = Operation(subscriptions.preview, "POST", "/subscriptions/{id}/preview", Preview)
RENEWALS = Operation(subscriptions.renewals, "GET", "/renewals", Page[Renewal])
BILLING_EVENTS = Operation(events.billing_events, "GET", "/billing-events", Page[BillingEvent])
GET_BILLING_EVENT = Operation(events.get_event, "GET", "/billing-events/{id}", BillingEvent)
RETRY_BILLING_EVENT = Operation(events.retry_event, "POST", "/billing-events/{id}/retry", BillingEvent)
LOOK_UP = Operation(inbox.look_up, "POST", "/subscriptions/{id}/lookup", LookedUp)
PUT_ACCOUNT = Operation(_put_account, "PUT", "/accounts/{id}", Account)
GET_ACCOUNT = Operation(accounts.get_account, "GET", "/accounts/{id}", Account)
FIND_ACCOUNTS = Operation(accounts.find_accounts, "GET", "/accounts", Page[Account])
MOVE_CLOCK = Operation(accounts.move_clock, "POST", "/accounts/{id}/clock", Balance)
CHECKOUT = Operation(checkouts.start_checkout, "POST", "/checkouts", Checkout)
GET_CHECKOUT = Operation(checkouts.find_checkout, "GET", "/checkouts/{id}", Checkout)
PORTAL = Operation(portal.open_portal, "POST", "/portal", Portal)
CREATE_SESSION = Operation(sessions.create_session, "POST", "/sessions", Session)
CREATE_ENDPOINT = Operation(endpoints.create_endpoint, "POST", "/webhook-endpoints", NewEndpoint)
ENDPOINTS = Operation(endpoints.endpoints, "GET", "/webhook-endpoints", list[Endpoint])
REMOVE_ENDPOINT = Operation(endpoints.remove_endpoint, "DELETE", "/webhook-endpoints/{endpoint_id}", Endpoint)
ENABLE_ENDPOINT = Operation(
    endpoints.enable_endpoint, "POST", "/webhook-endpoints/{endpoint_id}/enable", Endpoint
)
ROTATE_ENDPOINT = Operation(
    endpoints.rotate_endpoint, "POST", "/webhook-endpoints/{endpoint_id}/rotate", NewEndpoint
)
PING_ENDPOINT = Operation(endpoints.ping_endpoint, "POST", "/webhook-endpoints/{endpoint_id}/ping", Pong)
DELIVERIES = Operation(outbox.deliveries, "GET", "/webhook-deliveries", Page[Delivery])
RETRY_DELIVERY = Operation(outbox.retry_delivery, "POST", "/webhook-deliveries/{delivery_id}/retry", Delivery)
PUT_AUTO_TOPUP = Operation(auto_topup.put_auto_topup, "PUT", "/accounts/{account}/auto-topup", AutoTopup)
GET_AUTO_TOPUP = Operation(auto_topup.get_auto_topup, "GET", "/accounts/{account}/auto-topup", AutoTopup)
REMOVE_AUTO_TOPUP = Operation(auto_topup.remove_auto_topup, "DELETE", "/accounts/{account}/auto-topup", None)
RECONCILE = Operation(reconcile.reconcile, "POST", "/reconcile", Reconciled, seconds=600)
