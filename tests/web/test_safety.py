"""Who may read and write, and what pages may do in a browser."""

import httpx
import pytest

from coinpurse.app import accounts, sessions, wallets
from coinpurse.app.context import Context
from coinpurse.web import create_web
from web.helpers import START, TESTER, Open, Page, customer, subscriber

PAGES = (
    "/subscriptions",
    "/subscriptions?interval=year",
    "/subscriptions/history",
    "/subscriptions/cancel",
    "/subscriptions/pause",
    "/subscriptions/plan?plan=studio&interval=month",
)


@pytest.mark.parametrize("path", PAGES)
async def test_nothing_is_inline(ctx: Context, open_browser: Open, path: str) -> None:
    """No page has an inline script, style or handler, so the content security policy can forbid them all."""
    account, _ = await subscriber(ctx, addon=5)
    browser = await open_browser(account)
    answer = await browser.client.get(path)
    assert Page(answer.text).inline == []
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"


async def test_names_are_escaped(ctx: Context, open_browser: Open) -> None:
    """What customers and apps have written is text, never markup."""
    account = await customer(ctx, name="<script>alert(1)</script>")
    browser = await open_browser(account)
    await wallets.charge(ctx, TESTER, account, amount=0)
    answer = await browser.client.get("/subscriptions")
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    assert "500 &lt;credits&gt;" in answer.text


async def test_descriptions_of_charges_are_escaped(ctx: Context, open_browser: Open) -> None:
    """A charge's description goes into the history as text."""
    account, _ = await subscriber(ctx)
    await wallets.charge(ctx, TESTER, account, amount=1, metadata={"description": "<img src=x onerror=y>"})
    answer = await (await open_browser(account)).client.get("/subscriptions")
    assert "&lt;img src=x" in answer.text
    assert Page(answer.text).inline == []


async def test_without_a_session(ctx: Context) -> None:
    """Without a session the pages show nothing of anybody and lead back to the app."""
    web = create_web(ctx)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(web), base_url="http://purse.test") as client:
        for path in PAGES:
            answer = await client.get(path)
            assert answer.status_code == 401
            assert "Please come in through Coinpurse" in answer.text


async def test_the_cookie(ctx: Context, open_browser: Open) -> None:
    """The token is kept where scripts and other sites' forms don't reach it."""
    account = await customer(ctx)
    browser = await open_browser(account)
    session = await sessions.create_session(ctx, TESTER, account)
    answer = await browser.client.post("/session", json={"token": session.token})
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 204
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    answer = await browser.client.post("https://purse.test/session", json={"token": session.token})
    assert "Secure" in answer.headers["set-cookie"]


async def test_the_pill_can_borrow_the_token(ctx: Context, open_browser: Open) -> None:
    """GET /session answers {token, expires_at} for the cookie's own session."""
    account = await customer(ctx)
    browser = await open_browser(account)
    answer = await browser.client.get("/session")
    visitor = await sessions.visitor(ctx, answer.json()["token"])
    assert visitor.account == account
    assert answer.json()["expires_at"].endswith("Z")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("body", [{"token": "made up"}, {"token": 5}, {}, []])
async def test_bad_tokens(ctx: Context, open_browser: Open, body: object) -> None:
    """What isn't a token of ours is refused as a problem document, and no cookie is set."""
    browser = await open_browser(await customer(ctx))
    answer = await browser.client.post("/session", json=body)
    assert answer.status_code in (401, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "where", ["//evil.test", "https://evil.test", "/\\evil.test", "/\t/evil.test", "javascript:x"]
)
async def test_no_open_redirect(ctx: Context, open_browser: Open, where: str) -> None:
    """Signing in leads on within the site only."""
    browser = await open_browser(await customer(ctx))
    session = await sessions.create_session(ctx, TESTER, browser.account)
    answer = await browser.client.post("/session", data={"token": session.token, "next": where})
    assert answer.headers["location"] == "/subscriptions"


async def test_forms_need_their_proof(ctx: Context, open_browser: Open) -> None:
    """A form without the proof, or with another session's, changes nothing."""
    account, _ = await subscriber(ctx)
    browser = await open_browser(account)
    page = await browser.open("/subscriptions/cancel")
    stranger = (await (await open_browser(await customer(ctx))).open()).forms[0].fields["csrf"]
    await browser.sign_in()
    for proof in ("", "x", stranger):
        page_after = await browser.press(page, "Cancel on", csrf=proof, status=403)
        assert "nothing was changed" in page_after.text
    assert "Ends" not in (await browser.open()).text


async def test_forms_from_other_sites(ctx: Context, open_browser: Open) -> None:
    """What the browser itself marks as coming from another site is refused."""
    account, _ = await subscriber(ctx)
    browser = await open_browser(account)
    form = (await browser.open("/subscriptions/cancel")).form("Cancel on")
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = await browser.client.post("/subscriptions/cancel", data=form.fields, headers=headers)
    assert answer.status_code == 403


async def test_reading_is_not_changing(ctx: Context, open_browser: Open) -> None:
    """The pages that ask "are you sure" change nothing by being looked at, often."""
    account, _ = await subscriber(ctx, addon=5)
    browser = await open_browser(account)
    before = await wallets.balance(ctx, TESTER, account)
    for path in PAGES:
        await browser.open(path)
    after = await wallets.balance(ctx, TESTER, account)
    assert (before.sequence, before.subscription) == (after.sequence, after.subscription)


async def test_unknown_paths(ctx: Context, open_browser: Open) -> None:
    """A page that isn't there says so, kindly."""
    page = await (await open_browser(await customer(ctx))).open("/subscriptions/nothing", status=404)
    assert "There is no such page." in page.text


async def test_a_live_account_of_the_same_name_stays_apart(ctx: Context, open_browser: Open) -> None:
    """A test session reads the test account, even where a live one has the same id."""
    id = await customer(ctx)
    live = TESTER.__class__("tester", test=False)
    await accounts.put_account(ctx, live, id, name="Live")
    assert "Live" not in (await (await open_browser(id)).open()).text
    assert START
