"""What happens to customers in three years: each act is one thing that they, their bank or support does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from coinpurse.simulator.errors import StripeError
from lives.market import PACKS, PLANS
from lives.town import COSTS, Customer, Town

Act = Callable[[Town, Customer], Awaitable[None]]
RUNNING = ("active", "trialing", "past_due", "unpaid", "paused")
CARDS = ["pm_card_visa"] * 6 + ["pm_card_declinesLater", "pm_card_visa_chargeDeclinedInsufficientFunds"]
DAY = 86_400


async def subscribe(town: Town, customer: Customer) -> None:
    """Buys a plan by the month or year, if there is none, at the checkout."""
    if not town.subscriptions(customer, *RUNNING, "incomplete"):
        await _buy_plan(town, customer)


async def subscribe_again(town: Town, customer: Customer) -> None:
    """Buys a plan beside the one that runs."""
    if len(town.subscriptions(customer, *RUNNING, "incomplete")) == 1:
        await _buy_plan(town, customer)


async def _buy_plan(town: Town, customer: Customer) -> None:
    plan = town.random.choice(list(PLANS))
    interval: Any = town.random.choice(["month", "month", "year"])
    price = town.prices[f"{plan} {interval}"]
    await town.check_out(customer, town.random.choice(CARDS), price=price, plan=plan, interval=interval)


async def try_out(town: Town, customer: Customer) -> None:
    """Starts a trial of some plan, with a card on file; now and then it is made longer or shorter later."""
    if town.subscriptions(customer, *RUNNING, "incomplete"):
        for sub in town.subscriptions(customer, "trialing"):
            end = town.simulator.now + town.random.randint(1, 20) * DAY
            change = {"trial_end": "now" if town.random.random() < 0.3 else end, "proration_behavior": "none"}
            await _api(town, "POST", f"/v1/subscriptions/{sub['id']}", change)
        return
    await new_card(town, customer)
    price = town.prices[f"{town.random.choice(list(PLANS))} {town.random.choice(['month', 'month', 'year'])}"]
    await _api(town, "POST", "/v1/subscriptions", {
        "customer": customer.buyer.customer, "items": [{"price": price}],
        "trial_period_days": town.random.choice([7, 14, 40]),
        "metadata": {"coinpurse_account": customer.account},
    })  # fmt: skip


async def top_up(town: Town, customer: Customer) -> None:
    """Buys a pack by card, or by a debit that takes days and may bounce."""
    pack = town.random.choice(list(PACKS))
    token = town.random.choice([*CARDS, "pm_usBankAccount_success", "pm_usBankAccount_insufficientFunds"])
    await town.check_out(
        customer, token, price=town.prices[pack], pack=pack, quantity=town.random.choice([1, 1, 2])
    )


async def new_card(town: Town, customer: Customer) -> None:
    """Puts in a good card; an open invoice is then paid."""
    town.simulator.control("new_card", {"customer": customer.buyer.customer, "token": "pm_card_visa"})
    for invoice in town.simulator.world.tables.invoices.find(customer=customer.buyer.customer):
        if invoice["status"] == "open" and town.random.random() < 0.7:
            await _control(town, "pay_invoice", {"invoice": invoice["id"]})


async def bad_card(town: Town, customer: Customer) -> None:
    """The card on file stops working."""
    await _control(town, "card", {"customer": customer.buyer.customer, "behaviour": "declines"})


async def switch(town: Town, customer: Customer) -> None:
    """Another plan, interval or quantity."""
    for sub in town.subscriptions(customer, "active"):
        item = sub["items"]["data"][0]
        plan, interval = (
            town.random.choice(list(PLANS)),
            town.random.choice(["month", "month", "month", "year"]),
        )
        change = {"id": item["id"], "price": town.prices[f"{plan} {interval}"]}
        if town.random.random() < 0.2:
            change = {"id": item["id"], "quantity": town.random.choice([1, 2])}
        await _api(town, "POST", f"/v1/subscriptions/{sub['id']}", {
            "items": [change], "proration_behavior": "always_invoice",
            "payment_behavior": town.random.choice(["pending_if_incomplete", "allow_incomplete"]),
        })  # fmt: skip


async def cancel(town: Town, customer: Customer) -> None:
    """By the flag, by a date, or now."""
    for sub in town.subscriptions(customer, "active", "trialing"):
        how = town.random.random()
        path = f"/v1/subscriptions/{sub['id']}"
        if how < 0.5:
            await _api(town, "POST", path, {"cancel_at_period_end": True})
        elif how < 0.75:
            at = town.simulator.now + town.random.randint(1, 40) * DAY
            await _api(town, "POST", path, {"cancel_at": at, "proration_behavior": "none"})
        else:
            await _api(town, "DELETE", path, {})


async def undo(town: Town, customer: Customer) -> None:
    """Takes a cancellation back."""
    for sub in town.subscriptions(customer, "active", "trialing"):
        if sub["cancel_at"] or sub["cancel_at_period_end"]:
            await _api(town, "POST", f"/v1/subscriptions/{sub['id']}", {"cancel_at_period_end": False})


async def pause(town: Town, customer: Customer) -> None:
    """Stops collecting, or goes on."""
    for sub in town.subscriptions(customer, "active"):
        wish: Any = "" if sub["pause_collection"] else {"behavior": "void"}
        await _api(town, "POST", f"/v1/subscriptions/{sub['id']}", {"pause_collection": wish})


async def refund(town: Town, customer: Customer) -> None:
    """Support gives back a part or all of some payment; now and then the bank sends it back."""
    charge = _some_charge(town, customer)
    if charge is None:
        return
    left = charge["amount"] - charge["amount_refunded"]
    amount = left if town.random.random() < 0.4 else max(1, left // town.random.choice([2, 3]))
    made = await _control(town, "refund", {"charge": charge["id"], "amount": amount})
    # Payloads don't say that a refund failed: who can't ask can't know.
    if made and town.here.asks and town.random.random() < 0.2 and _is_top_up(town, charge):
        await _control(town, "fail_refund", {"refund": made["id"]})


async def dispute(town: Town, customer: Customer) -> None:
    """A bank asks, disputes, and decides."""
    charge = _some_charge(town, customer)
    if charge is None or charge["disputed"]:
        return
    opened = await _control(town, "dispute", {"charge": charge["id"], "inquiry": town.random.random() < 0.3})
    if opened and not opened["status"].startswith("warning") and town.random.random() < 0.8:
        outcome = town.random.choice(["won", "lost"])
        town.simulator.world.later(
            town.simulator.now + town.random.randint(1, 60) * DAY, _decide, town, opened["id"], outcome
        )


def _decide(town: Town, dispute: str, outcome: str) -> None:
    town.simulator.control("close_dispute", {"dispute": dispute, "outcome": outcome})


async def spend(town: Town, customer: Customer) -> None:
    """Works."""
    await town.spend(customer)


async def regret(town: Town, customer: Customer) -> None:
    """Buys credits, uses up all that there are, and gets the money back: credits are missing then (P3)."""
    price = town.prices["small"]
    await town.check_out(customer, "pm_card_visa", price=price, pack="small", quantity=1)
    await town.go(town.now + timedelta(hours=town.random.uniform(1, 30)))
    for cost in reversed(COSTS):
        while await town.spend(customer, cost):
            pass
    charge = _some_charge(town, customer)
    if charge and _is_top_up(town, charge):
        left = charge["amount"] - charge["amount_refunded"]
        await _control(town, "refund", {"charge": charge["id"], "amount": left})


async def rush(town: Town, customer: Customer) -> None:
    """Does several things at once."""
    await town.wake(customer, patient=True)
    await asyncio.gather(*(town.spend(customer) for _ in range(8)))


ACTS: list[tuple[int, Act]] = [
    (56, spend), (4, rush), (8, subscribe), (1, subscribe_again), (3, try_out), (5, top_up), (2, new_card),
    (1, bad_card), (3, switch), (2, cancel), (1, undo), (1, pause), (3, refund), (2, dispute), (1, regret),
]  # fmt: skip


def _some_charge(town: Town, customer: Customer) -> Any:
    found = [
        c
        for c in town.simulator.world.tables.charges.find(customer=customer.buyer.customer)
        if c["paid"] and c["status"] == "succeeded" and c["amount_refunded"] < c["amount"]
    ]
    return town.random.choice(found[-3:]) if found else None


def _is_top_up(town: Town, charge: Any) -> bool:
    return charge["payment_intent"] in town.simulator.world.session_of


async def _api(town: Town, method: str, path: str, params: Any) -> Any:
    """What the provider refuses (a declined card, say) is its customer's trouble, not ours."""
    try:
        return town.simulator.call(method, path, params)
    except StripeError:
        return None


async def _control(town: Town, act: str, params: Any) -> Any:
    try:
        return town.simulator.control(act, params)
    except StripeError:
        return None


async def people_of(town: Town, count: int) -> list[Customer]:
    """Customers who have each bought something."""
    people = [await town.born(n) for n in range(count)]
    for one in people:
        await subscribe(town, one)
    return people


async def live(town: Town, people: list[Customer], end: datetime) -> AsyncIterator[None]:
    """They live until then, act by act."""
    weights, acts = zip(*ACTS, strict=True)
    while town.now < end:
        await town.go(town.now + timedelta(hours=town.random.uniform(1, 90)))
        [act] = town.random.choices(acts, weights)
        await act(town, town.random.choice(people))
        yield
    await town.go(end + timedelta(days=4))
