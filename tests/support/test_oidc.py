"""Staff sign-in by OpenID Connect, against an issuer that runs as a process of its own and signs tokens."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from coinpurse.app import oidc, staff, trail
from coinpurse.app.context import Context
from coinpurse.settings import StaffSettings
from coinpurse.web import create_web
from support.issuer import CLIENT, SECRET
from web.helpers import Page


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """The issuer's address."""
    program = [sys.executable, str(Path(__file__).with_name("issuer.py"))]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.kill()


@pytest.fixture
async def company(ctx: Context, issuer: str) -> Context:
    """A deployment whose staff sign in at the issuer; it has a member of staff without a password."""
    chosen = StaffSettings(issuer=issuer, client_id=CLIENT, client_secret=SECRET)
    await staff.add(ctx, "test", "ann@staff.test", role="agent", password=False)
    oidc._client.cache_clear()
    settings = replace(ctx.settings, staff=chosen, public_url="http://purse.test")
    return replace(ctx, settings=settings)


@pytest.fixture
async def browser(company: Context) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that knows the deployment only."""
    transport = httpx.ASGITransport(create_web(company))
    async with httpx.AsyncClient(transport=transport, base_url="http://purse.test") as client:
        yield client


def there(issuer: str, lie: str = "", **person: Any) -> None:
    """Says who is signed in at the issuer, and which lie it tells."""
    who = {"email": "ann@staff.test", "email_verified": True, **person}
    httpx.post(f"{issuer}/control", json={"person": who, "lie": lie})


async def sign_in(browser: httpx.AsyncClient, where: str = "/support/overview") -> httpx.Response:
    """To the issuer and back, as a browser goes."""
    leaving = await browser.get("/support/oidc", params={"next": where})
    if leaving.status_code != 303:
        return leaving
    async with httpx.AsyncClient() as outside:
        coming = await outside.get(leaving.headers["location"])
    return await browser.get(coming.headers["location"], follow_redirects=True)


async def test_signing_in(browser: httpx.AsyncClient, company: Context, issuer: str) -> None:
    """The way to the issuer and back ends on the page that was asked for; the trail says how they came."""
    there(issuer)
    assert "Sign in with your company account" in (await browser.get("/support/sign-in")).text
    page = Page((await sign_in(browser)).text)
    assert "late renewals" in page.text
    assert "ann@staff.test agent" in page.text
    [act] = (await trail.acts(company, staff="ann@staff.test")).data
    assert (act.act, act.result) == ("signed_in", "by OpenID Connect")


@pytest.mark.parametrize(
    "lie", ["iss", "aud", "azp", "exp", "nonce", "none", "hmac", "key", "changed", "denied", "issuer"]
)
async def test_lies(browser: httpx.AsyncClient, company: Context, issuer: str, lie: str) -> None:
    """A token of another issuer, for somebody else, that is over, replayed, unsigned, signed with what is
    public, by another key, or changed; somebody who was refused there; an issuer under another name: nobody
    comes in."""
    there(issuer, lie)
    answer = await sign_in(browser)
    assert answer.status_code in (401, 502)
    assert "begin anew" in answer.text or "Try again" in answer.text
    assert "coinpurse_staff" not in browser.cookies
    assert (await trail.acts(company, staff="ann@staff.test")).data == []


@pytest.mark.parametrize(
    "person",
    [
        {"email": "stranger@staff.test"},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": None},
        {"email": ["ann@staff.test"]},
    ],
)
async def test_people_who_are_not_ours(
    browser: httpx.AsyncClient, company: Context, issuer: str, person: dict[str, Any]
) -> None:
    """Whoever was not added, or whose address the issuer doesn't vouch for, doesn't come in."""
    there(issuer, **person)
    assert (await sign_in(browser)).status_code == 401
    assert (await trail.acts(company, staff="ann@staff.test")).data == []


async def test_bound_to_the_first_who_came(browser: httpx.AsyncClient, company: Context, issuer: str) -> None:
    """An address that is given to somebody else at the issuer doesn't let them in as the one before."""
    there(issuer, sub="u-1")
    assert (await sign_in(browser)).status_code == 200
    browser.cookies.clear()
    there(issuer, sub="u-2")
    assert (await sign_in(browser)).status_code == 401
    there(issuer, sub="u-1")
    assert (await sign_in(browser)).status_code == 200
    await staff.change(company, "test", "ann@staff.test", enabled=False)
    browser.cookies.clear()
    assert (await sign_in(browser)).status_code == 401


async def test_the_way_back_is_for_who_left(
    browser: httpx.AsyncClient, company: Context, issuer: str
) -> None:
    """Somebody else's way back, one with another state, from another issuer, or without a beginning: no."""
    there(issuer)
    leaving = await browser.get("/support/oidc")
    async with httpx.AsyncClient() as outside:
        back = (await outside.get(leaving.headers["location"])).headers["location"]
    transport = httpx.ASGITransport(create_web(company))
    async with httpx.AsyncClient(transport=transport, base_url="http://purse.test") as other:
        assert (await other.get(back)).status_code == 401
    for wrong in (
        back.replace("state=", "state=x"),
        back.replace("iss=http", "iss=https"),
        "/support/oidc/callback",
    ):
        kept = browser.cookies.get("coinpurse_staff_oidc")
        assert (await browser.get(wrong)).status_code == 401
        browser.cookies.set("coinpurse_staff_oidc", kept or "", domain="purse.test", path="/support/oidc")
    assert (await browser.get(back)).status_code == 303


async def test_a_wrong_secret(ctx: Context, issuer: str) -> None:
    """What the issuer refuses is said, and nobody comes in; so too where it doesn't answer."""
    there(issuer)
    for chosen in (
        StaffSettings(issuer=issuer, client_id=CLIENT, client_secret="wrong"),
        StaffSettings(issuer="http://127.0.0.1:9", client_id=CLIENT, client_secret=SECRET),
    ):
        settings = replace(ctx.settings, staff=chosen, public_url="http://purse.test")
        transport = httpx.ASGITransport(create_web(replace(ctx, settings=settings)))
        async with httpx.AsyncClient(transport=transport, base_url="http://purse.test") as client:
            answer = await sign_in(client)
            assert answer.status_code in (401, 502)
            assert "Sign in" in answer.text


async def test_without_an_issuer(ctx: Context) -> None:
    """Where none is set the page doesn't offer it, and its address says so."""
    transport = httpx.ASGITransport(create_web(ctx))
    async with httpx.AsyncClient(transport=transport, base_url="http://purse.test") as client:
        assert "company account" not in (await client.get("/support/sign-in")).text
        answer = await client.get("/support/oidc")
        assert (answer.status_code, "sign in with your password" in answer.text) == (409, True)
