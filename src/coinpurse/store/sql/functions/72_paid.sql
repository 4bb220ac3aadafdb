-- A line of an invoice that was paid: it moves the date once, whatever else is told of it (P2, T6, T8).
CREATE OR REPLACE FUNCTION heed_paid(p_account uuid, p_provider text, f jsonb, p_actor text, p_upgrade text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  w wallets := enter(p_account);
  s subscriptions := sold_by(p_account, p_provider, f->>'subscription');
  known jsonb := (SELECT k.standing FROM standings k WHERE k.provider = p_provider AND k.reference = f->>'subscription');
  fresh boolean := s.subscription IS NULL OR (s.status = 'ended' AND known->>'state' IS DISTINCT FROM 'ended' AND (f->>'end')::timestamptz > w.at);
BEGIN
  UPDATE payments SET payment = coalesce(payment, f->>'payment') WHERE provider = p_provider AND reference = f->>'line';
  IF FOUND THEN RETURN told('nothing', 'This payment was counted before.'); END IF;
  IF fresh THEN
    w := begin_sold(w, p_provider, f, p_actor);
    s := sold_by(p_account, p_provider, f->>'subscription');
  ELSIF s.status <> 'ended' THEN
    IF NOT sold_as(s, f->'terms') THEN
      PERFORM terms_followed(s);
      known := known - 'terms';
    END IF;
    w := cover(w, s, f, p_actor);
  END IF;
  INSERT INTO payments (provider, reference, purpose, account, act, payment, invoice, amount, currency, starts_at, ends_at)
  VALUES (p_provider, f->>'line', 'pay ' || s.subscription, p_account, w.act, f->>'payment', f->>'invoice',
          (f->>'amount')::bigint, f->>'currency', (f->>'start')::timestamptz, (f->>'end')::timestamptz);
  w := conform(w, again(s), known, p_actor, p_upgrade);
  PERFORM save(next_due(w));
  IF s.status = 'ended' AND NOT fresh THEN RETURN told('nothing', 'Recorded. The subscription has ended, so it gives nothing.'); END IF;
  RETURN told('done', 'Paid from ' || (f->>'start') || ' to ' || (f->>'end') || '.');
END $$;

-- The number of the month that starts at an instant, reckoned from an anchor; null where none does. A clipped month stays in its own
-- calendar month, so that there is one to try.
CREATE OR REPLACE FUNCTION month_number(p_anchor timestamptz, p_at timestamptz) RETURNS int LANGUAGE sql IMMUTABLE AS $$
  SELECT n FROM (SELECT ((extract(year FROM p_at AT TIME ZONE 'UTC')::int - extract(year FROM p_anchor AT TIME ZONE 'UTC')::int) * 12
                       + extract(month FROM p_at AT TIME ZONE 'UTC')::int - extract(month FROM p_anchor AT TIME ZONE 'UTC')::int) AS n) t
   WHERE month_start(p_anchor, n) = p_at
$$;

-- How many months a paid line covers.
CREATE OR REPLACE FUNCTION line_months(f jsonb) RETURNS int LANGUAGE sql IMMUTABLE AS $$
  SELECT greatest(coalesce(month_number((f->>'start')::timestamptz, (f->>'end')::timestamptz), (f->'terms'->>'months')::int), 1)
$$;

-- What a paid line does to a running subscription. Where its months are not the ones reckoned, the line decides (T8).
CREATE OR REPLACE FUNCTION cover(w wallets, s subscriptions, f jsonb, p_actor text) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE
  first int := month_number(s.anchor, (f->>'start')::timestamptz);
  after int := month_number(s.anchor, (f->>'end')::timestamptz);
BEGIN
  IF after > first AND (first >= 0 OR s.period >= 0) THEN
    s := with_line_terms(s, f->'terms', first);
    s.paid_months := greatest(s.paid_months, after);
    RETURN covered(w, s, p_actor, NULL);
  END IF;
  IF w.at >= (f->>'start')::timestamptz AND w.at < (f->>'end')::timestamptz THEN RETURN reset_anchor(w, s, f, p_actor); END IF;
  IF w.at < (f->>'start')::timestamptz AND coalesce(s.period, -1) = -1 THEN RETURN put_off(w, s, f, p_actor); END IF;
  s := with_line_terms(s, f->'terms', months_until(s.anchor, (f->>'start')::timestamptz + interval '1 microsecond') - 1);
  s.paid_months := greatest(s.paid_months, months_until(s.anchor, (f->>'end')::timestamptz));
  RETURN covered(w, s, p_actor, differs(s, f));
END $$;

-- The smallest number of months from an anchor that reach an instant.
CREATE OR REPLACE FUNCTION months_until(p_anchor timestamptz, p_at timestamptz) RETURNS int LANGUAGE sql IMMUTABLE AS $$
  SELECT greatest(0, min(n)) FROM (SELECT ((extract(year FROM p_at AT TIME ZONE 'UTC')::int - extract(year FROM p_anchor AT TIME ZONE 'UTC')::int) * 12
                       + extract(month FROM p_at AT TIME ZONE 'UTC')::int - extract(month FROM p_anchor AT TIME ZONE 'UTC')::int) + d AS n
                    FROM generate_series(0, 1) AS d) t
   WHERE month_start(p_anchor, n) >= p_at
$$;

-- The difference between what was reckoned and what was paid, for the record.
CREATE OR REPLACE FUNCTION differs(s subscriptions, f jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT 'The provider''s line runs from ' || (f->>'start') || ' to ' || (f->>'end') || '; reckoned were months from ' || s.anchor || '. The line decides.'
$$;

-- The terms on a line hold for the periods that it pays: at once for the running one if that still waits, from its own start if it lies ahead.
CREATE OR REPLACE FUNCTION with_line_terms(s subscriptions, p_terms jsonb, p_first int) RETURNS subscriptions LANGUAGE plpgsql AS $$
DECLARE waits boolean := s.period_state <> 'granted' AND s.status <> 'paused';
BEGIN
  IF p_first = s.period AND waits THEN
    RETURN CASE WHEN sold_as(s, p_terms) THEN s ELSE adopt(s, p_terms) END;
  END IF;
  IF p_first > coalesce(s.period, -1) THEN
    s.pending := CASE WHEN (s.pending->>'period')::int <= p_first AND sold_as(adopt(s, s.pending), p_terms) THEN s.pending
                      WHEN NOT sold_as(s, p_terms) THEN p_terms || jsonb_build_object('period', p_first)
                      WHEN (s.pending->>'period')::int > p_first THEN s.pending END;
  END IF;
  RETURN s;
END $$;

-- What is paid has moved: the running period is confirmed where it is covered now.
CREATE OR REPLACE FUNCTION covered(w wallets, s subscriptions, p_actor text, p_reason text) RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
  UPDATE renewals SET unpaid = 0 WHERE account = s.account AND subscription = s.subscription AND period_start < paid_through(s);
  RETURN confirm(w, end_with_paid(s), 'pay', p_actor, p_reason);
END $$;

-- The periods start anew with the line. What was used of a month that was not paid counts against the new one: never one month twice (B9).
CREATE OR REPLACE FUNCTION reset_anchor(w wallets, s subscriptions, f jsonb, p_actor text) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE
  reason text := differs(s, f);
  waits boolean := s.period_state IN ('expected', 'provisional', 'late', 'failed');
  used bigint := CASE WHEN waits THEN used_of(w, s) ELSE 0 END;
  paid_before timestamptz := CASE WHEN coalesce(s.period, -1) < 0 AND s.paid_months > 0 THEN paid_through(s) END;
BEGIN
  IF waits THEN
    UPDATE renewals SET state = 'skipped', changed_at = w.at
     WHERE account = s.account AND subscription = s.subscription AND period_start = (running(s)).starts;
  END IF;
  IF NOT sold_as(s, f->'terms') THEN s := adopt(s, f->'terms'); ELSE s.pending := NULL; END IF;
  s.anchor := (f->>'start')::timestamptz;
  s.period := months_until(s.anchor, w.at + interval '1 microsecond') - 1;
  s.paid_months := greatest(line_months(f), s.period + 1, months_until(s.anchor, paid_before));
  s.period_state := 'granted';
  IF s.status <> 'paused' THEN s.status := 'active'; END IF;
  PERFORM clear_renewal(s, (running(s)).starts);
  UPDATE renewals SET unpaid = 0 WHERE account = s.account AND subscription = s.subscription AND period_start < paid_through(s);
  RETURN replace_credits(w, end_with_paid(s), 'pay', greatest(s.allocation - used, 0), p_actor => p_actor, p_reason => reason);
END $$;

-- What was spent and is held of the running period's grants.
CREATE OR REPLACE FUNCTION used_of(w wallets, s subscriptions) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT coalesce(sum(g.amount - coalesce(w.remaining[array_position(w.live, g."grant")], 0) - coalesce(g.frozen, 0)
                      - (SELECT coalesce(sum(a.amount), 0) FROM acts a WHERE a.account = g.account AND a.of = g."grant" AND a.kind = 'revoke')), 0)::bigint
    FROM grants g WHERE g.account = s.account AND g.subscription = s.subscription AND g.closed IS NULL AND g.expires_at = (running(s)).ends
$$;

-- Paid ahead of its first period: that starts with the line.
CREATE OR REPLACE FUNCTION put_off(w wallets, s subscriptions, f jsonb, p_actor text) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE reason text := differs(s, f);
BEGIN
  IF NOT sold_as(s, f->'terms') THEN s := adopt(s, f->'terms'); ELSE s.pending := NULL; END IF;
  s.anchor := (f->>'start')::timestamptz;
  s.paid_months := line_months(f);
  IF s.period = -1 THEN w := move_expiry(w, s, s.anchor); ELSIF s.trial_credits IS NULL THEN s.starts_at := s.anchor; END IF;
  RETURN settle(w, end_with_paid(s), 'pay', p_actor => p_actor, p_reason => reason);
END $$;

-- A top-up being bought: only one that is paid gives credits, once (P1, P2).
CREATE OR REPLACE FUNCTION heed_purchase(p_account uuid, p_provider text, f jsonb, p_actor text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  w wallets := enter(p_account);
  -- As it was offered when the checkout was opened, whatever the catalog gives for it today (P5).
  credits bigint := coalesce((SELECT (item->>'credits')::bigint FROM checkouts WHERE provider = p_provider AND reference = f->>'purchase' AND item->>'pack' = f->>'pack'),
                             (f->>'credits')::bigint * (f->>'quantity')::bigint);
BEGIN
  INSERT INTO checkouts AS c (checkout, provider, reference, account, item, status, created_at, changed_at)
  SELECT f->>'purchase', p_provider, f->>'purchase', a.id,
         jsonb_build_object('pack', f->>'pack', 'name', f->>'name', 'credits', credits, 'amount', f->>'price', 'currency', f->>'currency', 'test', a.test),
         f->>'state', clock_timestamp(), clock_timestamp() FROM accounts a WHERE a.account = p_account
  ON CONFLICT (provider, reference) WHERE reference IS NOT NULL DO UPDATE SET changed_at = clock_timestamp(),
    status = CASE WHEN c.status = 'paid' OR (c.status IN ('failed', 'expired') AND excluded.status <> 'paid') THEN c.status ELSE excluded.status END;
  IF f->>'state' <> 'paid' THEN RETURN told('nothing', 'The top-up is ' || (f->>'state') || '; it gives nothing until it is paid.'); END IF;
  -- One that was imported is known by its payment alone.
  UPDATE payments SET payment = coalesce(payment, f->>'payment') WHERE provider = p_provider AND reference IN (f->>'purchase', f->>'payment');
  IF FOUND THEN RETURN told('nothing', 'This payment was counted before.'); END IF;
  PERFORM new_grant(w, 'addon', credits, NULL, jsonb_build_object('type', 'topup', 'provider', p_provider, 'reference', f->>'purchase', 'pack', f->>'pack'));
  w := post(w, 'topup', 'g', ARRAY[w.act + 1], ARRAY[credits], p_amount => credits, p_actor => p_actor);
  INSERT INTO payments (provider, reference, purpose, account, act, payment, amount, currency)
  VALUES (p_provider, f->>'purchase', 'topup', p_account, w.act, f->>'payment', (f->>'amount')::bigint, f->>'currency');
  PERFORM save(repay(w));
  RETURN told('done', credits || ' add-on credits.');
END $$;
