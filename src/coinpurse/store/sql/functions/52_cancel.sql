-- The common beginning of acts on a subscription: the wallet, the subscription, or why not.
CREATE OR REPLACE FUNCTION enter_subscription(
  p_account uuid, p_subscription bigint, p_key uuid, p_fingerprint bigint, OUT w wallets, OUT s subscriptions, OUT refused jsonb
) LANGUAGE plpgsql AS $$
BEGIN
  w := enter(p_account);
  refused := recall(p_account, p_key, p_fingerprint);
  IF refused IS NOT NULL THEN RETURN; END IF;
  SELECT * INTO s FROM subscriptions WHERE account = p_account AND subscription = p_subscription;
  IF NOT FOUND THEN refused := jsonb_build_object('status', 'no_subscription'); RETURN; END IF;
  IF s.status = 'ended' THEN refused := jsonb_build_object('status', 'subscription_ended', 'ended_at', s.ends_at); END IF;
END $$;

-- The state of a subscription in the word that a refusal gives for it.
CREATE OR REPLACE FUNCTION standing(s subscriptions) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN s.period IS NULL THEN 'not started' WHEN s.status = 'active' AND s.period_state <> 'granted' THEN 'unpaid' ELSE s.status END
$$;

-- Cancels at the end of what is paid (B3), or now (B4). What is not paid beyond now ends now.
CREATE OR REPLACE FUNCTION cancel(
  p_account uuid, p_subscription bigint, p_key uuid, p_fingerprint bigint, p_now boolean, p_actor text, p_reason text
) RETURNS jsonb LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  r record := enter_subscription(p_account, p_subscription, p_key, p_fingerprint);
  w wallets := r.w;
  s subscriptions := r.s;
BEGIN
  IF r.refused IS NOT NULL THEN RETURN r.refused; END IF;
  IF p_now OR paid_through(s) <= w.at THEN
    w := finish_subscription(w, s, p_actor, p_reason);
  ELSE
    s.ends_at := paid_through(s); s.ends_fixed := false;
    w := settle(w, s, 'cancel', p_actor => p_actor, p_reason => p_reason);
  END IF;
  RETURN finish(next_due(w), p_key, p_fingerprint);
END $$;

-- Undoes a cancellation (B3) and takes a paused subscription up again (B11).
CREATE OR REPLACE FUNCTION resume(p_account uuid, p_subscription bigint, p_key uuid, p_fingerprint bigint, p_actor text)
RETURNS jsonb LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  r record := enter_subscription(p_account, p_subscription, p_key, p_fingerprint);
  w wallets := r.w;
  s subscriptions := r.s;
BEGIN
  IF r.refused IS NOT NULL THEN RETURN r.refused; END IF;
  s.ends_at := NULL; s.ends_fixed := false;
  IF s.status = 'paused' THEN s := unpause(s); END IF;
  w := confirm(w, s, 'resume', p_actor);
  RETURN finish(next_due(w), p_key, p_fingerprint);
END $$;

-- A paused subscription goes on; a month that was skipped is not owed.
CREATE OR REPLACE FUNCTION unpause(s subscriptions) RETURNS subscriptions LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  s.status := CASE WHEN s.period = -1 THEN 'trialing' ELSE 'active' END;
  IF s.period_state = 'skipped' THEN s.paid_months := greatest(s.paid_months, s.period); END IF;
  RETURN s;
END $$;

-- Stops new periods; what is there stays until its period ends (B11).
CREATE OR REPLACE FUNCTION pause(p_account uuid, p_subscription bigint, p_key uuid, p_fingerprint bigint, p_actor text)
RETURNS jsonb LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  r record := enter_subscription(p_account, p_subscription, p_key, p_fingerprint);
  w wallets := r.w;
  s subscriptions := r.s;
BEGIN
  IF r.refused IS NOT NULL THEN RETURN r.refused; END IF;
  IF s.status = 'past_due' OR s.period IS NULL OR unconfirmed(s) THEN
    RETURN jsonb_build_object('status', 'cannot_pause', 'state', standing(s));
  END IF;
  s.status := 'paused';
  w := settle(w, s, 'pause', p_actor => p_actor);
  RETURN finish(next_due(w), p_key, p_fingerprint);
END $$;
