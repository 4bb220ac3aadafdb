"""Prices: exact amounts of money, as they were written, with their currency."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

_CODES = """
aed afn all amd aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd btn bwp byn bzd cad cdf
chf clp cny cop crc cup cve czk djf dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gnf gtq gyd
hkd hnl htg huf idr ils inr iqd irr isk jmd jod jpy kes kgs khr kmf kpw krw kwd kyd kzt lak lbp lkr lrd
lsl lyd mad mdl mga mkd mmk mnt mop mru mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk
php pkr pln pyg qar ron rsd rub rwf sar sbd scr sdg sek sgd shp sle sos srd ssp stn svc syp szl thb tjs
tmt tnd top try ttd twd tzs uah ugx usd uyu uzs ves vnd vuv wst xaf xcd xof xpf yer zar zmw
"""
_NO_DECIMAL_CODES = "bif clp djf gnf jpy kmf krw pyg rwf ugx vnd vuv xaf xof xpf"
#: ISO 4217, in lower case as payment providers write it.
CURRENCIES = frozenset(_CODES.split())
_NO_DECIMALS = frozenset(_NO_DECIMAL_CODES.split())
_THREE_DECIMALS = frozenset({"bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"})
_AMOUNT = re.compile(r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,3})?")


def decimals(currency: str) -> int:
    """How many decimals a currency has: 2 for most, 0 for the yen, 3 for the dinar."""
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


@dataclass(frozen=True, slots=True)
class Price:
    """An amount of money. `text` is the amount as written ("12.00"); `providers` names this price at each
    payment provider, such as `{"stripe": "price_…"}`."""

    text: str
    currency: str
    providers: Mapping[str, str] = field(default_factory=dict)

    @property
    def amount(self) -> Decimal:
        """The amount in the currency's main unit, exactly."""
        return Decimal(self.text)

    @property
    def minor(self) -> int:
        """The amount in the currency's smallest unit (cents for usd, yen for jpy)."""
        return int(self.amount.scaleb(decimals(self.currency)))

    def content(self) -> dict[str, str]:
        """The price as plain data, in the form of the catalog file."""
        return {"amount": self.text, "currency": self.currency, **self.providers}


def fault_of_amount(text: str, currency: str) -> str | None:
    """What is wrong with an amount of money, in words; None if it is fine."""
    if not _AMOUNT.fullmatch(text):
        return f'"{text}" is not an amount of money; write it with digits and a point, like "12.00"'
    written = len(text.partition(".")[2])
    if currency in CURRENCIES and written > decimals(currency):
        return f'"{text}" has {written} decimals, but {currency} has {decimals(currency)}'
    return None


def fault_of_currency(code: str) -> str | None:
    """What is wrong with a currency's code, in words; None if it is fine."""
    if code in CURRENCIES:
        return None
    if code.strip().lower() in CURRENCIES:
        return f'write the currency in lower case: "{code.strip().lower()}"'
    return f'"{code}" is not a currency; write its three-letter ISO 4217 code, like "usd"'
