-- Announces the act that was just written (E5). `p_before` is what was available before it. Called where somebody listens.
CREATE OR REPLACE FUNCTION announce(w wallets, p_before bigint) RETURNS void LANGUAGE sql AS $$
  SELECT tell(a.account, a.act, a.at, array_agg(t.type ORDER BY t.n), array_agg(t.data || balance_told(w) ORDER BY t.n))
    FROM acts a CROSS JOIN LATERAL (
      SELECT 1 AS n, c.type, c.data FROM credits_news(a) c
      UNION ALL SELECT 2, s.type, s.data FROM subscription_news(a) s
      UNION ALL SELECT 3 + d.n, d.type, d.data FROM dips(p_before, w.monthly + w.other + w.addon) d) t
   WHERE a.account = w.account AND a.act = w.act
   GROUP BY a.account, a.act, a.at
$$;

-- Writes events of one act, for the endpoints that want them; none wants them: nothing is written. A queue that was empty becomes due.
CREATE OR REPLACE FUNCTION tell(p_account uuid, p_act bigint, p_at timestamptz, p_types text[], p_data jsonb[], p_first bigint DEFAULT 1)
RETURNS void LANGUAGE plpgsql AS $$ -- whose plans are kept, while PostgreSQL up to 17 plans a function in SQL anew for each statement
BEGIN
  WITH heard AS MATERIALIZED (
    SELECT t.type, t.data, p_first + t.n - 1 AS n, e.endpoint
      FROM unnest(p_types, p_data) WITH ORDINALITY AS t(type, data, n)
      JOIN accounts a ON a.account = p_account
      JOIN webhook_endpoints e ON e.disabled_at IS NULL AND e.test = a.test AND (e.types = '{}' OR t.type = ANY (e.types))
  ), kept AS (
    INSERT INTO outbox (account, act, n, type, at, data) SELECT DISTINCT ON (n) p_account, p_act, n, type, p_at, data FROM heard
  ), sent AS (
    INSERT INTO webhook_deliveries (account, act, n, endpoint) SELECT p_account, p_act, n, endpoint FROM heard
  )
  INSERT INTO webhook_queues AS q (account, endpoint, next_at) SELECT p_account, h.endpoint, clock_timestamp() FROM (SELECT DISTINCT endpoint FROM heard) h
  ON CONFLICT (account, endpoint) DO UPDATE SET next_at = excluded.next_at WHERE q.next_at = 'infinity';
END $$;

-- The balance in an event: what was there after its act.
CREATE OR REPLACE FUNCTION balance_told(w wallets) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_build_object('balance', jsonb_build_object(
    'available', w.monthly + w.other + w.addon, 'held', w.held_monthly + w.held_other + w.held_addon,
    'monthly', w.monthly, 'other', w.other, 'addon', w.addon))
$$;

-- What a balance passed on its way down: once for each time that it passes.
CREATE OR REPLACE FUNCTION dips(p_before bigint, p_after bigint) RETURNS TABLE (n int, type text, data jsonb) LANGUAGE sql STABLE AS $$
  SELECT 1, 'credits.low', jsonb_build_object('threshold', low_balance) FROM announcing WHERE one AND low_balance <= p_before AND low_balance > p_after
  UNION ALL
  SELECT 2, 'credits.depleted', '{}' WHERE p_before > 0 AND p_after = 0
$$;

-- The same for the hot path, which knows the numbers and has no wallet at hand.
CREATE OR REPLACE FUNCTION tell_dips(p_account uuid, p_act bigint, p_at timestamptz, p_before bigint, p_monthly bigint, p_other bigint, p_addon bigint, p_held bigint)
RETURNS void LANGUAGE sql AS $$
  SELECT tell(p_account, p_act, p_at, array_agg(d.type ORDER BY d.n), array_agg(d.data || jsonb_build_object('balance', jsonb_build_object(
           'available', p_monthly + p_other + p_addon, 'held', p_held, 'monthly', p_monthly, 'other', p_other, 'addon', p_addon)) ORDER BY d.n))
    FROM dips(p_before, p_monthly + p_other + p_addon) d HAVING count(*) > 0
$$;

-- What an act's entries say. Numbers stand for things; whoever delivers makes identifiers of them.
CREATE OR REPLACE FUNCTION credits_news(a acts) RETURNS TABLE (type text, data jsonb) LANGUAGE sql STABLE AS $$
  SELECT CASE
           WHEN a.kind = 'topup' THEN 'topup.succeeded'
           WHEN a.kind = 'renew' AND m.given > 0 THEN 'credits.renewed'
           WHEN a.kind = 'reverse' THEN 'charge.reversed'
           WHEN a.kind = 'revoke' THEN 'credits.revoked'
           WHEN a.kind = 'repay' THEN 'topup.debt_paid'
           WHEN a.kind = 'reclaim' THEN CASE WHEN m.taken > 0 OR a.moves = '' THEN 'topup.refunded' WHEN m.frozen > 0 THEN 'topup.disputed' ELSE 'topup.released' END
           WHEN m.given > 0 THEN 'credits.granted'
           WHEN m.expired > 0 THEN 'credits.expired'
         END,
         CASE
           WHEN a.kind = 'reverse' THEN jsonb_build_object('reversal', a.act, 'charge', a.of, 'amount', a.amount, 'lapsed', m.lapsed, 'compensated', m.given, 'reason', a.reason)
           WHEN a.kind = 'revoke' THEN jsonb_build_object('grant', a.of, 'amount', m.taken, 'reason', a.reason)
           WHEN a.kind IN ('reclaim', 'repay') THEN jsonb_build_object('grant', a.of, 'taken', m.taken, 'returned', m.returned, 'frozen', m.frozen, 'thawed', m.thawed,
             'shortfall', (SELECT greatest(g.asked_back - g.taken_back - g.repaid, 0) FROM grants g WHERE g.account = a.account AND g."grant" = a.of))
           WHEN m.given > 0 THEN jsonb_build_object('amount', m.given, 'expired', m.expired) || grant_told(a.account, m.new)
           ELSE jsonb_build_object('amount', m.expired)
         END
         || CASE WHEN a.kind = 'renew' THEN jsonb_build_object('subscription', subscription_told(a.account, a.terms, a.of)) ELSE '{}' END
    FROM (SELECT max("grant") FILTER (WHERE letter = 'g') AS new,
                 coalesce(sum(amount) FILTER (WHERE letter = 'g'), 0)::bigint AS given,
                 coalesce(sum(amount) FILTER (WHERE letter IN ('x', 'z')), 0)::bigint AS expired,
                 coalesce(sum(amount) FILTER (WHERE letter IN ('v', 'u')), 0)::bigint AS taken,
                 coalesce(sum(amount) FILTER (WHERE letter = 'y'), 0)::bigint AS returned,
                 coalesce(sum(amount) FILTER (WHERE letter = 'f'), 0)::bigint AS frozen,
                 coalesce(sum(amount) FILTER (WHERE letter = 't'), 0)::bigint AS thawed,
                 coalesce(sum(amount) FILTER (WHERE letter IN ('n', 'o')), 0)::bigint AS lapsed
            FROM unnest(a.grants, a.amounts, string_to_array(a.moves, NULL)) AS e("grant", amount, letter)) m
   WHERE a.kind IN ('topup', 'reverse', 'revoke', 'repay', 'reclaim') OR m.given > 0 OR m.expired > 0
$$;

CREATE OR REPLACE FUNCTION grant_told(p_account uuid, p_grant bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN jsonb_build_object('grant', "grant", 'kind', kind, 'expires_at', expires_at, 'provisional', provisional, 'source', source, 'reason', reason)
    FROM grants WHERE account = p_account AND "grant" = p_grant;
END $$;

-- A subscription as a version of the terms shows it.
CREATE OR REPLACE FUNCTION subscription_told(p_account uuid, p_terms bigint, p_subscription bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN s FROM terms t, jsonb_array_elements(t.terms->'subscriptions') s
   WHERE t.account = p_account AND t.version = p_terms AND (s->>'id')::bigint = p_subscription;
END $$;

-- What an act did to a subscription, by what was shown of it before and after: an act that changes nothing says nothing.
CREATE OR REPLACE FUNCTION subscription_news(a acts) RETURNS TABLE (type text, data jsonb) LANGUAGE plpgsql STABLE AS $$
DECLARE
  before jsonb := subscription_told(a.account, (SELECT p.terms FROM acts p WHERE p.account = a.account AND p.act = a.act - 1), a.of);
  now_ jsonb := subscription_told(a.account, a.terms, a.of);
BEGIN
  IF now_ IS NULL THEN RETURN; END IF;
  RETURN QUERY
  SELECT n.type, jsonb_build_object('subscription', now_, 'reason', a.reason) FROM (VALUES
    (CASE WHEN a.kind = 'late' THEN 'renewal.late' END),
    (CASE WHEN a.kind = 'pay' THEN 'subscription.paid' END),
    (CASE WHEN before IS NULL THEN 'subscription.created'
          WHEN now_->>'status' <> before->>'status' AND now_->>'status' IN ('ended', 'paused', 'past_due') THEN 'subscription.' || (now_->>'status')
          WHEN before->>'status' = 'past_due' AND now_->>'status' = 'active' THEN 'subscription.recovered'
          WHEN before->>'status' = 'paused' AND now_->>'status' <> 'paused' THEN 'subscription.resumed'
          WHEN before->>'ends_at' IS NULL AND now_->>'ends_at' IS NOT NULL THEN 'subscription.cancelled'
          WHEN before->>'ends_at' IS NOT NULL AND now_->>'ends_at' IS NULL THEN 'subscription.resumed'
     END),
    (CASE WHEN terms_sold(before) <> terms_sold(now_) AND now_->>'status' <> 'ended' THEN 'subscription.changed' END)
  ) n(type) WHERE n.type IS NOT NULL;
END $$;

-- What a change changes.
CREATE OR REPLACE FUNCTION terms_sold(p_shown jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_build_array(p_shown->'plan', p_shown->'interval', p_shown->'allocation', p_shown->'anchor', p_shown->'pending_change') WHERE p_shown IS NOT NULL
$$;
