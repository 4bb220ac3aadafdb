"""S1-S6: what a charge takes, from where, and what is refused."""

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from coinpurse.app import wallets
from coinpurse.domain.credits import MAX_AMOUNT, Charge
from coinpurse.domain.errors import AccountNotFound, Conflict, CreditsHeld, InsufficientCredits, Invalid
from rules.conftest import NewLife
from rules.life import Life, parts

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOT_AMOUNTS = [-1, MAX_AMOUNT + 1, 2**63, True, False, 1.0, 0.5, math.nan, math.inf, "5", Decimal(5), [5]]


async def test_s1_monthly_is_spent_before_addon(born: NewLife) -> None:
    """Generations always charge from the monthly bucket until it's empty, and only then from add-on."""
    life = await born()
    await life.topup(500)
    await life.subscribe("starter")
    assert parts((await life.charge(400)).taken) == [("monthly", 400)]
    assert await life.buckets() == (600, 500)
    assert parts((await life.charge(600)).taken) == [("monthly", 600)]
    assert await life.buckets() == (0, 500)
    assert parts((await life.charge(1)).taken) == [("addon", 1)]
    assert await life.buckets() == (0, 499)


async def test_s1_is_so_whichever_came_first(born: NewLife) -> None:
    """Top-ups bought after the subscription, and before it, wait behind the monthly credits alike."""
    life = await born()
    await life.topup(10)
    await life.subscribe("starter")
    await life.topup(20)
    assert [(g.kind, g.remaining) for g in await life.grants()] == [
        ("monthly", 1000),
        ("addon", 10),
        ("addon", 20),
    ]


async def test_s2_a_charge_spans_both_buckets_in_one_step(born: NewLife) -> None:
    """A charge larger than what is left of monthly takes all of that and the rest from add-on, in one act."""
    life = await born()
    await life.subscribe("starter")
    await life.topup(500)
    await life.charge(900)
    before = (await life.balance()).sequence
    made = await life.charge(250)
    assert parts(made.taken) == [("monthly", 100), ("addon", 150)]
    assert (made.balance.monthly.available, made.balance.addon.available) == (0, 350)
    lines = (await life.entries())[before:]
    assert [(e.kind, e.bucket, e.amount) for e in lines] == [
        ("charge", "monthly", -100),
        ("charge", "addon", -150),
    ]
    assert {e.cause.id for e in lines} == {made.id}
    assert {e.at for e in lines} == {made.created_at}


@pytest.mark.parametrize(
    ("amount", "taken"),
    [(999, [("monthly", 999)]), (1000, [("monthly", 1000)]), (1001, [("monthly", 1000), ("addon", 1)])],
)
async def test_s2_at_the_edge_of_the_monthly_bucket(
    born: NewLife, amount: int, taken: list[tuple[str, int]]
) -> None:
    """One credit less than monthly, exactly monthly, one credit more."""
    life = await born()
    await life.subscribe("starter")
    await life.topup(500)
    assert parts((await life.charge(amount)).taken) == taken


async def test_s2_everything_to_the_last_credit(born: NewLife) -> None:
    """The whole available balance can be spent by one charge, and then there is nothing."""
    life = await born()
    await life.subscribe("starter")
    await life.topup(500)
    await life.give("promo", 7)
    made = await life.charge(1507)
    assert parts(made.taken) == [("monthly", 1000), ("promo", 7), ("addon", 500)]
    assert made.balance.available == 0


async def test_s2_a_batch_walks_through_the_buckets(born: NewLife) -> None:
    """Ten charges of 20 in one call on 90 monthly, 30 promotional and 80 add-on credits: each takes what is
    next in burn order, and answers with the balance after it and not the one after all."""
    life = await born()
    await life.topup(80)
    await life.give("promo", 30)
    await life.subscribe("starter")
    await life.charge(910)
    answers = await wallets.charge_batch(
        life.ctx, life.who, [wallets.ChargeRequest(life.name, 20) for _ in range(10)]
    )
    made = [answer for answer in answers if isinstance(answer, Charge)]
    shown = [
        (m.balance.monthly.available, m.balance.buckets.other, m.balance.addon.available, m.balance.available)
        for m in made
    ]
    assert [(monthly, sum(o.available for o in other), addon) for monthly, other, addon, _ in shown] == [
        (70, 30, 80),
        (50, 30, 80),
        (30, 30, 80),
        (10, 30, 80),
        (0, 20, 80),
        (0, 0, 80),
        (0, 0, 60),
        (0, 0, 40),
        (0, 0, 20),
        (0, 0, 0),
    ]
    assert [available for *_, available in shown] == list(range(180, -1, -20))
    assert parts(made[4].taken) == [("monthly", 10), ("promo", 10)]
    assert parts(made[5].taken) == [("promo", 20)]
    assert [m.balance.sequence - made[0].balance.sequence for m in made] == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10]
    for m in made:
        assert replace(await wallets.get_charge(life.ctx, life.who, m.id), replayed=False) == m


async def test_s3_priority_then_expiry_then_age(born: NewLife) -> None:
    """Within a bucket: lower priority number first, then soonest expiry (never is last), then oldest
    grant."""
    life = await born("2026-01-15T10:00")
    given = {
        "never": await life.give("promo", 1),
        "march": await life.give("promo", 1, "2026-03-01"),
        "february": await life.give("promo", 1, "2026-02-01"),
        "february again": await life.give("promo", 1, "2026-02-01"),
        "a microsecond sooner": await life.give("promo", 1, "2026-01-31T23:59:59.999999"),
        "urgent, never": await life.give("promo", 1, priority=-1),
        "unimportant, soon": await life.give("promo", 1, "2026-01-16", priority=1),
    }
    order = [
        "urgent, never",
        "a microsecond sooner",
        "february",
        "february again",
        "march",
        "never",
        "unimportant, soon",
    ]
    assert [g.id for g in await life.grants()] == [given[name].id for name in order]
    assert [part.grant for part in (await life.charge(7)).taken] == [given[name].id for name in order]


async def test_s3_older_addon_grants_are_spent_first(born: NewLife) -> None:
    """Of two top-ups the older one goes first; the tenth act is younger than the ninth."""
    life = await born()
    bought = [(await life.topup(1)).id for _ in range(11)]
    assert [part.grant for part in (await life.charge(11)).taken] == bought


async def test_s3_other_kinds_stand_between_monthly_and_addon(born: NewLife) -> None:
    """Promotional and compensation credits are one bucket between the two: the sooner expiry goes first,
    whatever the kind and however soon it is."""
    life = await born("2026-01-15T10:00")
    await life.topup(5)
    await life.give("compensation", 20, "2026-01-17")
    await life.give("promo", 30, "2026-01-18")
    await life.give("compensation", 40, "2026-01-19")
    await life.subscribe("starter")
    await life.charge(1000)
    assert parts((await life.charge(93)).taken) == [
        ("compensation", 20),
        ("promo", 30),
        ("compensation", 40),
        ("addon", 3),
    ]


async def test_s4_all_or_nothing(born: NewLife) -> None:
    """A charge of one credit too many takes nothing, and says how much is missing."""
    life = await born()
    await life.subscribe("starter")
    await life.topup(500)
    await life.charge(1400)
    acts = await life.acts()
    with pytest.raises(InsufficientCredits) as refused:
        await life.charge(101)
    error = refused.value
    assert (error.needed, error.available, error.held, error.shortfall) == (101, 100, 0, 1)
    assert (error.code, error.status) == ("insufficient_credits", 402)
    assert await life.buckets() == (0, 100)
    assert await life.acts() == acts


async def test_s4_says_where_to_top_up(born: NewLife) -> None:
    """The refusal carries the address where credits can be bought."""
    life = await born()
    with pytest.raises(InsufficientCredits) as refused:
        await life.charge(1)
    assert refused.value.top_up_url.startswith("http://127.0.0.1:8080/")


async def test_s4_credits_held_when_running_work_would_have_sufficed(born: NewLife) -> None:
    """The code is `credits_held` exactly when available and held together reach the amount."""
    life = await born()
    await life.topup(100)
    await life.hold(60)
    with pytest.raises(CreditsHeld) as held:
        await life.charge(100)
    assert (held.value.needed, held.value.available, held.value.held, held.value.shortfall) == (
        100,
        40,
        60,
        60,
    )
    with pytest.raises(InsufficientCredits) as short:
        await life.charge(101)
    assert short.value.code == "insufficient_credits"
    assert (short.value.held, short.value.shortfall) == (60, 61)


async def test_s4_in_a_batch_one_refusal_leaves_its_neighbours_alone(born: NewLife) -> None:
    """Each charge of a batch is answered on its own and in order: what the first can't have, a later smaller
    one can."""
    rich, poor = await born(), await born()
    await rich.topup(100)
    await poor.topup(100)
    asked = [(poor, 80), (rich, 100), (poor, 50), (poor, 20), (poor, 1)]
    answers = await wallets.charge_batch(
        rich.ctx, rich.who, [wallets.ChargeRequest(life.name, amount) for life, amount in asked]
    )
    assert [getattr(answer, "code", "done") for answer in answers] == [
        "done",
        "done",
        "insufficient_credits",
        "done",
        "insufficient_credits",
    ]
    refused = answers[2]
    assert isinstance(refused, InsufficientCredits)
    assert (refused.needed, refused.available, refused.shortfall) == (50, 20, 30)
    assert (await poor.balance()).available == 0


async def test_s4_a_batch_may_name_accounts_that_do_not_exist(born: NewLife) -> None:
    """An unknown account and a bad amount are refused in their places; the rest is charged."""
    life = await born()
    await life.topup(10)
    asked = [("nobody", 1), (life.name, -1), (life.name, 4)]
    answers = await wallets.charge_batch(
        life.ctx, life.who, [wallets.ChargeRequest(name, amount) for name, amount in asked]
    )
    assert isinstance(answers[0], AccountNotFound)
    assert isinstance(answers[1], Invalid)
    assert (await life.balance()).available == 6


@pytest.mark.parametrize(
    ("operation", "quantity", "cost"),
    [
        ("image.generate", None, 4),
        ("image.generate", 3, 12),
        ("image.generate", 0, 0),
        ("text.token", 1000, 3),
        ("text.token", 1, 1),
        ("text.token", 333, 1),
        ("text.token", 334, 2),
        ("text.token", 1001, 4),
        ("text.token", 0, 0),
        ("free.look", 5, 0),
    ],
)
async def test_s5_the_rate_card_prices_an_operation(
    born: NewLife, operation: str, quantity: int | None, cost: int
) -> None:
    """Quantity times price; metered prices are rounded up once, in sum. The quote says the same before."""
    life = await born()
    await life.topup(100)
    quote = await wallets.quote(life.ctx, life.who, life.name, operation=operation, quantity=quantity)
    made = await life.charge(operation=operation, quantity=quantity)
    assert quote.amount == made.amount == cost
    assert (made.operation, made.quantity) == (operation, 1 if quantity is None else quantity)
    assert made.balance.available == 100 - cost


async def test_s5_a_quote_changes_nothing(born: NewLife) -> None:
    """It tells price, affordability and which bucket would pay; asked thrice, nothing has happened."""
    life = await born()
    await life.subscribe("starter")
    await life.topup(500)
    await life.charge(990)
    acts = await life.acts()
    for _ in range(3):
        quote = await wallets.quote(life.ctx, life.who, life.name, amount=15)
        assert (quote.affordable, quote.shortfall) == (True, 0)
        assert parts(quote.taken) == [("monthly", 10), ("addon", 5)]
    dear = await wallets.quote(life.ctx, life.who, life.name, amount=511)
    assert (dear.affordable, dear.shortfall, dear.taken) == (False, 1, [])
    assert await life.acts() == acts
    assert quote.taken == (await life.charge(15)).taken


async def test_s5_either_an_amount_or_an_operation(born: NewLife) -> None:
    """Both, neither, an unknown operation, or a quantity without one are refused."""
    life = await born()
    await life.topup(100)
    wrong: list[dict[str, Any]] = [
        {},
        {"amount": 1, "operation": "image.generate"},
        {"operation": "image.genrate"},
        {"amount": 1, "quantity": 1},
        {"operation": "image.generate", "quantity": -1},
        {"operation": "image.generate", "quantity": 1.0},
        {"operation": "image.generate", "quantity": True},
        {"operation": "image.generate", "quantity": math.nan},
        {"operation": "image.generate", "quantity": MAX_AMOUNT // 4 + 1},
    ]
    for asked in wrong:
        with pytest.raises(Invalid):
            await life.charge(**asked)
    assert (await life.balance()).sequence == 1


async def test_s6_a_charge_of_nothing_leaves_a_record_without_entries(born: NewLife) -> None:
    """Zero-credit charges are allowed, also on an empty account; they can be read again and write no
    entry."""
    life = await born()
    made = await life.charge(0, metadata={"why": "free"})
    assert (made.amount, made.taken, made.balance.available) == (0, [], 0)
    assert await life.entries() == []
    again = await wallets.get_charge(life.ctx, life.who, made.id)
    assert replace(again, replayed=made.replayed) == made
    await life.topup(5)
    assert (await life.charge(0)).balance.available == 5


@pytest.mark.parametrize("amount", NOT_AMOUNTS, ids=repr)
async def test_s6_what_is_not_an_amount_is_refused_before_anything_happens(
    born: NewLife, amount: Any
) -> None:
    """Negative, fractional, non-finite, over-large and non-numeric amounts are invalid everywhere, and
    leave no trace."""
    life = await born()
    await life.topup(100)
    made = await life.charge(10)
    hold = await life.hold(10)
    acts = await life.acts()
    for act in (
        lambda: life.charge(amount, key="k"),
        lambda: life.hold(amount),
        lambda: life.capture(hold, amount),
        lambda: life.reverse(made, amount),
        lambda: life.give("addon", amount),
        lambda: life.revoke(made.taken[0].grant, amount),
        lambda: wallets.quote(life.ctx, life.who, life.name, amount=amount),
    ):
        with pytest.raises(Invalid):
            await act()
    assert await life.acts() == acts
    assert (await life.charge(1, key="k")).replayed is False


async def test_s6_what_cannot_be_kept_is_refused_and_harms_nobody(born: NewLife) -> None:
    """PostgreSQL keeps no NUL character: metadata with one are invalid, and the neighbours in the batch, or
    in the same moment, are charged."""
    life = await born()
    await life.topup(100)
    asked = [
        wallets.ChargeRequest(life.name, 1),
        wallets.ChargeRequest(life.name, 1, metadata={"prompt": "a\x00b"}),
        wallets.ChargeRequest(life.name, 1, member="a\x00b"),
        wallets.ChargeRequest(life.name, 1),
    ]
    answers = await wallets.charge_batch(life.ctx, life.who, asked)
    assert [getattr(answer, "code", "done") for answer in answers] == [
        "done",
        "invalid_request",
        "invalid_request",
        "done",
    ]
    with pytest.raises(Invalid):
        await life.hold(1, metadata={"deep": [{"a\x00": 1}]})
    assert (await life.balance()).available == 98


async def test_s6_nothing_can_be_held_granted_or_reversed(born: NewLife) -> None:
    """Zero is an amount for a charge and a capture only."""
    life = await born()
    await life.topup(100)
    made = await life.charge(10)
    for act in (
        lambda: life.hold(0),
        lambda: life.hold(operation="free.look"),
        lambda: life.reverse(made, 0),
        lambda: life.give("addon", 0),
        lambda: life.revoke(made.taken[0].grant, 0),
    ):
        with pytest.raises(Invalid):
            await act()


async def test_s6_the_largest_amount(born: NewLife) -> None:
    """10^15 credits can be given and charged at once; no account may hold one more."""
    life = await born()
    await life.give("addon", MAX_AMOUNT)
    with pytest.raises(Conflict):
        await life.give("addon", 1)
    with pytest.raises(Invalid):
        await life.charge(MAX_AMOUNT + 1)
    assert (await life.charge(MAX_AMOUNT)).balance.available == 0
    with pytest.raises(InsufficientCredits):
        await life.charge(MAX_AMOUNT)


async def test_s6_a_full_account_still_lives(born: NewLife) -> None:
    """An account at the most it may hold is not stuck when a renewal or a reversal would pass it: it can be
    read and spent from."""
    life = await born("2026-01-15T10:00")
    await life.subscribe("starter")
    made = await life.charge(1000)
    await life.give("addon", MAX_AMOUNT)
    await life.pay()
    await life.wait_until("2026-02-20")
    now = await life.balance()
    assert now.addon.available == MAX_AMOUNT
    assert now.available <= MAX_AMOUNT + 1000
    assert (await life.charge(1)).amount == 1
    assert made.amount == 1000


async def test_s6_an_unknown_account_is_named(nobody: Life) -> None:
    """A charge on an account that doesn't exist is refused as such."""
    with pytest.raises(AccountNotFound):
        await nobody.charge(1)
    with pytest.raises(AccountNotFound):
        await nobody.balance()
