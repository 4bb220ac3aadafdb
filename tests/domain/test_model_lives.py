"""What is true of every account, whatever happens to it: random lives on the model."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings

from agreement.lives import START, Life, Step, lives
from coinpurse.domain import credits
from coinpurse.domain.burndown import burn_key
from coinpurse.domain.errors import InsufficientCredits
from coinpurse.domain.model import Model
from coinpurse.domain.model.state import Act

SPENDING = {"charge", "hold", "capture", "release", "timeout", "reverse", "grant", "topup", "revoke"}


def lived(life: list[Step], after: Callable[[Model], None] = lambda model: None) -> Model:
    """Plays a life on a fresh model and looks at it after each step."""
    model = Model("somebody", START)
    player = Life(model)
    for step in life:
        player.play(step)
        after(model)
    return model


def check_places(model: Model) -> None:
    """L2, S7: each grant's places sum to zero, and none but `issued` is below zero."""
    for grant in model.state.grants.values():
        places = dict(grant.places)
        assert sum(places.values()) == 0
        assert places.pop("issued") == -grant.amount
        assert min(places.values()) >= 0


@given(lives())
def test_l2_places_sum_to_zero_and_nothing_is_negative(life: list[Step]) -> None:
    """L2, S7: whatever leaves one place arrives in another; no bucket goes below zero."""
    lived(life, check_places)


@given(lives())
def test_l1_the_ledger_has_no_gap_and_adds_up(life: list[Step]) -> None:
    """L1: sequence and acts count from 1, dates don't go back, and the balances are the running sum."""
    model = lived(life)
    acts, available = model.acts(), 0
    assert [act.number for act in acts] == list(range(1, len(acts) + 1))
    assert [act.at for act in acts] == sorted(act.at for act in acts)
    for number, entry in enumerate(model.entries(), 1):
        available += entry.amount
        assert entry.sequence == number
        assert entry.moved > 0
        assert entry.available_after == available
    assert model.balance().available == available


@given(lives())
def test_the_balance_is_the_sum_of_its_buckets(life: list[Step]) -> None:
    """U1: what the pill shows is what the buckets hold, and what is held is what open holds took."""

    def check(model: Model) -> None:
        balance = model.balance()
        other = balance.buckets.other
        assert balance.available == balance.monthly.available + balance.addon.available + sum(
            o.available for o in other
        )
        open_holds = sum(hold.amount for hold in model.state.holds.values() if hold.status == "held")
        assert balance.held == open_holds

    lived(life, check)


@given(lives())
def test_s1_each_act_takes_in_burn_order(life: list[Step]) -> None:
    """S1-S3: the grants that one act takes stand in burn order, monthly first."""
    for act in lived(life).acts():
        for code in "ch":
            keys = [burn_key(line.grant) for line in act.lines if line.code == code]
            assert keys == sorted(keys)


def spendable_monthly(acts: list[Act], subscription: str) -> int:
    """What the acts gave and took of a subscription's monthly credits."""
    lines = [line for act in acts for line in act.lines]
    return sum(line.amount for line in lines if line.grant.source.get("subscription") == subscription)


@given(lives(past=False))
def test_t3_a_renewal_replaces_what_was_left(life: list[Step]) -> None:
    """T3, B1: after a period's start its subscription has exactly what that period gave, in the same act."""
    model = lived(life)
    for number, act in enumerate(model.acts(), 1):
        granted = sum(line.amount for line in act.lines if line.code == "g")
        if act.kind == "renew" and granted:
            assert spendable_monthly(model.acts()[:number], str(act.subject)) == granted


@given(lives())
def test_t6_one_period_is_never_granted_twice(life: list[Step]) -> None:
    """T6, B9: periods of a subscription follow one another, and each start has one line."""
    by_subscription = defaultdict(list)
    model = lived(life)
    for renewal in model.renewals():
        by_subscription[renewal.subscription].append(renewal.period)
    restarts = {act.at for act in model.acts() if act.kind == "change"}
    for periods in by_subscription.values():
        for one, other in pairwise(periods):
            assert one.end == other.start or other.start in restarts


@given(lives())
def test_b2_no_subscription_touches_addon_credits(life: list[Step]) -> None:
    """B2: renewal, change, cancellation, pause and failed payment move nothing but monthly credits."""
    for act in lived(life).acts():
        if act.kind not in SPENDING:
            assert all(line.grant.kind != "addon" for line in act.lines)


@given(lives(past=False))
def test_l3_every_past_balance_is_what_was_shown_then(life: list[Step]) -> None:
    """L3: the balance asked for at a past instant is the last that was shown at it."""
    shown: dict[datetime, credits.Balance] = {}

    def look(model: Model) -> None:
        shown[model.state.now] = model.balance()

    model = lived(life, look)
    model.wait_until(model.state.now + timedelta(days=400))
    for at, balance in shown.items():
        assert model.balance_at(at) == balance


@settings(max_examples=40)
@given(lives())
def test_t4_looking_often_or_never_gives_the_same_ledger(life: list[Step]) -> None:
    """T4, T5: a sweep that looks in between changes no line of what is found in the end."""

    class Swept(Model):
        def wait_until(self, instant: datetime) -> None:
            while self.state.now + timedelta(days=2) < instant:
                super().wait_until(self.state.now + timedelta(days=2))
            super().wait_until(instant)

    swept = Swept("somebody", START)
    player = Life(swept)
    for step in life:
        player.play(step)
    seldom = lived(life)
    assert swept.entries() == seldom.entries()
    assert [(a.kind, a.at, a.balance) for a in swept.acts()] == [
        (a.kind, a.at, a.balance) for a in seldom.acts()
    ]
    assert swept.renewals() == seldom.renewals()


@given(lives())
def test_f2_reversals_never_exceed_their_charge(life: list[Step]) -> None:
    """F2: what was given back of a charge and what is left of it are together the charge."""
    model = lived(life)
    back: dict[str | None, int] = defaultdict(int)
    for act in model.acts():
        back[act.subject] += sum(
            line.moved for line in act.lines if act.kind == "reverse" and line.code != "g"
        )
    for charge in model.state.charges.values():
        left = sum(part for _, part in charge.left)
        assert left + back[f"ch_{charge.number}"] == charge.amount


@given(lives())
def test_s8_a_retry_changes_nothing(life: list[Step]) -> None:
    """S8: the same key and request again gives the first answer, marked as a replay, and no act."""
    model = lived(life)
    try:
        first = model.charge(1, key="retry")
    except InsufficientCredits:
        return
    acts = len(model.acts())
    model.wait_until(model.state.now)
    assert model.charge(1, key="retry") == replace(first, replayed=True)
    assert len(model.acts()) == acts


@given(lives())
def test_s4_a_refusal_leaves_no_trace(life: list[Step]) -> None:
    """S4: a charge beyond everything writes no act and says how much is missing."""
    model = lived(life)
    before, acts = model.balance(), len(model.acts())
    with pytest.raises(InsufficientCredits) as caught:
        model.charge(before.available + 7)
    assert caught.value.shortfall == 7
    assert (model.balance(), len(model.acts())) == (before, acts)
