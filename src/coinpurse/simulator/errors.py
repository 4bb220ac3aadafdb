"""Refusals as Stripe words and shapes them."""

from typing import Any


class StripeError(Exception):
    """A request that is refused: the HTTP status and the fields of Stripe's `error` object."""

    def __init__(self, status: int, kind: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "message": message, **more}}


def invalid(message: str, param: str | None = None, code: str | None = None) -> StripeError:
    """A request that makes no sense: 400."""
    more = {"param": param, "code": code}
    return StripeError(400, "invalid_request_error", message, **{k: v for k, v in more.items() if v})


def missing(kind: str, id: str, param: str = "id") -> StripeError:
    """Something that isn't there: 404 in the address, 400 where a parameter names it."""
    text = f"No such {kind}: '{id}'"
    status = 404 if param == "id" else 400
    return StripeError(status, "invalid_request_error", text, code="resource_missing", param=param)


def declined(error: dict[str, Any], **more: Any) -> StripeError:
    """A card that was refused: 402, with what the payment says of it."""
    rest = {k: v for k, v in error.items() if k not in ("type", "message")}
    return StripeError(402, "card_error", error["message"], **rest, **more)
