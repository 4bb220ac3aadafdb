"""Requests that travel together, where some must be looked at by themselves."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from coinpurse.app import accounts, grants, wallets
from coinpurse.app.context import Context, Who
from coinpurse.app.wallets import ChargeRequest
from coinpurse.domain.credits import Charge
from coinpurse.domain.errors import InsufficientCredits, Unavailable
from coinpurse.domain.ids import account_digest
from coinpurse.settings import DEFAULT_CATALOG, Settings
from coinpurse.store import spending
from coinpurse.wiring import open_context

WHO = Who("tests", False)
POOR = [f"poor_{number}" for number in range(12)]


@pytest.fixture
async def ctx(database_url: str, tmp_path: Path) -> AsyncIterator[Context]:
    """Twelve accounts with 10 credits each, and one with plenty."""
    async with open_context(Settings(database_url, tmp_path, DEFAULT_CATALOG)) as ctx:
        for name, credits in (*((name, 10) for name in POOR), ("rich", 1_000)):
            await accounts.put_account(ctx, WHO, name)
            await grants.grant(ctx, WHO, name, kind="addon", amount=credits, reason="to spend")
        yield ctx


async def test_s8_a_batch_looks_at_each_account_in_its_order(ctx: Context) -> None:
    """Where an account can't pay for all, its earlier requests come first, and a key's second use last."""
    items = [
        ChargeRequest(name, amount, key=key)
        for name in POOR
        for amount, key in ((6, f"{name}:a"), (6, f"{name}:b"), (4, f"{name}:c"), (6, f"{name}:a"))
    ]
    answers = await wallets.charge_batch(ctx, WHO, items)
    for first in range(0, len(answers), 4):
        one, refused, rest, again = answers[first : first + 4]
        assert isinstance(refused, InsufficientCredits)
        assert isinstance(one, Charge)
        assert isinstance(rest, Charge)
        assert isinstance(again, Charge)
        assert (one.balance.available, rest.balance.available) == (4, 0)
        assert (again.id, again.replayed) == (one.id, True)


async def test_s8_where_one_half_of_a_list_fails_the_other_is_answered(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long list travels in two statements. A connection that is cut for longer than is waited for fails the
    requests of its own half, and the list, repeated with its keys, makes those that were not made."""
    monkeypatch.setattr(spending, "WORTH_PARTING", 2)
    names = [name for name in POOR for _ in range(2)]
    items = [ChargeRequest(name, 3, key=f"{n}") for n, name in enumerate(names)]
    real = ctx.db.tuples

    async def cut_for_the_second_half(statement: str, arguments: Sequence[Any]) -> list[tuple[Any, ...]]:
        last = arguments[0][-16:]  # accounts come packed and sorted
        if statement == spending.SPEND_MANY and last >= b"\x80":
            raise Unavailable("cut", retry_after=1)
        return await real(statement, arguments)

    with monkeypatch.context() as cut:
        cut.setattr(ctx.db, "tuples", cut_for_the_second_half)
        answers = await wallets.charge_batch(ctx, WHO, items)
    second = [account_digest(name, False).bytes >= b"\x80" for name in names]
    assert {True, False} == set(second)
    assert [isinstance(answer, Unavailable) for answer in answers] == second
    again = await wallets.charge_batch(ctx, WHO, items)
    assert [isinstance(answer, Charge) and answer.replayed for answer in again] == [not one for one in second]
    assert {(await wallets.balance(ctx, WHO, name)).available for name in POOR} == {4}


async def test_a_list_that_fails_as_a_whole_is_refused_as_a_whole(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing was done, the one error says so."""
    monkeypatch.setattr(spending, "WORTH_PARTING", 2)

    async def cut(statement: str, arguments: Sequence[Any]) -> list[tuple[Any, ...]]:
        raise Unavailable("cut", retry_after=1)

    with monkeypatch.context() as patch:
        patch.setattr(ctx.db, "tuples", cut)
        with pytest.raises(Unavailable):
            await wallets.charge_batch(ctx, WHO, [ChargeRequest(name, 3) for name in POOR])
    assert {(await wallets.balance(ctx, WHO, name)).available for name in POOR} == {10}
