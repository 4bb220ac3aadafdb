"""Numbers, money, dates and kinds in the words of the pages. English; all instants are said in UTC."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from coinpurse.domain.catalog import Catalog
from coinpurse.domain.credits import Interval, Taken
from coinpurse.domain.money import Price, decimals

SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "inr": "₹", "krw": "₩"}
BUCKETS = {"monthly": "monthly", "addon": "add-on", "promo": "promotional", "compensation": "compensation"}
UNITS = ("", "K", "M", "B", "T")


def number(count: int) -> str:
    """1234 → 1,234."""
    return f"{count:,}"


def credits(count: int, kind: str = "") -> str:
    """1 → 1 credit, 1234 → 1,234 credits; with a kind: 1,234 monthly credits."""
    return f"{count:,} {kind}{' ' if kind else ''}credit{'' if count == 1 else 's'}"


def compact(count: int) -> str:
    """As the pill says it: in full up to 99,999, then compact and rounded down, so 123,999 is 123.9K."""
    if count < 100_000:
        return number(count)
    power = min((len(str(count)) - 1) // 3, len(UNITS) - 1)
    whole, tenth = divmod(count * 10 // 1000**power, 10)
    return f"{whole:,}{f'.{tenth}' if tenth else ''}{UNITS[power]}"


def day(instant: datetime) -> str:
    """14 December 2026."""
    instant = instant.astimezone(UTC)
    return f"{instant.day} {instant:%B %Y}"


def moment(instant: datetime) -> str:
    """14 December 2026, 10:00 UTC."""
    return f"{day(instant)}, {clock(instant)}"


def clock(instant: datetime) -> str:
    """10:00 UTC."""
    return f"{instant.astimezone(UTC):%H:%M} UTC"


def machine(instant: datetime) -> str:
    """For a `datetime` attribute."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def money(price: Price) -> str:
    """$12.00; with its code where the currency has no sign of its own here."""
    return amount_of_money(price.text, price.currency)


def amount_of_money(text: str, currency: str) -> str:
    """An amount as written in the catalog, with its currency."""
    amount = f"{Decimal(text):,.{decimals(currency)}f}"
    return SIGNS[currency] + amount if currency in SIGNS else f"{amount} {currency.upper()}"


def per_credit(price: Price, count: int) -> str:
    """1.2¢ per credit; in the main unit where that has no cents."""
    each = price.amount / count
    if decimals(price.currency) == 2 and each < 1 and price.currency in {"usd", "eur"}:
        return f"{_trim(each * 100)}¢"
    sign = SIGNS.get(price.currency, "")
    return f"{sign}{_trim(each)}" if sign else f"{_trim(each)} {price.currency.upper()}"


def _trim(amount: Decimal) -> str:
    text = f"{amount.quantize(Decimal('0.01'), ROUND_HALF_UP):f}"
    return text.rstrip("0").rstrip(".") or "0"


def every(interval: Interval) -> str:
    """every month, every year."""
    return f"every {interval}"


def bucket(kind: str) -> str:
    """The name of a bucket in a sentence."""
    return BUCKETS.get(kind, kind)


def plan_name(catalog: Catalog, plan: str) -> str:
    """The plan's name; a plan that is no longer in the catalog goes by its id."""
    return catalog.plans[plan].name if plan in catalog.plans else plan


def shares(taken: Iterable[Taken]) -> str:
    """3 from monthly and 1 from add-on."""
    sums: dict[str, int] = {}
    for part in taken:
        sums[part.kind] = sums.get(part.kind, 0) + part.amount
    return listed(f"{number(count)} from {bucket(kind)}" for kind, count in sums.items())


def listed(parts: Iterable[str]) -> str:
    """a, b and c."""
    *most, last = list(parts) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def operation(name: str, quantity: int | None) -> str:
    """`image.generate` → Image generate; with its quantity where that is not one."""
    text = name.replace(".", " ").replace("_", " ").strip()
    text = text[:1].upper() + text[1:]
    return text if quantity in (None, 1) else f"{text} × {number(quantity or 0)}"
