"""`verify` against a forger who owns the database: what is changed around its refusals is found (L4)."""

# ruff: noqa: S608  (the tables are ours)

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from coinpurse.app import accounts, checks, grants, subscriptions, wallets
from coinpurse.app.checkouts import topup
from coinpurse.app.context import Context, Who
from coinpurse.app.doctor import examine
from coinpurse.app.wallets import ChargeRequest
from coinpurse.domain.ids import account_digest
from coinpurse.settings import DEFAULT_CATALOG, Settings
from coinpurse.store.checks import Problem, Report, check_page, go_through, look
from coinpurse.wiring import open_context

WHO = Who("tests", test=False)
VICTIM = account_digest("victim", test=False)
OTHER = account_digest("other", test=False)
#: How a superuser gets past the triggers.
FORCED = "SET LOCAL session_replication_role = replica"


@dataclass
class Books:
    """A database with two accounts to whom much has happened."""

    ctx: Context
    runner: asyncio.Runner

    def acts(self, kind: str) -> list[int]:
        """The numbers of the victim's acts of a kind."""
        query = "SELECT act FROM coinpurse.acts WHERE account = %s AND kind = %s ORDER BY act"
        return [row["act"] for row in self.runner.run(self.ctx.db.rows(query, [VICTIM, kind]))]

    def forge(self, statement: str) -> list[Problem]:
        """What is found wrong after a statement, which is then undone. {v} in it is the victim."""

        async def once(conn: Any) -> list[Problem]:
            async with conn.transaction(force_rollback=True):
                await conn.execute(FORCED)
                for one in statement.split(";"):
                    await conn.execute(one.replace("{v}", f"'{VICTIM}'").replace("{o}", f"'{OTHER}'"))
                return await look(conn, {VICTIM: "victim", OTHER: "other"})

        return self.runner.run(self.ctx.db.work(once))


@pytest.fixture(scope="module")
def books(module_database_url: str) -> Iterator[Books]:
    """Filled once: every tampering is undone."""
    settings = Settings(module_database_url, Path("unused"), DEFAULT_CATALOG)
    with asyncio.Runner() as runner:
        opening = open_context(settings, size=2)
        ctx = runner.run(opening.__aenter__())
        try:
            runner.run(_live(ctx))
            yield Books(ctx, runner)
        finally:
            runner.run(opening.__aexit__(None, None, None))


async def _live(ctx: Context) -> None:
    """Two lives: a subscription for three months, charges one by one and together, holds, gifts, top-ups,
    reversals; and something that is told."""
    await ctx.db.call(
        "put_endpoint", endpoint="we_1", url="https://example.com/x", secret="s" * 32, types=[], test=False
    )
    for name in ("victim", "other"):
        await accounts.put_account(ctx, WHO, name)
        began = datetime.now(UTC) - timedelta(days=70)
        await subscriptions.subscribe(ctx, WHO, name, plan="starter", interval="year", starts_at=began)
        await topup(ctx, WHO, name, credits=500, provider="stripe", reference=f"pi_{name}")
        until = datetime.now(UTC) + timedelta(days=5)
        await grants.grant(ctx, WHO, name, kind="promo", amount=50, expires_at=until, reason="Welcome")
        single = await wallets.charge(ctx, WHO, name, amount=7, metadata={"job": "ä"}, key="single")
        together = [ChargeRequest(name, amount=n, key=f"many-{n}") for n in (1, 2, 3)]
        await wallets.charge_batch(ctx, WHO, together)
        kept = await wallets.hold(ctx, WHO, name, amount=20, key="kept")
        await wallets.hold(ctx, WHO, name, amount=30, key="open")
        await wallets.capture(ctx, WHO, kept.id, key="capture")
        await wallets.reverse(ctx, WHO, single.id, amount=3, reason="It was blurred", key="back")
        last = ChargeRequest(name, operation="image.generate", key="last")
        await wallets.charge_batch(ctx, WHO, [last])
    await ctx.db.work(_told)


async def _told(conn: Any) -> None:
    """An event that led to the victim's top-up, and a standing that its subscription follows."""
    await conn.execute(
        "INSERT INTO coinpurse.events (provider, event, type, test, created_at, body, account, status, acts)"
        " SELECT 'stripe', 'evt_1', 'x', false, now(), '', account, 'applied', ARRAY[act]"
        "   FROM coinpurse.acts WHERE account = %s AND kind = 'topup'",
        [VICTIM],
    )
    await conn.execute(
        "INSERT INTO coinpurse.standings (provider, reference, account, subscription)"
        " VALUES ('manual', 'sub_1', %s, 1)",
        [VICTIM],
    )


MINE = "WHERE account = {v} AND"
CHARGE = "(SELECT min(act) FROM coinpurse.acts WHERE account = {v} AND kind = 'charge')"
LAST = "(SELECT max(act) FROM coinpurse.acts WHERE account = {v})"
TOPUP = "(SELECT act FROM coinpurse.acts WHERE account = {v} AND kind = 'topup')"
PROMO = "(SELECT act FROM coinpurse.acts WHERE account = {v} AND kind = 'grant')"

#: What a forger does; the kind of act (and which of them) that is named first; words of what is said.
#: None: the line is whatever the check says of rows that belong to no single act.
FORGERIES: dict[str, tuple[str, tuple[str, int] | None, str]] = {
    **{
        f"a charge's {column}": (
            f"UPDATE coinpurse.acts SET {column} = {value} {MINE} act = {CHARGE}",
            ("charge", 0),
            "",
        )
        for column, value in {
            "at": "at + interval '1 microsecond'",
            "kind": "'grant'",
            "moves": "repeat('h', length(moves))",
            "grants": f"ARRAY[{TOPUP}]",
            "amounts": "ARRAY[6::bigint]",
            "amount": "6",
            "of": "1",
            "terms": "terms - 1",
            "sequence": "sequence + 1",
            "monthly": "monthly + 1",
            "addon": "addon - 1",
            "held_monthly": "1",
            "frozen_other": "1",
            "operation": "'video'",
            "quantity": "9",
            "details": '\'{"metadata": {"job": "a"}}\'',
            "actor": "'somebody'",
            "reason": "'why not'",
            "hash": "sha256('x')",
        }.items()
    },
    "the amount of one of several charges that were made together": (
        f"UPDATE coinpurse.acts SET amount = 99 {MINE} act = {CHARGE} + 2",
        ("charge", 1),
        "acts",
    ),
    "the balances of a charge and all later acts": (
        f"UPDATE coinpurse.acts SET monthly = monthly + 5 {MINE} act >= {CHARGE}",
        ("charge", 0),
        "available",
    ),
    "an entry of nothing, and of a grant that is not there": (
        f"UPDATE coinpurse.acts SET moves = moves || 'c', grants = grants || 999, amounts = amounts || 5,"
        f" sequence = sequence + 1 {MINE} act = {CHARGE}",
        ("charge", 0),
        "",
    ),
    "a middle charge removed": (
        f"DELETE FROM coinpurse.acts {MINE} act = {CHARGE}",
        ("charge", 1),
        "out of line",
    ),
    "the last act removed": (f"DELETE FROM coinpurse.acts {MINE} act = {LAST}", ("charge", -1), "wallet"),
    "the last acts removed, and the wallet told so": (
        f"DELETE FROM coinpurse.acts {MINE} act > {LAST} - 1;"
        "UPDATE coinpurse.wallets w SET act = a.act, sequence = a.sequence, monthly = coalesce(a.monthly, 0),"
        " held_monthly = coalesce(a.held_monthly, 0), remaining = (w.remaining[1] + 4) || w.remaining[2:]"
        f" FROM coinpurse.acts a WHERE w.account = {{v}} AND a.account = {{v}} AND a.act = {LAST}",
        None,
        "wallet's hash",
    ),
    "an act added at the end": (
        "INSERT INTO coinpurse.acts (account, act, sequence, at, kind, moves, terms, monthly, other, addon,"
        " held_monthly) SELECT account, act + 1, sequence, at, 'note', '', terms, monthly, other, addon,"
        " held_monthly"
        f" FROM coinpurse.acts {MINE} act = {LAST};"
        "UPDATE coinpurse.wallets SET act = act + 1 WHERE account = {v}",
        ("note", 0),
        "no hash",
    ),
    "two acts swapped": (
        f"UPDATE coinpurse.acts SET act = -1 {MINE} act = {CHARGE} + 1;"
        f"UPDATE coinpurse.acts SET act = act - 1 {MINE} act = {CHARGE} + 2;"
        f"UPDATE coinpurse.acts SET act = {CHARGE} + 2 {MINE} act = -1",
        None,
        "",
    ),
    "an act given to another account": (
        f"UPDATE coinpurse.acts SET account = {{o}}, act = {LAST} + 1 {MINE} act = {LAST}",
        None,
        "",
    ),
    "a grant's amount": (
        f'UPDATE coinpurse.grants SET amount = 600 {MINE} "grant" = {TOPUP}',
        ("topup", 0),
        "",
    ),
    "a grant's kind": (
        f"UPDATE coinpurse.grants SET kind = 'addon' {MINE} \"grant\" = {PROMO}",
        ("grant", 0),
        "",
    ),
    "a grant's expiry": (
        f"UPDATE coinpurse.grants SET expires_at = expires_at + interval '1 day' {MINE} \"grant\" = {PROMO}",
        ("grant", 0),
        "hash",
    ),
    "a grant's source": (
        f'UPDATE coinpurse.grants SET source = \'{{"type": "support"}}\' {MINE} "grant" = {TOPUP}',
        ("topup", 0),
        "hash",
    ),
    "a grant closed": (
        f"UPDATE coinpurse.grants SET closed = 'revoked' {MINE} \"grant\" = {TOPUP}",
        ("topup", 0),
        "revoked",
    ),
    "a grant frozen": (f'UPDATE coinpurse.grants SET frozen = 5 {MINE} "grant" = {TOPUP}', ("topup", 0), ""),
    "a grant owing nothing any more": (
        f'UPDATE coinpurse.grants SET asked_back = 5, taken_back = 5, repaid = 0 {MINE} "grant" = {TOPUP}',
        ("topup", 0),
        "asked back",
    ),
    "a grant removed": (f'DELETE FROM coinpurse.grants {MINE} "grant" = {TOPUP}', ("topup", 0), ""),
    "a grant added": (
        'INSERT INTO coinpurse.grants (account, "grant", kind, amount, starts_at, source)'
        " VALUES ({v}, 1, 'addon', 1000, now(), '{}')",
        ("subscribe", 0),
        "",
    ),
    "a hold that lasts longer": (
        "UPDATE coinpurse.holds SET expires_at = expires_at + interval '1 day' WHERE account = {v};"
        "UPDATE coinpurse.wallets SET due_at = due_at + interval '1 day' WHERE account = {v}",
        ("hold", 1),
        "was made to end",
    ),
    "a hold removed": ("DELETE FROM coinpurse.holds WHERE account = {v}", ("hold", 1), "ended 0 times"),
    "a hold added": (
        "INSERT INTO coinpurse.holds VALUES ({v}, 1, now() + interval '1 hour')",
        ("subscribe", 0),
        "no act made it",
    ),
    "the wallet's credits": (
        "UPDATE coinpurse.wallets SET monthly = monthly + 100 WHERE account = {v}",
        ("charge", -1),
        "wallet",
    ),
    "the wallet's open grants": (
        "UPDATE coinpurse.wallets SET remaining[1] = remaining[1] + 100 WHERE account = {v}",
        ("renew", -1),
        "wallet",
    ),
    "the wallet's burn order": (
        "UPDATE coinpurse.wallets SET live = ARRAY[live[3], live[2], live[1]], kinds = reverse(kinds),"
        " remaining = ARRAY[remaining[3], remaining[2], remaining[1]] WHERE account = {v}",
        None,
        "turn",
    ),
    "the wallet's hash": (
        "UPDATE coinpurse.wallets SET chain = sha256('x') WHERE account = {v}",
        ("charge", -1),
        "",
    ),
    "the wallet's due instant": (
        "UPDATE coinpurse.wallets SET due_at = 'infinity' WHERE account = {v}",
        ("charge", -1),
        "due",
    ),
    "the wallet's latest instant": (
        "UPDATE coinpurse.wallets SET at = at - interval '1 hour' WHERE account = {v}",
        ("charge", -1),
        "latest",
    ),
    "the wallet's threshold": (
        "UPDATE coinpurse.wallets SET top_up_below = 10 WHERE account = {v}",
        ("charge", -1),
        "tops up",
    ),
    "a longer paid subscription": (
        "UPDATE coinpurse.subscriptions SET paid_months = paid_months + 12 WHERE account = {v}",
        ("charge", -1),
        "terms",
    ),
    "a larger allocation": (
        "UPDATE coinpurse.subscriptions SET allocation = 5000 WHERE account = {v}",
        ("charge", -1),
        "5000",
    ),
    "another period": (
        "UPDATE coinpurse.subscriptions SET period = period + 1 WHERE account = {v}",
        ("subscribe", 0),
        "",
    ),
    "an older version of the terms": (
        "UPDATE coinpurse.terms SET terms = terms || '{\"allocation\": 5}' WHERE account = {v}"
        " AND version = 1",
        ("subscribe", 0),
        "hash",
    ),
    "a renewal's state": (
        "UPDATE coinpurse.renewals SET state = 'late' WHERE account = {v}"
        " AND period_start = (SELECT max(period_start) FROM coinpurse.renewals WHERE account = {v})",
        ("subscribe", 0),
        "running period is granted",
    ),
    "a renewal's end": (
        "UPDATE coinpurse.renewals SET period_end = period_end + interval '1 day' WHERE account = {v}",
        ("subscribe", 0),
        "was shown to end",
    ),
    "a renewal that is owed": (
        "UPDATE coinpurse.renewals SET unpaid = 5 WHERE account = {v}",
        ("subscribe", 0),
        "unpaid",
    ),
    "a renewal removed": (
        "DELETE FROM coinpurse.renewals WHERE account = {v}",
        ("subscribe", 0),
        "no renewal",
    ),
    "a payment's reference": (
        "UPDATE coinpurse.payments SET reference = 'pi_stolen' WHERE account = {v}",
        ("topup", 0),
        "not the one",
    ),
    "a payment removed": ("DELETE FROM coinpurse.payments WHERE account = {v}", ("topup", 0), "no payment"),
    "a payment for another act": (
        "UPDATE coinpurse.payments SET act = 1 WHERE account = {v}",
        ("subscribe", 0),
        "no top-up",
    ),
    "a standing": (
        "UPDATE coinpurse.standings SET subscription = 2 WHERE account = {v}",
        None,
        "standing",
    ),
    "what an event led to": ("UPDATE coinpurse.events SET acts = '{99}' WHERE account = {v}", None, "event"),
    "an event that led to something, ignored": (
        "UPDATE coinpurse.events SET status = 'ignored' WHERE account = {v}",
        None,
        "event",
    ),
    "an announcement's act": (
        "UPDATE coinpurse.outbox SET act = 99 WHERE account = {v} AND type = 'topup.succeeded'",
        ("topup", 0),
        "",
    ),
    "an announcement removed": (
        "DELETE FROM coinpurse.outbox WHERE account = {v} AND type = 'topup.succeeded'",
        ("topup", 0),
        "no announcement",
    ),
    "a key that names another act": (
        f"UPDATE coinpurse.keys SET act = {LAST} {MINE} act = {CHARGE}",
        ("charge", 0),
        "",
    ),
    "a key's fingerprint": (
        f"UPDATE coinpurse.keys SET fingerprint = 5 {MINE} act = {LAST}",
        ("charge", -1),
        "another request",
    ),
    "a key removed": (f"DELETE FROM coinpurse.keys {MINE} act = {CHARGE}", ("charge", 0), "twice"),
    "an account under another name": (
        "UPDATE coinpurse.accounts SET id = 'thief' WHERE account = {v}",
        None,
        "thief",
    ),
}


def test_l4_untouched_books_are_right(books: Books) -> None:
    """L4: nothing is found where nothing was touched; a tampering that changes nothing isn't one either."""
    assert books.runner.run(go_through(books.ctx.db)).problems == []
    assert books.forge("UPDATE coinpurse.acts SET reason = reason WHERE account = {v}") == []


@pytest.mark.parametrize("forgery", FORGERIES)
def test_l4_a_forgery_is_found(books: Books, forgery: str) -> None:
    """L4: whatever a superuser changes, removes or adds is found, and the first wrong line is named."""
    statement, line, words = FORGERIES[forgery]
    acts = books.acts(line[0]) if line and line[0] != "note" else []
    found = books.forge(statement)
    assert found
    mine = [problem for problem in found if problem.digest == VICTIM]
    assert any(words in problem.fault for problem in found), found
    if acts and line:
        assert mine[0].act == acts[line[1]], mine


def test_l4_pages_are_bounded_by_their_acts(books: Books) -> None:
    """L4: accounts of many acts are checked one by one, those of few together; each of them once."""
    run, db = books.runner.run, books.ctx.db
    one_by_one, together = Report(), Report()
    assert run(check_page(db, one_by_one, 100, 1))
    assert one_by_one.accounts == 1
    assert not run(check_page(db, one_by_one, 100, 1))
    assert not run(check_page(db, together, 100, 1_000))
    assert one_by_one.accounts == together.accounts == 2
    assert one_by_one.last == together.last


def test_l4_the_worker_finds_it(books: Books) -> None:
    """L4: the worker goes through the books a slice at a time; what it finds is kept, named by doctor,
    and gone once it is right again."""
    run, ctx = books.runner.run, books.ctx
    run(ctx.db.work(lambda conn: _set(conn, VICTIM, 5)))
    assert run(checks.watch(ctx))
    faults = run(checks.faults(ctx))
    assert [problem.account for problem in faults] == ["victim"]
    finding = next(one for one in run(examine(ctx)) if one.name == "books")
    assert (finding.state, finding.value) == ("wrong", 1)
    assert "victim" in finding.words
    run(ctx.db.work(lambda conn: _set(conn, VICTIM, -5)))
    assert run(checks.watch(ctx))
    assert run(checks.faults(ctx)) == []
    assert next(one for one in run(examine(ctx)) if one.name == "books").state == "ok"


async def _set(conn: Any, account: UUID, more: int) -> None:
    await conn.execute("UPDATE coinpurse.wallets SET addon = addon + %s WHERE account = %s", [more, account])


def test_l4_heads_kept_elsewhere_show_what_a_whole_forgery_hides(books: Books) -> None:
    """L4: who rewrites the whole chain and the wallet still doesn't have what was written down elsewhere."""
    report = books.runner.run(go_through(books.ctx.db))
    assert [head.account for head in report.heads] == sorted([VICTIM, OTHER], key=lambda one: one.bytes)
    assert books.runner.run(checks.differing(books.ctx, report.heads)) == []
    other = [type(head)(head.account, head.act, "00") for head in report.heads[:1]]
    assert books.runner.run(checks.differing(books.ctx, other)) == other
