"""The language of a page: which one its reader gets, and the words in it. English is written in the code
itself; the other languages are in `locale/` (`make translations` keeps them in step with the code)."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

FOLDER = Path(__file__).parent / "locale"
DOMAIN = "coinpurse"
COOKIE = "coinpurse_language"
#: The languages of the pages, each by its own name.
OFFERED = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español"}


@dataclass(frozen=True, slots=True)
class Language:
    """A locale for numbers, money and dates, and the translations of what the pages say."""

    locale: Locale
    translations: NullTranslations

    @property
    def tag(self) -> str:
        """For a `lang` attribute, and for the formats of scripts."""
        return "-".join(filter(None, (self.locale.language, self.locale.territory)))


#: Half of the world's browsers say en-US without meaning it, and a day before its month is read aright
#: everywhere: English is written so unless the account's own locale says otherwise.
ENGLISH = Language(Locale("en", "GB"), NullTranslations())
_current: ContextVar[Language] = ContextVar("language", default=ENGLISH)


def current() -> Language:
    """The language of the page that is being made."""
    return _current.get()


def speak(language: Language) -> None:
    """Makes the rest of this request speak a language."""
    _current.set(language)


@lru_cache(256)  # tags come from outside: they must not fill the memory
def known(tag: str) -> Language | None:
    """The language for a tag such as `de` or `fr-CA`, in the formats of that region; None where the pages
    don't speak it."""
    if not tag.isascii() or len(tag) > 35:
        return None
    try:
        locale = Locale.parse(tag.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return None
    if locale.language not in OFFERED:
        return None
    if tag == "en":
        return ENGLISH
    return Language(locale, _translations(locale.language))


@cache
def _translations(language: str) -> NullTranslations:
    return Translations.load(str(FOLDER), [language], DOMAIN)


def choose(query: Mapping[str, str], cookies: Mapping[str, str], accepted: str, own: str | None) -> Language:
    """The reader's language: what was chosen on the page, else the account's own, else the browser's first
    that we speak, else English."""
    for tag in (query.get("lang"), cookies.get(COOKIE), own):
        if tag and (language := known(tag)):
            return language
    for tag in _by_weight(accepted[:500]):
        if language := known(tag):
            return ENGLISH if language.locale.language == "en" else language
    return ENGLISH


def _by_weight(accepted: str) -> list[str]:
    """The tags of an Accept-Language header, the most wanted first."""
    found: list[tuple[float, int, str]] = []
    for part in accepted.split(","):
        tag, _, weight = part.partition(";q=")
        try:
            found.append((-float(weight or 1), len(found), tag.strip()))
        except ValueError:
            continue
    return [tag for weight, _, tag in sorted(found) if weight < 0]


def speak_to(request: Request, own: str | None = None) -> None:
    """Makes the rest of a request speak its reader's language."""
    accepted = request.headers.get("accept-language", "")
    speak(choose(request.query_params, request.cookies, accepted, own))


class Speaking:
    """Makes each request speak the language that it asks for, before anything else is known of its
    reader."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            speak_to(Request(scope))
        await self.app(scope, receive, send)


def gettext(text: str) -> str:
    """A text in the reader's language, its `%(name)s` still to be filled in."""
    return str(current().translations.ugettext(text)) if text else ""


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


def later(text: str) -> str:
    """Marks a text for translation that is said by `_` elsewhere."""
    return text


def both(one: str, many: str) -> tuple[str, str]:
    """Marks a text that counts and is said by `n_` elsewhere."""
    return one, many
