"""Who comes in, for how long, and what opens nothing."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import psycopg
import pytest
from starlette.types import ASGIApp

from coinpurse.app import keys, sessions, staff, trail
from coinpurse.app.context import Context
from coinpurse.domain.errors import Conflict, Invalid, NotFound, TooManyAttempts, Unauthorized
from support.desk import Hire, address
from web.helpers import TESTER, Page

PAGES = (
    "/support",
    "/support?q=ann",
    "/support/renewals",
    "/support/events",
    "/support/event?id=evt_1",
    "/support/overview",
    "/support/low",
    "/support/shortfalls",
    "/support/requests",
    "/support/trail",
    "/support/accounts/{ann}",
    "/support/accounts/{ann}/timeline",
)
FORMS = (
    "/support/sign-out",
    "/support/accounts/{ann}/credits",
    "/support/grants/gr_{ann}_1/take-back",
    "/support/subscriptions/su_{ann}_1/end",
    "/support/subscriptions/su_{ann}_1/look-up",
    "/support/event/retry",
    "/support/requests/{ann}",
    "/support/requests/{ann}/finish",
)

Stranger = Callable[[], Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def client(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which nobody is signed in."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://purse.test") as client:
        yield client


async def ann(ctx: Context) -> str:
    """Ann's number, as addresses have it."""
    return (await address(ctx, "ann")).rpartition("/")[2]


async def test_nothing_opens_the_console_but_a_staff_session(ctx: Context, client: httpx.AsyncClient) -> None:
    """A customer's session, in the pages' cookie or in the console's own, an API key of every scope, and
    made-up tokens lead to the sign-in page, and forms change nothing."""
    session = await sessions.create_session(ctx, TESTER, "ann")
    key = await keys.create_key(ctx, scopes=list(keys.SCOPES), test=True)
    given = [
        {},
        {"Cookie": f"coinpurse_session={session.token}"},
        {"Cookie": f"coinpurse_staff={session.token}"},
        {"Cookie": f"coinpurse_staff={key.key}"},
        {"Authorization": f"Bearer {key.key}"},
        {"Authorization": f"Bearer {session.token}", "Cookie": f"coinpurse_session={session.token}"},
        {"Cookie": "coinpurse_staff=" + "x" * 43},
        {"Cookie": "coinpurse_staff="},
    ]
    number = await ann(ctx)
    for headers in given:
        for path in PAGES:
            answer = await client.get(path.format(ann=number), headers=headers)
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/support/sign-in?next=")
        for path in FORMS:
            answer = await client.post(path.format(ann=number), headers=headers, data={"csrf": "x"})
            assert answer.headers["location"].startswith("/support/sign-in"), path
    assert (await trail.acts(ctx)).data == []


async def test_a_staff_session_opens_no_customers_page(ctx: Context, hire: Hire) -> None:
    """The other way round: staff are nobody on the customers' pages and in the API."""
    agent = await hire("admin")
    cookie = {"Cookie": "coinpurse_session=" + agent.client.cookies["coinpurse_staff"]}
    assert (await agent.client.get("/subscriptions", headers=cookie)).status_code == 401
    token = {"Authorization": f"Bearer {agent.client.cookies['coinpurse_staff']}"}
    assert (await agent.client.get("/v1/accounts", headers=token)).status_code == 401
    assert (await agent.client.get("/v1/me/balance", headers=token)).status_code == 401


async def test_signing_in_and_out(ctx: Context, hire: Hire) -> None:
    """A password leads to the page that was asked for; signing out ends the session, wherever it is kept."""
    agent = await hire("viewer", sign_in=False)
    page = await agent.open("/support/overview")
    assert "Sign in" in page.text
    page = await agent.sign_in(where="/support/overview")
    assert "late renewals" in page.text
    token = agent.client.cookies["coinpurse_staff"]
    await agent.press(page, "Sign out")
    with pytest.raises(Unauthorized):
        await staff.signed_in(ctx, token)
    acts = [(act.act, act.staff) for act in (await trail.acts(ctx)).data]
    assert acts[:2] == [("signed_out", agent.email), ("signed_in", agent.email)]


async def test_the_cookie(ctx: Context, hire: Hire, client: httpx.AsyncClient) -> None:
    """It can't be read by scripts, goes to the console alone, and over HTTPS only where it was set so."""
    agent = await hire("viewer", sign_in=False)
    page = await client.get("https://purse.test/support/sign-in")
    fields = Page(page.text).form("Sign in").fields
    answer = await client.post(
        "https://purse.test/support/sign-in",
        data={**fields, "email": agent.email, "password": agent.password or ""},
    )
    [cookie] = [c for c in answer.headers.get_list("set-cookie") if c.startswith("coinpurse_staff=")]
    for part in ("HttpOnly", "Path=/support", "SameSite=lax", "Secure"):
        assert part in cookie
    stored = await ctx.db.rows("SELECT session FROM coinpurse.staff_sessions")
    assert cookie.partition("=")[2].partition(";")[0].encode() not in [bytes(r["session"]) for r in stored]


@pytest.mark.parametrize(
    "where", ["https://evil.test/", "//evil.test", "/subscriptions", "/support/\\evil", "/supportx"]
)
async def test_next_never_leads_astray(hire: Hire, where: str) -> None:
    """After signing in one is led to the console alone."""
    agent = await hire("viewer", sign_in=False)
    assert "Find an account" in (await agent.sign_in(where=where)).text


async def test_wrong_passwords_say_nothing(hire: Hire, ctx: Context) -> None:
    """A wrong password, an unknown address, one without a password and one that is disabled are answered
    alike."""
    agent = await hire("viewer", sign_in=False)
    await staff.add(ctx, "test", "sso@staff.test", role="agent", password=False)
    gone = await hire("agent", "gone@staff.test", sign_in=False)
    await staff.change(ctx, "test", gone.email, enabled=False)
    said = set()
    for email, password in (
        (agent.email, "wrong"),
        ("nobody@staff.test", "wrong"),
        ("sso@staff.test", ""),
        (gone.email, gone.password),
        ("nul\0@staff.test", "x"),
    ):
        with pytest.raises(Unauthorized) as refused:
            await staff.sign_in(ctx, email, password or "", "192.0.2.1")
        said.add(refused.value.detail)
    assert len(said) == 1


async def test_guessing_is_slowed_down(hire: Hire, ctx: Context) -> None:
    """After some attempts neither a guess nor the right password is looked at for a while; others still come
    in; coming in forgets the mistypings before it."""
    agent, other = await hire("viewer", sign_in=False), await hire("lead", sign_in=False)
    for _ in range(3):
        with pytest.raises(Unauthorized):
            await staff.sign_in(ctx, agent.email, "typo", "192.0.2.1")
    await staff.sign_in(ctx, agent.email, agent.password or "", "192.0.2.1")
    for _ in range(staff.MOST_BY_EMAIL):
        with pytest.raises(Unauthorized):
            await staff.sign_in(ctx, agent.email, "guess", "192.0.2.1")
    with pytest.raises(TooManyAttempts):
        await staff.sign_in(ctx, agent.email, agent.password or "", "192.0.2.2")
    page = await agent.sign_in(status=429)
    assert "Wait 15 minutes" in page.text
    await staff.sign_in(ctx, other.email, other.password or "", "192.0.2.9")
    await ctx.db.rows(
        "UPDATE coinpurse.staff_attempts SET since = since - interval '16 minutes' RETURNING 1 AS one"
    )
    await staff.sign_in(ctx, agent.email, agent.password or "", "192.0.2.1")


async def test_guessing_many_addresses_is_slowed_down(ctx: Context) -> None:
    """From one place no more than some addresses can be tried."""
    known, password = await staff.add(ctx, "test", "a@staff.test", role="viewer")
    await ctx.db.call("count_attempt", name=staff._name("address 192.0.2.7"), window=staff.WINDOW)
    await ctx.db.rows("UPDATE coinpurse.staff_attempts SET attempts = 40 RETURNING 1 AS one")
    with pytest.raises(TooManyAttempts):
        await staff.sign_in(ctx, known.email, password or "", "192.0.2.7")


@pytest.mark.parametrize(("column", "ago"), [("seen_at", "31 minutes"), ("started_at", "12 hours 1 second")])
async def test_sessions_end(ctx: Context, hire: Hire, column: str, ago: str) -> None:
    """After 30 minutes without a look, and after 12 hours in any case."""
    agent = await hire("viewer")
    async with await psycopg.AsyncConnection.connect(ctx.db.conninfo, autocommit=True) as conn:
        await conn.execute(f"UPDATE coinpurse.staff_sessions SET {column} = {column} - interval '{ago}'")  # noqa: S608
    assert "Sign in" in (await agent.open("/support/overview")).text


async def test_looking_keeps_a_session(ctx: Context, hire: Hire) -> None:
    """Whoever looks now and then stays; the time of the last look is kept by the minute."""
    agent = await hire("viewer")
    await ctx.db.rows(
        "UPDATE coinpurse.staff_sessions SET seen_at = seen_at - interval '29 minutes' RETURNING 1 AS one"
    )
    await agent.open("/support")
    rows = await ctx.db.rows(
        "SELECT clock_timestamp() - seen_at < interval '10 seconds' AS fresh FROM coinpurse.staff_sessions"
    )
    assert rows == [{"fresh": True}]


async def test_changes_end_sessions_at_once(ctx: Context, hire: Hire) -> None:
    """A new role, a new password and being disabled shut somebody out until they sign in anew."""
    agent = await hire("agent")
    await staff.change(ctx, "test", agent.email, role="lead")
    assert "Sign in" in (await agent.open("/support")).text
    await agent.sign_in()
    assert "Audit trail" in (await agent.open("/support")).text
    password = await staff.new_password(ctx, "test", agent.email)
    assert "Sign in" in (await agent.open("/support")).text
    await agent.sign_in(status=401)
    await agent.sign_in(password)
    await staff.change(ctx, "test", agent.email, enabled=False)
    await agent.sign_in(password, status=401)


async def test_forms_of_other_sites_and_sessions(ctx: Context, hire: Hire) -> None:
    """A form without the proof, with another session's proof, or from another site changes nothing."""
    agent, other = await hire("agent"), await hire("lead")
    where = await address(ctx, "ann")
    form = (await agent.open(where)).form("Give credits")
    theirs = (await other.open(where)).form("Give credits")
    fields = {**form.fields, "amount": "5", "kind": "promo", "reason": "For nothing"}
    for given, headers in (
        ({**fields, "csrf": ""}, {}),
        ({**fields, "csrf": theirs.fields["csrf"]}, {}),
        ({name: value for name, value in fields.items() if name != "csrf"}, {}),
        (fields, {"Sec-Fetch-Site": "cross-site"}),
        (fields, {"Sec-Fetch-Site": "same-site"}),
    ):
        answer = await agent.client.post(form.action, data=given, headers=headers)
        assert answer.status_code == 403
    sign_in = await agent.client.post(
        "/support/sign-in", data={"email": agent.email, "password": agent.password}
    )
    assert sign_in.status_code == 403
    assert {act.act for act in (await trail.acts(ctx)).data} <= {"signed_in", "staff_added"}


async def test_roles_see_what_is_theirs(ctx: Context, hire: Hire) -> None:
    """A viewer sees no acts and no trail; an agent no trail."""
    viewer, agent = await hire("viewer"), await hire("agent")
    where = await address(ctx, "ann")
    assert "Give credits" not in (await viewer.open(where)).text
    await viewer.open("/support/trail", status=403)
    await viewer.open("/support/requests", status=403)
    await agent.open("/support/trail", status=403)
    await agent.open("/support/requests")


async def test_headers(hire: Hire) -> None:
    """No console page may be framed, kept, or run or load anything that isn't ours."""
    agent = await hire("lead")
    for path in ("/support", "/support/overview", "/support/trail", "/support/sign-in", "/support/nowhere"):
        headers = (await agent.client.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert (headers["x-frame-options"], headers["cache-control"]) == ("DENY", "no-store")


@pytest.mark.parametrize(
    "path",
    [
        "/support/accounts/nobody",
        "/support/accounts/00000000000000000000000000000000",
        "/support/accounts/' OR 1=1",
        "/support/event?id=%00",
        "/support/event?id=nobody",
        "/support/renewals?state=nonsense",
        "/support/renewals?cursor=nonsense",
        "/support/trail?cursor=nonsense",
        "/support/events?status=nonsense",
    ],
)
async def test_odd_addresses(hire: Hire, path: str) -> None:
    """Whatever stands in an address is checked, and refused in words."""
    agent = await hire("lead")
    answer = await agent.client.get(path)
    assert answer.status_code in (404, 422)
    assert "<h1>" in answer.text


async def test_adding_staff(ctx: Context) -> None:
    """Addresses are unique whatever their case; roles and addresses are checked."""
    await staff.add(ctx, "test", " Ann@Staff.test ", role="agent")
    with pytest.raises(Conflict):
        await staff.add(ctx, "test", "ann@staff.test", role="lead")
    for email, role in (("nonsense", "agent"), ("a b@x", "agent"), ("a@x.test", "king")):
        with pytest.raises(Invalid):
            await staff.add(ctx, "test", email, role=role)
    with pytest.raises(NotFound):
        await staff.change(ctx, "test", "nobody@x.test", role="lead")
    stored = await ctx.db.rows("SELECT password FROM coinpurse.staff")
    assert [row["password"].startswith("$argon2id$") for row in stored] == [True]
