-- Begins the next period of many accounts at once: for each whose next thing due is that, and who has nothing frozen, just what `step` would do for it
-- alone. The others are left as they are, and so is what falls due after it: `enter` sees to that. Answers how many.
-- Each statement is for all accounts together. The first locks their rows, by a write and in their order; so the others see all that rivals had committed
-- until then, and nobody changes it any more. Tables are looked into as in `spend_many`.
CREATE OR REPLACE FUNCTION renew_many(p_accounts uuid[]) RETURNS int
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  these uuid[];
  of_ bigint[];
  at_ timestamptz[];
  renewed int;
BEGIN
  WITH locked AS (
    UPDATE wallets w SET act = w.act
      FROM (SELECT account FROM wallets WHERE account = ANY (p_accounts) AND due_at <= coalesce(clock, clock_timestamp()) ORDER BY account FOR UPDATE) due
     WHERE w.account = ANY (ARRAY[due.account]) RETURNING w.account
  )
  SELECT array_agg(account) INTO these FROM locked;
  IF these IS NULL THEN RETURN 0; END IF;

  WITH begun AS MATERIALIZED (
    SELECT w.account, w.act + 1 AS act, greatest(w.at, d.at) AS at, n AS s, gives(n) AS gives, p.starts, p.ends
      FROM wallets w
     CROSS JOIN LATERAL due(w.account) d
      JOIN subscriptions s ON s.account = ANY (ARRAY[w.account]) AND s.subscription = ANY (ARRAY[d.id])
     CROSS JOIN LATERAL next_period(s) n
     CROSS JOIN LATERAL running(n) p
     WHERE w.account = ANY (these) AND w.frozen_monthly = 0 AND d.what = 'subscription' AND d.at <= coalesce(w.clock, clock_timestamp()) AND renews(s, d.at)
  ), kept AS (
    UPDATE subscriptions s
       SET plan = (b.s).plan, months = (b.s).months, allocation = (b.s).allocation, quantity = (b.s).quantity, renewal = (b.s).renewal, grace = (b.s).grace,
           late_after = (b.s).late_after, cap = (b.s).cap, paid_months = (b.s).paid_months, period = (b.s).period, period_state = (b.s).period_state,
           status = (b.s).status, pending = (b.s).pending
      FROM begun b WHERE s.account = ANY (ARRAY[b.account]) AND s.subscription = ANY (ARRAY[(b.s).subscription])
  ), noted AS (
    INSERT INTO renewals AS r (account, subscription, period_start, period_end, plan, policy, state, changed_at)
    SELECT account, (s).subscription, starts, ends, (s).plan, (s).renewal, (s).period_state, at FROM begun
    ON CONFLICT (account, subscription, period_start) DO UPDATE SET state = excluded.state, unpaid = 0, changed_at = excluded.changed_at WHERE r.state <> excluded.state
  ), lapsed AS (
    UPDATE grants g SET closed = 'expired'
      FROM begun b WHERE b.gives IS NOT NULL AND g.account = ANY (ARRAY[b.account]) AND g.subscription = ANY (ARRAY[(b.s).subscription]) AND g.closed IS NULL
  ), given AS (
    INSERT INTO grants (account, "grant", kind, amount, starts_at, expires_at, subscription, source, provisional)
    SELECT account, act, 'monthly', gives, at, ends, (s).subscription, source(s), (s).period_state = 'provisional' FROM begun WHERE gives > 0
  )
  SELECT array_agg(account), array_agg((s).subscription), array_agg(at) INTO these, of_, at_ FROM begun;
  IF these IS NULL THEN RETURN 0; END IF;

  WITH moved AS MATERIALIZED ( -- what is live and was just closed lapses (x); behind that the new grant, if there is one, is given (g)
    SELECT w.*, w.act + 1 AS new_act, m.of, m.new_at, e.*, terms_of(w.account) AS shown
      FROM unnest(these, of_, at_) AS m(account, of, new_at)
      JOIN wallets w ON w.account = ANY (ARRAY[m.account])
     CROSS JOIN LATERAL (
        SELECT repeat('x', count(l.closed)::int) || repeat('g', count(*) FILTER (WHERE l.fresh)::int) AS moves,
               array_agg(l."grant" ORDER BY l.fresh, l.turn) FILTER (WHERE l.fresh OR l.closed IS NOT NULL) AS grants,
               array_agg(l.amount ORDER BY l.fresh, l.turn) FILTER (WHERE l.fresh OR l.closed IS NOT NULL) AS amounts,
               coalesce(array_agg(l."grant" ORDER BY l.turn) FILTER (WHERE l.closed IS NULL), '{}') AS new_live,
               coalesce(string_agg(left(l.kind, 1), '' ORDER BY l.turn) FILTER (WHERE l.closed IS NULL), '') AS new_kinds,
               coalesce(array_agg(l.amount ORDER BY l.turn) FILTER (WHERE l.closed IS NULL), '{}') AS new_remaining,
               coalesce(sum(l.amount) FILTER (WHERE l.closed IS NULL AND l.kind = 'monthly'), 0)::bigint AS new_monthly
          FROM (SELECT g."grant", g.kind, g.closed, u.remaining IS NULL AS fresh, coalesce(u.remaining, g.amount) AS amount,
                       row_number() OVER (ORDER BY CASE g.kind WHEN 'monthly' THEN 1 WHEN 'addon' THEN 3 ELSE 2 END, g.priority, g.expires_at NULLS LAST, g."grant") AS turn
                  FROM unnest(w.live || (w.act + 1), w.remaining) AS u("grant", remaining)
                 CROSS JOIN LATERAL ( -- one by one, however many the account has had
                    SELECT * FROM grants WHERE account = w.account AND grants."grant" = u."grant" LIMIT 1) g
                 WHERE u.remaining > 0 IS NOT FALSE) l
     ) e
  ), shown AS MATERIALIZED (
    SELECT m.*, m.terms + n.changed::int AS new_terms, n.changed,
           CASE WHEN n.changed THEN link_to(m.account, m.chain, terms_bytes(row(m.account, m.terms + 1, m.shown)::terms)) ELSE m.chain END AS tied
      FROM moved m CROSS JOIN LATERAL (
        SELECT m.shown IS DISTINCT FROM (SELECT t.terms FROM terms t WHERE t.account = m.account AND t.version = m.terms) AS changed) n
  ), done AS MATERIALIZED (
    SELECT s.*, link_to(s.account, s.tied, act_bytes(s.new_act, s.new_at, 'renew', s.moves, s.grants, s.amounts, NULL, s.of, s.new_terms, NULL, NULL, NULL, 'time', NULL)
             || coalesce((SELECT grant_bytes(g) FROM grants g WHERE g.account = s.account AND g."grant" = s.new_act), '')) AS hash
      FROM shown s
  ), told AS (
    INSERT INTO terms (account, version, terms) SELECT account, new_terms, shown FROM done WHERE changed
  ), written AS (
    INSERT INTO acts (account, act, sequence, at, kind, moves, grants, amounts, of, terms, monthly, other, addon,
                      held_monthly, held_other, held_addon, frozen_monthly, frozen_other, frozen_addon, actor, hash)
    SELECT account, new_act, sequence + length(moves), new_at, 'renew', moves, grants, amounts, of, new_terms,
           nullif(new_monthly, 0), nullif(other, 0), nullif(addon, 0), nullif(held_monthly, 0), nullif(held_other, 0), nullif(held_addon, 0),
           nullif(frozen_monthly, 0), nullif(frozen_other, 0), nullif(frozen_addon, 0), 'time', hash
      FROM done
  ), carried AS (
    UPDATE wallets w
       SET act = d.new_act, sequence = d.sequence + length(d.moves), at = d.new_at, terms = d.new_terms, chain = d.hash, monthly = d.new_monthly,
           live = d.new_live, kinds = d.new_kinds, remaining = d.new_remaining, due_at = coalesce((SELECT n.at FROM due(w.account) n), 'infinity')
      FROM done d WHERE w.account = ANY (ARRAY[d.account])
    RETURNING w.account
  )
  SELECT count(*) INTO renewed FROM carried;
  PERFORM must(renewed = cardinality(these), 'each renewed wallet is updated once');

  IF EXISTS (SELECT FROM webhook_endpoints WHERE disabled_at IS NULL) THEN
    PERFORM announce(w, (SELECT coalesce(a.monthly, 0) + coalesce(a.other, 0) + coalesce(a.addon, 0) FROM acts a WHERE a.account = w.account AND a.act = w.act - 1))
       FROM wallets w WHERE w.account = ANY (these);
  END IF;
  PERFORM want_topup(w.account) FROM wallets w WHERE w.account = ANY (these) AND w.monthly + w.other + w.addon < w.top_up_below;
  RETURN renewed;
END $$;
