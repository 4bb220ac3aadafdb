-- Money came for a subscription: what it covers moves by the billing interval, `p_periods` times (T6); the running period is
-- confirmed, thawed or granted where it is now covered (T7, B7).
CREATE OR REPLACE FUNCTION pay(
  p_account uuid, p_subscription bigint, p_key uuid, p_fingerprint bigint, p_periods int, p_actor text, p_provider text DEFAULT NULL, p_reference text DEFAULT NULL
) RETURNS jsonb LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  w wallets := enter(p_account);
  known jsonb := coalesce(recall(p_account, p_key, p_fingerprint), paid_before(p_account, p_key, p_fingerprint, p_provider, p_reference, 'pay ' || p_subscription));
  s subscriptions;
BEGIN
  IF known IS NOT NULL THEN RETURN known; END IF;
  SELECT * INTO s FROM subscriptions WHERE account = p_account AND subscription = p_subscription;
  IF NOT FOUND THEN RETURN jsonb_build_object('status', 'no_subscription'); END IF;
  IF s.status = 'ended' THEN RETURN jsonb_build_object('status', 'subscription_ended', 'ended_at', s.ends_at); END IF;
  IF s.paid_months + s.months * p_periods > 1200 THEN RETURN jsonb_build_object('status', 'too_far_ahead', 'paid_through', paid_through(s)); END IF;
  s.paid_months := s.paid_months + s.months * p_periods;
  s := end_with_paid(s);
  UPDATE renewals SET unpaid = 0 WHERE account = p_account AND subscription = p_subscription AND period_start < paid_through(s);
  w := confirm(w, s, 'pay', p_actor);
  IF p_reference IS NOT NULL THEN
    INSERT INTO payments (provider, reference, purpose, account, act)
    VALUES (p_provider, p_reference, 'pay ' || p_subscription, w.account, w.act);
  END IF;
  RETURN finish(next_due(w), p_key, p_fingerprint);
END $$;

-- An end that was asked for with what is paid moves with it; a fixed one stays.
CREATE OR REPLACE FUNCTION end_with_paid(s subscriptions) RETURNS subscriptions LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF s.ends_at IS NOT NULL AND s.ends_fixed IS NOT TRUE THEN s.ends_at := paid_through(s); END IF;
  RETURN s;
END $$;

-- Writes the act after which the running period is confirmed, if it is covered by payment now and was not before.
CREATE OR REPLACE FUNCTION confirm(w wallets, s subscriptions, p_kind text, p_actor text, p_reason text DEFAULT NULL) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE
  given bigint;
  d record;
BEGIN
  IF s.period IS NULL OR s.status = 'paused' OR s.period_state = 'granted' OR (running(s)).starts >= paid_through(s) THEN
    RETURN settle(w, s, p_kind, p_actor => p_actor, p_reason => p_reason);
  END IF;
  s.status := 'active';
  s.period_state := 'granted';
  SELECT coalesce(sum(amount), 0) INTO given FROM grants
   WHERE account = s.account AND subscription = s.subscription AND expires_at = (running(s)).ends;
  IF given = 0 THEN RETURN replace_credits(w, s, p_kind, s.allocation, p_actor => p_actor, p_reason => p_reason); END IF;
  SELECT coalesce(string_agg('t', ''), '') AS moves, coalesce(array_agg("grant" ORDER BY "grant"), '{}') AS grants, coalesce(array_agg(frozen ORDER BY "grant"), '{}') AS amounts
    INTO d FROM grants WHERE account = s.account AND subscription = s.subscription AND closed IS NULL AND frozen > 0;
  UPDATE grants SET provisional = false WHERE account = s.account AND subscription = s.subscription AND closed IS NULL AND provisional;
  IF s.allocation > given THEN
    PERFORM allot(w, s, s.allocation - given);
    d.moves := d.moves || 'g'; d.grants := d.grants || (w.act + 1); d.amounts := d.amounts || (s.allocation - given);
  ELSIF s.allocation < given THEN
    d := give_up(w, s, given - s.allocation, d);
  END IF;
  w := settle(w, s, p_kind, d.moves, d.grants, d.amounts, p_actor, p_reason);
  UPDATE grants SET frozen = NULL WHERE account = s.account AND subscription = s.subscription AND closed IS NULL;
  RETURN w;
END $$;

-- The entries `d` and, behind them, those that take back what a provisional period gave too much, as far as it is unspent, last-given first.
-- What has just thawed can be taken too.
CREATE OR REPLACE FUNCTION give_up(w wallets, s subscriptions, p_amount bigint, d record) RETURNS record LANGUAGE plpgsql AS $$
DECLARE more record;
BEGIN
  SELECT coalesce(string_agg('v', ''), '') AS moves, coalesce(array_agg("grant" ORDER BY "grant" DESC), '{}') AS grants,
         coalesce(array_agg(least(there, p_amount - before) ORDER BY "grant" DESC), '{}') AS amounts INTO more
    FROM (SELECT g."grant", t.there, (sum(t.there) OVER (ORDER BY g."grant" DESC) - t.there)::bigint AS before
            FROM grants g CROSS JOIN LATERAL (SELECT coalesce(w.remaining[array_position(w.live, g."grant")], 0) + coalesce(g.frozen, 0) AS there) t
           WHERE g.account = s.account AND g.subscription = s.subscription AND g.closed IS NULL AND t.there > 0) u
   WHERE before < p_amount;
  SELECT d.moves || more.moves AS moves, d.grants || more.grants AS grants, d.amounts || more.amounts AS amounts INTO d;
  RETURN d;
END $$;
