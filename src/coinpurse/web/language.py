"""The language of a page: which one its reader gets, and the words in it. English is written in the code
itself; the other languages are in `locale/`."""

from contextvars import ContextVar
from dataclasses import dataclass

from babel import Locale
from babel.numbers import format_decimal
from babel.support import NullTranslations


@dataclass(frozen=True, slots=True)
class Language:
    """A locale for numbers, money and dates, and the translations of what the pages say."""

    locale: Locale
    translations: NullTranslations


ENGLISH = Language(Locale("en"), NullTranslations())
_current: ContextVar[Language] = ContextVar("language", default=ENGLISH)


def current() -> Language:
    """The language of the page that is being made."""
    return _current.get()


def speak(language: Language) -> None:
    """Makes the rest of this request speak a language."""
    _current.set(language)


def gettext(text: str) -> str:
    """A text in the reader's language, its `%(name)s` still to be filled in."""
    return str(current().translations.ugettext(text))


def ngettext(one: str, many: str, count: int) -> str:
    """A text in the form that a count asks for in the reader's language."""
    return str(current().translations.ungettext(one, many, count))


def _(text: str, **values: object) -> str:
    """A text in the reader's language, filled in: `_("Ends %(day)s", day=…)`."""
    return gettext(text) % values


def n_(one: str, many: str, count: int, **values: object) -> str:
    """A text that counts: `n_("%(num)s credit", "%(num)s credits", 3)`. `num` is the count as the reader's
    language writes it, unless it is given."""
    values.setdefault("num", format_decimal(count, locale=current().locale))
    return ngettext(one, many, count) % values
