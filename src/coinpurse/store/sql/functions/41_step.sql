CREATE OR REPLACE FUNCTION paid_through(s subscriptions) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
  SELECT month_start(s.anchor, s.paid_months)
$$;

-- The running period `[start, end)` of a subscription; nulls before it starts and after it has ended.
CREATE OR REPLACE FUNCTION running(s subscriptions, OUT starts timestamptz, OUT ends timestamptz) LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF s.status = 'ended' THEN RETURN; END IF;
  starts := CASE WHEN s.period = -1 THEN s.starts_at ELSE month_start(s.anchor, s.period) END;
  ends := CASE WHEN s.period = -1 THEN s.anchor ELSE month_start(s.anchor, s.period + 1) END;
END $$;

-- Whether the running period still waits for its payment (T7).
CREATE OR REPLACE FUNCTION unconfirmed(s subscriptions) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT s.status = 'active' AND s.period_state IN ('expected', 'provisional', 'late')
$$;

-- When time will next change a subscription.
CREATE OR REPLACE FUNCTION next_step(s subscriptions) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE p record;
BEGIN
  IF s.status = 'ended' THEN RETURN 'infinity'; END IF;
  IF s.period IS NULL THEN RETURN least(s.starts_at, s.ends_at); END IF;
  p := running(s);
  IF unconfirmed(s) IS NOT TRUE THEN RETURN least(p.ends, s.ends_at); END IF;
  RETURN least(p.ends, s.ends_at, CASE WHEN s.period_state <> 'late' THEN p.starts + s.late_after END, p.starts + s.grace);
END $$;

-- Whether it is a period that begins at an instant at which something falls due for a subscription.
CREATE OR REPLACE FUNCTION renews(s subscriptions, p_at timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(s.ends_at > p_at, true) AND CASE WHEN s.period IS NULL THEN s.trial_credits IS NULL ELSE (running(s)).ends <= p_at END
$$;

-- Does what falls due for a subscription at an instant.
CREATE OR REPLACE FUNCTION step(w wallets, p_subscription bigint, p_at timestamptz) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE s subscriptions;
BEGIN
  SELECT * INTO s FROM subscriptions WHERE account = w.account AND subscription = p_subscription;
  IF s.ends_at <= p_at THEN RETURN finish_subscription(w, s, 'time', NULL); END IF;
  IF renews(s, p_at) THEN RETURN begin_period(w, next_period(s)); END IF;
  IF s.period IS NULL THEN RETURN begin_trial(w, s); END IF;
  IF s.period_state <> 'late' AND (running(s)).starts + s.late_after <= p_at THEN
    RETURN note(w, s, 'late', 'late');
  END IF;
  RETURN fail(w, s);
END $$;

-- Keeps a subscription and its renewal row, brings the terms up to date, and writes the act with its entries.
CREATE OR REPLACE FUNCTION settle(
  w wallets, s subscriptions, p_kind text, p_moves text DEFAULT '', p_grants bigint[] DEFAULT NULL, p_amounts bigint[] DEFAULT NULL,
  p_actor text DEFAULT 'time', p_reason text DEFAULT NULL, p_unpaid bigint DEFAULT 0
) RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
  UPDATE subscriptions SET (plan, months, allocation, quantity, renewal, grace, late_after, cap, starts_at, anchor, paid_months, period, period_state, status, ends_at, ends_fixed, pending)
    = (s.plan, s.months, s.allocation, s.quantity, s.renewal, s.grace, s.late_after, s.cap, s.starts_at, s.anchor, s.paid_months, s.period, s.period_state, s.status,
       s.ends_at, s.ends_fixed, s.pending)
   WHERE account = s.account AND subscription = s.subscription;
  IF s.period >= 0 THEN
    INSERT INTO renewals AS r (account, subscription, period_start, period_end, plan, policy, state, unpaid, changed_at)
    SELECT s.account, s.subscription, p.starts, p.ends, s.plan, s.renewal, s.period_state, p_unpaid, w.at FROM running(s) p WHERE p.starts IS NOT NULL
    ON CONFLICT (account, subscription, period_start) DO UPDATE SET state = excluded.state, unpaid = excluded.unpaid, changed_at = excluded.changed_at
     WHERE r.state <> excluded.state;
  END IF;
  w := note_terms(w);
  RETURN post(w, p_kind, p_moves, p_grants, p_amounts, p_of => s.subscription, p_actor => p_actor, p_reason => p_reason);
END $$;

-- Notes a state of the running period that moves no credits.
CREATE OR REPLACE FUNCTION note(w wallets, s subscriptions, p_kind text, p_state text) RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
  s.period_state := p_state;
  RETURN settle(w, s, p_kind);
END $$;

-- Replaces the subscription's credits: the open grants lapse and, where there is something to give, the new grant stands in their
-- place, in one act (T3, B1).
CREATE OR REPLACE FUNCTION replace_credits(w wallets, s subscriptions, p_kind text, p_amount bigint, p_provisional boolean DEFAULT false,
                                           p_actor text DEFAULT 'time', p_reason text DEFAULT NULL) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE gone record := lapse(w, s.subscription);
BEGIN
  IF p_amount > 0 THEN
    PERFORM allot(w, s, p_amount, p_provisional);
    gone.moves := gone.moves || 'g'; gone.grants := gone.grants || (w.act + 1); gone.amounts := gone.amounts || p_amount;
  END IF;
  RETURN settle(w, s, p_kind, gone.moves, gone.grants, gone.amounts, p_actor, p_reason);
END $$;

-- Notes a monthly grant for the running period.
CREATE OR REPLACE FUNCTION allot(w wallets, s subscriptions, p_amount bigint, p_provisional boolean DEFAULT false) RETURNS void LANGUAGE sql AS $$
  SELECT new_grant(w, 'monthly', p_amount, (running(s)).ends, p_subscription => s.subscription, p_provisional => p_provisional, p_source => source(s))
$$;

-- Where the credits of the running period come from.
CREATE OR REPLACE FUNCTION source(s subscriptions) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('type', 'subscription', 'subscription', s.subscription, 'plan', s.plan, 'period', s.period)
$$;

CREATE OR REPLACE FUNCTION begin_trial(w wallets, s subscriptions) RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
  s.period := -1;
  s.period_state := 'granted';
  RETURN replace_credits(w, s, 'trial', s.trial_credits);
END $$;

-- A subscription as it is when its next period begins (T6, T7). A change that was waiting for it takes effect first. A month that a pause
-- skipped is not owed.
CREATE OR REPLACE FUNCTION next_period(s subscriptions) RETURNS subscriptions LANGUAGE plpgsql STABLE AS $$
DECLARE n int := coalesce(s.period, -1) + 1;
BEGIN
  IF (s.pending->>'period')::int <= n THEN s := adopt(s, s.pending); END IF;
  IF s.status = 'active' AND s.period_state = 'skipped' THEN s.paid_months := greatest(s.paid_months, n); END IF;
  s.period := n;
  IF s.status = 'trialing' THEN s.status := 'active'; END IF;
  s.period_state := CASE
    WHEN s.status IN ('paused', 'past_due') THEN 'skipped'
    WHEN (running(s)).starts < paid_through(s) THEN 'granted'
    WHEN in_advance(s) = 'provisional' THEN 'provisional'
    ELSE 'expected' END;
  RETURN s;
END $$;

-- What an unpaid period gives in advance, and for how long: for the last period of a subscription that is to end nothing, and no grace.
CREATE OR REPLACE FUNCTION in_advance(s subscriptions) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN s.ends_at <= (running(s)).ends THEN 'strict' ELSE s.renewal END
$$;

-- What a period that begins puts in the place of the old credits; null: these stay.
CREATE OR REPLACE FUNCTION gives(s subscriptions) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE s.period_state WHEN 'granted' THEN s.allocation WHEN 'provisional' THEN least(s.cap, s.allocation) WHEN 'skipped' THEN 0
              ELSE CASE in_advance(s) WHEN 'strict' THEN 0 END END
$$;

-- A period begins (T3).
CREATE OR REPLACE FUNCTION begin_period(w wallets, s subscriptions) RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
  IF gives(s) IS NULL THEN RETURN settle(w, s, 'renew'); END IF;
  RETURN replace_credits(w, s, 'renew', gives(s), s.period_state = 'provisional');
END $$;

-- Gives a subscription the terms of another plan.
CREATE OR REPLACE FUNCTION adopt(s subscriptions, p_terms jsonb) RETURNS subscriptions LANGUAGE plpgsql STABLE AS $$
BEGIN
  s.plan := p_terms->>'plan'; s.months := (p_terms->>'months')::int; s.allocation := (p_terms->>'allocation')::bigint;
  s.renewal := p_terms->>'renewal'; s.grace := (p_terms->>'grace')::interval; s.late_after := (p_terms->>'late_after')::interval;
  s.cap := (p_terms->>'cap')::bigint; s.quantity := (p_terms->>'quantity')::int; s.pending := NULL;
  RETURN s;
END $$;

-- The grace is over and no payment came, or the provider says that it failed (T7, B7): unspent provisional credits freeze, what was spent of them is noted as unpaid;
-- under `paid_with_grace` the old credits go.
CREATE OR REPLACE FUNCTION fail(w wallets, s subscriptions, p_actor text DEFAULT 'time') RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE
  owed bigint := unpaid(w, s);
  d record;
BEGIN
  s.status := 'past_due';
  s.period_state := 'failed';
  IF s.renewal = 'paid_with_grace' THEN RETURN replace_credits(w, s, 'fail', 0, p_actor => p_actor); END IF;
  UPDATE grants SET frozen = 0 WHERE account = s.account AND subscription = s.subscription AND closed IS NULL AND provisional;
  SELECT repeat('f', count(*)::int) AS moves, array_agg(g."grant" ORDER BY l.n) AS grants, array_agg(l.remaining ORDER BY l.n) AS amounts INTO d
    FROM unnest(w.live, w.remaining) WITH ORDINALITY AS l("grant", remaining, n)
    JOIN grants g ON g.account = s.account AND g."grant" = l."grant"
   WHERE g.subscription = s.subscription AND g.provisional AND l.remaining > 0;
  RETURN settle(w, s, 'fail', d.moves, d.grants, d.amounts, p_actor, p_unpaid => owed);
END $$;

-- What was spent of a subscription's provisional credits (T7): what is neither left, nor frozen, nor held, nor taken back by support.
CREATE OR REPLACE FUNCTION unpaid(w wallets, s subscriptions) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT coalesce(sum(g.amount - coalesce(w.remaining[array_position(w.live, g."grant")], 0) - coalesce(g.frozen, 0) - held_of(g.account, g."grant")
                      - (SELECT coalesce(sum(a.amount), 0) FROM acts a WHERE a.account = g.account AND a.of = g."grant" AND a.kind = 'revoke')), 0)::bigint
    FROM grants g WHERE g.account = s.account AND g.subscription = s.subscription AND g.closed IS NULL AND g.provisional
$$;

-- How much of a grant open holds have set aside.
CREATE OR REPLACE FUNCTION held_of(p_account uuid, p_grant bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT coalesce(sum(e.amount), 0)::bigint
    FROM holds h JOIN acts a ON a.account = h.account AND a.act = h.hold, unnest(a.grants, a.amounts) AS e("grant", amount)
   WHERE h.account = p_account AND e."grant" = p_grant
$$;

-- Ends a subscription: its credits go, add-on credits stay (B3, B4).
CREATE OR REPLACE FUNCTION finish_subscription(w wallets, s subscriptions, p_actor text, p_reason text) RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
  IF unconfirmed(s) THEN
    UPDATE renewals SET state = 'failed', unpaid = unpaid(w, s), changed_at = w.at
     WHERE account = s.account AND subscription = s.subscription AND period_start = (running(s)).starts;
  END IF;
  s.status := 'ended';
  s.ends_at := w.at;
  s.pending := NULL;
  RETURN replace_credits(w, s, 'end', 0, p_actor => p_actor, p_reason => p_reason);
END $$;
