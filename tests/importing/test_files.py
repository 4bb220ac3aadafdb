"""What people have now, out of files: rehearsed, imported, and imported again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from coinpurse.domain.periods import month_start
from importing.conftest import Import, books, told

Ask = Callable[..., Any]
BALANCES = """\
account,addon,promo,promo_expires_at,email,name
ann,1200,300,2199-01-01T00:00:00Z,ann@example.com,"Ann, the first"

bob,500,,,,
cai,0,,,,=HYPERLINK("x")
"""
TOPUPS = """\
account,payment,credits,provider,paid_at,amount,currency
ann,pi_1,500,stripe,2025-05-05T10:00:00+02:00,600,usd
ann,pi_2,500,stripe,,,
bob,bank-7,90,,,,
"""
NOW = datetime.now(UTC).replace(microsecond=0)


def sold(account: str, anchor: datetime, months: int, *more: str, plan: str = "starter,month") -> str:
    """A row of a file of subscriptions."""
    until = month_start(anchor, months)
    return ",".join([account, plan, anchor.isoformat(), until.isoformat(), *more]) + "\n"


def subscribers(*rows: str) -> str:
    """A file of subscriptions."""
    return "account,plan,interval,anchor,paid_through,remaining\n" + "".join(rows)


FILES = {
    "balances": BALANCES,
    "topups": TOPUPS,
    "subscriptions": subscribers(sold("ann", NOW - timedelta(days=400), 14, "120")),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_rehearsal_changes_nothing(kind: str, bring: Import, database_url: str) -> None:
    """Without --apply every table stays as it was, and the report says what would happen."""
    before = books(database_url)
    report = bring(kind, FILES[kind], process=True)
    assert (report["code"], report["applied"], report["problems"]) == (0, False, [])
    assert report["created"] == report["rows"] > 0
    assert books(database_url) == before


@pytest.mark.parametrize("kind", FILES)
def test_again_changes_nothing(kind: str, bring: Import, ask: Ask, database_url: str) -> None:
    """The second run knows every row, and the books are right."""
    first = bring(kind, FILES[kind], "--apply", process=True)
    assert (first["code"], first["applied"]) == (0, True)
    assert first["created"] == first["rows"]
    before = books(database_url)
    again = bring(kind, FILES[kind], "--apply", process=True)
    assert (again["code"], again["created"], again["skipped"]) == (0, 0, again["rows"])
    assert books(database_url) == before
    assert ask("verify")["problems"] == []


def test_balances(bring: Import, ask: Ask) -> None:
    """Add-on and promotional credits, with names and addresses as plain text."""
    report = bring("balances", BALANCES, "--apply", "--test")
    assert (report["rows"], report["accounts_created"]) == (3, 3)
    ann = ask("accounts", "show", "ann", "--test")
    assert (ann["account"]["name"], ann["account"]["email"]) == ("Ann, the first", "ann@example.com")
    assert {(g["kind"], g["amount"]) for g in ann["grants"]} == {("addon", 1200), ("promo", 300)}
    assert "Imported" in str(ask("explain", "ann", "--test"))
    assert ask("accounts", "show", "cai", "--test")["account"]["name"] == '=HYPERLINK("x")'


def test_known_names_stay(bring: Import, ask: Ask) -> None:
    """An account that exists keeps its name, and gets what it had not."""
    ask("accounts", "create", "ann", "--name", "Annie")
    report = bring("balances", BALANCES, "--apply")
    assert (report["created"], report["accounts_created"]) == (3, 2)
    account = ask("accounts", "show", "ann")["account"]
    assert (account["name"], account["email"]) == ("Annie", "ann@example.com")


def test_as_a_spreadsheet_saves_it(bring: Import, ask: Ask) -> None:
    """A byte order mark, semicolons, Windows' line ends, quotes with line breaks, capital letters."""
    text = '\ufeff"Account";"Addon";Name\r\nann;5;"two\r\nlines"\r\n;;\r\nbob;7;\r\n'
    report = bring("balances", text, "--apply")
    assert (report["code"], report["rows"], report["created"]) == (0, 2, 2)
    assert ask("balance", "bob")["available"] == 7


@pytest.mark.parametrize(
    ("cells", "about"),
    [
        ("ann,1.5,,", "addon"),
        ('ann,"1,000",,', "addon"),
        ("ann,-5,,", "addon"),
        ("ann,1e3,,", "addon"),
        ("ann,٣,,", "addon"),
        ("ann,1000000000000001,,", "addon"),
        ("ann,,,", "addon"),
        (",5,,", "account"),
        ("a\x07n,5,,", "account"),
        ("a" * 201 + ",5,,", "account"),
        ("ann,5,7,2199-01-01", "promo_expires_at"),
        ("ann,5,7,2199-01-01T10:00:00", "promo_expires_at"),
        ("ann,5,7,2199-02-30T10:00:00Z", "promo_expires_at"),
        ("ann,5,7,01/02/2199", "promo_expires_at"),
        ("ann,5,7,2020-01-01T00:00:00Z", None),
        ("ann,5,,2199-01-01T00:00:00Z", "promo"),
        ("ann,5,,,what,is,this", None),
        ("good,1,,", None),
    ],
)
def test_bad_rows(cells: str, about: str | None, bring: Import, database_url: str) -> None:
    """Each is named with its line; nothing is imported, unless the others are wanted."""
    text = f"account,addon,promo,promo_expires_at\ngood,1,,\n{cells}\ngood,2,,\n"
    before = books(database_url)
    report = bring("balances", text, "--apply")
    wrong = [(4, None)] if cells.startswith("good") else [(3, about), (4, None)]
    assert (report["code"], report["applied"]) == (1, False)
    assert sorted(told(report), key=str) == sorted(wrong, key=str)
    assert books(database_url) == before
    report = bring("balances", text, "--apply", "--skip-errors")
    assert (report["code"], report["applied"], report["created"]) == (1, True, 1)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"", None),
        (b"\n\n", None),
        (b"account,credits\nann,5\n", 1),
        (b"account,addon,addon\nann,5,6\n", 1),
        (b'account,addon\nann,"5\nbob,6\n', 2),
        ("account,addon\nann,5\n".encode("utf-16"), 1),
        ("account,addon,name\nann,5,Zoë\n".encode("latin-1"), 2),
    ],
)
def test_files_that_cannot_be_read(text: bytes, line: int | None, bring: Import) -> None:
    """What is wrong with the file as a whole is said once, kindly."""
    report = bring("balances", text)
    assert report["code"] == 1
    assert [problem["line"] for problem in report["problems"]] == [line]


def test_a_row_that_changed(bring: Import, database_url: str) -> None:
    """A row that says something else than when it was imported is told, and left alone."""
    bring("balances", BALANCES, "--apply")
    before = books(database_url)
    report = bring("balances", BALANCES.replace("bob,500", "bob,700"), "--apply", "--skip-errors")
    assert (report["code"], report["changed"], report["skipped"], told(report)) == (1, 1, 2, [(4, None)])
    assert books(database_url) == before


def test_the_same_row_twice(bring: Import, ask: Ask) -> None:
    """Counted once, with a note; with ids of their own they are two."""
    report = bring("balances", "account,addon\nann,5\nann,5\n", "--apply")
    assert (report["code"], report["created"], report["skipped"]) == (0, 1, 1)
    assert report["notes"][0]["line"] == 3
    assert bring("balances", "account,addon,id\nbob,5,1\nbob,5,2\n", "--apply")["created"] == 2
    assert ask("balance", "bob")["available"] == 10


def test_p2_top_ups_know_their_payments(bring: Import, ask: Ask, database_url: str) -> None:
    """P2: one payment makes one grant, whoever tells of it; the same one for two accounts is wrong."""
    bring("topups", TOPUPS, "--apply")
    with psycopg.connect(database_url) as conn:
        found = conn.execute("SELECT provider, payment, amount FROM coinpurse.payments ORDER BY 2").fetchall()
    assert found == [("manual", "bank-7", None), ("stripe", "pi_1", 600), ("stripe", "pi_2", None)]
    moved = bring("topups", TOPUPS.replace("ann,pi_2", "cai,pi_2"), "--apply", "--skip-errors")
    assert (moved["wrong"], moved["created"], told(moved)) == (1, 0, [(3, None)])
    assert ask("balance", "ann")["available"] == 1000
    twice = bring("topups", "account,payment,credits\na,x,5\nb,x,5\n")
    assert told(twice) == [(3, None)]


def test_top_ups_that_are_partly_used(bring: Import, ask: Ask) -> None:
    """What is left of each is its own, whatever else the account has; never more than it gave."""
    bring("balances", "account,addon,promo\nann,7,9\n", "--apply")
    text = "account,payment,credits,remaining\nann,a,500,120\nann,b,500,0\nann,c,50,51\n"
    report = bring("topups", text, "--apply", "--skip-errors")
    assert (report["created"], told(report)) == (2, [(4, None)])
    grants = ask("accounts", "show", "ann")["grants"]
    assert sorted((g["amount"], g["remaining"]) for g in grants) == [(7, 7), (9, 9), (500, 120)]
    assert ask("verify")["problems"] == []


def test_subscriptions_go_on(bring: Import, ask: Ask) -> None:
    """The running period stands as it did: its end, its credits, what is paid ahead."""
    anchor = NOW.replace(year=NOW.year - 2, month=1, day=31)
    months = (NOW.year - anchor.year) * 12 + NOW.month + 1
    text = subscribers(
        sold("ann", anchor, months, "120"),
        sold("bob", NOW - timedelta(days=20), 12, "", plan="studio,year"),
        sold("cai", NOW + timedelta(days=3), 1),
        sold("dee", NOW - timedelta(days=2), 1, "0"),
    )
    bring("balances", "account,addon,promo,promo_expires_at\nann,70,9,2199-01-01T00:00:00Z\n", "--apply")
    report = bring("subscriptions", text, "--apply")
    assert (report["code"], report["created"], report["accounts_created"]) == (0, 4, 3)
    ann = ask("accounts", "show", "ann")
    assert ann["balance"]["buckets"]["monthly"]["available"] == 120
    assert ann["balance"]["available"] == 120 + 70 + 9
    assert datetime.fromisoformat(ann["subscriptions"][0]["paid_through"]) == month_start(anchor, months)
    period = ann["balance"]["buckets"]["monthly"]["period"]
    starts = [month_start(anchor, n) for n in range(months + 2)]
    assert datetime.fromisoformat(period["end"]) == next(s for s in starts if s > NOW)
    assert ask("balance", "bob")["buckets"]["monthly"]["available"] == 3000
    assert ask("balance", "cai")["available"] == 0
    assert ask("balance", "dee")["available"] == 0
    assert ask("verify")["problems"] == []


@pytest.mark.parametrize(
    ("row", "about"),
    [
        (sold("ann", NOW - timedelta(days=9), 1, plan="gold,month"), "plan"),
        (sold("ann", NOW - timedelta(days=9), 1, plan="starter,week"), "interval"),
        (f"ann,starter,month,{NOW.isoformat()},{(NOW + timedelta(days=9)).isoformat()}\n", "paid_through"),
        (f"ann,starter,month,{NOW.isoformat()},{NOW.isoformat()}\n", "paid_through"),
        (sold("ann", NOW - timedelta(days=99), 1), None),
        (sold("ann", NOW - timedelta(days=9), 1, "1001"), None),
        (sold("ann", NOW + timedelta(days=9), 1, "1"), None),
    ],
    # Without the time of day: every process that shares the tests must know them by the same names.
    ids=["plan", "interval", "odd stretch", "nothing paid", "over", "more than there is", "not begun"],
)
def test_bad_subscriptions(row: str, about: str | None, bring: Import, database_url: str) -> None:
    """Plans that aren't sold, months that don't fit, what has run out, more left than was given."""
    before = books(database_url)
    report = bring("subscriptions", subscribers(row), "--apply", "--skip-errors")
    assert (report["code"], told(report)) == (1, [(2, about)])
    assert books(database_url) == before
