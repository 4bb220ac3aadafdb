-- A subscription begins (T1, B8, B12). `p_terms` is the plan as sold: plan, months, allocation, renewal, grace, late_after, cap.
-- Without a trial the first interval counts as paid; a trial costs nothing and the anchor is its end.
CREATE OR REPLACE FUNCTION subscribe(
  p_account uuid, p_key uuid, p_fingerprint bigint, p_provider text, p_terms jsonb, p_starts_at timestamptz, p_trial_days int, p_trial_credits bigint,
  p_actor text, p_reference text DEFAULT NULL
) RETURNS jsonb LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  w wallets := enter(p_account);
  present timestamptz := w.at;
  known jsonb := coalesce(recall(p_account, p_key, p_fingerprint), paid_before(p_account, p_key, p_fingerprint, p_provider, p_reference, 'subscribe'));
  s subscriptions;
BEGIN
  IF w.account IS NULL THEN RETURN jsonb_build_object('status', 'no_account'); END IF;
  IF known IS NOT NULL THEN RETURN known; END IF;
  s.account := w.account; s.subscription := w.act + 1; s.provider := p_provider;
  s := adopt(s, p_terms);
  s.starts_at := coalesce(p_starts_at, present);
  s.anchor := s.starts_at + make_interval(hours => 24 * p_trial_days);
  s.paid_months := CASE WHEN p_trial_days > 0 THEN 0 ELSE s.months END;
  s.trial_credits := CASE WHEN p_trial_days > 0 THEN p_trial_credits END;
  s.status := CASE WHEN p_trial_days > 0 THEN 'trialing' ELSE 'active' END;
  w.at := greatest(least(s.starts_at, present), (SELECT a.at FROM acts a WHERE a.account = w.account AND a.act = w.act));
  s.created_at := w.at;
  INSERT INTO subscriptions SELECT (s).*;
  w := settle(w, s, 'subscribe', p_actor => p_actor);
  w := advance(w, present);
  IF p_reference IS NOT NULL THEN
    INSERT INTO payments (provider, reference, purpose, account, act) VALUES (p_provider, p_reference, 'subscribe', w.account, w.act);
  END IF;
  RETURN finish(w, p_key, p_fingerprint);
END $$;
