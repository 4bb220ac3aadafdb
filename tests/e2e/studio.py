"""What somebody does in Kreator Studio, in a browser."""

import re
from collections.abc import Callable
from typing import Self
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

PILL = "credits-pill"
#: What one clicks: the element's own link, or without JavaScript the one inside it.
CHIP = f"{PILL} [part=chip], {PILL}:not(:defined) > a"


class Studio:
    """The studio in one page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def enter(self, customer: str) -> Self:
        """Comes in as a customer."""
        self.page.goto("/health/live")
        origin = "{0.scheme}://{0.netloc}/".format(urlsplit(self.page.url))
        self.page.context.add_cookies([{"name": "studio_customer", "value": customer, "url": origin}])
        self.page.goto("/")
        return self

    @property
    def credits(self) -> int:
        """The number in the pill, as it is now."""
        return int(re.sub(r"\D", "", self.page.locator(CHIP).inner_text()))

    def wait_for_credits(self, count: int) -> None:
        """Waits until the pill shows a number."""
        expect(self.page.locator(CHIP)).to_contain_text(re.compile(rf"^\D*{count:,}\D*$"))

    def make(self, prompt: str, operation: str = "image.generate", seconds: int | None = None) -> None:
        """Asks for a work."""
        self.page.fill("#prompt", prompt)
        self.page.check(f"[name=operation][value='{operation}']")
        if seconds:
            self.page.select_option("[name=seconds]", str(seconds))
        self.page.get_by_role("button", name="Create").click()

    @property
    def said(self) -> str:
        """What the studio says after an act; waits for it."""
        note = self.page.locator("#said .note")
        note.wait_for()
        return note.inner_text()

    def say_after(self, act: Callable[[], None]) -> str:
        """Does something and gives what the studio says to it."""
        self.page.evaluate("document.querySelector('#said').replaceChildren()")
        act()
        return self.said

    def works(self) -> list[str]:
        """The prompts of the gallery, newest first."""
        return [image.get_attribute("alt") or "" for image in self.page.locator(".work img").all()]

    def press_clock(self, name: str, *, card_fails: bool = False) -> None:
        """Moves time, with the customer's card being declined or not."""
        self.page.locator("[name=card_fails]").set_checked(card_fails)
        self.page.locator("#clock").get_by_role("button", name=name).click()
