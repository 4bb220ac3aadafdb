"""What the payment's provider tells: signed deliveries, several times, of top-ups that were paid."""

import base64
import hashlib
import hmac
import time
from collections import Counter
from datetime import UTC, datetime

import msgspec

from coinpurse.ordeal.account import Account, Wrong
from coinpurse.ordeal.wire import Wire

SECRET = b"the ordeal's own, of no use elsewhere"


def secret_text() -> str:
    """The secret as a deployment's settings have it."""
    return f"whsec_{base64.b64encode(SECRET).decode()}"


class Teller:
    """Signs and delivers."""

    def __init__(self, wire: Wire, tally: Counter[str]) -> None:
        self.wire, self.tally = wire, tally

    async def top_up(self, account: Account) -> None:
        """Tells once or several times that a pack was paid. Raises Wrong."""
        event = account.key()
        told = {
            "type": "topup.paid",
            "timestamp": datetime.now(UTC).isoformat(),
            "test": True,
            "data": {"purchase": event, "pack": "small", "account": account.name},
        }
        for _ in range(account.random.choice([1, 1, 1, 2, 3])):
            body = msgspec.json.encode(told)
            answer = await self.wire.ask("POST", "/v1/webhooks/standard", body, headers=_signed(event, body))
            self.tally["deliveries"] += 1
            account.remember(("tell", "topup.paid"), event, "", answer.status, answer.json())
            if answer.status != 200:
                raise Wrong(f"a delivery was answered {answer.status}: {answer.body[:300]!r}")


def _signed(event: str, body: bytes) -> dict[str, str]:
    """By the scheme of Standard Webhooks."""
    stamp = str(int(time.time()))
    digest = hmac.new(SECRET, f"{event}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": event, "webhook-timestamp": stamp, "webhook-signature": signature}
