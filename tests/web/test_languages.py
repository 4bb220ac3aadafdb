"""The pages in other languages: nothing is left in English, and who gets which."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from coinpurse.app import accounts
from coinpurse.app.context import Context
from coinpurse.web import language, rendering, words
from web.helpers import TESTER, Open, spend, subscriber

ROOT = Path(__file__).parents[2]
WEB = ROOT / "src" / "coinpurse" / "web"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script behind `make translations`."""
    spec = importlib.util.spec_from_file_location("translations", ROOT / "scripts" / "translations.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TAGS = [tag for tag in language.OFFERED if tag != "en"]


@pytest.mark.parametrize("tag", TAGS)
def test_everything_is_translated(script: ModuleType, tag: str) -> None:
    """Each text in the code has its translation, and no translation has outlived its text. `make
    translations` names what is missing."""
    said, known = script.texts(), script.read(tag)
    assert {m.id for m in said if m.id} == {m.id for m in known if m.id}
    assert script.missing(known) == []


@pytest.mark.parametrize("tag", TAGS)
def test_what_is_loaded_is_what_is_written(script: ModuleType, tag: str) -> None:
    """The compiled form, which goes into the wheel, is in step with the readable one."""
    assert script.path(tag, ".mo").read_bytes() == script.compiled(script.read(tag))


@pytest.mark.parametrize("tag", TAGS)
def test_translations_keep_the_blanks(script: ModuleType, tag: str) -> None:
    """What is filled into a text is filled into its translation, under the same names."""
    wrong = []
    for message in script.read(tag):
        forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
        ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
        if message.id and {_blanks(form) for form in forms} != {_blanks(id) for id in ids}:
            wrong.append(message.id)
    assert wrong == []


def _blanks(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"%\((\w+)\)s", text))


def test_templates_have_no_words_of_their_own() -> None:
    """Every word in a template passes through the translations."""
    found = {}
    for path in sorted((WEB / "templates").glob("*.html")):
        text = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", " ", path.read_text("utf-8"), flags=re.DOTALL)
        attributes = re.findall(r"(?:aria-label|title|alt|placeholder)=\"([^\"]*)\"", text)
        left = re.findall(r"[A-Za-z]{2,}", re.sub(r"<[^>]*>", " ", text) + " ".join(attributes))
        if left:
            found[path.name] = left
    assert found == {}


@pytest.mark.parametrize(
    ("query", "cookie", "accepted", "own", "tag"),
    [
        ("", "", "", None, "en-GB"),
        ("", "", "en-US,en;q=0.9", None, "en-GB"),
        ("", "", "", "en-US", "en-US"),
        ("", "", "nl,fr-CA;q=0.8,de;q=0.9", None, "de"),
        ("", "", "fr-CA", None, "fr-CA"),
        ("", "", "de", "es", "es"),
        ("", "fr", "de", "es", "fr"),
        ("de-AT", "fr", "de", "es", "de-AT"),
        ("", "", "", "de_DE.UTF-8@euro", "de-DE"),
        ("klingon", "../../etc", "q=;;;,*;q=x,de;q=0", "xx", "en-GB"),
    ],
)
def test_who_gets_which(query: str, cookie: str, accepted: str, own: str | None, tag: str) -> None:
    """What was chosen on the page goes before the account's own, and that before the browser's."""
    found = language.choose({"lang": query}, {language.COOKIE: cookie}, accepted, own)
    assert found.tag == tag


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        (
            "de",
            [
                "1.000 Credits jeden Monat",
                "400 von 1.000 Monats-Credits übrig",
                "28. Februar 2026, 10:00 UTC",
            ],
        ),
        ("fr", ["1 000 crédits chaque mois", "28 février 2026", "12,00 $US chaque mois"]),
        ("es", ["1.000 créditos cada mes", "28 de febrero de 2026", "12,00 US$ cada mes"]),
    ],
)
async def test_the_page_in_the_accounts_language(
    ctx: Context, open_browser: Open, tag: str, said: list[str]
) -> None:
    """Words, numbers, money and dates are the reader's."""
    account, _ = await subscriber(ctx, addon=250)
    await spend(ctx, account, 600)
    await accounts.put_account(ctx, TESTER, account, locale=tag)
    page = await (await open_browser(account)).open()
    for text in said:
        assert text in " ".join(page.text.split()), text
    assert not re.search(r"\b(credits to spend|every month|Resets|never expire)\b", page.text)


async def test_a_language_that_was_chosen_stays(ctx: Context, open_browser: Open) -> None:
    """A link at the foot of the page changes the language, for the pages after it too."""
    account, _ = await subscriber(ctx)
    browser = await open_browser(account)
    answer = await browser.client.get("/subscriptions?lang=de")
    assert '<html lang="de" dir="ltr">' in answer.text
    assert "words=" in answer.text  # the pill's
    assert '<html lang="de"' in (await browser.client.get("/subscriptions/cancel")).text
    answer = await browser.client.get("/subscriptions?lang=xx")
    assert '<html lang="de"' in answer.text


def test_languages_do_not_leak() -> None:
    """What one request speaks is nothing to the next."""
    assert language.current() is language.ENGLISH
    assert words.number(1234) == "1,234"


@pytest.mark.parametrize("tags", [("de", "en"), ("en", "de")])
async def test_nobody_reads_the_language_of_whoever_came_first(
    ctx: Context, open_browser: Open, monkeypatch: pytest.MonkeyPatch, tags: tuple[str, str]
) -> None:
    """A template is compiled once for all languages: no word of the first reader's stays in it."""
    account, _ = await subscriber(ctx, addon=250)
    browser = await open_browser(account)
    monkeypatch.setattr(rendering, "TEMPLATES", rendering.environment())
    for tag in tags:
        page = await browser.open(f"/subscriptions/cancel?lang={tag}")
        assert {"de": "Monatlich 1.000 0", "en": "Monthly 1,000 0"}[tag] in page.text
