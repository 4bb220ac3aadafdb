"""Holds over HTTP."""

import httpx

from api.helpers import pointers, refused


async def hold(client: httpx.AsyncClient, account: str, amount: int, **more: object) -> dict[str, object]:
    """Set credits aside."""
    answer = await client.post("/v1/holds", json={"account": account, "amount": amount, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, object] = answer.json()
    return made


async def test_a_hold_says_what_it_took(client: httpx.AsyncClient, account: str) -> None:
    """H1: set aside, not spent, for an hour unless said otherwise."""
    made = await hold(client, account, 30, member="ann", metadata={"job": 1})
    assert (made["account"], made["amount"], made["status"]) == (account, 30, "held")
    assert made["expires_at"] == "2026-01-31T11:00:00Z"
    assert [part["amount"] for part in made["taken"]] == [30]  # type: ignore[attr-defined]
    assert (made["balance"]["available"], made["balance"]["held"]) == (70, 30)  # type: ignore[index]
    assert "replayed" not in made
    assert (await client.get(f"/v1/holds/{made['id']}")).json()["status"] == "held"


async def test_a_capture_answers_with_its_charge(client: httpx.AsyncClient, account: str) -> None:
    """H2: a part is spent, the rest comes back, and the charge is there."""
    made = await hold(client, account, 30)
    answer = await client.post(f"/v1/holds/{made['id']}/capture", json={"amount": 20})
    assert answer.status_code == 200, answer.text
    captured = answer.json()
    assert (captured["status"], captured["charge"]["amount"], captured["balance"]["available"]) == (
        "captured",
        20,
        80,
    )
    assert "replayed" not in captured["charge"]
    assert (await client.get(f"/v1/charges/{captured['charge']['id']}")).json()["amount"] == 20


async def test_more_than_held_only_where_asked_for(client: httpx.AsyncClient, account: str) -> None:
    """H2: with `exceed` the rest is charged, without it nothing happens."""
    made = await hold(client, account, 30)
    path = f"/v1/holds/{made['id']}/capture"
    refused(await client.post(path, json={"amount": 40}), 409, "capture_exceeds_hold")
    assert pointers(await client.post(path, json={"amount": 40, "exceed": 1})) == {"/exceed"}
    refused(await client.post(path, json={"amount": 140, "exceed": True}), 402, "insufficient_credits")
    answer = await client.post(path, json={"amount": 40, "exceed": True})
    assert answer.json()["balance"]["available"] == 60, answer.text


async def test_the_first_end_wins(client: httpx.AsyncClient, account: str) -> None:
    """H3: the same end again answers the same, another is refused."""
    made = await hold(client, account, 30)
    path = f"/v1/holds/{made['id']}"
    first, again = await client.post(path + "/release"), await client.post(path + "/release", json={})
    assert (first.status_code, first.json()["status"], first.json()["balance"]["available"]) == (
        200,
        "released",
        100,
    )
    assert (again.status_code, again.json()["status"]) == (200, "released")
    assert refused(await client.post(path + "/capture"), 409, "hold_closed")["state"] == "released"


async def test_a_hold_left_alone_gives_back(client: httpx.AsyncClient, account: str) -> None:
    """H3: after `expires_in` seconds the credits are back by themselves."""
    made = await hold(client, account, 30, expires_in=60)
    clock = await client.post(f"/v1/accounts/{account}/clock", json={"now": "2026-01-31T10:01:00Z"})
    assert (clock.status_code, clock.json()["available"], clock.json()["held"]) == (200, 100, 0)
    assert (await client.get(f"/v1/holds/{made['id']}")).json()["status"] == "expired"


async def test_bounds_of_holds(client: httpx.AsyncClient, account: str) -> None:
    """A hold of nothing, or for longer than a week, is refused."""
    for member, value in (("amount", 0), ("expires_in", 0), ("expires_in", 604_801), ("expires_in", 1.5)):
        body = {"account": account, "amount": 1, member: value}
        assert pointers(await client.post("/v1/holds", json=body)) == {"/" + member}
