"""What a payment provider's facts do to an account (docs/billing.md)."""

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from coinpurse.app.billing import Applied, apply
from coinpurse.domain.facts import (
    ChangePaid,
    Fact,
    Linked,
    Paid,
    PaidWith,
    Purchase,
    Returned,
    Standing,
    Unpaid,
)
from rules.conftest import NewLife
from rules.life import Life, when

pytestmark = pytest.mark.asyncio(loop_scope="module")
START = "2026-01-31T10:00:00"
MONTHS = [
    "2026-01-31T10:00:00", "2026-02-28T10:00:00", "2026-03-31T10:00:00", "2026-04-30T10:00:00",
    "2026-05-31T10:00:00",
]  # fmt: skip
_numbers = itertools.count(1)


@dataclass
class Customer:
    """A customer of a provider, whose facts are told one by one."""

    life: Life
    sub: str = field(default_factory=lambda: f"sub_{next(_numbers)}")
    seconds: int = 0

    async def tell(self, *facts: Fact) -> Applied:
        return await apply(self.life.ctx, "stripe", facts, test=True)

    def standing(self, state: Any = "active", **more: Any) -> Standing:
        """How the subscription stands; each later than the one before."""
        self.seconds += 1
        plain: dict[str, Any] = {"plan": "starter", "interval": "month", "account": self.life.name}
        as_of = when("2026-01-01") + timedelta(seconds=self.seconds)
        return Standing(subscription=self.sub, as_of=as_of, state=state, **(plain | more))

    def paid(self, n: int, **more: Any) -> Paid:
        """The line that pays month n."""
        plain: dict[str, Any] = {
            "line": f"il_{self.sub}_{n}", "plan": "starter", "interval": "month", "start": when(MONTHS[n]),
            "end": when(MONTHS[n + 1]), "account": self.life.name, "payment": f"pi_{self.sub}_{n}",
            "amount": 1200,
        }  # fmt: skip
        return Paid(subscription=self.sub, **(plain | more))

    def topup(self, n: int = 1, state: Any = "paid", **more: Any) -> Purchase:
        payment = f"pi_{self.sub}_t{n}"
        plain: dict[str, Any] = {
            "pack": "small",
            "amount": 600,
            "payment": payment,
            "account": self.life.name,
        }
        return Purchase(purchase=f"cs_{self.sub}_{n}", state=state, **(plain | more))

    def returned(self, n: int = 1, **more: Any) -> Returned:
        return Returned(payment=f"pi_{self.sub}_t{n}", **({"total": 600} | more))


NewCustomer = Callable[..., Awaitable[Customer]]


@pytest_asyncio.fixture(loop_scope="module")
async def customer(born: NewLife) -> NewCustomer:
    """Customers whose account's clock starts at an instant."""

    async def make(clock: str = START) -> Customer:
        return Customer(await born(clock))

    return make


async def test_t8_a_line_begins_the_subscription(customer: NewCustomer) -> None:
    """The first paid line is the anchor, whatever was told before."""
    one = await customer("2026-01-31T10:00:40")
    await one.tell(one.standing("incomplete"))
    await one.tell(one.standing("active"))
    assert (await one.life.buckets()) == (0, 0)
    told = await one.tell(one.paid(0))
    assert (told.status, told.account) == ("applied", one.life.name)
    now = await one.life.balance()
    assert (now.monthly.available, now.monthly.renews_at) == (1000, when(MONTHS[1]))
    assert (await one.tell(one.paid(0))).acts == 0
    assert await one.life.states() == ["granted"]


async def test_b1_a_renewal_is_confirmed_by_its_line(customer: NewCustomer) -> None:
    """The provisional period becomes a granted one, once, and the anchor day stays."""
    one = await customer()
    await one.tell(one.paid(0))
    await one.life.charge(600)
    for n in (1, 2, 3):
        await one.life.wait_until(MONTHS[n])
        assert (await one.life.balance()).monthly.provisional
        await one.life.charge(100)
        await one.tell(one.paid(n))
        await one.tell(one.paid(n))
        now = await one.life.balance()
        assert (now.monthly.available, now.monthly.provisional) == (900, False)
        assert now.monthly.renews_at == when(MONTHS[n + 1])
    assert await one.life.states() == ["granted"] * 4


async def test_b7_a_failed_payment_freezes_and_recovery_thaws(customer: NewCustomer) -> None:
    """Whatever the order of the provider's events, the running period is granted once."""
    one = await customer()
    await one.tell(one.paid(0))
    await one.life.wait_until("2026-02-28T11:00:00")
    await one.life.charge(300)
    failed = Unpaid(subscription=one.sub, invoice="in_1", start=when(MONTHS[1]))
    await one.tell(failed)
    assert ((await one.life.buckets())[0], (await one.life.renewals())[-1].unpaid) == (0, 300)
    await one.tell(one.standing("past_due"))
    await one.life.wait_until("2026-03-03T10:00:00")
    await one.tell(one.paid(1))
    await one.tell(failed)
    await one.tell(one.standing("active"))
    assert (await one.life.buckets())[0] == 700
    assert await one.life.states() == ["granted", "granted"]


async def test_b7_a_month_paid_too_late_gives_nothing(customer: NewCustomer) -> None:
    """The line says which month it pays: one that has passed is only recorded, the next one recovers."""
    one = await customer()
    await one.tell(one.paid(0))
    await one.life.wait_until("2026-04-01T10:00:00")
    assert await one.life.states() == ["granted", "failed", "skipped"]
    await one.tell(one.paid(1))
    assert (await one.life.buckets())[0] == 0
    await one.tell(one.paid(2))
    assert (await one.life.buckets())[0] == 1000


async def test_b3_cancel_by_flag_by_date_and_undo(customer: NewCustomer) -> None:
    """A flag ends it with what is paid; a date at that date, also in the middle of a period."""
    one = await customer()
    await one.tell(one.standing(ends_at=when(MONTHS[1]), ends_with_period=True))
    await one.tell(one.paid(0))
    assert (await one.life.balance()).subscription.ends_at == when(MONTHS[1])  # type: ignore[union-attr]
    await one.tell(one.standing())
    assert (await one.life.balance()).subscription.ends_at is None  # type: ignore[union-attr]
    await one.tell(one.standing(ends_at=when("2026-02-10")))
    await one.life.wait_until("2026-02-09T23:59:59.999999")
    assert (await one.life.buckets())[0] == 1000
    await one.life.wait_until("2026-02-10")
    assert (await one.life.buckets())[0] == 0
    assert (await one.life.balance()).subscription is None


async def test_b4_ended_at_the_provider_ends_now(customer: NewCustomer) -> None:
    """An end at the provider is an end here; a line that comes later gives nothing."""
    one = await customer()
    await one.tell(one.paid(0))
    await one.tell(one.standing("ended"))
    assert (await one.life.buckets())[0] == 0
    told = await one.tell(one.paid(1))
    assert "has ended" in told.outcome


async def test_e2_an_older_state_changes_nothing(customer: NewCustomer) -> None:
    """The latest word counts, whatever comes last."""
    one = await customer()
    old, new = one.standing(ends_at=when(MONTHS[1]), ends_with_period=True), one.standing()
    await one.tell(one.paid(0))
    await one.tell(new)
    told = await one.tell(old)
    assert (told.acts, told.outcome) == (0, "A newer state of this subscription is known.")


async def test_b5_an_upgrade_waits_for_its_own_invoice(customer: NewCustomer) -> None:
    """Credits that nobody has paid for are not given; going back leaves nothing behind."""
    one = await customer()
    await one.tell(one.paid(0))
    await one.life.charge(800)
    await one.tell(one.standing(plan="studio", payment_pending=True, pending_invoice="in_up"))
    assert (await one.life.buckets())[0] == 200
    await one.tell(ChangePaid(subscription=one.sub, invoice="in_up"))
    assert (await one.life.buckets())[0] == 2200
    await one.tell(one.standing())
    now = (await one.life.balance()).subscription
    assert now
    assert now.pending_change
    assert (now.pending_change.plan, (await one.life.buckets())[0]) == ("starter", 2200)
    await one.life.wait_until(MONTHS[1])
    await one.tell(one.paid(1))
    assert (await one.life.buckets())[0] == 1000


async def test_b5_paid_before_the_change_is_told(customer: NewCustomer) -> None:
    """The invoice of an upgrade may be paid before the upgrade itself arrives."""
    one = await customer()
    await one.tell(one.paid(0))
    await one.tell(ChangePaid(subscription=one.sub, invoice="in_up2"))
    await one.tell(one.standing(plan="studio", payment_pending=True, pending_invoice="in_up2"))
    assert (await one.life.buckets())[0] == 3000


async def test_b9_month_to_year_and_back(customer: NewCustomer) -> None:
    """A switch starts its periods anew: each month is given once."""
    one = await customer()
    await one.tell(one.paid(0))
    await one.life.charge(400)
    await one.life.wait_until("2026-02-10T10:00:00")
    await one.tell(one.standing(interval="year"))
    year = one.paid(
        0, line="il_y", interval="year", start=when("2026-02-10T10:00:00"), end=when("2027-02-10T10:00:00")
    )
    await one.tell(year)
    now = await one.life.balance()
    assert (now.monthly.available, now.monthly.renews_at) == (1000, when("2026-03-10T10:00:00"))
    assert now.subscription
    assert (now.subscription.interval, now.subscription.paid_through) == ("year", when("2027-02-10T10:00:00"))
    await one.life.wait_until("2027-02-09T10:00:00")
    assert [state for state in await one.life.states() if state != "granted"] == []
    assert len(await one.life.renewals()) == 13


async def test_b8_a_trial_that_is_moved_then_paid(customer: NewCustomer) -> None:
    """The trial gives its own credits; its end moves; the first line is the anchor."""
    one = await customer()
    trial = {"trial_start": when(START), "plan": "tryout"}
    await one.tell(one.standing("trialing", trial_end=when("2026-02-07T10:00:00"), **trial))
    assert (await one.life.buckets())[0] == 50
    await one.tell(one.standing("trialing", trial_end=when("2026-02-14T10:00:00"), **trial))
    await one.life.wait_until("2026-02-10T10:00:00")
    assert (await one.life.buckets())[0] == 50
    start = when("2026-02-12T10:00:00")
    await one.life.wait_until(start)
    await one.tell(one.paid(0, plan="tryout", start=start, end=when("2026-03-12T10:00:00")))
    now = await one.life.balance()
    assert (now.monthly.available, now.monthly.renews_at) == (1000, when("2026-03-12T10:00:00"))


async def test_b11_a_pause_skips_months(customer: NewCustomer) -> None:
    """Paused: no new period; resumed and paid: the running one."""
    one = await customer()
    await one.tell(one.paid(0), one.standing(paused=True))
    await one.life.wait_until(MONTHS[2])
    assert await one.life.states() == ["granted", "skipped", "skipped"]
    await one.tell(one.standing())
    await one.tell(one.paid(2))
    assert (await one.life.buckets())[0] == 1000


async def test_t1_the_first_line_seen_is_a_clipped_month(customer: NewCustomer) -> None:
    """The provider's anchor day comes back after February."""
    one = await customer("2026-02-28T10:00:00")
    await one.tell(one.paid(1), one.standing(anchor=when(MONTHS[0])))
    assert (await one.life.balance()).monthly.renews_at == when(MONTHS[2])
    await one.life.wait_until("2026-03-30T10:00:00")
    assert (await one.life.buckets())[0] == 1000
    await one.life.wait_until(MONTHS[2])
    await one.tell(one.paid(2))
    assert [r.period.end for r in await one.life.renewals()] == [when(MONTHS[2]), when(MONTHS[3])]


async def test_p1_p2_a_top_up_is_granted_once_when_paid(customer: NewCustomer) -> None:
    """Pending and failed ones give nothing; the paid one once."""
    one = await customer()
    await one.tell(one.topup(state="pending"))
    assert await one.life.buckets() == (0, 0)
    for state in ("paid", "paid", "failed", "expired"):
        await one.tell(one.topup(state=state))
    assert await one.life.buckets() == (0, 500)


@pytest.mark.parametrize("spent", [0, 100, 400, 500])
async def test_p3_cumulative_refunds_take_their_share_once(customer: NewCustomer, spent: int) -> None:
    """A third, then all of it, then the second refund fails."""
    one = await customer()
    await one.tell(one.topup())
    if spent:
        await one.life.charge(spent)
    for refunded, share in ((200, 167), (600, 500), (600, 500), (200, 167)):
        await one.tell(one.returned(refunded=refunded))
        assert await one.life.buckets() == (0, 500 - spent - min(share, 500 - spent))


async def test_p3_a_dispute_freezes_and_winning_unfreezes(customer: NewCustomer) -> None:
    """Opened: the unspent part is frozen; won: it is back; lost: it is gone."""
    one = await customer()
    await one.tell(one.topup())
    await one.life.charge(100)
    await one.tell(one.returned(dispute="dp_1" + one.sub, disputed=600))
    assert ((await one.life.balance()).addon.frozen, await one.life.buckets()) == (400, (0, 0))
    await one.tell(one.returned(dispute="dp_1" + one.sub, disputed=0, lost=0))
    assert await one.life.buckets() == (0, 400)
    await one.tell(one.returned(dispute="dp_2" + one.sub, disputed=0, lost=600))
    assert ((await one.life.balance()).addon.frozen, await one.life.buckets()) == (0, (0, 0))


async def test_p3_a_dispute_of_a_part_is_measured_by_what_was_paid(customer: NewCustomer) -> None:
    """Where the fact doesn't say how large the payment was, the record of it does."""
    one = await customer()
    await one.tell(one.topup())
    await one.tell(one.returned(dispute="dp_3" + one.sub, disputed=300, total=None))
    assert ((await one.life.balance()).addon.frozen, await one.life.buckets()) == (250, (0, 250))


async def test_p3_what_is_held_is_taken_when_it_comes_back(customer: NewCustomer) -> None:
    """A hold that is open at the refund keeps its credits; what comes back of it is taken then."""
    one = await customer()
    await one.tell(one.topup())
    first, second = await one.life.hold(200), await one.life.hold(100)
    await one.tell(one.returned(refunded=600))
    assert await one.life.buckets() == (0, 0)
    await one.life.capture(first, 50)
    assert await one.life.buckets() == (0, 0)
    spent = await one.life.capture(second)
    assert spent.charge
    await one.life.reverse(spent.charge)
    assert await one.life.buckets() == (0, 0)


async def test_b4_a_refunded_period_ends(customer: NewCustomer) -> None:
    """Half of the price moves nothing; all of it ends the subscription; the next payment begins anew."""
    one = await customer()
    await one.tell(one.paid(0, payment=None, invoice="in_" + one.sub))
    await one.tell(PaidWith(invoice="in_" + one.sub, payment="pi_" + one.sub))
    half = Returned(payment="pi_" + one.sub, total=1200, refunded=600)
    assert (await one.tell(half)).acts == 0
    await one.tell(Returned(payment="pi_" + one.sub, total=1200, refunded=1200))
    assert (await one.life.balance()).subscription is None
    assert (await one.life.buckets())[0] == 0
    await one.life.wait_until(MONTHS[1])
    await one.tell(one.paid(1))
    assert (await one.life.buckets())[0] == 1000


async def test_e1_what_is_not_known_yet_does_nothing(customer: NewCustomer) -> None:
    """No account, no customer, no payment: the facts fail as a whole, in words."""
    one = await customer()
    told = await one.tell(one.topup(account=None, customer="cus_" + one.sub))
    assert (told.status, told.acts) == ("failed", 0)
    assert "cus_" + one.sub in told.outcome
    assert (await one.tell(one.topup(), Returned(payment="pi_none", total=1, refunded=1))).status == "failed"
    assert await one.life.buckets() == (0, 0)
    await one.tell(Linked(customer="cus_" + one.sub, account=one.life.name))
    await one.tell(one.topup(account=None, customer="cus_" + one.sub))
    assert await one.life.buckets() == (0, 500)


async def test_t8_the_line_decides(customer: NewCustomer) -> None:
    """A line with other dates resets the anchor; what was used of the unpaid month counts against it."""
    one = await customer()
    await one.tell(one.paid(0))
    await one.life.wait_until("2026-02-28T16:00:00")
    await one.life.charge(250)
    start: datetime = when("2026-02-28T15:00:00")
    await one.tell(one.paid(1, start=start, end=when("2026-03-28T15:00:00")))
    now = await one.life.balance()
    assert (now.monthly.available, now.monthly.renews_at) == (750, when("2026-03-28T15:00:00"))
    assert await one.life.states() == ["granted", "skipped", "granted"]
