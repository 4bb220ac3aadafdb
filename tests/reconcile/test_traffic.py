"""Reconciling beside live traffic, with a provider that fails, and looking from our side."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from coinpurse.app import checks, reconcile
from coinpurse.app.context import Who
from coinpurse.domain.errors import Conflict, Invalid, NotFound, ProviderFailed
from coinpurse.domain.ports import ProviderError
from coinpurse.providers.stripe.reading import Json
from lives.auditor import Auditor
from lives.inside import WHO, SimulatedApi
from reconcile.conftest import Silence
from reconcile.test_lost import live


class Failing(SimulatedApi):
    """A provider that answers so many questions, and then no more."""

    left = 0

    async def _call(self, method: str, path: str, params: Mapping[str, Any]) -> Json:
        if self.left <= 0:
            raise ProviderError("Stripe can't be reached.")
        self.left -= 1
        return await super()._call(method, path, params)


async def _unanswered(silence: Silence, failing: Failing, answered: int) -> str | None:
    """What is said where so many questions are answered; None: that was enough."""
    failing.left = answered
    try:
        await silence.reconcile(heal=True)
    except ProviderFailed as error:
        return error.detail
    return None


async def test_a_provider_that_fails_in_the_middle(silence: Silence) -> None:
    """E4: whichever question goes unanswered, the error is clear, and what was healed is whole."""
    await live(silence)
    good = silence.town.stripe._api
    silence.town.stripe._api = failing = Failing(silence.town.simulator)
    healed = answered = 0
    while (error := await _unanswered(silence, failing, answered)) is not None:
        assert "Stripe can't be reached. Until then" in error
        healed += int(error.partition("compared, and ")[2].split()[0])
        assert await checks.verify(silence.ctx) == []
        answered += 1
    assert answered > 5
    silence.town.stripe._api = good
    assert healed > 0
    assert (await silence.reconcile()).found == 0
    assert await Auditor(silence.town).audit() == []


async def test_live_traffic(silence: Silence) -> None:
    """E4, S7: two who heal at once, while the lost events arrive after all, do everything once."""
    await live(silence)
    reports = await asyncio.gather(
        silence.reconcile(heal=True), silence.arrive(), silence.reconcile(heal=True), silence.reconcile()
    )
    assert all(one is None or one.found >= one.healed for one in reports)
    assert (await silence.reconcile()).found == 0
    assert await Auditor(silence.town).audit() == []
    assert await checks.verify(silence.ctx) == []


async def test_an_event_that_is_being_worked_on_is_no_difference_yet(silence: Silence) -> None:
    """E4: what arrived a moment ago and waits for the worker isn't reported, nor healed behind its back
    twice."""
    one = await silence.town.born(0)
    await silence.begin()
    await silence.topped_up(one)
    await silence.pass_by()
    silence.town.here.lazy = 1
    silence.town.simulator.world.deliveries.find_lost()
    await silence.town.courier.flush()
    assert (await silence.reconcile()).found == 0
    assert (await silence.reconcile(heal=True)).healed == 1
    await silence.town.work()
    assert (await silence.reconcile()).found == 0


async def test_the_list_is_bounded_and_the_count_is_not(
    silence: Silence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E4: a bad day doesn't fill the memory."""
    monkeypatch.setattr(reconcile, "MOST", 2)
    await live(silence)
    shown: list[int] = []
    report = await reconcile.reconcile(silence.ctx, WHO, since=silence.day, progress=shown.append)
    assert len(report.differences) == 2
    assert report.found > 5
    assert shown == list(range(1, report.checked + 1))


async def test_the_other_direction(silence: Silence, monkeypatch: pytest.MonkeyPatch) -> None:
    """E4: a payment of ours of which the provider tells nothing is reported, and left alone."""
    monkeypatch.setattr(reconcile, "PAGE", 2)
    one = await silence.subscribed(0)
    await silence.town.go(silence.day)
    await silence.topped_up(one)
    await silence.town.go(silence.end)
    gone = one.sessions[-1]
    silence.town.simulator.world.tables.sessions.drop(gone)
    before = await silence.books()
    report = await silence.reconcile(heal=True)
    [told] = report.differences
    assert (told.kind, told.about, told.account, told.healed) == ("untold", gone, one.account, False)
    assert "stripe told nothing of it. It can't be asked for singly" in told.words
    assert (report.found, report.healed) == (1, 0)
    assert await silence.books() == before


async def test_a_payment_that_was_recorded_late_is_looked_up(silence: Silence) -> None:
    """E4: what was paid before the window and recorded within it is no difference: asking for its
    subscription finds it."""
    await silence.begin()
    one = await silence.subscribed(0)
    await silence.town.go(silence.day + timedelta(hours=5))
    await silence.pass_by()
    await silence.arrive()
    since = silence.day + timedelta(hours=10)
    report = await reconcile.reconcile(silence.ctx, WHO, since=since)
    assert [d.words for d in report.differences] == []
    for invoice in silence.town.simulator.world.tables.invoices:
        invoice["status"] = "void"
    report = await reconcile.reconcile(silence.ctx, WHO, since=since)
    assert [d.account for d in report.differences] == [one.account]
    assert "was asked for, and doesn't have it either" in report.differences[0].words


async def test_a_mode_of_which_nothing_is_told_is_not_compared(silence: Silence) -> None:
    """E4: a test key sees no live payments; that is said, and no alarm."""
    one = await silence.town.born(0)
    await silence.topped_up(one)
    await silence.town.go(silence.day)
    silence.town.simulator.world.tables.sessions.drop(one.sessions[-1])
    report = await reconcile.reconcile(silence.ctx, WHO, since=silence.day - timedelta(days=40))
    assert report.found == 0
    assert "1 payments that were recorded for such accounts could not be compared" in report.notes[0]


async def test_what_is_refused(silence: Silence) -> None:
    """E4: a window that makes no sense, a provider that isn't there, and nobody to ask."""
    ctx, now = silence.ctx, datetime.now(UTC)
    with pytest.raises(NotFound, match="'paddle'"):
        await reconcile.reconcile(ctx, Who("tests"), provider="paddle")
    with pytest.raises(Invalid):
        await reconcile.reconcile(ctx, Who("tests"), since=now + timedelta(hours=1))
    with pytest.raises(Invalid):
        await reconcile.reconcile(ctx, Who("tests"), since=now.replace(tzinfo=None))
    with pytest.raises(Invalid):
        await reconcile.reconcile(
            ctx, Who("tests"), since=now - timedelta(days=32), longest=reconcile.LONGEST
        )
    silence.town.stripe._api, silence.town.stripe.can_ask = None, False
    with pytest.raises(Conflict, match="no payment provider that can be asked"):
        await reconcile.reconcile(ctx, Who("tests"))
    with pytest.raises(Conflict, match="COINPURSE_STRIPE_API_KEY"):
        await reconcile.reconcile(ctx, Who("tests"), provider="stripe")
