-- Changes the plan or the interval (B5, B9). `p_policy` is difference, prorated, restart or at_renewal; the caller has chosen it.
CREATE OR REPLACE FUNCTION change(
  p_account uuid, p_subscription bigint, p_key uuid, p_fingerprint bigint, p_terms jsonb, p_policy text, p_actor text
) RETURNS jsonb LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  r record := enter_subscription(p_account, p_subscription, p_key, p_fingerprint);
  w wallets := r.w;
  s subscriptions := r.s;
BEGIN
  IF r.refused IS NOT NULL THEN RETURN r.refused; END IF;
  IF p_policy <> 'at_renewal' AND NOT sold_as(s, p_terms) THEN
    IF NOT confirmed(s) THEN RETURN jsonb_build_object('status', 'cannot_change_now', 'state', standing(s)); END IF;
    IF p_policy <> 'restart' AND (p_terms->>'allocation')::bigint < s.allocation THEN RETURN jsonb_build_object('status', 'cannot_take_back'); END IF;
  END IF;
  w := amend(w, s, p_terms, p_policy, p_actor);
  RETURN finish(next_due(w), p_key, p_fingerprint);
END $$;

-- Whether these terms are what a subscription was sold as. A provider says how many of the plan there are; that is then what counts, and not
-- what the catalog gives for them today: what was sold stays as it was sold (P5).
CREATE OR REPLACE FUNCTION sold_as(s subscriptions, p_terms jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT (s.plan, s.months) = (p_terms->>'plan', (p_terms->>'months')::int)
     AND CASE WHEN p_terms->>'quantity' IS NULL THEN s.allocation = (p_terms->>'allocation')::bigint
              ELSE coalesce(s.quantity, 1) = (p_terms->>'quantity')::int END
$$;

-- Whether a paid period runs: the only ground for a change that takes effect now.
CREATE OR REPLACE FUNCTION confirmed(s subscriptions) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT s.status = 'active' AND s.period IS NOT NULL AND s.period_state = 'granted'
$$;

-- Gives a subscription other terms, by a policy that is possible for it now.
CREATE OR REPLACE FUNCTION amend(w wallets, s subscriptions, p_terms jsonb, p_policy text, p_actor text) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE more bigint := (p_terms->>'allocation')::bigint - s.allocation;
BEGIN
  IF sold_as(s, p_terms) THEN
    s.pending := NULL;
    RETURN settle(w, s, 'change', p_actor => p_actor);
  END IF;
  IF p_policy = 'at_renewal' THEN
    -- With the first period that is not paid yet: a year that was paid is given to its end as it was sold.
    s.pending := p_terms || jsonb_build_object('period', greatest(s.paid_months, coalesce(s.period, -1) + 1));
    RETURN settle(w, s, 'change', p_actor => p_actor);
  END IF;
  IF p_policy = 'restart' THEN
    s := adopt(s, p_terms);
    s.anchor := w.at; s.paid_months := s.months; s.period := 0;
    PERFORM clear_renewal(s, w.at);
    RETURN replace_credits(w, end_with_paid(s), 'change', s.allocation, p_actor => p_actor);
  END IF;
  IF p_policy = 'prorated' THEN more := prorate(more, w.at, (running(s)).starts, (running(s)).ends); END IF;
  s := adopt(s, p_terms);
  IF more = 0 THEN RETURN settle(w, s, 'change', p_actor => p_actor); END IF;
  PERFORM allot(w, s, more);
  RETURN settle(w, s, 'change', 'g', ARRAY[w.act + 1], ARRAY[more], p_actor);
END $$;

-- One row per period start: a period that began at the very instant of a new one makes way.
CREATE OR REPLACE FUNCTION clear_renewal(s subscriptions, p_start timestamptz) RETURNS void LANGUAGE sql AS $$
  DELETE FROM renewals WHERE account = s.account AND subscription = s.subscription AND period_start = p_start
$$;

-- The share of an amount that belongs to what is left of a period, rounded half up; exact, in microseconds.
CREATE OR REPLACE FUNCTION prorate(p_amount bigint, p_now timestamptz, p_start timestamptz, p_end timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT floor((2 * p_amount * span.left_ + span.whole) / (2 * span.whole))::bigint
    FROM (SELECT (extract(epoch FROM p_end - p_now) * 1000000)::numeric AS left_, (extract(epoch FROM p_end - p_start) * 1000000)::numeric AS whole) span
$$;
