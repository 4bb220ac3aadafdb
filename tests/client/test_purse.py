"""What the library does, in process as over HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from coinpurse import ChargeRequest, Coinpurse, CoinpurseError, InsufficientCredits
from coinpurse.domain import errors

ANCHOR = datetime(2026, 1, 31, 10, tzinfo=UTC)


async def test_charge_takes_monthly_first(purse: Coinpurse, ann: str) -> None:
    """S1, S2: monthly until it is empty, then add-on, in one step."""
    charge = await purse.charge(ann, 1200, key="job")
    assert [(t.kind, t.amount) for t in charge.taken] == [("monthly", 1000), ("addon", 200)]
    assert (charge.balance.available, charge.balance.monthly.available) == (300, 0)


async def test_charge_of_an_operation(purse: Coinpurse, ann: str) -> None:
    """S5: the rate card prices an operation and a quantity; a quote says the same and changes nothing."""
    quote = await purse.quote(ann, operation="text.token", quantity=1001)
    charge = await purse.charge(ann, operation="text.token", quantity=1001, metadata={"model": "x"})
    assert (quote.amount, quote.affordable) == (4, True)
    assert (charge.amount, charge.metadata) == (4, {"model": "x"})
    assert await purse.get_charge(charge.id) == charge


async def test_replay(purse: Coinpurse, ann: str) -> None:
    """S8: the same key and request give the first answer again; another request is a conflict."""
    first, second = await purse.charge(ann, 7, key="job"), await purse.charge(ann, 7, key="job")
    assert (first.replayed, second.replayed, second.id) == (False, True, first.id)
    with pytest.raises(errors.IdempotencyConflict):
        await purse.charge(ann, 8, key="job")


async def test_refusal_has_attributes(purse: Coinpurse, ann: str) -> None:
    """S4: what was needed, available and short are attributes of the exception."""
    with pytest.raises(InsufficientCredits) as refused:
        await purse.charge(ann, 1600)
    assert (refused.value.needed, refused.value.available, refused.value.shortfall) == (1600, 1500, 100)


async def test_charge_batch(purse: Coinpurse, ann: str) -> None:
    """Each charge of a batch is answered on its own, in order, however many there are."""
    asked = [ChargeRequest(ann, amount=1) for _ in range(1001)]
    answers = await purse.charge_batch(
        [*asked, ChargeRequest(ann, amount=9999), ChargeRequest("bob", amount=1)]
    )
    assert [a.amount for a in answers[:1001] if not isinstance(a, CoinpurseError)] == [1] * 1001
    assert [type(a) for a in answers[1001:]] == [errors.InsufficientCredits, errors.AccountNotFound]
    assert await purse.charge_batch([]) == []


async def test_hold_is_captured_on_success(purse: Coinpurse, ann: str) -> None:
    """H1, H2: what a hold set aside is spent when the block succeeds."""
    async with purse.hold(ann, operation="video.second", quantity=8, key="job") as hold:
        assert (await purse.balance(ann)).held == hold.amount == 64
    assert (await purse.get_hold(hold.id)).status == "captured"
    assert (await purse.balance(ann)).available == 1436


async def test_hold_is_released_on_an_error(purse: Coinpurse, ann: str) -> None:
    """H3: when the block raises, everything goes back, and the block's error is what one sees."""
    with pytest.raises(ZeroDivisionError):
        async with purse.hold(ann, 64) as hold:
            1 / 0  # noqa: B018
    assert (await purse.get_hold(hold.id)).status == "released"
    assert (await purse.balance(ann)).available == 1500


async def test_hold_is_released_on_cancellation(purse: Coinpurse, ann: str) -> None:
    """H3: work that is cancelled costs nothing."""

    begun = asyncio.Event()

    async def work() -> None:
        async with purse.hold(ann, 64):
            begun.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await purse.balance(ann)).held == 0


async def test_hold_awaited(purse: Coinpurse, ann: str) -> None:
    """A hold can be ended by hand: awaiting it gives the Hold."""
    hold = await purse.hold(ann, 64, expires_in=60)
    captured = await purse.capture(hold.id, 10)
    assert captured.charge is not None
    assert (captured.status, captured.charge.amount) == ("captured", 10)
    with pytest.raises(errors.HoldClosed) as refused:
        await purse.release(hold.id)
    assert refused.value.state == "captured"


async def test_hold_captured_in_the_block(purse: Coinpurse, ann: str) -> None:
    """H2: work that came out cheaper is captured in the block with its own amount."""
    async with purse.hold(ann, 64) as hold:
        await purse.capture(hold.id, 3)
    assert (await purse.balance(ann)).available == 1497


async def test_work_is_never_free(purse: Coinpurse, ann: str) -> None:
    """A hold that was given back while the work went on is reported, and a retried key whose hold was given
    back is refused before the work begins."""
    with pytest.raises(errors.HoldClosed):
        async with purse.hold(ann, 64, key="job") as hold:
            await purse.release(hold.id)
    with pytest.raises(errors.HoldClosed, match="new key"):
        async with purse.hold(ann, 64, key="job"):
            raise AssertionError("the work began")


async def test_a_retried_job_is_paid_once(purse: Coinpurse, ann: str) -> None:
    """S8: a job that ran twice with one key is paid once."""
    for _ in range(2):
        async with purse.hold(ann, 64, key="job"):
            pass
    assert (await purse.balance(ann)).available == 1436


async def test_reverse(purse: Coinpurse, ann: str) -> None:
    """F1, F2: credits go back to where they came from, never more than were taken."""
    charge = await purse.charge(ann, 1200)
    reversal = await purse.reverse(charge.id, 300, reason="bad picture")
    assert [(t.kind, t.amount) for t in reversal.returned] == [("addon", 200), ("monthly", 100)]
    with pytest.raises(errors.ReversalExceedsCharge):
        await purse.reverse(charge.id, 901)


async def test_grants_and_revocation(purse: Coinpurse, ann: str) -> None:
    """Grants are listed in burn order and can be taken back."""
    promo = await purse.grant(
        ann, 50, kind="promo", reason="hello", expires_at=datetime(2199, 1, 1, tzinfo=UTC)
    )
    assert [grant.kind for grant in await purse.grants(ann)] == ["monthly", "promo", "addon"]
    assert (await purse.revoke(promo.id, reason="mistake")).remaining == 0
    assert [grant.kind for grant in await purse.grants(ann)] == ["monthly", "addon"]


async def test_ledger_and_explanation(purse: Coinpurse, ann: str) -> None:
    """L1, L5: entries come in pages, newest first, and the balance is explained."""
    await purse.charge(ann, 4)
    page = await purse.entries(ann, limit=2)
    rest = await purse.entries(ann, cursor=page.next_cursor)
    assert [entry.sequence for entry in page.data + rest.data] == [3, 2, 1]
    assert (await purse.explain(ann)).balance.available == 1496


async def test_subscription_life(purse: Coinpurse, ann: str) -> None:
    """B1, B3, B5, T6, T9: a test account's clock shows a subscription's months in one go."""
    tess = ann.replace("ann", "tess")
    account = await purse.put_account(tess, clock=ANCHOR)
    assert (account.test, account.clock) == (True, ANCHOR)
    sub = (await purse.subscribe(tess, plan="starter")).subscription
    await purse.charge(tess, 600)
    await purse.pay(sub.id, periods=2, reference=f"invoice of {tess}")
    assert (await purse.move_clock(tess, datetime(2026, 2, 28, 10, tzinfo=UTC))).available == 1000
    assert (await purse.preview(sub.id, plan="studio")).available_after == 3000
    assert (await purse.change(sub.id, plan="studio")).balance.available == 3000
    assert (await purse.pause(sub.id)).subscription.status == "paused"
    assert (await purse.resume(sub.id)).subscription.status == "active"
    assert (await purse.cancel(sub.id)).subscription.ends_at == datetime(2026, 4, 30, 10, tzinfo=UTC)
    assert [s.id for s in await purse.subscriptions(tess)] == [sub.id]
    assert (await purse.get_subscription(sub.id)).plan == "studio"
    assert (await purse.balance(tess, at=ANCHOR + timedelta(hours=1))).available == 400
    states = [r.state for r in (await purse.renewals(account=tess)).data]
    assert states == ["granted", "granted"]


async def test_accounts_sessions_and_checkouts(purse: Coinpurse, ann: str) -> None:
    """What an app needs around the credits."""
    assert (await purse.get_account(ann)).name == "Ann"
    assert [a.id for a in (await purse.find_accounts(ann)).data] == [ann]
    assert (await purse.create_session(ann, seconds=60)).token
    checkout = await purse.checkout(ann, pack="small", key="c")
    assert (checkout.credits, await purse.get_checkout(checkout.id)) == (500, checkout)
    with pytest.raises(errors.Conflict, match="no page for payments"):
        await purse.portal(ann, return_url="https://app.example/")
    with pytest.raises(errors.AccountNotFound):
        await purse.balance("nobody")


async def test_concurrent_charges(purse: Coinpurse, ann: str) -> None:
    """S7: of many charges at once, exactly as many succeed as there are credits."""
    answers = await asyncio.gather(*(purse.charge(ann, 100) for _ in range(40)), return_exceptions=True)
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 15
    assert (await purse.balance(ann)).available == 0


async def test_not_open(database_url: str) -> None:
    """Whoever forgets to open a purse is told how."""
    with pytest.raises(RuntimeError, match="async with"):
        await Coinpurse(database_url).balance("ann")


async def test_unreachable_database() -> None:
    """A database that can't be reached is `Unavailable`, not a driver's error."""
    with pytest.raises(errors.Unavailable, match="can't be reached"):
        await Coinpurse("postgresql://127.0.0.1:1/nothing").open()


def test_wrong_arguments() -> None:
    """An address without a key, and a key without an address, are mistakes that are explained."""
    with pytest.raises(ValueError, match="needs key"):
        Coinpurse("https://credits.example.com")
    with pytest.raises(ValueError, match="only for https"):
        Coinpurse("postgresql://localhost/x", "cp_live_x")
