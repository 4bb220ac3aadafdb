"""Subscriptions and checkouts over HTTP."""

import httpx
import pytest

from api.helpers import open_account, pointers, refused


@pytest.fixture
async def account(client: httpx.AsyncClient) -> str:
    """An account without credits, whose clock stands on January 31."""
    return await open_account(client)


async def subscribe(client: httpx.AsyncClient, account: str, **more: object) -> httpx.Response:
    """Subscribe to the starter plan."""
    body = {"account": account, "plan": "starter", "interval": "month", **more}
    return await client.post("/v1/subscriptions", json=body)


async def act(client: httpx.AsyncClient, subscription: str, act: str, **body: object) -> httpx.Response:
    """Do something with a subscription."""
    return await client.post(f"/v1/subscriptions/{subscription}/{act}", json=body)


async def test_a_subscription_stands_at_the_top_of_the_answer(
    client: httpx.AsyncClient, account: str
) -> None:
    """Its fields by name, the balance beside them."""
    answer = await subscribe(client, account)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["account"], made["plan"], made["interval"], made["status"]) == (
        account,
        "starter",
        "month",
        "active",
    )
    assert (made["anchor"], made["paid_through"]) == ("2026-01-31T10:00:00Z", "2026-02-28T10:00:00Z")
    assert made["current_period"] == {"start": "2026-01-31T10:00:00Z", "end": "2026-02-28T10:00:00Z"}
    assert made["ends_at"] is None
    assert made["balance"]["available"] == 1000
    assert not {"replayed", "subscription"} & made.keys()
    read = (await client.get(f"/v1/subscriptions/{made['id']}")).json()
    assert read == {name: value for name, value in made.items() if name != "balance"}
    listed = (await client.get(f"/v1/accounts/{account}/subscriptions")).json()
    assert listed == {"data": [read], "next_cursor": None}


async def test_a_payment_moves_paid_through(client: httpx.AsyncClient, account: str) -> None:
    """T6: each month paid is a month granted; a retry pays nothing twice."""
    made = (await subscribe(client, account)).json()
    path, headers = f"/v1/subscriptions/{made['id']}/payments", {"Idempotency-Key": "inv_1"}
    paid = await client.post(path, json={"periods": 2, "reference": "inv_1"}, headers=headers)
    again = await client.post(path, json={"periods": 2, "reference": "inv_1"}, headers=headers)
    assert (paid.status_code, paid.json()["paid_through"]) == (201, "2026-04-30T10:00:00Z"), paid.text
    assert (again.headers["idempotent-replayed"], again.json()["paid_through"]) == (
        "true",
        "2026-04-30T10:00:00Z",
    )
    assert (await client.post(path)).json()["paid_through"] == "2026-05-31T10:00:00Z"


async def test_cancel_and_undo(client: httpx.AsyncClient, account: str) -> None:
    """B3, B4: what is paid stays until its end; at once means at once."""
    made = (await subscribe(client, account)).json()
    cancelled = (await act(client, made["id"], "cancel", reason="too dear")).json()
    assert (cancelled["status"], cancelled["ends_at"]) == ("active", "2026-02-28T10:00:00Z")
    assert (await act(client, made["id"], "resume")).json()["ends_at"] is None
    ended = (await act(client, made["id"], "cancel", at="now")).json()
    assert (ended["status"], ended["balance"]["available"]) == ("ended", 0)
    refused(await act(client, made["id"], "payments"), 409, "conflict")
    assert pointers(await act(client, made["id"], "cancel", at="tomorrow")) == {"/at"}


async def test_pause_and_resume(client: httpx.AsyncClient, account: str) -> None:
    """B11: no new period while paused."""
    made = (await subscribe(client, account)).json()
    assert (await act(client, made["id"], "pause")).json()["status"] == "paused"
    assert (await client.post(f"/v1/subscriptions/{made['id']}/resume")).json()["status"] == "active"


async def test_a_change_is_previewed_before_it_is_made(client: httpx.AsyncClient, account: str) -> None:
    """B5, U2: the preview says what the change then does."""
    plans = (await client.get("/v1/catalog")).json()["plans"]
    bigger = next(plan for plan in plans if plan["monthly_credits"] > 1000)
    made = (await subscribe(client, account)).json()
    await client.post("/v1/charges", json={"account": account, "amount": 800})
    told = await act(client, made["id"], "preview", plan=bigger["id"], policy="difference")
    assert told.status_code == 200, told.text
    assert (told.json()["available_before"], told.json()["policy"]) == (200, "difference")
    assert (await client.get(f"/v1/accounts/{account}/balance")).json()["available"] == 200
    done = (await act(client, made["id"], "change", plan=bigger["id"], policy="difference")).json()
    assert done["plan"] == bigger["id"]
    assert (
        done["balance"]["available"]
        == told.json()["available_after"]
        == 200 + bigger["monthly_credits"] - 1000
    )


async def test_a_trial_and_a_start_elsewhere_in_time(client: httpx.AsyncClient, account: str) -> None:
    """B8, T1: trial days, and starts in the past and the future."""
    trial = (await subscribe(client, account, trial_days=14)).json()
    assert (trial["status"], trial["anchor"]) == ("trialing", "2026-02-14T10:00:00Z")
    later = (await subscribe(client, account, starts_at="2026-03-01T00:00:00+01:00")).json()
    assert (later["anchor"], later["current_period"]) == ("2026-02-28T23:00:00Z", None)
    past = (await subscribe(client, account, starts_at="2026-01-01T00:00:00Z", interval="year")).json()
    assert (past["anchor"], past["paid_through"]) == ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")


async def test_bad_subscriptions_are_refused(client: httpx.AsyncClient, account: str) -> None:
    """Each fault is pointed at."""
    for member, value in (
        ("plan", "no-such-plan"),
        ("interval", "week"),
        ("trial_days", -1),
        ("trial_days", True),
        ("starts_at", "2026-02-30T00:00:00Z"),
        ("provider", "stripe"),
    ):
        assert pointers(await subscribe(client, account, **{member: value})) == {"/" + member}, member
    refused(await subscribe(client, "nobody"), 404, "account_not_found")
    made = (await subscribe(client, account)).json()
    assert pointers(await act(client, made["id"], "payments", periods=0)) == {"/periods"}
    assert pointers(await act(client, made["id"], "change", plan="no-such-plan")) == {"/plan"}
    for name in ("payments", "cancel", "resume", "pause"):
        refused(await act(client, "su_nobody", name), 404, "not_found")


async def test_renewals_are_listed_for_support(client: httpx.AsyncClient, account: str) -> None:
    """T7: a renewal whose payment is overdue is late, and counted."""
    await subscribe(client, account)
    await client.post(f"/v1/accounts/{account}/clock", json={"now": "2026-02-28T10:15:00Z"})
    page = (await client.get("/v1/renewals", params={"state": "late", "account": account})).json()
    (late,) = page["data"]
    assert (late["account"], late["plan"], late["state"]) == (account, "starter", "late")
    assert late["period"] == {"start": "2026-02-28T10:00:00Z", "end": "2026-03-31T10:00:00Z"}
    refused(await client.get("/v1/renewals?state=lost"), 422, "invalid_request")


async def test_checkouts_lead_to_a_page(client: httpx.AsyncClient, account: str) -> None:
    """A pack or a plan is sold at a URL; asking again with the same key gives the same one."""
    pack = next(iter((await client.get("/v1/catalog")).json()["packs"]))
    body = {"account": account, "pack": pack["id"], "return_url": "https://app.example/done?x=1"}
    headers = {"Idempotency-Key": "co"}
    first = await client.post("/v1/checkouts", json=body, headers=headers)
    again = await client.post("/v1/checkouts", json=body, headers=headers)
    assert first.status_code == again.status_code == 201, first.text
    assert first.json()["url"] == again.json()["url"]
    assert first.json()["url"].startswith("http")
    assert (first.json()["status"], first.json()["credits"]) == ("open", pack["credits"])
    plan = {"account": account, "plan": "starter", "interval": "month"}
    assert (await client.post("/v1/checkouts", json=plan)).status_code == 201


async def test_bad_checkouts_are_refused(client: httpx.AsyncClient, account: str) -> None:
    """Neither, both, unknown ones, and links that aren't web pages."""
    for body in (
        {},
        {"pack": "small", "plan": "starter", "interval": "month"},
        {"pack": "no-such"},
        {"plan": "no-such", "interval": "month"},
        {"pack": "small", "return_url": "javascript:alert(1)"},
        {"pack": "small", "return_url": "https://a b"},
    ):
        answer = await client.post("/v1/checkouts", json={"account": account, **body})
        refused(answer, 422, "invalid_request")
