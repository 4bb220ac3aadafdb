"""A test of the tests: each of these breakages of one line must make the test of its rule fail.

A mutant is a copy of the package with one text replaced; the rule's test runs against it, on a server and a
database of its own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from mutants import hot_path
from mutants.hot_path import HOT_PATH

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "coinpurse"
SQL = "store/sql/functions/"


class Mutant(NamedTuple):
    """Which rule is broken, where, what stands there, what the mutant has instead, and the test that must
    see it."""

    rule: str
    file: str
    old: str
    new: str
    test: str


MUTANTS = [
    Mutant(
        "S1", SQL + "21_post.sql",
        "CASE g.kind WHEN 'monthly' THEN 1 WHEN 'addon' THEN 3 ELSE 2 END,",
        "CASE g.kind WHEN 'monthly' THEN 3 WHEN 'addon' THEN 1 ELSE 2 END,",
        "test_s_spending.py::test_s1_monthly_is_spent_before_addon",
    ),
    Mutant(
        "S2", SQL + "31_spend_many.sql",
        "greatest(a.monthly - a.upto, 0) AS monthly",
        "greatest(a.monthly - a.amount, 0) AS monthly",
        "test_s_spending.py::test_s2_a_batch_walks_through_the_buckets",
    ),
    Mutant(
        "S3", SQL + "21_post.sql",
        "g.priority, g.expires_at NULLS LAST,", "g.priority, g.expires_at NULLS FIRST,",
        "test_s_spending.py::test_s3_priority_then_expiry_then_age",
    ),
    Mutant(
        "S4", SQL + "30_charge.sql",
        "IF p_amount > w.monthly + w.other + w.addon THEN",
        "IF p_amount > w.monthly + w.other + w.addon + w.held_addon THEN",
        "test_s_spending.py::test_s4_credits_held_when_running_work_would_have_sufficed",
    ),
    Mutant(
        "S5", "domain/catalog.py",
        "return -(-quantity * self.credits // self.per)", "return quantity * self.credits // self.per",
        "test_s_spending.py::test_s5_the_rate_card_prices_an_operation",
    ),
    Mutant(
        "S6", "app/context.py",
        "or isinstance(amount, bool) or not least", "or not least",
        "test_s_spending.py::test_s6_what_is_not_an_amount_is_refused_before_anything_happens",
    ),
    Mutant(
        "S7", SQL + "31_spend_many.sql",
        "AND l.last AND w.account = ANY (ARRAY[l.account])\n",
        "AND l.last AND w.account = ANY (ARRAY[l.account]) AND w.chain IS NOT DISTINCT FROM l.chain\n",
        "test_s7_concurrency.py::test_s7_a_batch_waits_for_a_rival_and_then_sees_its_work",
    ),
    Mutant(
        "S8", SQL + "22_answer.sql",
        "slot IN (slot_now, (slot_now + 2) % 3)", "slot = slot_now",
        "test_s8_keys.py::test_s8_a_key_is_remembered_in_its_turn_and_the_next",
    ),
    Mutant(
        "S8", SQL + "31_spend_many.sql",
        "settled boolean := key_slot(clock_timestamp() - interval '1 minute') = slot_now;",
        "settled boolean := true;",
        "test_s8_keys.py::test_s8_the_same_key_on_both_sides_of_a_turn",
    ),
    Mutant(
        "T1", SQL + "00_base.sql",
        "make_interval(months => p_month))",
        "make_interval(months => p_month - 1) + make_interval(months => 1))",
        "test_t_time.py::test_t1_periods_are_reckoned_from_the_anchor",
    ),
    Mutant(
        "T2", SQL + "61_reads.sql",
        "AND act = middle) <= p_at", "AND act = middle) < p_at",
        "test_t_time.py::test_t2_the_past_is_half_open_too",
    ),
    Mutant(
        "T3", SQL + "41_step.sql",
        "RETURN replace_credits(w, s, 'renew', gives(s), s.period_state = 'provisional');",
        "RETURN settle(replace_credits(w, s, 'renew', 0), s, 'renew');",
        "test_t_time.py::test_t3_expiry_and_grant_are_one_act",
    ),
    Mutant(
        "T4", SQL + "61_reads.sql",
        "w.due_at <= now.at,", "false,",
        "test_t_time.py::test_t4_a_live_renewal_waits_for_nobody",
    ),
    Mutant(
        "T5", SQL + "40_advance.sql",
        "w.at := greatest(w.at, d.at);", "w.at := p_until;",
        "test_t_time.py::test_t5_untouched_for_fourteen_months",
    ),
    Mutant(
        "T6", SQL + "41_step.sql",
        "WHEN (running(s)).starts < paid_through(s) THEN", "WHEN (running(s)).starts <= paid_through(s) THEN",
        "test_t_time.py::test_t6_a_period_is_granted_if_it_starts_before_paid_through",
    ),
    Mutant(
        "T7", SQL + "41_step.sql",
        "p.starts + s.grace);", "p.ends);",
        "test_t7_renewal.py::test_t7_provisional_freezes_at_the_end_of_the_grace",
    ),
    Mutant(
        "T9", SQL + "60_accounts.sql",
        "IF p_now < coalesce(", "IF p_now IS NULL AND p_now < coalesce(",
        "test_t_time.py::test_t9_a_clock_stands_still_and_never_goes_back",
    ),
    Mutant(
        "B1", SQL + "41_step.sql",
        "DECLARE gone record := lapse(w, s.subscription);", "DECLARE gone record := lapse(w, NULL);",
        "test_b_subscriptions.py::test_b1_renewal_replaces_the_monthly_credits",
    ),
    Mutant(
        "B2", SQL + "40_advance.sql",
        "(subscription = p_subscription OR", "(subscription = p_subscription OR subscription IS NULL OR",
        "test_b_subscriptions.py::test_b2_addon_is_never_touched",
    ),
    Mutant(
        "B3", SQL + "52_cancel.sql",
        "s.ends_at := paid_through(s);", "s.ends_at := (running(s)).ends;",
        "test_b_subscriptions.py::test_b3_an_annual_plan_keeps_its_coming_months",
    ),
    Mutant(
        "B5", SQL + "53_change.sql",
        "floor((2 * p_amount * span.left_ + span.whole)", "floor((2 * p_amount * span.left_)",
        "test_b_subscriptions.py::test_b5_prorated_gives_the_share_of_the_period_left",
    ),
    Mutant(
        "B11", SQL + "41_step.sql",
        "WHEN s.status IN ('paused', 'past_due') THEN", "WHEN s.status IN ('past_due') THEN",
        "test_b_subscriptions.py::test_b11_pausing_stops_new_periods",
    ),
    Mutant(
        "B12", SQL + "40_advance.sql",
        "(subscription = p_subscription OR", "(p_subscription IS NOT NULL AND subscription IS NOT NULL OR",
        "test_b_subscriptions.py::test_b12_several_subscriptions_burn_soonest_expiry_first",
    ),
    Mutant(
        "P2", SQL + "34_grant.sql",
        "WHERE provider = p_provider AND reference = p_reference", "WHERE false",
        "test_p_topups.py::test_p2_one_payment_makes_one_grant",
    ),
    Mutant(
        "P5", SQL + "41_step.sql",
        "WHEN 'granted' THEN s.allocation",
        "WHEN 'granted' THEN (SELECT (p->>'monthly_credits')::bigint FROM catalogs, "
        "jsonb_array_elements(content->'plans') p WHERE p->>'id' = s.plan LIMIT 1)",
        "test_p_topups.py::test_p5_a_new_catalog_never_changes_what_was_sold",
    ),
    Mutant(
        "H2", SQL + "32_hold.sql",
        "1000000 - p.n", "1000000 + p.n",
        "test_h_holds.py::test_h2_the_entries_of_a_capture",
    ),
    Mutant(
        "H3", SQL + "32_hold.sql",
        "IF ended.kind = 'capture' AND ended.amount = spend THEN", "IF ended.kind = 'capture' THEN",
        "test_h_holds.py::test_h3_the_first_end_wins",
    ),
    Mutant(
        "H4", SQL + "32_hold.sql",
        "WHEN g.closed = 'expired' THEN 'l'", "WHEN g.closed = 'expired' THEN 'r'",
        "test_h_holds.py::test_h4_released_after_the_renewal",
    ),
    Mutant(
        "F1", SQL + "33_reverse.sql",
        "(sum(amount) OVER (ORDER BY turn DESC) - amount)", "(sum(amount) OVER (ORDER BY turn) - amount)",
        "test_f_reversals.py::test_f1_in_part_last_taken_first",
    ),
    Mutant(
        "F2", SQL + "33_reverse.sql",
        "r.of = p_charge AND r.kind = 'reverse'", "r.of = p_charge AND r.kind = 'revoke'",
        "test_f_reversals.py::test_f2_reversals_never_exceed_the_charge",
    ),
    Mutant(
        "L1", SQL + "90_refuse.sql",
        "BEFORE UPDATE OR DELETE OR TRUNCATE ON acts", "BEFORE UPDATE OR DELETE ON acts",
        "test_l_ledger.py::test_l1_the_database_refuses_to_change_the_ledger",
    ),
    Mutant(
        "L3", SQL + "22_answer.sql",
        "t.version = a.terms)", "t.version = (SELECT w.terms FROM wallets w WHERE w.account = a.account))",
        "test_l_ledger.py::test_l3_the_past_is_what_was_shown_then",
    ),
]  # fmt: skip


def run(package: Path, test: str) -> subprocess.CompletedProcess[str]:
    """Runs a test against a copy of the package."""
    env = {**os.environ, "PYTHONPATH": str(package.parent), "COINPURSE_TEST_PG": "18"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/{test}"]
    return subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package."""
    return shutil.copytree(PACKAGE, tmp_path / "coinpurse", ignore=shutil.ignore_patterns("__pycache__"))


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=[f"{m.rule}-{m.test.split('::')[1]}" for m in MUTANTS])
def test_a_mutant_is_found(package: Path, mutant: Mutant) -> None:
    """The test of the rule fails, by a failure of its own and not because nothing runs."""
    find(package, mutant, f"rules/{mutant.test}")


@pytest.mark.slow
@pytest.mark.parametrize("mutant", HOT_PATH, ids=lambda mutant: mutant.what.replace(" ", "-"))
def test_a_mutant_of_the_hot_path_is_found(package: Path, mutant: hot_path.Mutant) -> None:
    """Of what every charge goes through, in Python and in SQL."""
    find(package, mutant, mutant.test)


def find(package: Path, mutant: Mutant | hot_path.Mutant, test: str) -> None:
    """Breaks the copy; the test must fail."""
    path = package / mutant.file
    text = path.read_text("utf-8")
    assert text.count(mutant.old) == 1, "the line has changed: write the mutant anew"
    path.write_text(text.replace(mutant.old, mutant.new), "utf-8")
    result = run(package, test)
    assert result.returncode == 1, result.stdout
    assert f"FAILED tests/{test}" in result.stdout, result.stdout


@pytest.mark.slow
def test_an_unchanged_copy_passes(package: Path) -> None:
    """What kills the mutants is their change: without one, the same tests pass, and against the copy."""
    (package / "__init__.py").write_text((package / "__init__.py").read_text() + "\nCOPY = True\n")
    result = run(package, "rules/test_s_spending.py::test_s1_monthly_is_spent_before_addon")
    assert result.returncode == 0, result.stdout
    seen = subprocess.run(
        [sys.executable, "-c", "import coinpurse; print(coinpurse.COPY)"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert seen.stdout == "True\n", seen.stderr
