"""Refusals as pages that say what happened and what to do, in the reader's language."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from coinpurse.domain.errors import CoinpurseError
from coinpurse.web.language import ENGLISH, _, current, gettext, later
from coinpurse.web.rendering import render

TITLES = {
    "forbidden": later("Nothing was changed"),
    "invalid_request": later("That can't be done in this way"),
    "not_found": later("It is not here"),
    "account_not_found": later("There is no such account"),
    "conflict": later("That can't be done at the moment"),
    "unavailable": later("Please try again in a moment"),
    "provider_failed": later("The payment provider did not do it"),
}
#: What lies behind the pages says what happened in English. In other languages this is said first.
IN_GENERAL = {
    "conflict": later(
        "Your account's state does not allow it now, so nothing was changed. Please look at the "
        "Subscriptions page again."
    ),
    "unavailable": later("We can't be reached fully at the moment. Nothing was changed; please try again."),
    "provider_failed": later(
        "The payment provider could not be asked, or refused. Nothing was charged; please try again in a "
        "moment."
    ),
}


def on_refusal(request: Request, refused: Exception) -> Response:
    """A refusal as a page."""
    assert isinstance(refused, CoinpurseError)
    template = "signed_out.html" if refused.status == 401 else "refused.html"
    abroad = current().locale.language != ENGLISH.locale.language
    return render(
        request,
        template,
        refused.status,
        title=gettext(TITLES.get(refused.code, refused.title)),
        general=gettext(IN_GENERAL.get(refused.code, "")) if abroad else "",
        detail=refused.detail,
    )


def on_http(request: Request, error: Exception) -> Response:
    """A page that isn't there, or a method that it doesn't have."""
    assert isinstance(error, HTTPException)
    found = _("There is no such page.")
    if error.status_code != 404:
        found = _("This page can't be used in that way.")
    detail = _("Perhaps the address was shortened or is out of date.")
    return render(request, "refused.html", error.status_code, title=found, general="", detail=detail)
