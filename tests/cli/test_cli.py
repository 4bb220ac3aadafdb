"""The command line, as its users run it."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result

from coinpurse.cli import logs
from serving import coinpurse, invoke

Run = Callable[..., Result]
Ask = Callable[..., Any]
FORGE = """
    UPDATE coinpurse.acts SET addon = %s
     WHERE account = (SELECT account FROM coinpurse.accounts WHERE id = 'eve')"""


def told(*arguments: str, **env: str) -> Any:
    """What a command answers with --json."""
    done = invoke(*arguments, "--json", **env)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def url(module_database_url: str) -> str:
    """A database with the account `ann`, who has 1,500 credits."""
    told("accounts", "create", "ann", "--name", "Ann", COINPURSE_DATABASE_URL=module_database_url)
    told("grant", "ann", "1500", "--reason", "bought", COINPURSE_DATABASE_URL=module_database_url)
    return module_database_url


@pytest.fixture
def run(url: str) -> Run:
    """Run a command on that database."""
    return lambda *arguments: invoke(*arguments, COINPURSE_DATABASE_URL=url)


@pytest.fixture
def ask(url: str) -> Ask:
    """What a command answers with --json on that database."""
    return lambda *arguments: told(*arguments, COINPURSE_DATABASE_URL=url)


def test_grant_charge_balance(ask: Ask, run: Run) -> None:
    """Credits are given and spent, and the words have thousands separators."""
    ask("accounts", "create", "bob")
    granted = ask("grant", "bob", "2000", "--reason", "welcome", "--kind", "promo", "--key", "g1")
    charged = ask("charge", "bob", "--operation", "image.generate", "--quantity", "3", "--key", "c1")
    assert (granted["kind"], granted["amount"], charged["amount"]) == ("promo", 2000, 12)
    assert ask("charge", "bob", "--operation", "image.generate", "--quantity", "3", "--key", "c1")["replayed"]
    assert ask("balance", "bob")["available"] == 1988
    assert "1,988 credits" in run("balance", "bob").stdout


def test_show_list_explain(ask: Ask, run: Run) -> None:
    """One account, all accounts, and where the credits come from."""
    shown = ask("accounts", "show", "ann")
    assert (shown["account"]["name"], shown["balance"]["available"]) == ("Ann", 1500)
    assert shown["grants"][0]["remaining"] == 1500
    assert "ann" in [account["id"] for account in ask("accounts", "list")["data"]]
    assert ask("accounts", "list", "--query", "nobody")["data"] == []
    assert ask("explain", "ann")["grants"][0]["available"] == 1500
    assert "add-on" in run("explain", "ann").stdout


def test_test_accounts(ask: Ask, run: Run) -> None:
    """T9: --test means the test account of an id, which is another one than the live account."""
    made = ask("accounts", "create", "ann", "--test", "--clock", "2026-01-31T10:00:00Z")
    assert (made["test"], made["created"], made["clock"]) == (True, True, "2026-01-31T10:00:00Z")
    assert ask("balance", "ann", "--test")["available"] == 0
    assert ask("balance", "ann")["available"] == 1500
    assert "test clock" in run("accounts", "show", "ann", "--test").stdout


def test_keys(ask: Ask, run: Run) -> None:
    """A key is shown once; it can be listed without its secret, and revoked."""
    made = ask("keys", "create", "--scope", "spend", "--scope", "grant", "--test", "--name", "shop")
    assert made["key"].startswith("cp_test_")
    assert made["scopes"] == ["spend", "grant"]
    assert made["key"] not in json.dumps(ask("keys", "list"))
    assert ask("keys", "revoke", made["id"])["revoked_at"]
    assert "revoked" in run("keys", "list").stdout
    assert run("keys", "revoke", "ak_nothing").exit_code == 1
    old = ask("keys", "create", "--scope", "read")
    new = ask("keys", "rotate", old["id"], "--overlap", "2")
    assert (new["scopes"], new["key"] != old["key"]) == (["read"], True)
    assert f"{old['id']}  live  read" in run("keys", "list").stdout
    assert "ends" in run("keys", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["charge", "ann", "99999"], 1, "98,499 short"),
        (["charge", "ann", "--operation", "nothing"], 1, "rate card"),
        (["balance", "nobody"], 1, "no account"),
        (["grant", "ann", "0", "--reason", "x"], 1, "amount: "),
        (["charge", "ann"], 2, "either an AMOUNT or --operation"),
        (["charge", "ann", "ten"], 2, "not a valid integer"),
        (["grant", "ann", "10"], 2, "--reason"),
        (["nothing"], 2, "No such command"),
    ],
)
def test_refusals(run: Run, arguments: list[str], code: int, words: str) -> None:
    """Whatever is refused says why, without a traceback, and the exit code tells which kind it is."""
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_refusals_for_machines(run: Run) -> None:
    """With --json a refusal is JSON on stdout: a code, words and attributes."""
    done = run("charge", "ann", "99999", "--json")
    problem = json.loads(done.stdout)
    assert (done.exit_code, problem["code"], problem["shortfall"]) == (1, "insufficient_credits", 98499)


@pytest.mark.parametrize(
    "address", ["postgresql://127.0.0.1:1/nothing", "postgresql:///nothing?host=/nowhere", "nonsense"]
)
@pytest.mark.parametrize("command", [["balance", "ann"], ["migrate"], ["doctor"], ["serve", "--port", "9"]])
def test_unreachable_database(address: str, command: list[str]) -> None:
    """A database that can't be reached is exit code 3, and the words say which setting to look at."""
    done = invoke(*command, COINPURSE_DATABASE_URL=address)
    assert done.exit_code == 3
    assert "COINPURSE_DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_verify(ask: Ask, run: Run, url: str) -> None:
    """Right books are exit code 0; a line that somebody changed is exit code 1 and named."""
    assert ask("verify")["problems"] == []
    ask("accounts", "create", "eve")
    ask("grant", "eve", "100", "--reason", "x")
    with psycopg.connect(url) as conn:
        conn.execute("ALTER TABLE coinpurse.acts DISABLE TRIGGER USER")
        conn.execute(FORGE, [999])
    done = run("verify")
    with psycopg.connect(url) as conn:
        conn.execute(FORGE, [100])
        conn.execute("ALTER TABLE coinpurse.acts ENABLE TRIGGER USER")
    assert (done.exit_code, "eve" in done.stdout) == (1, True)


def test_verify_goes_on_and_compares(ask: Ask, run: Run, url: str, tmp_path: Path) -> None:
    """`--account` looks at one, `--after` goes on behind another, and what `--heads` wrote down shows what
    is gone."""
    ask("accounts", "create", "fay")
    ask("grant", "fay", "100", "--reason", "x")
    assert ask("verify", "--account", "fay")["accounts"] == 1
    heads = tmp_path / "heads.jsonl"
    everybody = ask("verify", "--heads", str(heads))
    assert ask("verify", "--after", everybody["last"])["accounts"] == 0
    assert run("verify", "--against", str(heads)).exit_code == 0
    lines = heads.read_text("utf-8")
    heads.write_text(lines.replace('"act":1,', '"act":7,'), "utf-8")
    done = run("verify", "--against", str(heads))
    assert (done.exit_code, "written down earlier" in done.stdout) == (1, True)


def test_doctor(run: Run) -> None:
    """The doctor names versions, clock and durability; the tests' server is not durable, so it complains."""
    done = run("doctor")
    assert (done.exit_code, "fsync" in done.stdout, "WRONG" in done.stdout) == (1, True, True)
    assert not json.loads(run("doctor", "--json").stdout)["sound"]


def test_migrate(blank_database_url: str) -> None:
    """Migrating says what it applied, and the second time that there is nothing to do."""
    first = told("migrate", COINPURSE_DATABASE_URL=blank_database_url)
    assert first["applied"][0] == "0001_ledger"
    assert told("migrate", COINPURSE_DATABASE_URL=blank_database_url) == {"applied": []}


def test_check(tmp_path: Path) -> None:
    """Every problem of a catalog is named with its line; a sound one is counted."""
    catalog = tmp_path / "coinpurse.toml"
    catalog.write_text('[plans.a]\nname = "A"\nmonthly_credits = -1\nfoo = 2\n')
    done = invoke("check", str(catalog))
    assert done.exit_code == 1
    assert f"{catalog}:3: plans.a.monthly_credits" in done.stdout
    assert f"{catalog}:4: plans.a.foo" in done.stdout
    problems = json.loads(invoke("check", "--json", COINPURSE_CATALOG=str(catalog)).stdout)["problems"]
    assert [problem["line"] for problem in problems] == [3, 4]
    assert invoke("check").exit_code == 0
    missing = invoke("check", str(tmp_path / "nothing.toml"))
    assert (missing.exit_code, "can't be read" in missing.stdout) == (1, True)


def test_embedded_database(tmp_path: Path) -> None:
    """Without a server there is an embedded one, in COINPURSE_HOME, and it stays between commands."""
    home = str(tmp_path / "home")
    told("accounts", "create", "ann", COINPURSE_HOME=home)
    assert told("balance", "ann", COINPURSE_HOME=home)["available"] == 0
    doctor = invoke("doctor", COINPURSE_HOME=home)
    assert (doctor.exit_code, home in doctor.stdout) == (0, True)
    assert not (tmp_path / "home" / "postgres" / "postmaster.pid").exists()


def test_home_that_is_no_folder(tmp_path: Path) -> None:
    """An embedded database that can't be made is said kindly."""
    (tmp_path / "home").write_text("not a folder")
    done = invoke("balance", "ann", COINPURSE_HOME=str(tmp_path / "home"))
    assert (done.exit_code, "COINPURSE_HOME" in done.stderr) == (3, True)


def test_unexpected_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours is said kindly too; whoever asks gets the traceback."""
    monkeypatch.setattr("coinpurse.app.wallets.balance", None)
    done = run("balance", "ann")
    assert (done.exit_code, "--traceback" in done.stderr, "Traceback" in done.stderr) == (1, True, False)
    assert isinstance(run("--traceback", "balance", "ann").exception, TypeError)


def test_as_a_process() -> None:
    """`python -m coinpurse` is the same command line."""
    done = coinpurse("charge", "ann", "99999", COINPURSE_DATABASE_URL="postgresql://127.0.0.1:1/x")
    assert (done.returncode, done.stdout) == (3, "")


@pytest.mark.parametrize(
    "command",
    ["demo", "serve", "worker", "migrate", "check", "accounts show", "accounts list", "accounts create",
     "grant", "charge", "balance", "explain", "verify", "keys create", "keys list", "keys revoke",
     "events list", "events show", "events retry", "reconcile", "import stripe", "import balances",
     "import topups", "import subscriptions", "endpoints list", "doctor"],
)  # fmt: skip
def test_every_command_speaks_json(command: str) -> None:
    """Each command has help and --json."""
    assert "--json" in invoke(*command.split(), "--help").stdout


def test_the_pool_says_seldom_that_the_database_is_away() -> None:
    """It tries three times a second: each kind of message is written once in ten seconds."""
    ear, seldom = logging.getLogger("pool"), logs.Seldom()
    texts = ["error connecting in %r", "giving up", "error connecting in %r", "error connecting in %r"]
    lines = [ear.makeRecord("pool", logging.WARNING, "", 0, text, (), None) for text in texts]
    lines[3].created += logs.SELDOM_SECONDS
    assert [seldom.filter(line) for line in lines] == [True, True, False, True]
