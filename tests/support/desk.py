"""Somebody at the support console, without JavaScript."""

from collections.abc import Awaitable, Callable

import httpx

from coinpurse.app.context import Context
from web.helpers import Page


class Agent:
    """A member of staff in a browser of their own."""

    def __init__(self, client: httpx.AsyncClient, email: str, password: str | None) -> None:
        self.client, self.email, self.password = client, email, password

    async def sign_in(self, password: str | None = None, status: int = 200, where: str = "/support") -> Page:
        """Fills in the form."""
        page = await self.open("/support/sign-in", next=where)
        form = page.form("Sign in")
        fields = {**form.fields, "email": self.email, "password": password or self.password or ""}
        answer = await self.client.post(form.action, data=fields, follow_redirects=True)
        assert answer.status_code == status, answer.text
        return Page(answer.text)

    async def open(self, path: str, status: int = 200, **query: str) -> Page:
        """A page by its path; nothing in it is inline."""
        answer = await self.client.get(path, params=query or None, follow_redirects=True)
        assert answer.status_code == status, answer.text
        page = Page(answer.text)
        assert page.inline == []
        return page

    async def press(self, page: Page, button: str, status: int = 200, **more: str) -> Page:
        """Sends the form of a button and follows where that leads."""
        form = page.form(button)
        fields = {**form.fields, **more}
        answer = await self.client.post(form.action, data=fields, follow_redirects=True)
        assert answer.status_code == status, answer.text
        return Page(answer.text)


#: Makes somebody of a role, signed in.
Hire = Callable[..., Awaitable[Agent]]


async def address(ctx: Context, account: str, test: bool = True) -> str:
    """The address of an account's page."""
    return f"/support/accounts/{(await ctx.directory.existing(account, test)).digest.hex}"
