-- What a fact led to, in words for support. `not_yet` undoes the whole event: it is tried again.
CREATE OR REPLACE FUNCTION told(p_status text, p_text text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_build_object('status', p_status, 'text', p_text)
$$;

-- A subscription here, by the provider's reference. A row of nulls where there is none.
CREATE OR REPLACE FUNCTION sold_by(p_account uuid, p_provider text, p_reference text) RETURNS subscriptions LANGUAGE sql STABLE AS $$
  SELECT s FROM standings k JOIN subscriptions s ON s.account = k.account AND s.subscription = k.subscription
   WHERE k.provider = p_provider AND k.reference = p_reference AND k.account = p_account
$$;

-- The subscription as the provider has it: kept if it is the latest word, and followed (E2).
CREATE OR REPLACE FUNCTION heed_standing(p_account uuid, p_provider text, f jsonb, p_actor text, p_upgrade text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  w wallets := enter(p_account);
  latest standings;
  s subscriptions;
BEGIN
  SELECT * INTO latest FROM standings WHERE provider = p_provider AND reference = f->>'subscription';
  IF (latest.as_of, latest.rank) > ((f->>'as_of')::timestamptz, (f->>'rank')::int) THEN
    RETURN told('nothing', 'A newer state of this subscription is known.');
  END IF;
  IF latest.standing - 'terms' = f - 'terms' THEN RETURN told('nothing', 'This state of the subscription is known.'); END IF;
  INSERT INTO standings AS k (provider, reference, account, as_of, rank, standing)
  VALUES (p_provider, f->>'subscription', p_account, (f->>'as_of')::timestamptz, (f->>'rank')::int, f)
  ON CONFLICT (provider, reference) DO UPDATE SET as_of = excluded.as_of, rank = excluded.rank, standing = excluded.standing;
  s := sold_by(p_account, p_provider, f->>'subscription');
  IF s.subscription IS NULL AND f->>'state' = 'trialing' AND (f->>'trial_end')::timestamptz > w.at THEN
    w := begin_sold(w, p_provider, f, p_actor);
    s := sold_by(p_account, p_provider, f->>'subscription');
  END IF;
  IF s.subscription IS NULL THEN RETURN told('nothing', 'Kept. The subscription begins with its first payment.'); END IF;
  w := conform(w, s, f, p_actor, p_upgrade);
  PERFORM save(next_due(w));
  RETURN told('done', 'The subscription follows what the provider says.');
END $$;

-- A subscription that a provider sold begins: with its trial, where `f` is a standing, or with a paid line. Dated now: nothing
-- that was shown before is rewritten (L3).
CREATE OR REPLACE FUNCTION begin_sold(w wallets, p_provider text, f jsonb, p_actor text) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE
  present timestamptz := w.at;
  trial boolean := f ? 'trial_end';
  s subscriptions;
BEGIN
  s.account := w.account; s.subscription := w.act + 1; s.provider := p_provider;
  s := adopt(s, f->'terms');
  s.starts_at := CASE WHEN trial THEN present ELSE (f->>'start')::timestamptz END;
  s.anchor := CASE WHEN trial THEN (f->>'trial_end')::timestamptz ELSE s.starts_at END;
  s.paid_months := CASE WHEN trial THEN 0 ELSE line_months(f) END;
  s.trial_credits := CASE WHEN trial THEN (f->'terms'->>'trial_credits')::bigint END;
  s.status := CASE WHEN trial THEN 'trialing' ELSE 'active' END;
  s.created_at := present;
  INSERT INTO subscriptions SELECT (s).*;
  INSERT INTO standings AS k (provider, reference, account, subscription) VALUES (p_provider, f->>'subscription', w.account, s.subscription)
  ON CONFLICT (provider, reference) DO UPDATE SET subscription = excluded.subscription;
  w := settle(w, s, 'subscribe', p_actor => p_actor);
  RETURN advance(w, present);
END $$;

-- Brings a subscription to what the provider says of it, step by step; each step is an act only if it changes something.
CREATE OR REPLACE FUNCTION conform(w wallets, s subscriptions, f jsonb, p_actor text, p_upgrade text) RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
  IF f IS NULL OR s.status = 'ended' OR f->>'state' = 'incomplete' THEN RETURN w; END IF;
  IF f->>'state' = 'ended' THEN RETURN finish_subscription(w, s, p_actor, 'It has ended at the provider.'); END IF;
  w := follow_trial(w, s, (f->>'trial_end')::timestamptz, p_actor);
  w := follow_anchor(w, again(s), (f->>'anchor')::timestamptz, p_actor);
  w := follow_pause(w, again(s), (f->>'paused')::boolean, p_actor);
  w := follow_terms(w, again(s), f, p_actor, p_upgrade);
  IF NOT terms_wait(w, again(s), f) AND NOT coalesce(upgrade_waits(again(s), f), false) THEN PERFORM terms_followed(s); END IF;
  w := follow_end(w, again(s), f, p_actor);
  s := again(s);
  IF f->>'state' = 'past_due' AND unconfirmed(s) AND s.renewal <> 'paid_with_grace' THEN w := fail(w, s, p_actor); END IF;
  RETURN w;
END $$;

-- A subscription as it is kept now.
CREATE OR REPLACE FUNCTION again(s subscriptions) RETURNS subscriptions LANGUAGE sql STABLE AS $$
  SELECT t FROM subscriptions t WHERE t.account = s.account AND t.subscription = s.subscription
$$;

-- A trial that was moved while it runs. Once its first period is paid, the line has decided.
CREATE OR REPLACE FUNCTION follow_trial(w wallets, s subscriptions, p_end timestamptz, p_actor text) RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
  IF s.period IS DISTINCT FROM -1 OR s.paid_months > 0 OR p_end IS NULL OR p_end = s.anchor OR p_end <= w.at THEN RETURN w; END IF;
  s.anchor := p_end;
  w := move_expiry(w, s, p_end);
  RETURN settle(w, s, 'change', p_actor => p_actor, p_reason => 'The trial was moved.');
END $$;

-- The provider reckons the running period, which starts when ours does, from an earlier month: a longer one, whose day a shorter month clips (T1, T8).
CREATE OR REPLACE FUNCTION follow_anchor(w wallets, s subscriptions, p_anchor timestamptz, p_actor text) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE shift int := month_number(p_anchor, (running(s)).starts) - s.period;
BEGIN
  IF p_anchor = s.anchor OR coalesce(s.period, -1) < 0 OR shift IS NULL OR s.period + shift < 0 THEN RETURN w; END IF;
  s.anchor := p_anchor; s.period := s.period + shift; s.paid_months := s.paid_months + shift;
  s.pending := s.pending || jsonb_build_object('period', (s.pending->>'period')::int + shift);
  UPDATE renewals SET period_end = (running(s)).ends WHERE account = s.account AND subscription = s.subscription AND period_start = (running(s)).starts;
  w := move_expiry(w, s, (running(s)).ends);
  RETURN settle(w, end_with_paid(s), 'change', p_actor => p_actor, p_reason => 'The provider reckons its months from ' || p_anchor || '.');
END $$;

-- The open grants of a subscription's running period expire at another instant, which may change the order in which they burn. What
-- `paid_with_grace` left of the period before is no part of it.
CREATE OR REPLACE FUNCTION move_expiry(w wallets, s subscriptions, p_end timestamptz) RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
  UPDATE grants SET expires_at = p_end WHERE account = s.account AND subscription = s.subscription AND closed IS NULL AND expires_at > w.at;
  RETURN carry(w, '', '{}', '{}');
END $$;

-- Another plan, interval or quantity (B5, B9). One whose own invoice is not paid yet waits for that: credits that nobody has paid for
-- are not given.
CREATE OR REPLACE FUNCTION follow_terms(w wallets, s subscriptions, f jsonb, p_actor text, p_upgrade text) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE
  terms jsonb := f->'terms';
  now_better boolean := (terms->>'allocation')::bigint > s.allocation AND f->>'state' = 'active' AND confirmed(s);
BEGIN
  IF terms IS NULL OR terms_wait(w, s, f) THEN RETURN w; END IF;
  IF NOT sold_as(s, terms) AND now_better AND (terms->>'months')::int = s.months AND p_upgrade <> 'at_renewal' THEN
    RETURN amend(w, s, terms, CASE p_upgrade WHEN 'restart' THEN 'difference' ELSE p_upgrade END, p_actor);
  END IF;
  IF sold_as(CASE WHEN s.pending IS NULL THEN s ELSE adopt(s, s.pending) END, terms) THEN RETURN w; END IF;
  RETURN amend(w, s, terms, 'at_renewal', p_actor);
END $$;

-- Whether an upgrade could only be kept for later, because the running period is not confirmed: it takes effect when that is.
CREATE OR REPLACE FUNCTION upgrade_waits(s subscriptions, f jsonb) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT f->>'state' = 'active' AND NOT sold_as(s, f->'terms') AND (f->'terms'->>'allocation')::bigint > s.allocation AND (f->'terms'->>'months')::int = s.months
     AND s.period >= 0 AND s.period_state <> 'granted'
$$;

-- Terms that a standing named are followed once: a line that is paid afterwards knows better what was bought.
CREATE OR REPLACE FUNCTION terms_followed(s subscriptions) RETURNS void LANGUAGE sql AS $$
  UPDATE standings SET standing = standing - 'terms' WHERE provider = s.provider AND account = s.account AND subscription = s.subscription
$$;

-- Whether a change that the provider speaks of still waits for money: for its own invoice, or for the line with which the provider's months
-- have begun anew within the running period. Either knows better what was bought.
CREATE OR REPLACE FUNCTION terms_wait(w wallets, s subscriptions, f jsonb) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT coalesce((f->>'anchor')::timestamptz > (running(s)).starts AND (f->>'anchor')::timestamptz <= w.at, false)
      OR (f->>'payment_pending')::boolean AND NOT EXISTS (
    SELECT FROM payments p WHERE p.provider = s.provider AND p.reference = f->>'pending_invoice' AND p.purpose = 'change')
$$;

CREATE OR REPLACE FUNCTION follow_pause(w wallets, s subscriptions, p_paused boolean, p_actor text) RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
  IF p_paused AND s.status IN ('active', 'trialing') AND s.period_state = 'granted' THEN
    s.status := 'paused';
    RETURN settle(w, s, 'pause', p_actor => p_actor);
  END IF;
  IF p_paused IS NOT TRUE AND s.status = 'paused' THEN RETURN confirm(w, unpause(s), 'resume', p_actor); END IF;
  RETURN w;
END $$;

-- A cancellation, by flag or by date, or one that was taken back (B3).
CREATE OR REPLACE FUNCTION follow_end(w wallets, s subscriptions, f jsonb, p_actor text) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE
  asked timestamptz := (f->>'ends_at')::timestamptz;
  floats boolean := (f->>'ends_with_period')::boolean;
BEGIN
  IF floats THEN asked := greatest(asked, paid_through(s)); END IF;
  IF (s.ends_at, s.ends_at IS NOT NULL AND s.ends_fixed IS TRUE) IS NOT DISTINCT FROM (asked, asked IS NOT NULL AND NOT floats) THEN RETURN w; END IF;
  IF asked <= w.at THEN RETURN finish_subscription(w, s, p_actor, 'It was cancelled at the provider.'); END IF;
  s.ends_at := asked; s.ends_fixed := NOT floats;
  RETURN settle(w, s, CASE WHEN asked IS NULL THEN 'resume' ELSE 'cancel' END, p_actor => p_actor);
END $$;

-- The invoice of a change was paid: what waited for it takes effect. It may be told before the change itself is.
CREATE OR REPLACE FUNCTION heed_change_paid(p_account uuid, p_provider text, f jsonb, p_actor text, p_upgrade text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  w wallets := enter(p_account);
  s subscriptions := sold_by(p_account, p_provider, f->>'subscription');
  known jsonb := (SELECT k.standing FROM standings k WHERE k.provider = p_provider AND k.reference = f->>'subscription');
  before bigint := w.act;
BEGIN
  INSERT INTO payments (provider, reference, purpose, account, act, payment, invoice) VALUES (p_provider, f->>'invoice', 'change', p_account, w.act, f->>'payment', f->>'invoice')
  ON CONFLICT (provider, reference) DO NOTHING;
  IF NOT FOUND THEN RETURN told('nothing', 'The invoice of this change was counted before.'); END IF;
  IF s.subscription IS NULL THEN RETURN told('nothing', 'Kept until the change itself is told.'); END IF;
  w := conform(w, s, known, p_actor, p_upgrade);
  PERFORM save(next_due(w));
  RETURN told(CASE WHEN w.act > before THEN 'done' ELSE 'nothing' END, 'The change of the subscription is paid.');
END $$;

-- A payment failed (T7, B7). Under `paid_with_grace` the grace runs on.
CREATE OR REPLACE FUNCTION heed_unpaid(p_account uuid, p_provider text, f jsonb, p_actor text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  w wallets := enter(p_account);
  s subscriptions := sold_by(p_account, p_provider, f->>'subscription');
  start timestamptz := (f->>'start')::timestamptz;
BEGIN
  IF s.subscription IS NULL OR s.status = 'ended' THEN RETURN told('nothing', 'No subscription runs here for it.'); END IF;
  IF start > w.at THEN RETURN told('not_yet', 'The period that was not paid, from ' || start || ', has not begun for this account.'); END IF;
  IF unconfirmed(s) IS NOT TRUE OR start < (running(s)).starts OR start >= (running(s)).ends THEN
    RETURN told('nothing', 'That period is not waiting for a payment.');
  END IF;
  IF s.renewal = 'paid_with_grace' THEN RETURN told('nothing', 'The old credits stay until the grace ends.'); END IF;
  w := fail(w, s, p_actor);
  PERFORM save(next_due(w));
  RETURN told('done', 'The payment failed: the subscription is past due.');
END $$;
