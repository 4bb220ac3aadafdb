-- Changes the plan or the interval (B5, B9). `p_policy` is difference, prorated, restart or at_renewal; the caller has chosen it.
CREATE OR REPLACE FUNCTION change(
  p_account uuid, p_subscription bigint, p_key uuid, p_fingerprint bigint, p_terms jsonb, p_policy text, p_actor text
) RETURNS jsonb LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  r record := enter_subscription(p_account, p_subscription, p_key, p_fingerprint);
  w wallets := r.w;
  s subscriptions := r.s;
  more bigint := (p_terms->>'allocation')::bigint - s.allocation;
BEGIN
  IF r.refused IS NOT NULL THEN RETURN r.refused; END IF;
  IF (s.plan, s.months, s.allocation) = (p_terms->>'plan', (p_terms->>'months')::int, (p_terms->>'allocation')::bigint) THEN
    s.pending := NULL;
    w := settle(w, s, 'change', p_actor => p_actor);
  ELSIF p_policy = 'at_renewal' THEN
    -- With the first period that is not paid yet: a year that was paid is given to its end as it was sold.
    s.pending := p_terms || jsonb_build_object('period', greatest(s.paid_months, coalesce(s.period, -1) + 1));
    w := settle(w, s, 'change', p_actor => p_actor);
  ELSIF s.status <> 'active' OR s.period IS NULL OR s.period_state <> 'granted' THEN
    RETURN jsonb_build_object('status', 'cannot_change_now', 'state', standing(s));
  ELSIF p_policy = 'restart' THEN
    s := adopt(s, p_terms);
    s.anchor := w.at; s.paid_months := s.months; s.period := 0;
    -- One row per period start: a period that began at this very instant makes way.
    DELETE FROM renewals WHERE account = p_account AND subscription = p_subscription AND period_start = w.at;
    IF s.ends_at IS NOT NULL THEN s.ends_at := paid_through(s); END IF;
    w := replace_credits(w, s, 'change', s.allocation, p_actor => p_actor);
  ELSIF more < 0 THEN
    RETURN jsonb_build_object('status', 'cannot_take_back');
  ELSE
    IF p_policy = 'prorated' THEN more := prorate(more, w.at, (running(s)).starts, (running(s)).ends); END IF;
    s := adopt(s, p_terms);
    IF more > 0 THEN PERFORM allot(w, s, more); END IF;
    w := settle(w, s, 'change', CASE WHEN more > 0 THEN 'g' ELSE '' END, CASE WHEN more > 0 THEN ARRAY[w.act + 1] END,
                CASE WHEN more > 0 THEN ARRAY[more] END, p_actor);
  END IF;
  RETURN finish(next_due(w), p_key, p_fingerprint);
END $$;

-- The share of an amount that belongs to what is left of a period, rounded half up; exact, in microseconds.
CREATE OR REPLACE FUNCTION prorate(p_amount bigint, p_now timestamptz, p_start timestamptz, p_end timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT floor((2 * p_amount * span.left_ + span.whole) / (2 * span.whole))::bigint
    FROM (SELECT (extract(epoch FROM p_end - p_now) * 1000000)::numeric AS left_, (extract(epoch FROM p_end - p_start) * 1000000)::numeric AS whole) span
$$;
