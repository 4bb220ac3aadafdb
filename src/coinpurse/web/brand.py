"""How the pages speak of the app that they belong to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Brand:
    """The app's name, where "back" leads, how to ask for help (the end of a sentence), and a stylesheet of
    its own that sets the variables of `base.css` (a path on the same origin)."""

    name: str = "Coinpurse"
    home: str = "/"
    support: str = "contact support"
    stylesheet: str | None = None
