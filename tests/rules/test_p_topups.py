"""P1, P2 and P5: top-ups, and that a new catalog never rewrites what was sold."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from coinpurse.app import accounts, checkouts
from coinpurse.app.context import Context
from coinpurse.domain.catalog import Catalog
from coinpurse.domain.errors import Conflict
from coinpurse.wiring import open_context
from rules.conftest import CATALOG, NewLife, settings
from rules.life import Life, instant
from rules.test_s7_concurrency import apart

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_p1_an_unpaid_topup_is_nothing(born: NewLife) -> None:
    """An open checkout gives nothing; paid, it is an add-on grant that never expires."""
    life = await born()
    checkout = await checkouts.start_checkout(life.ctx, life.who, life.name, pack="small")
    assert (checkout.status, checkout.credits, await life.acts()) == ("open", 500, 0)
    await life.wait_until("2026-02-01")
    assert await life.buckets() == (0, 0)
    assert (await checkouts.pay_checkout(life.ctx, checkout.id)).status == "paid"
    assert await life.buckets() == (0, 500)
    (grant,) = await life.grants()
    assert (grant.kind, grant.expires_at) == ("addon", None)
    assert (grant.source["type"], grant.source["reference"], grant.source["pack"]) == (
        "topup",
        checkout.id,
        "small",
    )
    await life.wait_until("2126-02-01")
    assert await life.buckets() == (0, 500)


async def test_p1_addon_credits_take_no_expiry(born: NewLife) -> None:
    """Whoever gives them."""
    life = await born()
    with pytest.raises(Exception, match="never expire"):
        await life.give("addon", 10, "2027-01-01")


@pytest.mark.parametrize("contexts", [1, 8])
async def test_p2_one_payment_makes_one_grant(born: NewLife, contexts: int) -> None:
    """Reported eight times at once and again later: one grant, and the same one for all."""
    life = await born()
    sides = [life.through(ctx) for ctx in apart(life.ctx, contexts)] * (8 // contexts)
    reference = f"pay-{life.name}"
    given = await asyncio.gather(*(side.topup(500, reference) for side in sides))
    await life.wait_until("2026-03-01")
    given.append(await life.topup(500, reference))
    assert len({one.id for one in given}) == 1
    assert sum(not one.replayed for one in given) == 1
    assert await life.buckets() == (0, 500)


async def test_p2_a_checkout_is_paid_once(born: NewLife) -> None:
    """The test provider says eight times at once that a pack and a subscription were paid: one of each."""
    life = await born()
    pack = await checkouts.start_checkout(life.ctx, life.who, life.name, pack="small")
    plan = await checkouts.start_checkout(life.ctx, life.who, life.name, plan="starter", interval="month")
    await asyncio.gather(
        *(
            checkouts.pay_checkout(ctx, one.id)
            for ctx in apart(life.ctx, 4)
            for one in (pack, plan, pack, plan)
        )
    )
    assert await life.buckets() == (1000, 500)
    assert len([line for line in await life.wrote() if line[0] == "grant"]) == 2


async def test_p2_a_payment_belongs_to_one_account(born: NewLife) -> None:
    """The same payment reported for two accounts at once: one has it, for the other it is a conflict."""
    one, other = await born(), await born()
    sides = [life.through(ctx) for life, ctx in zip((one, other), apart(one.ctx, 2), strict=True)]
    outcomes = await asyncio.gather(*(side.topup(500, "shared") for side in sides), return_exceptions=True)
    assert sorted(type(o).__name__ for o in outcomes) == ["Conflict", "Grant"]
    with pytest.raises(Conflict):
        await (other if isinstance(outcomes[1], Conflict) else one).topup(500, "shared")
    assert sorted([await one.buckets(), await other.buckets()]) == [(0, 0), (0, 500)]


async def test_p2_a_subscriptions_payment_counts_once(born: NewLife) -> None:
    """A payment with a reference moves `paid_through` once, however often it is recorded and with whatever
    key."""
    life = await born("2026-04-01")
    await life.subscribe("starter")
    for key in (None, "a", "b", None):
        paid = await life.pay(reference=f"invoice-{life.name}", key=key)
        assert paid.subscription.paid_through == instant("2026-06-01")
    assert (await life.pay()).subscription.paid_through == instant("2026-07-01")


async def test_p2_a_payment_is_for_one_thing(born: NewLife) -> None:
    """A payment that was recorded for one subscription can't be recorded for another one, nor for a top-up:
    that is a conflict, not a replay of something else."""
    life = await born("2026-04-01")
    one = (await life.subscribe("starter")).subscription.id
    other = (await life.subscribe("starter")).subscription.id
    await life.pay(one, reference=f"invoice-{life.name}")
    with pytest.raises(Conflict):
        await life.pay(other, reference=f"invoice-{life.name}")
    with pytest.raises(Conflict):
        await life.topup(500, f"invoice-{life.name}")
    await life.topup(500, f"top-up-{life.name}")
    with pytest.raises(Conflict):
        await life.pay(other, reference=f"top-up-{life.name}")


def with_catalog(ctx: Context, *changes: tuple[str, str]) -> Context:
    """The engine with an edited catalog file."""
    text = CATALOG.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return replace(ctx, catalog=Catalog.parse(text))


async def test_p5_a_new_catalog_never_changes_what_was_sold(born: NewLife) -> None:
    """After a subscription was sold, the plan is given other credits, policy and grace: this one renews as
    it was sold; one sold afterwards has the new terms; an open checkout sells what it showed."""
    life = await born("2026-04-01")
    await life.subscribe("starter")
    checkout = await checkouts.start_checkout(life.ctx, life.who, life.name, pack="small")
    edited = with_catalog(
        life.ctx,
        ("monthly_credits = 1000\nprices", 'monthly_credits = 7\nrenewal = "strict"\nprices'),
        ("credits = 500", "credits = 9"),
        ("[plans.studio]", "[plans.atelier]"),
    )
    later = life.through(edited)
    await checkouts.pay_checkout(edited, checkout.id)
    assert await later.buckets() == (1000, 500)
    now = await later.wait_until("2026-05-01")
    assert (now.monthly.available, now.monthly.provisional) == (1000, True)
    await later.pay()
    assert (await later.wait_until("2026-05-20")).monthly.available == 1000
    assert (await later.subscribe("starter")).balance.monthly.available == 1007


async def test_p5_a_plan_that_is_no_longer_sold_renews(born: NewLife) -> None:
    """A subscription outlives its plan's disappearance from the catalog."""
    life = await born("2026-04-01")
    await life.subscribe("studio")
    await life.pay()
    later = life.through(with_catalog(life.ctx, ("[plans.studio]", "[plans.atelier]")))
    assert (await later.wait_until("2026-05-01")).monthly.available == 3000
    assert (await later.subscription()).plan == "studio"


async def test_p5_the_rate_card_of_the_moment_prices(born: NewLife) -> None:
    """A charge costs what the rate card says when it is made; what was charged stays what it was, for a retry
    too."""
    life = await born()
    await life.topup(100)
    made = await life.charge(operation="image.generate", key="job")
    later = life.through(with_catalog(life.ctx, ('"image.generate" = 4', '"image.generate" = 5')))
    again = await later.charge(operation="image.generate", key="job")
    assert (again.id, again.amount, again.replayed) == (made.id, 4, True)
    assert (await later.charge(operation="image.generate")).amount == 5


async def test_p5_the_same_plan_with_more_credits_is_an_upgrade(born: NewLife) -> None:
    """A subscriber of the old terms can change to the plan as it is sold now."""
    life = await born("2026-04-01")
    await life.subscribe("starter")
    edited = with_catalog(life.ctx, ("monthly_credits = 1000\nprices", "monthly_credits = 1500\nprices"))
    changed = await life.through(edited).change("starter")
    assert changed.balance.monthly.available == 1500


async def test_p5_every_catalog_in_force_is_kept(purse: Context) -> None:
    """The catalogs under which things were sold can be looked up by their version."""
    rows = await purse.db.rows(
        "SELECT content FROM coinpurse.catalogs WHERE version = %s", [purse.catalog.version]
    )
    assert [row["content"]["plans"][0]["monthly_credits"] for row in rows] == [1000]


async def test_p5_what_was_sold_is_known_when_the_catalog_is_another(purse: Context, tmp_path: Path) -> None:
    """Whatever was in force on this database is known to the next start with another catalog."""
    path = tmp_path / "coinpurse.toml"
    path.write_text('[plans.only]\nname = "Only"\nmonthly_credits = 1\n')
    assert purse.settings.database_url
    async with open_context(settings(purse.settings.database_url, path)) as later:
        assert later.catalog.plan_sold("studio") == purse.catalog.plans["studio"]
        assert list(later.catalog.plans) == ["only"]


async def test_p1_accounts_are_not_rewritten(born: NewLife) -> None:
    """Changing what is said of an account leaves its credits alone."""
    life: Life = await born()
    await life.topup(10)
    account, created = await accounts.put_account(
        life.ctx, life.who, life.name, name="Ann", metadata={"a": 1}
    )
    assert (created, account.name, account.metadata) == (False, "Ann", {"a": 1})
    again, _ = await accounts.put_account(life.ctx, life.who, life.name, email="a@example.com")
    assert (again.name, again.email, again.clock) == ("Ann", "a@example.com", instant("2026-01-15T10:00"))
    assert await life.buckets() == (0, 10)
