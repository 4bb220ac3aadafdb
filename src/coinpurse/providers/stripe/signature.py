"""Whether a delivery is Stripe's: its signature, its age, its shape (E3)."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from coinpurse.domain.ports import Refused

#: How far the signed instant may lie from ours, in seconds, on either side.
TOLERANCE = 300
_HEX = re.compile(r"[0-9a-f]{64}")


def check_signature(body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> int:
    """The signed instant, in seconds. Raises Refused unless one of the `v1` signatures was made with one of
    the secrets, over these bytes, within five minutes of `now`.

    Stripe's own library accepts any instant ahead of now, and any age where its tolerance is 0; a captured
    delivery could then be replayed for ever. So both sides are checked here.
    """
    if not secrets:
        raise Refused("No secret for Stripe's webhooks is set: set COINPURSE_STRIPE_WEBHOOK_SECRET.")
    stamp, signatures = _parts(headers)
    signed = f"{stamp}.".encode() + body
    expected = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    # Every pair is compared, so that the time taken doesn't tell which secret or signature was nearly right.
    if not any([hmac.compare_digest(e, s) for e in expected for s in signatures]):  # noqa: C419
        raise Refused("The signature doesn't fit the body. Is the webhook's secret the one of this endpoint?")
    _check_age(int(stamp), now)
    return int(stamp)


def read_event(body: bytes) -> dict[str, Any]:
    """The event in a delivery. Raises Refused for what isn't one, thin (v2) events included."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused("The body is not JSON.") from error
    if not isinstance(event, dict):
        raise Refused("The body is not a JSON object.")
    if event.get("object") == "v2.core.event":
        raise Refused(
            "This is a thin event, which carries no object. "
            "Choose the payload style “Snapshot” for this webhook endpoint."
        )
    if event.get("object") != "event" or not _is_whole(event):
        raise Refused("The body is not an event of Stripe's.")
    return event


def _is_whole(event: Mapping[str, Any]) -> bool:
    """Whether an event has all that it takes to store it and to work on it."""
    data, created = event.get("data"), event.get("created", 0)
    named = all(isinstance(event.get(name), str) and event[name] for name in ("id", "type"))
    dated = isinstance(created, int) and not isinstance(created, bool) and 0 <= created < 2**36
    return named and dated and isinstance(data, dict) and isinstance(data.get("object"), dict)


def _parts(headers: Mapping[str, str]) -> tuple[str, list[str]]:
    header = next((value for name, value in headers.items() if name.lower() == "stripe-signature"), "")
    if not header:
        raise Refused("The header Stripe-Signature is missing.")
    pairs = [part.strip().partition("=") for part in header.split(",")]
    stamps = [value for name, _, value in pairs if name == "t"]
    # Twelve digits are enough until the year 33658; more could be a number that no datetime holds.
    if len(stamps) != 1 or not re.fullmatch(r"[0-9]{1,12}", stamps[0], re.ASCII):
        raise Refused("The header Stripe-Signature is malformed: it needs one instant, t=….")
    signatures = [value for name, _, value in pairs if name == "v1" and _HEX.fullmatch(value)]
    if not signatures:
        raise Refused("The header Stripe-Signature has no v1 signature.")
    return stamps[0], signatures


def _check_age(stamp: int, now: datetime) -> None:
    age = now.timestamp() - stamp
    if age > TOLERANCE:
        raise Refused("The delivery was signed more than five minutes ago. Is this server's clock right?")
    if age < -TOLERANCE:
        raise Refused("The delivery's signature is dated ahead of now. Is this server's clock right?")
