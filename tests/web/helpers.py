"""A browser without JavaScript: it follows links, fills in forms and keeps cookies."""

import itertools
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser

import httpx

from coinpurse.app import accounts, checkouts, sessions, subscriptions, wallets
from coinpurse.app.context import Context, Who
from coinpurse.domain.credits import Subscription
from coinpurse.domain.facts import Paid, Purchase, PurchaseState
from coinpurse.domain.periods import month_start

TESTER = Who("tester", test=True)
START = datetime(2026, 1, 31, 10, 0, tzinfo=UTC)
_numbers = itertools.count(1)


#: Tags between which a reader sees no space.
INLINE = {"a", "b", "small", "span", "strong", "time", "credits-pill"}


class Form:
    """A form as it stands in a page."""

    def __init__(self, action: str, method: str) -> None:
        self.action, self.method = action, method
        self.fields: dict[str, str] = {}
        self.text = ""


class Page(HTMLParser):
    """A page: its words, its forms, and whatever would break a strict content security policy."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.words = ""
        self.inline: list[str] = []
        self._form: Form | None = None
        self._hidden = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.words += "" if tag in INLINE else " "
        given = {name: value or "" for name, value in attrs}
        self.inline += [f"{tag} {name}" for name in given if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and not given.get("src")):
            self.inline.append(tag)
        if tag in ("script", "style", "title"):
            self._hidden = tag
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get"))
            self.forms.append(self._form)
        if tag == "input" and self._form and given.get("type") != "checkbox":
            self._form.fields[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden:
            self._hidden = ""
        if tag == "form":
            self._form = None

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        self.words += data
        if self._form:
            self._form.text += data

    @property
    def text(self) -> str:
        """The words with single spaces."""
        return " ".join(unescape(self.words).split())

    def form(self, button: str) -> Form:
        """The form in which a button's words stand."""
        return next(form for form in self.forms if button in form.text)


class Browser:
    """One reader of the pages."""

    def __init__(self, ctx: Context, client: httpx.AsyncClient, account: str) -> None:
        self.ctx, self.client, self.account = ctx, client, account
        self.who = TESTER

    async def sign_in(self) -> None:
        """What the app's server and its page do: make a token, and post it."""
        session = await sessions.create_session(self.ctx, self.who, self.account)
        answer = await self.client.post("/session", data={"token": session.token})
        assert answer.status_code == 303

    async def open(self, path: str = "/subscriptions", status: int = 200) -> Page:
        """A page by its path."""
        answer = await self.client.get(path, follow_redirects=True)
        assert answer.status_code == status, answer.text
        return Page(answer.text)

    async def press(self, page: Page, button: str, *, at: str = "", status: int = 200, **more: str) -> Page:
        """Sends the form of a button and follows where that leads."""
        form = page.form(button)
        answer = await self.client.post(
            form.action or at, data={**form.fields, **more}, follow_redirects=True
        )
        assert answer.status_code == status, answer.text
        return Page(answer.text)


Open = Callable[[str], Awaitable[Browser]]


async def customer(ctx: Context, name: str = "Mia") -> str:
    """A new account with a clock that stands at START."""
    id = f"customer-{next(_numbers)}"
    await accounts.put_account(ctx, TESTER, id, name=name, clock=START)
    return id


async def subscriber(
    ctx: Context, *, plan: str = "starter", interval: str = "month", addon: int = 0, trial_days: int = 0
) -> tuple[str, Subscription]:
    """A new account with a plan since START, and perhaps add-on credits."""
    id = await customer(ctx)
    made = await subscriptions.subscribe(ctx, TESTER, id, plan=plan, interval=interval, trial_days=trial_days)
    if addon:
        reference = f"pay-{next(_numbers)}"
        await checkouts.topup(ctx, TESTER, id, credits=addon, provider="manual", reference=reference)
    return id, made.subscription


async def spend(ctx: Context, account: str, amount: int) -> None:
    """Spends credits."""
    await wallets.charge(ctx, TESTER, account, amount=amount, metadata={"description": "Some work"})


async def later(ctx: Context, account: str, *, months: int = 0, hours: int = 0) -> None:
    """Moves the account's clock to START + months + hours."""
    await accounts.move_clock(ctx, TESTER, account, month_start(START, months) + timedelta(hours=hours))


def numbers(text: str) -> list[str]:
    """The numbers in a text, as they are written."""
    return re.findall(r"\d[\d,]*", text)


def paid_line(account: str) -> Paid:
    """A payment provider's word that an account's first month is paid."""
    return Paid(
        subscription=f"sub_{account}",
        line=f"il_{account}",
        plan="starter",
        interval="month",
        start=START,
        end=month_start(START, 1),
        account=account,
    )


def topup_fact(account: str, state: PurchaseState = "paid", name: str = "a") -> Purchase:
    """A top-up as a payment provider tells of it."""
    return Purchase(
        purchase=f"cs_{account}_{name}",
        state=state,
        pack="small",
        amount=600,
        payment=f"pi_{account}_{name}",
        account=account,
    )
