"""Facts say how things stand: told again or in another order they end in the same books (E2)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from agreement.billing import BilledLife, ToldModel, billed_lives, telling
from agreement.lives import START as BEGUN
from agreement.lives import Step
from coinpurse.domain.credits import Balance
from domain.billing_facts import DAY, START, STARTER, STUDIO, Told, month
from domain.test_model_lives import check_places

Telling = Callable[[Told], str]
MONTHS = 4


def told(facts: Sequence[Telling], after: timedelta = timedelta()) -> Told:
    """A model that was told facts at one instant, what is not yet known until it is, and then waited."""
    model = Told(month(MONTHS - 1) + 9 * DAY)
    left = list(facts)
    while left:
        later = [fact for fact in left if fact(model) == "not_yet"]
        if len(later) == len(left):
            break
        left = later
    model.wait_until(model.state.now + after)
    return model


def books(model: Told) -> tuple[object, ...]:
    """What must be the same, however it came to be: the balance but for the number of entries, and what the
    subscription and each top-up's grant are."""
    shown: Balance = replace(model.balance(), sequence=0, subscription=None)
    subs = [
        replace(sub, id="", created_at=START, anchor=START)  # any of its months will do
        for sub in model.subscriptions()
        if sub.status != "ended"
    ]
    grants = [
        (grant.amount, grant.asked_back, grant.taken_back, grant.disputed)
        for grant in model.state.grants.values()
        if grant.kind == "addon"
    ]
    return shown, subs, sorted(grants, key=str)


def paid(n: int) -> Telling:
    return lambda model: model.pays_month(n).what


def stands(n: int, state: str, upgraded: bool, ending: bool) -> Telling:
    """What the provider says on day n; an upgrade is what all of its standings speak of, or none."""
    ends_at = month(MONTHS) if ending else None
    terms = STUDIO if upgraded else STARTER

    def tell(model: Told) -> str:
        said = {"as_of": START + n * DAY, "ends_at": ends_at, "ends_with_period": ending}
        return model.stands(state, terms, **said).what  # type: ignore[arg-type]

    return tell


def bought(n: int) -> Telling:
    return lambda model: model.buys(100 + n, f"cs{n}").what


def returned(n: int, which: int, refunded: int | None, disputed: int, lost: int) -> Telling:
    """What the provider says on day n of one of two payments."""

    def tell(model: Told) -> str:
        said = {"refunded": refunded, "disputed": disputed, "lost": lost, "as_of": START + n * DAY}
        return model.goes_back(f"pi_cs{which}", dispute=f"dp{which}", **said).what  # type: ignore[arg-type]

    return tell


@st.composite
def histories(draw: st.DrawFn) -> list[Telling]:
    """What a provider might tell of four months: all lines are paid, and what is said is dated."""
    facts = [paid(n) for n in range(MONTHS)] + [bought(0), bought(1)]
    upgraded = draw(st.booleans())
    days = draw(st.lists(st.integers(0, 90), unique=True, max_size=4))
    for day in days:
        state = "active" if upgraded else draw(st.sampled_from(["active", "past_due"]))
        facts.append(stands(day, state, upgraded, draw(st.booleans())))
    for day in draw(st.lists(st.integers(0, 90), unique=True, max_size=4)):
        refunded = draw(st.none() | st.integers(0, 1000))
        amounts = draw(st.integers(0, 1000)), draw(st.integers(0, 1000))
        facts.append(returned(day, draw(st.integers(0, 1)), refunded, *amounts))
    return facts


@settings(max_examples=150)
@given(histories(), st.randoms(use_true_random=False), st.sampled_from([0, 15, 40]))
def test_e2_facts_in_any_order_end_in_the_same_books(facts: list[Telling], random: object, days: int) -> None:
    """E2: whatever the order in which a history is told, the balances and the subscription are the same."""
    shuffled = list(facts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = books(told(shuffled, days * DAY)), books(told(facts, days * DAY))
    assert one == other


@settings(max_examples=150)
@given(histories(), st.sampled_from([0, 40]))
def test_e2_facts_told_twice_end_in_the_same_books(facts: list[Telling], days: int) -> None:
    """E2, P2: a history that is told again changes nothing, not even by an act."""
    once, twice = told(facts, days * DAY), told([*facts, *facts], days * DAY)
    assert [act.kind for act in twice.acts()] == [act.kind for act in once.acts()]
    assert books(once) == books(twice)


@given(st.lists(telling(), max_size=12))
def test_e2_each_fact_told_again_at_once_does_nothing(steps: list[Step]) -> None:
    """E2: any fact at all, told a second time right behind the first, writes no act."""
    model = ToldModel("somebody", BEGUN)
    life = BilledLife(model)
    for step in steps:
        facts = len(life.facts)
        life.play(step)
        if len(life.facts) > facts:
            acts = len(model.acts())
            life.facts[-1]()
            assert len(model.acts()) == acts, step


@given(billed_lives())
def test_l2_places_sum_to_zero_whatever_the_provider_says(life: list[Step]) -> None:
    """L2, S7: conservation, in each life at a provider; what is frozen by a dispute is no more than that."""
    model = ToldModel("somebody", BEGUN)
    player = BilledLife(model)
    for step in life:
        player.play(step)
        check_places(model)
        for grant in model.state.grants.values():
            assert grant.kind != "addon" or grant.closed or grant.places["frozen"] <= grant.disputed


def instants(model: ToldModel) -> list[datetime]:
    """When each act was dated."""
    return [act.at for act in model.acts()]


@given(billed_lives())
def test_l3_no_fact_rewrites_the_past(life: list[Step]) -> None:
    """L3: what a fact does is dated at the account's now: acts never go back behind what was seen."""
    model = ToldModel("somebody", BEGUN)
    player = BilledLife(model)
    for step in life:
        seen, now = len(model.acts()), model.state.now
        player.play(step)
        assert all(at >= now for at in instants(model)[seen:])
