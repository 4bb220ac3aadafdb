"""Everything leaves in open formats, and what `import` reads can be read back."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving import invoke

SECRETS = {"secrets", "api_keys", "staff", "staff_sessions", "staff_attempts", "webhook_endpoints"}


@pytest.fixture(scope="module")
def books(module_database_url: str) -> str:
    """A database with three accounts."""
    for name in ("ann", "bob", "=cmd"):
        for line in (
            ["accounts", "create", name, "--name", 'A "quoted",\nname \\ of two lines'],
            ["grant", name, "40", "--reason", "x"],
            ["charge", name, "15", "--key", "k"],
        ):
            assert invoke(*line, COINPURSE_DATABASE_URL=module_database_url).exit_code == 0
    return module_database_url


def test_export_as_json_lines(books: str, tmp_path: Path) -> None:
    """Each table is a file of JSON lines with all of its rows; nothing secret is among them."""
    out = tmp_path / "out"
    done = invoke("export", str(out), "--json", COINPURSE_DATABASE_URL=books)
    assert done.exit_code == 0, done.output
    counts = json.loads(done.stdout)["rows"]
    files = {path.stem: [json.loads(line) for line in path.open("rb")] for path in out.glob("*.jsonl")}
    assert {name: len(rows) for name, rows in files.items()} == counts
    assert (counts["accounts"], counts["acts"], counts["entries"]) == (3, 6, 6)
    assert files["accounts"][0]["name"] == 'A "quoted",\nname \\ of two lines'
    assert not SECRETS & files.keys()
    again = invoke("export", str(out), COINPURSE_DATABASE_URL=books)
    assert (again.exit_code, "not an empty folder" in again.stderr) == (1, True)


def test_export_of_one_account_as_csv(books: str, tmp_path: Path) -> None:
    """One account's files have its rows and nobody else's."""
    done = invoke(
        "export", str(tmp_path / "ann"), "--format", "csv", "--account", "ann", COINPURSE_DATABASE_URL=books
    )
    assert done.exit_code == 0, done.output
    with (tmp_path / "ann" / "acts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["kind"], row["amount"]) for row in rows] == [("grant", "40"), ("charge", "15")]
    assert not (tmp_path / "ann" / "catalogs.csv").exists()


def test_what_was_exported_can_be_imported(books: str, database_url: str, tmp_path: Path) -> None:
    """Another database, into which the files were imported, shows the same balances."""
    ask = _asking(books)
    ask("accounts", "create", "cid")
    _subscribed(books)
    assert invoke("export", str(tmp_path / "all"), COINPURSE_DATABASE_URL=books).exit_code == 0
    for kind in ("subscriptions", "topups", "balances"):
        file = str(tmp_path / "all" / "import" / f"{kind}.csv")
        done = invoke("import", kind, file, "--apply", COINPURSE_DATABASE_URL=database_url)
        assert done.exit_code == 0, done.output
    there = _asking(database_url)
    for name in ("ann", "bob", "=cmd", "cid"):
        assert there("balance", name)["available"] == ask("balance", name)["available"] > 0, name
    assert there("balance", "cid")["buckets"]["monthly"] == ask("balance", "cid")["buckets"]["monthly"]
    assert there("verify")["problems"] == []


def _asking(url: str) -> Callable[..., Any]:
    def ask(*command: str) -> Any:
        done = invoke(*command, "--json", COINPURSE_DATABASE_URL=url)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return ask


def _subscribed(url: str) -> None:
    from coinpurse.sync import Coinpurse

    with Coinpurse(url) as purse:
        purse.subscribe("cid", plan="starter", interval="year")
        purse.charge("cid", amount=7, key="k")
        purse.grant("cid", kind="promo", amount=9, reason="x")
