"""Numbers, money, dates and kinds in the words of the pages, as the reader's language writes them. All
instants are said in UTC."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time
from babel.lists import format_list
from babel.numbers import format_compact_decimal, format_currency, format_decimal, format_percent

from coinpurse.domain.catalog import Catalog
from coinpurse.domain.credits import Interval, Taken
from coinpurse.domain.money import Price, decimals
from coinpurse.web.language import ENGLISH, _, both, current, gettext, later, n_

CREDITS = {
    "": both("%(num)s credit", "%(num)s credits"),
    "monthly": both("%(num)s monthly credit", "%(num)s monthly credits"),
    "addon": both("%(num)s add-on credit", "%(num)s add-on credits"),
    "promo": both("%(num)s promotional credit", "%(num)s promotional credits"),
    "compensation": both("%(num)s compensation credit", "%(num)s compensation credits"),
    "other": both("%(num)s other credit", "%(num)s other credits"),
}
BUCKETS = {
    "monthly": later("Monthly"),
    "addon": later("Add-on"),
    "promo": later("Promotional"),
    "compensation": later("Compensation"),
}
FROM = {
    "monthly": later("%(num)s from monthly"),
    "addon": later("%(num)s from add-on"),
    "promo": later("%(num)s from promotional"),
    "compensation": later("%(num)s from compensation"),
}


def number(count: int) -> str:
    """1234 → 1,234."""
    return str(format_decimal(count, locale=current().locale))


def credits(count: int, kind: str = "") -> str:
    """1 → 1 credit, 1234 → 1,234 credits; with a kind: 1,234 monthly credits."""
    return n_(*CREDITS[kind], count)


def compact(count: int) -> str:
    """As the pill says it: in full up to 99,999, then compact and rounded down, so 123,999 is 123.9K."""
    if count < 100_000:
        return number(count)
    step = 10 ** ((len(str(count)) - 1) // 3 * 3 - 1)
    text = str(format_compact_decimal(count // step * step, locale=current().locale, fraction_digits=1))
    # Some languages have no short form for thousands.
    return number(count) if text.isdigit() else text


def percent(part: int, whole: int) -> str:
    """3 of 12 → 25%; rounded."""
    return str(format_percent(part / whole if whole else 0, locale=current().locale))


def day(instant: date) -> str:
    """14 December 2026."""
    return str(format_date(_utc(instant), "long", locale=current().locale))


def short_day(instant: date) -> str:
    """14 Dec."""
    return str(format_skeleton("MMMd", _utc(instant), locale=current().locale))


def _utc(instant: date) -> date:
    return instant.astimezone(UTC) if isinstance(instant, datetime) else instant


def moment(instant: datetime) -> str:
    """14 December 2026, 10:00 UTC."""
    return f"{day(instant)}, {clock(instant)}"


def clock(instant: datetime) -> str:
    """10:00 UTC."""
    return f"{format_time(instant.astimezone(UTC), 'short', locale=current().locale)} UTC"


def machine(instant: datetime) -> str:
    """For a `datetime` attribute."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def money(price: Price) -> str:
    """$12.00."""
    return amount_of_money(price.text, price.currency)


def amount_of_money(text: str, currency: str) -> str:
    """An amount as written in the catalog, with its currency."""
    exact = Decimal(text).quantize(Decimal(1).scaleb(-decimals(currency)))
    return _money(exact, currency)


def _money(amount: Decimal, currency: str) -> str:
    # The international English of the pages has no signs of its own: $ is "US$" there.
    locale = Locale("en") if current() is ENGLISH else current().locale
    text = format_currency(amount, currency.upper(), locale=locale, decimal_quantization=False)
    # A code and a number are kept apart (currencySpacing of CLDR), which babel leaves out.
    return re.sub(r"(?<=[A-Z])(?=\d)", "\N{NO-BREAK SPACE}", text)


def per_credit(price: Price, count: int) -> str:
    """$0.012 per credit: to a hundredth of the currency's smallest coin."""
    coins = decimals(price.currency)
    each = (price.amount / count).quantize(Decimal(1).scaleb(-coins - 2), ROUND_HALF_UP).normalize()
    if int(each.as_tuple().exponent) > -coins:
        each = each.quantize(Decimal(1).scaleb(-coins))
    return _("%(price)s per credit", price=_money(each, price.currency))


def every(interval: Interval) -> str:
    """every month, every year."""
    return _("every year") if interval == "year" else _("every month")


def bucket(kind: str) -> str:
    """The name of a bucket, as a heading has it."""
    return gettext(BUCKETS.get(kind, kind))


def plan_name(catalog: Catalog, plan: str) -> str:
    """The plan's name, also of one that is sold no more; one that never was goes by its id."""
    known = catalog.plan_sold(plan)
    return known.name if known else plan


def pack_name(catalog: Catalog, pack: str) -> str:
    """The pack's name; a pack that is no longer in the catalog goes by its id."""
    return catalog.packs[pack].name if pack in catalog.packs else pack


def shares(taken: Iterable[Taken]) -> str:
    """3 from monthly and 1 from add-on."""
    sums: dict[str, int] = {}
    for part in taken:
        sums[part.kind] = sums.get(part.kind, 0) + part.amount
    return each_bucket(FROM, sums.items())


def each_bucket(texts: dict[str, str], amounts: Iterable[tuple[str, int]]) -> str:
    """A text for each bucket's amount, as a list: 3 from monthly and 1 from add-on."""
    return listed(_(texts[kind], num=number(count)) for kind, count in amounts)


def listed(parts: Iterable[str]) -> str:
    """a, b and c."""
    return str(format_list(list(parts), locale=current().locale))


def operation(name: str, quantity: int | None = None) -> str:
    """`image.generate` → Image generate; with its quantity where that is not one."""
    text = name.replace(".", " ").replace("_", " ").strip()
    text = text[:1].upper() + text[1:]
    return text if quantity in (None, 1) else f"{text} × {number(quantity or 0)}"
