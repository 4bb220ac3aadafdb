"""Pieces that several objects share."""

from typing import Any

Obj = dict[str, Any]


def nulls(names: str) -> Obj:
    """Fields that Stripe always shows and that are null here."""
    return dict.fromkeys(names.split())


def listed(url: str, data: list[Obj], has_more: bool = False) -> Obj:
    """A list as the API shows it."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def address() -> Obj:
    """An address of which nothing is known."""
    return nulls("city country line1 line2 postal_code state")


def billing_details(customer: Obj | None) -> Obj:
    """Who paid, as charges and payment methods tell it."""
    who = customer or {}
    return {
        "address": address(),
        "email": who.get("email"),
        "name": who.get("name"),
        "phone": None,
        "tax_id": None,
    }


def no_tax() -> Obj:
    """Automatic tax that is switched off."""
    return {"enabled": False, **nulls("disabled_reason liability provider status")}
