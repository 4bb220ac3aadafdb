"""Breakages of what every charge goes through, in Python and in SQL. Each names a test that must see it."""

from typing import NamedTuple

SQL = "store/sql/functions/"


class Mutant(NamedTuple):
    """What is broken, where, what stands there, what the mutant has instead, and the test that sees it."""

    what: str
    file: str
    old: str
    new: str
    test: str


HOT_PATH = [
    Mutant(
        "answers go to the wrong callers", "store/coalesce.py",
        "in zip(group, answers, strict=True)", "in zip(group, list(answers)[::-1], strict=True)",
        "store/test_coalesce.py::test_what_waits_goes_together",
    ),
    Mutant(
        "the queue has no end", "store/coalesce.py",
        "if len(self._waiting) >= self._queue or", "if",
        "store/test_coalesce.py::test_the_queue_is_bounded",
    ),
    Mutant(
        "who has gone is charged", "store/coalesce.py",
        "if not answer.cancelled():", "if answer is not None:",
        "store/test_coalesce.py::test_who_gives_up_while_waiting_takes_the_request_along",
    ),
    Mutant(
        "a group has no end", "store/coalesce.py",
        "while self._waiting and len(group) < self._most:", "while self._waiting:",
        "store/test_coalesce.py::test_a_group_is_bounded",
    ),
    Mutant(
        "a batch is carried out in the order of its keys", "store/spending.py",
        "sorted(first, key=_account_of)", "sorted(first)",
        "rules/test_s_spending.py::test_s2_a_batch_walks_through_the_buckets",
    ),
    Mutant(
        "replays of a batch aren't marked", "store/spending.py",
        "_shaped(request, raw, True)", "_shaped(request, raw, False)",
        "api/test_charges.py::test_a_batch_can_be_repeated",
    ),
    Mutant(
        "what a half of a batch failed with isn't told", "store/spending.py",
        "return [found] * len(requests)", "return [None] * len(requests)",
        "store/test_spending.py::test_s8_where_one_half_of_a_list_fails_the_other_is_answered",
    ),
    Mutant(
        "replays of a batch are mixed up", SQL + "22_answer.sql",
        "AS asked(account, act, n) ORDER BY asked.n", "AS asked(account, act, n) ORDER BY asked.n DESC",
        "api/test_charges.py::test_a_batch_can_be_repeated",
    ),
    Mutant(
        "a deadlock is told to the caller", "store/db.py",
        '{"40001", "40P01", "23505",', '{"40001", "23505",',
        "store/test_db.py::test_s8_what_passes_by_itself_is_repeated",
    ),
    Mutant(
        "an unconfirmed commit is done", "store/db.py",
        'if getattr(conn, "_coinpurse_uncertain", False):', 'if getattr(conn, "_coinpurse_never", False):',
        "store/test_uncertain.py::test_s7_a_cancelled_wait_for_the_standby_is_not_done",
    ),
    Mutant(
        "a key is good for any request of its kind", "app/context.py",
        "msgspec.json.encode(request, order", "msgspec.json.encode(request[:1], order",
        "rules/test_s8_keys.py::test_s8_the_same_key_for_another_request_is_a_conflict",
    ),
    Mutant(
        "test and live accounts are one", "domain/ids.py",
        "'test' if test else 'live'", "'test'",
        "api/test_auth.py::test_live_keys_do_not_see_test_accounts",
    ),
    Mutant(
        "any scope suffices", "api/guard.py",
        'if "admin" in key.scopes', "if key.scopes",
        "api/test_auth.py::test_scopes_decide",
    ),
    Mutant(
        "a revoked key works for ever", "api/guard.py",
        "return None if holder is None or until < self.now() else holder", "return holder",
        "api/test_auth.py::test_a_key_is_asked_for_again_after_two_seconds",
    ),
    Mutant(
        "the rate has no limit", "api/limits.py",
        "(level - 1, now)", "(level, now)",
        "api/test_limits.py::test_a_key_that_asks_too_often_waits",
    ),
    Mutant(
        "a fast charge overlooks what is due", SQL + "31_spend_many.sql",
        " AND l.due_at > l.at AND", " AND",
        "rules/test_t_time.py::test_t4_a_charge_takes_nothing_that_has_expired",
    ),
    Mutant(
        "a fast charge forgets last turn's keys", SQL + "31_spend_many.sql",
        "keys.slot IN (slot_now, slot_before)", "keys.slot = slot_now",
        "rules/test_s8_keys.py::test_s8_a_key_is_remembered_in_its_turn_and_the_next",
    ),
    Mutant(
        "a fast hold is counted twice", SQL + "31_spend_many.sql",
        "(sum(p.whole - p.from_both)", "(2 * sum(p.whole - p.from_both)",
        "rules/test_h_holds.py::test_h1_a_hold_sets_aside_in_burn_order",
    ),
    Mutant(
        "an account pays what it hasn't got, fast", SQL + "31_spend_many.sql",
        "r.total <= l.monthly + l.other + l.addon AND", "r.amount <= l.monthly + l.other + l.addon AND",
        "rules/test_s7_concurrency.py::test_s7_twenty_charges_of_75_on_500",
    ),
    Mutant(
        "a balance overlooks what is due", SQL + "61_reads.sql",
        "w.due_at <= now.at,", "false,",
        "rules/test_t_time.py::test_t4_whoever_comes_first_sees_what_is_due",
    ),
    Mutant(
        "many renew and keep what was left", SQL + "44_renew_many.sql",
        "g.subscription = ANY (ARRAY[(b.s).subscription]) AND g.closed IS NULL", "false",
        "rules/test_t_time.py::test_t4_a_live_renewal_waits_for_nobody",
    ),
    Mutant(
        "accounts that are due are charged one by one", "store/spending.py",
        "if due and await renew(", "if not due and await renew(",
        "rules/test_t_together.py::test_t4_charges_meet_many_due_accounts",
    ),
    Mutant(
        "a fast charge of an account that is due is a shortage", SQL + "31_spend_many.sql",
        "WHEN d.due THEN 'due'", "WHEN d.due THEN 'unsure'",
        "rules/test_t_together.py::test_t4_charges_meet_many_due_accounts",
    ),
    Mutant(
        "a fast capture leaves the credits held", SQL + "35_capture_many.sql",
        "a.held_addon - c.addon AS", "a.held_addon AS",
        "rules/test_h_holds.py::test_h1_holds_and_charges_at_the_same_moment",
    ),
]  # fmt: skip
