"""Keeps the pages' translations in step with the code: gathers the texts, carries what is translated already
over to them, and compiles. Run it after changing a text (`make translations`), then fill in what it names."""

import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from coinpurse.web.language import DOMAIN, FOLDER, OFFERED

WEB = FOLDER.parent
#: Staff's own pages speak English.
METHODS = [("**/support/**", "ignore"), ("support/**", "ignore"), ("**.py", "python"), ("**.html", "jinja2")]
COUNTED = (1, 2)
KEYWORDS = {"_": None, "gettext": None, "later": None, "n_": COUNTED, "ngettext": COUNTED, "both": COUNTED}
ALWAYS = datetime(2026, 1, 1, tzinfo=UTC)
LANGUAGES = [tag for tag in OFFERED if tag != "en"]


def texts() -> Catalog:
    """What the code says, with the files where it does."""
    found = Catalog()
    options = {"**.html": {"silent": "false"}}
    for name, _line, message, comments, context in extract_from_dir(WEB, METHODS, options, KEYWORDS, ()):
        found.add(message, locations=[(Path(name).as_posix(), 0)], auto_comments=comments, context=context)
    return found


def path(tag: str, suffix: str = ".po") -> Path:
    """Where a language's texts are."""
    return FOLDER / tag / "LC_MESSAGES" / f"{DOMAIN}{suffix}"


def read(tag: str) -> Catalog:
    """A language's texts as they stand."""
    if not path(tag).exists():
        return Catalog(locale=tag)
    with path(tag).open("rb") as file:
        return read_po(file, locale=tag)


def compiled(catalog: Catalog) -> bytes:
    """The form that is loaded at run time."""
    file = BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def missing(catalog: Catalog) -> list[str]:
    """The texts that lack a translation."""
    return [str(message.id) for message in catalog if message.id and not all_said(message)]


def all_said(message: Message) -> bool:
    """Whether a text is translated, in all its forms."""
    said = message.string
    return all(said) if isinstance(said, tuple | list) else bool(said)


def write(file: BinaryIO, catalog: Catalog) -> None:
    """Writes a language's texts. Without dates and names, which would change with every run."""
    catalog.creation_date = catalog.revision_date = ALWAYS
    catalog.header_comment = f"# What Coinpurse's pages say, in {OFFERED[str(catalog.locale)]}."
    catalog.project, catalog.version, catalog.fuzzy = "coinpurse", "", False
    catalog.msgid_bugs_address = catalog.last_translator = catalog.language_team = ""
    write_po(file, catalog, sort_output=True, include_lineno=False, width=110)


def update(tag: str, said: Catalog) -> list[str]:
    """Writes a language's files anew; gives what is missing."""
    catalog = read(tag)
    catalog.update(said, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    path(tag).parent.mkdir(parents=True, exist_ok=True)
    with path(tag).open("wb") as file:
        write(file, catalog)
    path(tag, ".mo").write_bytes(compiled(catalog))
    return missing(catalog)


def main() -> int:
    """Updates every language."""
    said, lacking = texts(), 0
    for tag in LANGUAGES:
        for text in update(tag, said):
            lacking += 1
            print(f"{tag}: {text}")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
