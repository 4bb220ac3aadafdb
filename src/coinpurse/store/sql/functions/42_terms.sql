-- A subscription as it is shown.
CREATE OR REPLACE FUNCTION shown(s subscriptions) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'id', s.subscription, 'plan', s.plan, 'interval', CASE s.months WHEN 12 THEN 'year' ELSE 'month' END, 'status', s.status,
    'allocation', s.allocation, 'renewal', s.renewal, 'provider', s.provider, 'anchor', s.anchor, 'paid_through', paid_through(s),
    'current_period', CASE WHEN p.starts IS NOT NULL THEN jsonb_build_object('start', p.starts, 'end', p.ends) END, 'ends_at', s.ends_at,
    'pending_change', CASE WHEN s.pending IS NOT NULL THEN jsonb_build_object(
      'plan', s.pending->'plan', 'interval', CASE s.pending->>'months' WHEN '12' THEN 'year' ELSE 'month' END,
      'allocation', s.pending->'allocation', 'at', month_start(s.anchor, (s.pending->>'period')::int)) END,
    'created_at', s.created_at)
    FROM running(s) p
$$;

-- What a balance shows besides numbers (docs/engine.md, last part of the time chapter).
CREATE OR REPLACE FUNCTION terms_of(p_account uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
  WITH subs AS (
    SELECT s.subscription, s.status, s.ends_at, s.period, p.starts, p.ends,
           CASE WHEN s.period = -1 THEN s.trial_credits ELSE s.allocation END AS allocation, shown(s) AS shown,
           s.period_state <> 'granted' AND unconfirmed(s) AND NOT EXISTS (
             SELECT FROM grants g WHERE g.account = s.account AND g.subscription = s.subscription AND g.expires_at = p.ends) AS renewing
      FROM subscriptions s CROSS JOIN LATERAL running(s) p
     WHERE s.account = p_account
  ), first_to_end AS (
    SELECT * FROM subs WHERE starts IS NOT NULL ORDER BY ends, subscription LIMIT 1
  )
  SELECT jsonb_build_object(
    'allocation', (SELECT coalesce(sum(allocation), 0) FROM subs WHERE starts IS NOT NULL),
    'period', (SELECT jsonb_build_object('start', starts, 'end', ends) FROM first_to_end),
    'renews_at', (SELECT ends FROM first_to_end WHERE status <> 'paused' AND (ends_at IS NULL OR ends_at > ends)),
    'provisional', EXISTS (SELECT FROM grants WHERE account = p_account AND closed IS NULL AND provisional AND frozen IS NULL),
    'renewing', EXISTS (SELECT FROM subs WHERE renewing),
    'subscription', (SELECT min(subscription) FROM subs WHERE status <> 'ended'),
    'subscriptions', (SELECT coalesce(jsonb_agg(shown ORDER BY subscription), '[]') FROM subs))
$$;

-- Keeps a new version of the terms where they have changed, for the act that follows.
CREATE OR REPLACE FUNCTION note_terms(w wallets) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE
  now_shown jsonb := terms_of(w.account);
  noted terms;
BEGIN
  IF now_shown IS DISTINCT FROM (SELECT t.terms FROM terms t WHERE t.account = w.account AND t.version = w.terms) THEN
    w.terms := w.terms + 1;
    INSERT INTO terms (account, version, terms) VALUES (w.account, w.terms, now_shown) RETURNING * INTO noted;
    w.chain := link_to(w.account, w.chain, terms_bytes(noted));
  END IF;
  RETURN w;
END $$;

-- When the running period that ends first will end; null where there is none.
CREATE OR REPLACE FUNCTION running_until(p_account uuid) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT min((running(s)).ends) FROM subscriptions s WHERE s.account = p_account
$$;
