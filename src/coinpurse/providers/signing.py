"""Believing a delivery: HMAC signatures compared in constant time, several secrets, a tolerance on both
sides (E3)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from coinpurse.domain.ports import Refused

#: How far a delivery may be dated from now, into the past and into the future alike.
TOLERANCE = timedelta(minutes=5)
_LONGEST_STAMP = 12


def header(headers: Mapping[str, str], name: str) -> str:
    """A header's value, however its name is capitalised. Raises Refused if it is missing or empty."""
    for key, value in headers.items():
        if key.lower() == name and value:
            return value
    raise Refused(f"The delivery isn't signed: it has no header {name}.")


def fresh(stamp: str, now: datetime) -> None:
    """Refuses a delivery whose signed time, in seconds since 1970, lies too far from now: an old one may be
    a replay, one dated ahead could be replayed for long."""
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= _LONGEST_STAMP):
        raise Refused("The time of the signature is not a number of seconds since 1970.")
    age = timedelta(seconds=int(now.timestamp()) - int(stamp))
    minutes = int(TOLERANCE.total_seconds()) // 60
    if age > TOLERANCE:
        raise Refused(
            f"The signature is more than {minutes} minutes old. Send the delivery again, signed anew."
        )
    if age < -TOLERANCE:
        raise Refused(
            f"The signature is dated more than {minutes} minutes ahead. Set the sender's clock right."
        )


def signed(secrets: Sequence[bytes], message: bytes, signatures: Iterable[bytes]) -> None:
    """Refuses a message unless one of the signatures is the HMAC-SHA256 of it under one of the secrets. All
    are compared, each in constant time, so that the time taken tells nothing."""
    expected = [hmac.digest(secret, message, hashlib.sha256) for secret in secrets]
    found = [hmac.compare_digest(one, given) for given in signatures for one in expected]
    if not any(found):
        raise Refused(
            "The signature is wrong. Is the webhook secret the sender's, and was the body signed as sent?"
        )


def standard_webhook(secrets: Sequence[bytes], body: bytes, headers: Mapping[str, str], now: datetime) -> str:
    """Believes a delivery by the Standard Webhooks scheme and gives its id, or raises Refused. Only the
    symmetric signatures (`v1`) are known here."""
    message, stamp = header(headers, "webhook-id"), header(headers, "webhook-timestamp")
    fresh(stamp, now)
    given = [text for part in header(headers, "webhook-signature").split() for text in _version(part, "v1")]
    signed(secrets, f"{message}.{stamp}.".encode() + body, map(_decoded, given))
    return message


def standard_secret(text: str) -> bytes:
    """The key in a Standard Webhooks secret: base64, after `whsec_`. Raises ValueError."""
    digits = text.removeprefix("whsec_").rstrip("=")
    try:
        key = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("COINPURSE_STANDARD_WEBHOOK_SECRET must be `whsec_` and then base64.")
    return key


def _version(part: str, version: str) -> list[str]:
    name, comma, text = part.partition(",")
    return [text] if comma and name == version else []


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return b""
