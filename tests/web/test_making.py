"""Work for credits in the studio: set aside first, spent on success, given back on failure (H1-H3)."""

import asyncio
from pathlib import Path

import pytest

from coinpurse.app import wallets
from coinpurse.app.context import Context
from coinpurse.demo import making
from coinpurse.demo.making import EXPERIMENT, IMAGE, UPSCALE, VIDEO, Wish, WorkFailed, make, read_wish
from coinpurse.demo.works import Gallery, Work
from coinpurse.domain.errors import InsufficientCredits
from web.helpers import TESTER, later, subscriber


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    """An empty gallery."""
    return Gallery(tmp_path / "studio")


async def test_success_is_spent(ctx: Context, gallery: Gallery) -> None:
    """A finished picture is on disk and paid for, and nothing stays set aside."""
    account, _ = await subscriber(ctx)
    work = await make(ctx, TESTER, gallery, account, Wish(IMAGE, "lotus", "k1"))
    balance = await wallets.balance(ctx, TESTER, account)
    assert (balance.available, balance.held, work.credits) == (996, 0, 4)
    assert work.file
    assert gallery.path(account, work.file)
    assert Gallery(gallery.folder).works(account) == [work]


async def test_failure_is_given_back(ctx: Context, gallery: Gallery) -> None:
    """One of two attempts of the experiment fails, always the same one, and costs nothing."""
    account, _ = await subscriber(ctx)
    for take in range(4):
        working = make(ctx, TESTER, gallery, account, Wish(EXPERIMENT, "dragon", f"k{take}"))
        if making.fails("dragon", take):
            with pytest.raises(WorkFailed, match="6 credits came back"):
                await working
        else:
            assert (await working).take == take
    assert len(gallery.works(account)) == 2
    balance = await wallets.balance(ctx, TESTER, account)
    assert (balance.available, balance.held) == (1000 - 12, 0)


async def test_a_form_sent_twice_counts_once(ctx: Context, gallery: Gallery) -> None:
    """The same key makes one work and one charge, even at the same time (S8)."""
    account, _ = await subscriber(ctx)
    wish = Wish(IMAGE, "lotus", "twice")
    await asyncio.gather(*(make(ctx, TESTER, gallery, account, wish) for _ in range(2)))
    await make(ctx, TESTER, gallery, account, wish)
    assert (await wallets.balance(ctx, TESTER, account)).available == 996


async def test_without_credits_nothing_is_done(ctx: Context, gallery: Gallery) -> None:
    """Who can't pay gets no picture, and no attempt is counted (S4)."""
    account, _ = await subscriber(ctx)
    await wallets.charge(ctx, TESTER, account, amount=998)
    with pytest.raises(InsufficientCredits):
        await make(ctx, TESTER, gallery, account, Wish(IMAGE, "lotus", "k"))
    assert gallery.takes(account, "lotus") == 0


async def test_a_hold_that_ran_out_meanwhile(
    ctx: Context, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the account's clock moves on during the work, the work counts as failed and costs nothing (H3)."""
    account, _ = await subscriber(ctx)
    loop = asyncio.get_running_loop()

    def slow(gallery: Gallery, work: Work) -> making.Made:
        asyncio.run_coroutine_threadsafe(later(ctx, account, hours=1), loop).result()
        return making.Made(b"", b"", "png", 1)

    monkeypatch.setitem(making.WORKSHOP, IMAGE, slow)
    with pytest.raises(WorkFailed):
        await make(ctx, TESTER, gallery, account, Wish(IMAGE, "lotus", "k"))
    assert gallery.works(account) == []
    assert (await wallets.balance(ctx, TESTER, account)).available == 1000


async def test_reading_wishes(ctx: Context, gallery: Gallery) -> None:
    """Forms are read with care: what makes no sense is no wish, and limits hold."""
    account, _ = await subscriber(ctx)
    work = await make(ctx, TESTER, gallery, account, Wish(IMAGE, "lotus", "k"))

    def wish(**fields: str) -> Wish | None:
        return read_wish(ctx, gallery, account, {"key": "x", **fields})

    assert wish(prompt="  ") is None
    assert wish(prompt="a", operation="rm -rf") is None
    assert wish(operation=UPSCALE, of="../../etc") is None
    assert read_wish(ctx, gallery, account, {"prompt": "a"}) is None
    film = wish(prompt="a  b", operation=VIDEO, seconds="999")
    assert film
    assert (film.prompt, film.seconds, film.quantity) == ("a b", 6, 6)
    more = wish(operation=UPSCALE, of=work.id)
    assert more
    assert (more.prompt, more.of) == ("lotus", work.id)
    long = wish(prompt="x" * 1000)
    assert long
    assert len(long.prompt) == making.MOST_PROMPT


async def test_files_are_found_by_their_own_names_only(ctx: Context, gallery: Gallery) -> None:
    """No path leads out of a customer's folder."""
    (gallery.folder / "mia").mkdir(parents=True)
    (gallery.folder / "mia" / "secret.txt").write_text("x")
    for name in ("secret.txt", "../mia/secret.txt", "..", "", "0000000000000-000000000000.txt"):
        assert gallery.path("mia", name) is None
