-- A subscription as it is shown.
CREATE OR REPLACE FUNCTION shown(s subscriptions) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE p record := running(s);
BEGIN
  RETURN jsonb_build_object(
    'id', s.subscription, 'plan', s.plan, 'interval', CASE s.months WHEN 12 THEN 'year' ELSE 'month' END, 'status', s.status,
    'allocation', s.allocation, 'renewal', s.renewal, 'provider', s.provider, 'anchor', s.anchor, 'paid_through', paid_through(s),
    'current_period', CASE WHEN p.starts IS NOT NULL THEN jsonb_build_object('start', p.starts, 'end', p.ends) END, 'ends_at', s.ends_at,
    'pending_change', CASE WHEN s.pending IS NOT NULL THEN jsonb_build_object(
      'plan', s.pending->'plan', 'interval', CASE s.pending->>'months' WHEN '12' THEN 'year' ELSE 'month' END,
      'allocation', s.pending->'allocation', 'at', month_start(s.anchor, (s.pending->>'period')::int)) END,
    'created_at', s.created_at);
END $$;

-- What a balance shows besides numbers (docs/engine.md, last part of the time chapter).
CREATE OR REPLACE FUNCTION terms_of(p_account uuid) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN jsonb_build_object(
    'allocation', coalesce(sum(allocation) FILTER (WHERE starts IS NOT NULL), 0),
    'period', (array_agg(jsonb_build_object('start', starts, 'end', ends) ORDER BY ends, subscription) FILTER (WHERE starts IS NOT NULL))[1],
    'renews_at', (array_agg(CASE WHEN status <> 'paused' AND (ends_at IS NULL OR ends_at > ends) THEN ends END ORDER BY ends, subscription) FILTER (WHERE starts IS NOT NULL))[1],
    'provisional', EXISTS (SELECT FROM grants WHERE account = p_account AND closed IS NULL AND provisional AND frozen IS NULL),
    'renewing', coalesce(bool_or(renewing), false),
    'subscription', min(subscription) FILTER (WHERE status <> 'ended'),
    'subscriptions', coalesce(jsonb_agg(shown ORDER BY subscription), '[]'))
    FROM (
      SELECT s.subscription, s.status, s.ends_at, p.starts, p.ends, shown(s) AS shown,
             CASE WHEN s.period = -1 THEN s.trial_credits ELSE s.allocation END AS allocation,
             s.period_state <> 'granted' AND unconfirmed(s) AND NOT EXISTS (
               SELECT FROM grants g WHERE g.account = s.account AND g.subscription = s.subscription AND g.expires_at = p.ends) AS renewing
        FROM subscriptions s CROSS JOIN LATERAL running(s) p
       WHERE s.account = p_account) subs;
END $$;

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
