"""Everything that Coinpurse refuses, each with a stable code, the HTTP status that carries it, and
attributes.

Every message says what happened and what to do next.
"""

from typing import Any


class CoinpurseError(Exception):
    """The root of all refusals. `code` is stable; `fields` is what a program needs to know about it."""

    code = "error"
    status = 500
    title = "Something went wrong"

    def __init__(self, detail: str, **fields: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = fields

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["fields"][name]
        except KeyError:
            raise AttributeError(name) from None


class InsufficientCredits(CoinpurseError):
    """S4: the whole available balance can't cover the amount. Attributes: needed, available, held,
    shortfall, top_up_url."""

    code = "insufficient_credits"
    status = 402
    title = "Not enough credits"


class CreditsHeld(InsufficientCredits):
    """As InsufficientCredits, but what is held by running work would have covered it."""

    code = "credits_held"
    title = "Credits are held by running work"


class Invalid(CoinpurseError):
    """The request is malformed. `errors` is a list of {pointer, detail}."""

    code = "invalid_request"
    status = 422
    title = "The request is not valid"

    @classmethod
    def at(cls, pointer: str, detail: str) -> "Invalid":
        """A refusal of one field, named by its JSON pointer."""
        return cls(detail, errors=[{"pointer": pointer, "detail": detail}])


class NotFound(CoinpurseError):
    code = "not_found"
    status = 404
    title = "Not found"


class AccountNotFound(NotFound):
    code = "account_not_found"
    title = "There is no such account"


class Conflict(CoinpurseError):
    """The thing is in a state that does not allow this."""

    code = "conflict"
    status = 409
    title = "Not possible in this state"


class IdempotencyConflict(Conflict):
    """S8: the key was used before, for another request."""

    code = "idempotency_conflict"
    title = "The idempotency key was used for another request"


class HoldClosed(Conflict):
    """H3: the hold was already captured, released or has expired. Attribute: state."""

    code = "hold_closed"
    title = "The hold is closed"


class CaptureExceedsHold(Conflict):
    """H2: more than was held. Attributes: held, asked."""

    code = "capture_exceeds_hold"
    title = "More than was held"


class ReversalExceedsCharge(Conflict):
    """F2: reversals would exceed the charge. Attributes: charged, reversible, asked."""

    code = "reversal_exceeds_charge"
    title = "More than was charged"


class Unauthorized(CoinpurseError):
    code = "unauthorized"
    status = 401
    title = "A valid API key is needed"


class Forbidden(CoinpurseError):
    code = "forbidden"
    status = 403
    title = "This key may not do that"


class TooManyAttempts(CoinpurseError):
    """Somebody guesses, or seems to. Attribute: retry_after, in seconds."""

    code = "too_many_attempts"
    status = 429
    title = "Too many attempts"


class Unavailable(CoinpurseError):
    """The database can't be reached, or the queue is full. Safe to retry with the same key. Attribute:
    retry_after."""

    code = "unavailable"
    status = 503
    title = "Try again in a moment"


class CatalogError(CoinpurseError):
    """The catalog file is wrong. `problems` is a list of {line, where, detail}."""

    code = "invalid_catalog"
    status = 422
    title = "The catalog is not valid"


class SettingsError(CoinpurseError):
    """The environment says something that makes no sense; the text names the variable."""

    code = "invalid_settings"
    status = 500
    title = "The settings are not valid"


class WebhookRefused(CoinpurseError):
    """E3: a delivery that is not to be believed: unsigned, wrongly signed, stale, dated ahead, malformed.
    Nothing was stored."""

    code = "webhook_refused"
    status = 400
    title = "The delivery was refused"


class ProviderFailed(CoinpurseError):
    """The payment provider couldn't be asked, or couldn't do it; the same call may succeed later."""

    code = "provider_failed"
    status = 502
    title = "The payment provider did not do it"
