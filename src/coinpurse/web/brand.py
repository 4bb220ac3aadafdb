"""How the pages speak of the app that they belong to."""

from dataclasses import dataclass

from coinpurse.web.language import _, gettext, later

DEFAULT_SUPPORT = later("contact support")


@dataclass(frozen=True, slots=True)
class Brand:
    """The app's name, where "back" leads, how to ask for help (an address, or the end of a sentence), and a
    stylesheet of its own that sets the variables of `base.css` (a path on the same origin)."""

    name: str = "Coinpurse"
    home: str = "/"
    support: str = DEFAULT_SUPPORT
    stylesheet: str | None = None

    @property
    def ask(self) -> str:
        """How to ask for help, as the end of a sentence in the reader's language."""
        if " " not in self.support:
            return _("contact %(support)s", support=self.support)
        return gettext(self.support)
