"""The words of the pill, in the reader's language."""

import json

from coinpurse.web.language import ENGLISH, current, gettext, later

WORDS = {
    "available": later("credits available"),
    "monthly": later("Monthly"),
    "addon": later("Add-on"),
    "promo": later("Promotional"),
    "compensation": later("Compensation"),
    "held": later("Held"),
    "never": later("never expire"),
    "of": later("of"),
    "resets": later("resets"),
    "renewing": later("renewing"),
    "stale": later("Offline: last known number"),
    "loading": later("Loading credits"),
    "added": later("Credits added."),
    "low": later("Credits are low."),
    "none": later("No credits left."),
    "due": later("A payment is missing."),
}


def words() -> str | None:
    """For its `words` attribute; None in English, which it knows by itself."""
    if current().locale.language == ENGLISH.locale.language:
        return None
    return json.dumps({name: gettext(text) for name, text in WORDS.items()}, ensure_ascii=False)
