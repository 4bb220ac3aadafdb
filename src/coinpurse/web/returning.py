"""Coming back from a checkout. The provider tells us on its own way, perhaps later than the customer is back:
until then nothing is said that is not known."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from coinpurse.app import checkouts
from coinpurse.app.checkouts import Checkout
from coinpurse.app.context import Context
from coinpurse.domain.errors import NotFound
from coinpurse.web.identity import Reader
from coinpurse.web.language import _
from coinpurse.web.notices import Notice

LOOKS = 25  # with growing pauses, about four minutes
LONGEST = 15  # seconds between two looks


@dataclass(frozen=True, slots=True)
class Return:
    """What to say: a note, or notices; and the `Refresh` header with which the page looks again by itself."""

    note: str | None = None
    notices: list[Notice] = field(default_factory=list)
    refresh: str | None = None


async def returned(ctx: Context, who: Reader, query: Mapping[str, str], ask: str) -> Return:
    """What to say to a reader who comes from the checkout that the address names."""
    try:
        checkout = await checkouts.find_checkout(ctx, who.who, query.get("checkout", ""))
    except NotFound:
        return Return()
    if checkout.account != who.account:
        return Return()
    if checkout.status == "paid":
        return Return(_("Paid. Your credits are here."))
    if checkout.status in ("pending", "failed") and checkout.pack:
        return Return()  # the page says so by itself
    if query.get("outcome") != "done":
        return Return(_("Nothing was bought."))
    return _waiting(checkout, _looks(query) if checkout.status == "open" else LOOKS, ask)


def _looks(query: Mapping[str, str]) -> int:
    text = query.get("look", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0


def _waiting(checkout: Checkout, looks: int, ask: str) -> Return:
    title = _("Thank you. Your credits are on the way")
    if checkout.plan:
        title = _("Thank you. Your plan is on the way")
    if looks >= LOOKS:
        text = _(
            "The payment provider has not told us of your payment yet. If it was made, nothing is lost: the "
            "credits come as soon as we hear of it. If that takes more than an hour, %(ask)s and name "
            "%(reference)s.",
            ask=ask,
            reference=checkout.id,
        )
        return Return(notices=[Notice("calm", title, text)])
    text = _(
        "The payment provider is confirming it, which takes some seconds. This page looks again by itself."
    )
    address = f"/subscriptions?checkout={checkout.id}&outcome=done&look={looks + 1}"
    return Return(notices=[Notice("good", title, text)], refresh=f"{min(2 + looks, LONGEST)}; url={address}")
