"""What a provider's price ids mean, by the catalog, and whose a thing is, by what we wrote on it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from coinpurse.domain.catalog import Catalog
from coinpurse.domain.credits import Interval
from coinpurse.domain.facts import Fact
from coinpurse.domain.ports import Buyer, Found, Item, NotOurs, NotYet, ProviderError
from coinpurse.providers.reading import Reader, Unreadable


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan by the month or year, with its monthly credits. `free`: it costs nothing, so that a line of
    nothing is its payment."""

    plan: str
    interval: Interval
    credits: int
    free: bool


class Shelf:
    """The catalog and those before it, seen from one provider: what its ids stand for. A price may name
    several, `"price_new price_old"`: the first is sold, the others are of the past, and somebody still pays
    them."""

    def __init__(self, catalog: Catalog, provider: str) -> None:
        self.plans: dict[str, Offer] = {}
        self.packs: dict[str, str] = {}
        every = (*reversed(catalog.former), catalog)
        self.known_plans = tuple(dict.fromkeys(id for each in reversed(every) for id in each.plans))
        self.known_packs = frozenset(id for each in every for id in each.packs)
        for each in every:
            self._add(each, provider)

    def _add(self, catalog: Catalog, provider: str) -> None:
        for plan in catalog.plans.values():
            for interval, price in plan.prices.items():
                offer = Offer(plan.id, interval, plan.monthly_credits, price.minor == 0)
                self.plans.update(dict.fromkeys(_ids(price.providers.get(provider, "")), offer))
        for pack in catalog.packs.values():
            self.packs.update(dict.fromkeys(_ids(pack.price.providers.get(provider, "")), pack.id))


def on_sale(price: str) -> str:
    """The id that is sold, of those that the catalog names for a price."""
    return _ids(price)[0]


def _ids(text: str) -> list[str]:
    return text.replace(",", " ").split()


def account_of(metadata: Reader | None) -> str | None:
    """The account that a thing names."""
    return next(metadata.identifiers("coinpurse_account", "account"), None) if metadata else None


def unknown_price(what: str, prices: list[str], metadata: Reader | None) -> NotOurs | NotYet:
    """What to raise when nothing of a sale is in the catalog. Where we sold it ourselves, the catalog has
    lost a price, and the event should wait for it; otherwise it is another product's business."""
    names = ", ".join(prices) or "none"
    text = f"{what} is for no price of the catalog (its prices: {names})"
    if metadata is not None and any(key.startswith("coinpurse_") for key in metadata.data):
        return NotYet(f"{text}, though it was sold here. Put the price into the catalog again.")
    return NotOurs(f"{text}.")


def metadata_for(buyer: Buyer, item: Item, reference: str) -> dict[str, str]:
    """What we write on a thing that is being bought."""
    values = {
        "coinpurse_account": buyer.account,
        "coinpurse_checkout": reference,
        "coinpurse_pack": item.pack,
        "coinpurse_plan": item.plan,
        "coinpurse_interval": item.interval,
    }
    return {name: value for name, value in values.items() if value}


def unreadable(error: Unreadable, what: str) -> NotYet:
    """An object that can't be read waits for a version of Coinpurse that can."""
    return NotYet(f"{what} can't be read: {error}.")


def cannot(provider: str, text: str) -> ProviderError:
    """What a provider can't do."""
    return ProviderError(f"{provider} {text}", code="not_supported", passing=False)


def same_mode(provider: str, test: bool, buyer: Buyer) -> None:
    """Refuses to sell to live accounts for test money, and to test accounts for real money."""
    if buyer.test is not test:
        sells, other = ("test", "live") if test else ("live", "test")
        raise cannot(
            provider,
            f"is connected with {sells} money, and this is a {other} account. Set its key and address.",
        )


def found(about: str, at: datetime, test: bool, read: Callable[[], list[Fact]]) -> Found:
    """What an object that was looked up says; one that says nothing comes with the reason, without facts."""
    facts: list[Fact] = []
    try:
        facts = read()
        summary = ", ".join(type(fact).__name__.lower() for fact in facts) or "nothing of ours"
    except (NotOurs, NotYet, Unreadable) as reason:
        summary = str(reason)
    return Found(about=about, summary=summary, at=at, test=test, facts=facts)
