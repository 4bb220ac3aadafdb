"""Finding out what happened at Stripe without being told (E4)."""

import random
from datetime import timedelta

from coinpurse.domain.facts import Paid, Purchase, Returned, Standing
from coinpurse.providers.stripe import Stripe
from providers.stripe_objects import CREATED, Json, dispute, instant, intent, invoice, session, subscription
from providers.stripe_server import Stage

SINCE, UNTIL = instant(CREATED), instant(CREATED + 86_400)


async def test_e4_everything_that_moves_credits_is_found(stage: Stage, asking: Stripe) -> None:
    """Each group with its facts; what is not ours, or of another time, is left out."""
    refund = {
        "id": "re_1",
        "object": "refund",
        "amount": 100,
        "status": "succeeded",
        "payment_intent": intent(),
    }
    lines = {"data": [{"price": {"id": "price_small"}, "quantity": 1}]}
    stage.put(
        subscription(created=CREATED - 10_000_000, latest_invoice=invoice()),
        subscription("price_other", id="sub_2"),
        subscription(id="sub_3", status="canceled", ended_at=CREATED - 1),
        invoice(),
        invoice(id="in_2", created=CREATED - 2_000_000),
        invoice(id="in_3", status_transitions={"paid_at": CREATED - 1}),
        session(line_items=lines, created=CREATED + 60),
        session(id="cs_2", status="open", payment_status="unpaid", line_items=lines),
        session(id="cs_3", created=CREATED + 86_400, line_items=lines),
        intent(created=CREATED + 120),
        intent(id="pi_2", metadata={}),
        {**refund, "created": CREATED + 180},
        dispute("lost", created=CREATED + 240),
        dispute("warning_closed", id="dp_2"),
    )
    found = [group async for group in asking.changes(SINCE, UNTIL)]
    assert [group.about for group in found] == ["sub_1", "in_2", "in_1", "cs_1", "pi_1", "re_1", "dp_1"]
    kinds = [type(fact) for group in found for fact in group.facts]
    assert kinds == [Standing, Paid, Paid, Purchase, Purchase, Returned, Returned]
    assert [group.at for group in found] == sorted(group.at for group in found)
    assert all(group.test and group.summary for group in found)


def many(count: int, seed: int) -> list[Json]:
    """Automatic top-ups over a day, most of them in one second."""
    chance = random.Random(seed)
    return [
        intent(id=f"pi_{n:04}", created=CREATED + chance.choice((chance.randrange(86_400), 777)))
        for n in range(count)
    ]


async def test_e4_many_are_found_once_each_oldest_first(stage: Stage, asking: Stripe) -> None:
    """More than a page, in a day and even in one second."""
    made = many(450, seed=7)
    stage.put(*made)
    found = [group async for group in asking.changes(SINCE, UNTIL)]
    assert sorted(group.about for group in found) == [thing["id"] for thing in made]
    assert [group.at for group in found] == sorted(group.at for group in found)
    assert all(asked.params.get("limit") == "100" for asked in stage.asked)


async def test_e4_the_edges_of_the_time(stage: Stage, asking: Stripe) -> None:
    """What happened within the second in which the time ends is found; an empty time finds nothing."""
    stage.put(intent(created=CREATED + 100))
    end = instant(CREATED + 100) + timedelta(milliseconds=500)
    assert [group.about async for group in asking.changes(SINCE, end)] == ["pi_1"]
    assert [group async for group in asking.changes(instant(0), instant(0))] == []
