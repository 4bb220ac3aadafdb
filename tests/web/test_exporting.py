"""The history as a file."""

import csv
from io import StringIO

import pytest

from coinpurse.app import wallets
from coinpurse.app.context import Context
from coinpurse.web import exporting
from web.helpers import TESTER, Browser, Open, later, spend, subscriber


async def rows(browser: Browser) -> list[dict[str, str]]:
    """The file's rows, as a spreadsheet reads them."""
    answer = await browser.client.get("/subscriptions/history.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="credits.csv"'
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(StringIO(answer.text.lstrip("\ufeff"), newline="")))


async def test_every_line_is_in_it(ctx: Context, open_browser: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has each line of the history, newest first, across portions, and its sums lead to the balance."""
    monkeypatch.setattr(exporting, "PORTION", 3)
    account, _ = await subscriber(ctx, addon=250)
    for _ in range(8):
        await spend(ctx, account, 130)
    await later(ctx, account, months=1)
    found = await rows(await open_browser(account))
    assert len(found) == 11
    assert sum(int(row["Credits"]) for row in found) == int(found[0]["Left"]) == 1210
    mixed = next(row for row in found if row["Add-on"] == "-40")
    assert (mixed["Monthly"], mixed["Credits"], mixed["Left"]) == ("-90", "-130", "210")
    assert mixed["Explained"] == "130 credits: 90 from monthly and 40 from add-on."
    assert found[-1]["Time (UTC)"] == "2026-01-31T10:00:00Z"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
async def test_no_cell_is_a_formula(ctx: Context, open_browser: Open, text: str) -> None:
    """What apps have written is never run by a spreadsheet."""
    account, _ = await subscriber(ctx)
    await wallets.charge(ctx, TESTER, account, amount=1, metadata={"description": text})
    assert exporting._text(text) == f"'{text}"
    assert (await rows(await open_browser(account)))[0]["What"] in (f"'{text}", f"'{text.strip()}")


async def test_it_is_for_its_owner_alone(ctx: Context, open_browser: Open) -> None:
    """Without a session there is no file."""
    account, _ = await subscriber(ctx)
    browser = await open_browser(account)
    browser.client.cookies.clear()
    answer = await browser.client.get("/subscriptions/history.csv")
    assert answer.status_code == 401
