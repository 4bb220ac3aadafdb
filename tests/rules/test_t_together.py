"""T4 where many accounts are due at one instant: whoever comes upon them together brings them up to now
together, and each is answered as it would be alone."""

import asyncio
from collections import Counter
from typing import Any

import psycopg
import pytest

from coinpurse.app import accounts, wallets
from coinpurse.app.context import Context, Who
from coinpurse.domain.credits import Balance, Charge
from coinpurse.domain.ids import account_digest
from coinpurse.store.db import Database
from rules.conftest import NewLife
from rules.life import Life, instant, parts, run

pytestmark = pytest.mark.asyncio(loop_scope="module")

BEGAN, ENDED = "2026-01-31T10:00", instant("2026-02-28T10:00")


async def ended(born: NewLife, *, used: int = 400) -> Life:
    """An account whose month has just ended, and nobody has looked at it since."""
    life = await born(BEGAN)
    await life.subscribe("starter", interval="year")
    await life.charge(used)
    await set_clock(life)
    return life


async def set_clock(life: Life) -> None:
    """Moves a test clock to the month's end, and nothing else."""
    move = "UPDATE coinpurse.wallets SET clock = %s WHERE account = %s"
    await run(life.ctx, move, ENDED, account_digest(life.name, test=True))


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each function was called that looks at one account."""
    calls: Counter[str] = Counter()
    real = Database.call

    async def call(self: Database, function: str, **arguments: Any) -> Any:
        calls[function] += 1
        return await real(self, function, **arguments)

    monkeypatch.setattr(Database, "call", call)
    return calls


async def batch(lives: list[Life], amounts: list[int], keys: list[str | None]) -> list[int | str]:
    """What became of each charge: what it left, or why it was refused."""
    asked = [
        wallets.ChargeRequest(life.name, amount=amount, key=key)
        for life, amount, key in zip(lives, amounts, keys, strict=True)
    ]
    made = await wallets.charge_batch(lives[0].ctx, lives[0].who, asked)
    return [one.balance.available if isinstance(one, Charge) else one.code for one in made]


async def test_t4_charges_meet_many_due_accounts(born: NewLife, called: Counter[str]) -> None:
    """Charges of accounts that are due are made together, from the new credits. Where something else is due
    than a period, they are made one by one, and no neighbour is."""
    lives = [await ended(born) for _ in range(5)]
    odd = await born(BEGAN)
    await odd.subscribe("starter", interval="year")
    await odd.give("promo", 50, ENDED)
    await set_clock(odd)
    called.clear()
    left = await batch([*lives, odd, *lives], [10] * 6 + [5] * 5, [None] * 11)
    assert left == [990] * 5 + [990] + [985] * 5
    assert called["charge"] == 1
    assert await lives[0].wrote(2) == [
        ("expiry", "monthly", -600),
        ("grant", "monthly", 1000),
        ("charge", "monthly", -10),
        ("charge", "monthly", -5),
    ]


async def test_t4_s8_the_order_of_an_account_that_is_due(born: NewLife) -> None:
    """Its requests are carried out in their order, though it can't pay for all of them; one whose key an
    earlier one has comes last."""
    life = await ended(born)
    asked: list[tuple[int, str | None]] = [
        (600, None),
        (500, "k"),
        (300, None),
        (500, "k"),
        (100, None),
        (1, None),
    ]
    left = await batch([life] * 6, [amount for amount, _ in asked], [key for _, key in asked])
    short = "insufficient_credits"
    assert left == [400, short, 100, short, 0, short]


async def test_t4_a_key_that_was_used_before_the_month_ended(born: NewLife) -> None:
    """A replay among charges of an account that is due is answered as before, and the others are made."""
    life = await born(BEGAN)
    await life.subscribe("starter", interval="year")
    first = await life.charge(400, key="k")
    await set_clock(life)
    made = await batch([life] * 2, [400, 7], ["k", None])
    assert made == [first.balance.available, 993]


async def test_t4_balances_of_many_due_accounts(born: NewLife, called: Counter[str]) -> None:
    """Balances that are asked for at the same time show the new month, and no account is gone through by
    itself."""
    lives = [await ended(born, used=used) for used in (0, 1, 400, 1000)]
    called.clear()
    shown = await asyncio.gather(*(life.balance() for life in lives))
    assert [one.available for one in shown] == [1000] * 4
    assert called["touch"] == 0


async def test_t4_h4_captures_of_many_due_accounts(born: NewLife, called: Counter[str]) -> None:
    """Holds of the old month are captured together after its end: from the old credits."""
    lives = [await born(BEGAN) for _ in range(3)]
    holds = []
    for life in lives:
        await life.subscribe("starter", interval="year")
        await life.wait_until("2026-02-27T10:00")
        holds.append(await life.hold(300, expires_in=604_800))
        await set_clock(life)
    called.clear()
    made = await asyncio.gather(*(life.capture(hold) for life, hold in zip(lives, holds, strict=True)))
    assert [one.balance.available for one in made] == [1000] * 3
    assert [parts(one.taken) for one in made] == [[("monthly", 300)]] * 3
    assert called["capture"] == 0


async def test_t4_a_fault_of_one_account_holds_up_no_other(born: NewLife, purse: Context) -> None:
    """Two balances are asked for at once, and of one the subscription is broken: the other is shown."""
    well = await ended(born)
    broken = Life(purse, "broken", Who("tests", True))
    await accounts.put_account(purse, broken.who, broken.name, clock=instant(BEGAN))
    await broken.subscribe("starter", interval="year")
    await set_clock(broken)
    change = "UPDATE coinpurse.subscriptions SET pending = %s WHERE account = %s"
    digest = account_digest(broken.name, test=True)
    await run(purse, change, '{"period": 1}', digest)
    shown = await asyncio.gather(well.balance(), broken.balance(), return_exceptions=True)
    await run(purse, change, None, digest)
    assert isinstance(shown[0], Balance)
    assert shown[0].available == 1000
    assert isinstance(shown[1], psycopg.errors.NotNullViolation)
    assert (await broken.balance()).available == 1000
