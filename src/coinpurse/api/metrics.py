"""What is counted, for Prometheus. The numbers are this process's own."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from coinpurse.domain.credits import Charge

REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "coinpurse_requests", "Requests answered.", ["method", "route", "status"], registry=REGISTRY
)
SECONDS = Histogram(
    "coinpurse_request_seconds",
    "Time until a request's answer began.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=REGISTRY,
)
PROBLEMS = Counter("coinpurse_problems", "Refusals, by code.", ["code"], registry=REGISTRY)
CHARGES = Counter("coinpurse_charges", "Charges acknowledged.", ["replayed"], registry=REGISTRY)
STREAMS = Gauge("coinpurse_streams", "Browsers listening for their balance.", registry=REGISTRY)
LATE = Gauge(
    "coinpurse_renewals_late",
    "Renewals whose payment is overdue (T7), counted up to 1,000.",
    registry=REGISTRY,
)
EVENTS = Gauge(
    "coinpurse_billing_events",
    "Billing events that wait to be worked on, or failed.",
    ["status", "mode"],
    registry=REGISTRY,
)
OLDEST = Gauge(
    "coinpurse_billing_events_oldest_waiting_seconds",
    "For how long the oldest waiting billing event has waited.",
    registry=REGISTRY,
)
FAULTS = Gauge(
    "coinpurse_books_faults",
    "What the worker has found wrong in the books. Anything but 0 is an alarm.",
    registry=REGISTRY,
)
CHECKED = Gauge(
    "coinpurse_books_checked_timestamp_seconds",
    "When all accounts had been checked for the last time.",
    registry=REGISTRY,
)


METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_requests, _seconds = cache(REQUESTS.labels), cache(SECONDS.labels)


def answered(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request. Callers choose methods, so unknown ones are one."""
    _requests(method if method in METHODS else "other", route, status).inc()
    _seconds(route).observe(seconds)


_charges = {replayed: CHARGES.labels(str(replayed).lower()) for replayed in (False, True)}


def charged(charge: Charge) -> None:
    """Count an acknowledged charge; a replay is counted as one."""
    _charges[charge.replayed].inc()
