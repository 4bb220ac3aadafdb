"""Top-ups and money that goes back, on the model, paragraph by paragraph of docs/billing.md."""

import pytest

from coinpurse.domain.credits import MAX_AMOUNT
from domain.billing_facts import START, Told, month


def bought(credits: int = 1000) -> Told:
    """A pack that was paid for."""
    model = Told()
    model.buys(credits)
    return model


def test_p1_only_a_paid_purchase_grants() -> None:
    """P1: a bank debit that is pending is nothing until the provider says paid; then it is final."""
    model = Told()
    assert model.buys(500, state="pending").what == "nothing"
    assert model.buys(500, state="failed").what == "nothing"
    assert model.buys(500, state="pending").what == "nothing"
    assert model.addon == (0, 0, 0)
    assert model.kinds(model.buys(500)) == ["topup"]
    assert model.buys(500, state="expired").what == "nothing"
    assert model.addon == (500, 0, 0)


def test_p2_one_payment_makes_one_grant() -> None:
    """P2: however often it is told."""
    model = bought()
    assert model.buys(1000).what == "nothing"
    assert model.addon == (1000, 0, 0)


def test_a_purchase_is_not_refused_for_the_limit() -> None:
    """What is paid for is given, even beyond 10^15."""
    model = bought(MAX_AMOUNT)
    model.buys(7, "more")
    assert model.addon[0] == MAX_AMOUNT + 7


def test_p3_refunds_are_cumulative() -> None:
    """P3, field case 14: a part, more, and a refund that failed afterwards: each is said as the sum."""
    model = bought()
    model.goes_back("pi_cs", refunded=300)
    model.goes_back("pi_cs", refunded=300)
    assert model.addon[0] == 700
    model.goes_back("pi_cs", refunded=1000)
    assert model.addon[0] == 0
    assert model.kinds(model.goes_back("pi_cs", refunded=300)) == ["reclaim"]
    assert model.addon[0] == 700
    assert model.acts()[-1].lines[0].code == "y"


def test_e2_an_older_refund_does_nothing() -> None:
    """E2: the latest amount counts, whatever comes after it."""
    model = bought()
    model.goes_back("pi_cs", refunded=600, as_of=month(1))
    assert model.goes_back("pi_cs", refunded=100, as_of=START).what == "nothing"
    assert model.addon[0] == 400


@pytest.mark.parametrize(("refunded", "left"), [(1, 7), (499, 7), (500, 6), (2000, 4), (3333, 0)])
def test_p3_a_share_is_rounded_half_up(refunded: int, left: int) -> None:
    """P3: 7 credits for 33.33: what goes is the nearest whole number."""
    model = bought(7)
    model.goes_back("pi_cs", refunded=refunded, total=3333)
    expected = 7 - (2 * 7 * refunded + 3333) // 6666
    assert model.addon[0] == expected
    assert refunded != 3333 or left == expected


def test_a_refund_of_an_unknown_payment_comes_again() -> None:
    """E2: the refund came before the purchase."""
    model = Told()
    assert model.goes_back("pi_cs", refunded=1).what == "not_yet"
    assert model.acts() == []


def test_p3_what_was_spent_is_forgiven() -> None:
    """P3: by default the shortfall is on record and nobody pays it."""
    model = bought()
    model.charge(700)
    assert model.kinds(model.goes_back("pi_cs", refunded=1000)) == ["reclaim"]
    assert model.state.grants[1].shortfall == 700
    model.buys(500, "next")
    assert model.addon[0] == 500


def test_p3_a_debt_is_paid_by_the_next_topup() -> None:
    """P3: under `debt`, new grants pay what is owed, oldest first, and are spendable beyond it."""
    model = bought()
    model.buys(100, "second")
    model.charge(1100)
    model.goes_back("pi_second", refunded=1000, policy="debt")
    model.goes_back("pi_cs", refunded=500, policy="debt")
    assert model.kinds(model.buys(550, "third")) == ["topup", "repay", "repay"]
    assert (model.addon[0], model.state.grants[2].shortfall) == (0, 50)
    assert model.kinds(model.buys(80, "fourth")) == ["topup", "repay"]
    assert model.addon[0] == 30
    assert model.kinds(model.buys(10, "fifth")) == ["topup"]


def test_p3_what_paid_a_debt_is_refunded_too() -> None:
    """P3: a grant that paid another's debt owes what it can't give back itself."""
    model = bought()
    model.charge(1000)
    model.goes_back("pi_cs", refunded=1000, policy="debt")
    model.buys(1500, "next")
    model.goes_back("pi_next", refunded=1000, policy="debt")
    assert (model.addon[0], model.state.grants[4].shortfall) == (0, 1000)


def test_p3_a_dispute_freezes_and_winning_thaws() -> None:
    """P3: frozen credits can't be spent; once won they can."""
    model = bought()
    model.charge(100)
    model.goes_back("pi_cs", disputed=1000, lost=0, dispute="dp")
    assert model.addon == (0, 0, 900)
    assert model.quote(1)[0] == 1
    model.goes_back("pi_cs", disputed=0, lost=0, dispute="dp")
    assert model.addon == (900, 0, 0)


def test_p3_a_part_in_dispute_leaves_the_rest_spendable() -> None:
    """P3: half the money is disputed: half the credits, as far as unspent."""
    model = bought()
    model.goes_back("pi_cs", disputed=500, dispute="dp")
    assert model.addon == (500, 0, 500)
    model.charge(400)
    assert model.addon == (100, 0, 500)


def test_p3_a_lost_dispute_takes_the_frozen_credits() -> None:
    """P3: what was frozen is gone, what was spent before is the shortfall."""
    model = bought()
    model.charge(100)
    model.goes_back("pi_cs", disputed=1000, dispute="dp")
    model.goes_back("pi_cs", disputed=0, lost=1000, dispute="dp")
    assert (model.addon, model.state.grants[1].shortfall) == ((0, 0, 0), 100)
    assert [line.code for line in model.acts()[-1].lines] == ["u"]


def test_an_inquiry_moves_nothing() -> None:
    """P3: a dispute of nothing, lost of nothing."""
    model = bought()
    assert model.goes_back("pi_cs", disputed=0, lost=0, dispute="dp").what == "nothing"
    assert model.addon == (1000, 0, 0)


def test_a_refund_and_a_dispute_never_exceed_the_payment() -> None:
    """P3: a refunded half and a dispute over all of it are together the whole."""
    model = bought()
    model.goes_back("pi_cs", disputed=1000, dispute="dp")
    model.goes_back("pi_cs", refunded=500)
    assert model.addon == (0, 0, 500)
    model.goes_back("pi_cs", disputed=0, lost=1000, dispute="dp")
    assert model.addon == (0, 0, 0)
    assert model.state.grants[1].shortfall == 0


def test_h3_a_hold_that_was_open_at_the_refund_gives_back_to_it() -> None:
    """H3, P3: released credits are collected in the same call, as far as they are asked back."""
    model = bought()
    hold = model.hold(600)
    model.goes_back("pi_cs", refunded=800)
    assert model.addon == (0, 600, 0)
    released = model.release(hold.id)
    assert released.balance.addon.available == 600
    assert (model.addon, model.state.grants[1].shortfall) == ((200, 0, 0), 0)
    assert [act.kind for act in model.acts()[-2:]] == ["release", "reclaim"]


def test_h2_a_capture_and_a_timeout_are_collected_too() -> None:
    """H2, H3: what a capture leaves, and what times out, goes to what is asked back."""
    model = bought()
    first, second = model.hold(300), model.hold(300, expires_in=60)
    model.charge(400)
    model.goes_back("pi_cs", refunded=1000)
    assert model.state.grants[1].shortfall == 1000
    model.capture(first.id, 100)
    assert model.state.grants[1].shortfall == 800
    model.wait_until(second.expires_at)
    assert (model.addon, model.state.grants[1].shortfall) == ((0, 0, 0), 500)
    assert (model.acts()[-1].kind, model.acts()[-1].at) == ("reclaim", second.expires_at)


def test_f1_a_reversal_is_collected_or_frozen() -> None:
    """F1, P3: credits given back go to what is asked back; those in dispute freeze."""
    model = bought()
    charge = model.charge(900)
    model.goes_back("pi_cs", disputed=500, dispute="dp")
    assert model.addon == (0, 0, 100)
    model.reverse(charge.id, 600)
    assert model.addon == (200, 0, 500)
    model.goes_back("pi_cs", disputed=0, lost=500, dispute="dp")
    assert model.addon == (200, 0, 0)


def test_what_support_took_is_not_missing() -> None:
    """P3, B10: a grant that support has revoked has no shortfall for that part."""
    model = bought()
    charge = model.charge(400)
    model.revoke("gr_1", reason="refunded by hand")
    model.goes_back("pi_cs", refunded=1000, policy="debt")
    assert model.state.grants[1].shortfall == 400
    model.reverse(charge.id)
    assert model.addon == (0, 0, 0)


def test_what_was_taken_too_much_comes_back_to_a_revoked_grant() -> None:
    """P3: the refund failed after support had revoked the rest: what was taken for it comes back."""
    model = bought()
    model.goes_back("pi_cs", refunded=400)
    model.revoke("gr_1", reason="by hand")
    model.goes_back("pi_cs", refunded=0)
    assert model.addon == (400, 0, 0)


def paid() -> Told:
    """A subscription in its second month, both paid."""
    model = Told()
    model.pays_month(0)
    model.wait_until(month(1))
    model.pays_month(1)
    model.buys(50)
    return model


def test_b4_a_refunded_period_ends_the_subscription() -> None:
    """B2, B4: all of the running stretch's money is back: monthly ends now, add-on stays."""
    model = paid()
    led = model.goes_back("payment of line 26-04-10", refunded=400, lost=600, dispute="dp")
    assert model.kinds(led) == ["end"]
    assert led.acts[0].reason
    assert (model.monthly, model.addon, model.status) == (0, (50, 0, 0), "ended")
    assert model.stands("active").what == "nothing"


def test_b10_a_part_of_the_money_or_a_past_period_moves_nothing() -> None:
    """B10: monthly credits don't go by money."""
    model = paid()
    assert model.goes_back("payment of line 26-04-10", refunded=999).what == "nothing"
    assert model.goes_back("payment of line 26-03-10", refunded=1000).what == "nothing"
    assert model.goes_back("payment of line 26-04-10", disputed=1000, dispute="dp").what == "nothing"
    assert (model.monthly, model.status) == (1000, "active")
