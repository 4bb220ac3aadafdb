"""Spending over HTTP: charges, batches, quotes and reversals."""

import httpx

from api.helpers import open_account, pointers, refused


async def charge(
    client: httpx.AsyncClient, account: str, amount: int, key: str | None = None
) -> httpx.Response:
    """Charge an amount."""
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post("/v1/charges", json={"account": account, "amount": amount}, headers=headers)


async def available(client: httpx.AsyncClient, account: str) -> int:
    """What the account can spend now."""
    balance: int = (await client.get(f"/v1/accounts/{account}/balance")).json()["available"]
    return balance


async def test_a_charge_says_what_it_took(client: httpx.AsyncClient, account: str) -> None:
    """The whole answer, by name."""
    body = {"account": account, "amount": 30, "member": "ann", "metadata": {"job": "j_1"}}
    answer = await client.post("/v1/charges", json=body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert {name: made[name] for name in body} == body
    assert made["created_at"] == "2026-01-31T10:00:00Z"
    assert [(part["kind"], part["amount"]) for part in made["taken"]] == [("addon", 30)]
    assert (made["balance"]["available"], made["balance"]["account"]) == (70, account)
    assert "replayed" not in made
    assert (await client.get(f"/v1/charges/{made['id']}")).json() == made


async def test_monthly_credits_go_first(client: httpx.AsyncClient) -> None:
    """S2: one charge takes what is left of the month and the rest from add-on."""
    account = await open_account(client, addon=50)
    plan = {"account": account, "plan": "starter", "interval": "month"}
    assert (await client.post("/v1/subscriptions", json=plan)).status_code == 201
    made = (await charge(client, account, 1010)).json()
    assert [(part["kind"], part["amount"]) for part in made["taken"]] == [("monthly", 1000), ("addon", 10)]


async def test_operations_are_priced(client: httpx.AsyncClient, account: str) -> None:
    """S5: the rate card prices an operation, in the quote as in the charge."""
    name, price = next(iter((await client.get("/v1/catalog")).json()["operations"].items()))
    body = {"account": account, "operation": name, "quantity": price["per"]}
    quote = (await client.post("/v1/quotes", json=body)).json()
    made = (await client.post("/v1/charges", json=body)).json()
    assert quote["affordable"] is True
    assert quote["amount"] == made["amount"] == price["credits"]
    assert quote["taken"] == made["taken"]
    assert (made["operation"], made["quantity"]) == (name, price["per"])


async def test_unknown_operations_are_refused(client: httpx.AsyncClient, account: str) -> None:
    """S5: what the rate card doesn't have costs nothing and is refused."""
    for path in ("/v1/charges", "/v1/quotes", "/v1/holds"):
        answer = await client.post(path, json={"account": account, "operation": "no.such"})
        assert pointers(answer) == {"/operation"}


async def test_a_refused_charge_says_what_is_missing(client: httpx.AsyncClient, account: str) -> None:
    """S4: needed, available, held, shortfall and where to top up; nothing is taken."""
    problem = refused(await charge(client, account, 101), 402, "insufficient_credits")
    facts = {name: problem[name] for name in ("needed", "available", "held", "shortfall")}
    assert facts == {"needed": 101, "available": 100, "held": 0, "shortfall": 1}
    assert problem["top_up_url"] == "http://127.0.0.1:8080/subscriptions"
    assert await available(client, account) == 100


async def test_held_credits_are_named_as_the_reason(client: httpx.AsyncClient, account: str) -> None:
    """S4: where running work holds what is missing, the code says so."""
    assert (await client.post("/v1/holds", json={"account": account, "amount": 60})).status_code == 201
    problem = refused(await charge(client, account, 50), 402, "credits_held")
    assert (problem["available"], problem["held"], problem["shortfall"]) == (40, 60, 10)


async def test_a_retry_is_answered_as_the_first_time(client: httpx.AsyncClient, account: str) -> None:
    """S8: same key and request: the same answer, marked, and nothing spent."""
    first, again = await charge(client, account, 10, "k"), await charge(client, account, 10, "k")
    assert (again.status_code, again.json()) == (201, first.json())
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert await available(client, account) == 90


async def test_a_key_for_another_request_is_a_conflict(client: httpx.AsyncClient, account: str) -> None:
    """S8: the same key for something else is refused."""
    await charge(client, account, 10, "k")
    refused(await charge(client, account, 11, "k"), 409, "idempotency_conflict")
    body = {"account": account, "amount": 10}
    refused(
        await client.post("/v1/holds", json=body, headers={"Idempotency-Key": "k"}),
        409,
        "idempotency_conflict",
    )


async def test_a_refusal_does_not_use_up_the_key(client: httpx.AsyncClient, account: str) -> None:
    """S8: after a top-up the same key succeeds."""
    refused(await charge(client, account, 150, "k"), 402, "insufficient_credits")
    await client.post(
        "/v1/grants", json={"account": account, "kind": "addon", "amount": 50, "reason": "more"}
    )
    answer = await charge(client, account, 150, "k")
    assert answer.status_code == 201
    assert "idempotent-replayed" not in answer.headers


async def test_free_charges_are_recorded(client: httpx.AsyncClient, account: str) -> None:
    """S6: a charge of nothing takes nothing and can be found."""
    made = (await charge(client, account, 0)).json()
    assert (made["amount"], made["taken"]) == (0, [])
    assert (await client.get(f"/v1/charges/{made['id']}")).status_code == 200


async def test_a_batch_answers_each_in_order(client: httpx.AsyncClient, account: str) -> None:
    """Each item is answered on its own: made, refused, unknown or not valid."""
    items = [
        {"account": account, "amount": 60, "key": "a"},
        {"account": account, "amount": 60},
        {"account": "nobody", "amount": 1},
        {"account": account, "amount": "1", "colour": 1},
        "charge",
        {"account": account, "amount": 40},
    ]
    answer = await client.post("/v1/charges/batch", json=items)
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert [each["status"] for each in data] == [201, 402, 404, 422, 422, 201]
    assert [each.get("code") for each in data[1:5]] == [
        "insufficient_credits",
        "account_not_found",
        "invalid_request",
        "invalid_request",
    ]
    assert data[0]["replayed"] is False
    assert data[0]["balance"]["available"] == 40
    assert {error["pointer"] for error in data[3]["errors"]} == {"/amount", "/colour"}
    assert await available(client, account) == 0


async def test_a_batch_can_be_repeated(client: httpx.AsyncClient, account: str) -> None:
    """S8: the header's key covers each item by its place; an item's own key is its own."""
    items = [{"account": account, "amount": 1}, {"account": account, "amount": 2, "key": "own"}]
    headers = {"Idempotency-Key": "batch-7"}
    first = (await client.post("/v1/charges/batch", json=items, headers=headers)).json()["data"]
    again = (await client.post("/v1/charges/batch", json=items, headers=headers)).json()["data"]
    assert [each["replayed"] for each in first] == [False, False]
    assert [each["replayed"] for each in again] == [True, True]
    assert [each["id"] for each in again] == [each["id"] for each in first]
    assert (await charge(client, account, 2, "own")).headers["idempotent-replayed"] == "true"
    assert (await charge(client, account, 1, "batch-7:0")).headers["idempotent-replayed"] == "true"
    assert await available(client, account) == 97


async def test_batches_have_bounds(client: httpx.AsyncClient, account: str) -> None:
    """One to 1,000 at once, and what isn't a list is refused."""
    item = {"account": account, "amount": 0}
    full = await client.post("/v1/charges/batch", json=[item] * 1000)
    assert [each["status"] for each in full.json()["data"]] == [201] * 1000
    assert pointers(await client.post("/v1/charges/batch", json=[])) == {""}
    assert pointers(await client.post("/v1/charges/batch", json=[item] * 1001)) == {""}
    assert pointers(await client.post("/v1/charges/batch", json=item)) == {""}


async def test_reversals_give_back(client: httpx.AsyncClient, account: str) -> None:
    """F1, F2: in part, then all that is left, and never more than was charged."""
    made = (await charge(client, account, 30)).json()
    path = f"/v1/charges/{made['id']}/reversals"
    part = await client.post(path, json={"amount": 10, "reason": "half was black"})
    rest = await client.post(path)
    assert [part.status_code, rest.status_code] == [201, 201], rest.text
    assert (part.json()["charge"], part.json()["amount"], part.json()["reason"]) == (
        made["id"],
        10,
        "half was black",
    )
    assert [(back["kind"], back["amount"]) for back in rest.json()["returned"]] == [("addon", 20)]
    assert (rest.json()["lapsed"], rest.json()["balance"]["available"]) == (0, 100)
    refused(await client.post(path, json={"amount": 1}), 409, "reversal_exceeds_charge")
